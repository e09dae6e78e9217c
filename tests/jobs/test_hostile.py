"""Two hundred hostile programs: none survives, none reaches what is not its own."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from node.jobs.kept import Kept
from node.jobs.users import FIRST, LAST
from tests.jobs.hostile import KINDS, scripts
from tests.jobs.stage import ALL, BEST, MISSING, SMALL, marked, python, ran

COUNT = 200
SECONDS = 0.6
AT_ONCE = 4
OTHERS_SECONDS = 120.0
"""How long the jobs of tests that run beside this one may take to their end."""


async def test_hostile_jobs_leave_no_process_and_no_file_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "kept").write_text("as it was")
    (outside / "kept").chmod(0o666)
    mark = f"mark-{tmp_path.name}"
    turn = asyncio.Semaphore(AT_ONCE)
    before = _visible()

    async def one(name: str, script: str) -> None:
        async with turn:
            seen = await ran(tmp_path, BEST, python(script, str(outside), mark), seconds=SECONDS)
            assert seen.ended.survivors == 0, name
            assert len(seen.stdout) <= SMALL.output_bytes, name

    async with asyncio.TaskGroup() as group:
        for name, script in scripts(COUNT):
            group.create_task(one(name, script))

    assert marked(mark) == []
    await _until_no_user()
    assert list((tmp_path / "scratch").iterdir()) == []
    if BEST == "bubblewrap":
        assert [(one.name, one.read_text()) for one in outside.iterdir()] == [("kept", "as it was")]
        assert _visible() == before


@pytest.mark.parametrize("name", ["fork storm", "fork and die", "kills what it can"])
async def test_nothing_survives_where_less_is_kept_apart(tmp_path: Path, name: str) -> None:
    mark = f"mark-{tmp_path.name}"
    script = dict(scripts(len(KINDS)))[name]

    for level in ALL:
        if MISSING[level]:
            continue
        if level == "process" and os.geteuid():
            continue  # those of the same user may reach us, and that is said by doctor
        seen = await ran(tmp_path, level, python(script, str(tmp_path), mark), seconds=SECONDS)
        assert seen.ended.survivors == 0
        assert marked(mark) == []


async def test_of_what_a_job_leaves_only_its_own_files_are_kept(tmp_path: Path) -> None:
    work, kept = tmp_path / "work", Kept(tmp_path / "data")
    (work / "sub").mkdir(parents=True)
    (work / "sub" / "own").write_text("mine")
    (work / "link").symlink_to("/etc/passwd")
    (work / "dir").symlink_to("/etc")
    os.mkfifo(work / "pipe")
    (work / "given").write_text("unchanged")
    digest = kept.one("r", work / "given", "given")
    assert digest is not None

    files, left_out = kept.all_of("r", work, 10, {"given": digest.sha256}, _never())

    assert [one.name for one in files] == ["sub/own"]
    assert left_out == 0
    assert kept.read("r", files[0].sha256, 1, 2) == b"in"


async def test_no_more_files_are_kept_than_may_be(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / str(number)).write_text("x")

    files, left_out = Kept(tmp_path / "data").all_of("r", tmp_path, 5, {}, _never())

    assert (len(files), left_out) == (5, 2)


WORDS = (
    "import sys, json, os; print(json.dumps([sys.argv[1:], sum(n.isdigit() for n in os.listdir('/proc'))]))"
)
PIECES = [" ", "'", '"', "`", "$", "(", ")", ";", "&", "|", "<", ">", "\n", "\r", "\t", "\\", "*", "?", "[",
          "~", "#", "=", "%", "!", "-", "--", "-rf", "/", "..", "${IFS}", "$(id)", "\x01", "\x1b[2J", "\x7f",
          "é", "😀", "\u202e", "\ufeff", "a", "{}", "\\x00", "0", "%s", "%n", "&&", "||", "2>&1"]  # fmt: skip


async def test_five_hundred_hostile_values_are_one_item_each_and_start_nothing(tmp_path: Path) -> None:
    chance = Random(5)
    values = ["".join(chance.choices(PIECES, k=chance.randint(0, 12))) for _ in range(490)]
    values += ["x" * 100_000, "\n" * 1000, "", "-", "--", "-c", "/etc/passwd", "$(reboot)", "@file", " "]

    for start in range(0, len(values), 100):
        part = values[start : start + 100]
        seen = await ran(tmp_path, BEST, python(WORDS, *part))
        told, processes = json.loads(seen.stdout)
        assert told == part
        assert processes <= 3 or BEST == "process"


def _never() -> threading.Event:
    return threading.Event()


async def _until_no_user() -> None:
    """Return when no user of jobs has a process: those of tests beside this one end, a survivor stays."""
    async with asyncio.timeout(OTHERS_SECONDS):
        while True:
            if not _users():
                return
            await asyncio.sleep(0.1)


def _visible() -> set[str]:
    """Return what is where everybody may write."""
    found = set()
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/"):
        found |= {f"{place}/{name}" for name in os.listdir(place) if name.startswith("made")}
    return found


def _users() -> set[int]:
    """Return the users of jobs that have processes."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError):
            found.add(place.stat().st_uid)
    return found & set(range(FIRST, LAST + 1))
