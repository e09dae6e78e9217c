"""A job is run with exactly its arguments, knows nothing of the node, and passes no bound."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from messages.job import WorkingFile
from node.jobs import scratch
from node.jobs.limits import Limits, parse_limits
from node.jobs.processes import descendants
from node.jobs.sandbox import Level, Program, Sandbox
from tests.jobs.stage import ALL, BEST, MISSING, SMALL, marked, python, ran, until

WORDS = "import sys, json; print(json.dumps(sys.argv[1:]))"
SLEEP = "import time; print('on', flush=True); time.sleep(600)"


@pytest.fixture(params=ALL)
def level(request: pytest.FixtureRequest) -> Level:
    """Each way in which jobs are kept apart that this machine has."""
    found: Level = request.param
    if why := MISSING[found]:
        pytest.skip(f"{found}: {why}")
    return found


async def test_each_argument_is_one_item(tmp_path: Path, level: Level) -> None:
    words = ("a b", "; touch x", "$(id)", 'it\'s "quoted"', "two\nlines", "", "-rf", "*", "\t", "ü€", "\\")

    seen = await ran(tmp_path, level, python(WORDS, *words))

    assert json.loads(seen.stdout) == list(words)
    assert seen.ended.code == 0
    assert seen.files == {}


async def test_it_knows_what_it_is_given_and_nothing_else(
    tmp_path: Path, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_NODE", "1")

    seen = await ran(tmp_path, level, python("import os; print(sorted(os.environ))"), MINE="1")

    assert set(eval(seen.stdout)) - {"LC_CTYPE"} == {"HOME", "LANG", "MINE", "PATH"}


async def test_it_starts_in_a_directory_of_its_own_with_its_files(tmp_path: Path, level: Level) -> None:
    files = (WorkingFile(path="in/put.txt", content="ü"), WorkingFile(path="b"))
    script = "import os; print(open('in/put.txt').read()); open('out.txt', 'w').write('made')"

    seen = await ran(tmp_path, level, python(script), files=files)

    assert seen.stdout.decode() == "ü\n"
    assert seen.files == {"in/put.txt": "ü".encode(), "b": b"", "out.txt": b"made"}
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ".", ""])
async def test_a_working_file_outside_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="is not inside"):
        async with scratch.fresh(tmp_path, "r", [WorkingFile(path=path or ".", content="x")]):
            pass


async def test_how_it_ends_is_told(tmp_path: Path, level: Level) -> None:
    code = await ran(tmp_path, level, python("raise SystemExit(7)"))
    killed = await ran(tmp_path, level, python("import os; os.kill(os.getpid(), 9)"))
    absent = await ran(tmp_path, level, ("/usr/bin/no-such-program",))

    assert (code.ended.code, killed.ended.code) == (7, -9)
    assert absent.ended.code == 127
    assert "No such file" in absent.ended.fault


IGNORES = (
    "import signal, time\nfor n in range(1, 32):\n"
    "  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\ntime.sleep(600)"
)
CROWD = (
    "import os, time\nfor n in range(4):\n if not os.fork(): break\nx = b'x' * (120 << 20); time.sleep(600)"
)


@pytest.mark.parametrize(("reason", "script"), [("timeout", IGNORES), ("memory", CROWD)])
async def test_what_passes_a_bound_is_ended(tmp_path: Path, level: Level, reason: str, script: str) -> None:
    await _is_ended(tmp_path, level, reason, script)


@pytest.mark.parametrize(
    ("reason", "script"),
    [
        ("output", "import sys\nwhile True: sys.stdout.write('x' * 65536)"),
        ("output", "import sys\nwhile True: sys.stderr.write('x' * 65536)"),
        ("disk", "import time\nfor n in range(9): open(str(n), 'wb').write(b'x' * (4 << 20))\ntime.sleep(9)"),
        ("disk", "import os, time\nfor n in range(9): f = open('x', 'wb'); os.unlink('x');"
         " f.write(b'x' * (4 << 20)); f.flush(); globals()[n] = f\ntime.sleep(600)"),
        ("disk", "import os, time\nfor n in range(99):\n  os.mkdir('d' * 99); os.chdir('d' * 99)\n"
         "time.sleep(600)"),
    ],
)  # fmt: skip
async def test_what_writes_too_much_is_ended(tmp_path: Path, reason: str, script: str) -> None:
    await _is_ended(tmp_path, BEST, reason, script)


async def _is_ended(directory: Path, level: Level, reason: str, script: str) -> None:
    seconds = 0.7 if reason == "timeout" else 30.0

    seen = await ran(directory, level, python(script), seconds=seconds)

    assert (seen.ended.reason, seen.ended.code, seen.ended.survivors) == (reason, None, 0)
    assert len(seen.stdout) <= SMALL.output_bytes


@pytest.mark.parametrize(
    ("error", "script"),
    [
        (b"MemoryError", "x = b'x' * (300 << 20)"),
        (b"File too large", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
         "open('x', 'wb').write(b'x' * (9 << 20))"),
        (b"Too many open files", "import os\nwhile True: os.dup(0)"),
        (b"temporarily unavail", "import os, time\nfor n in range(64):\n if not os.fork(): time.sleep(9)"),
    ],
)  # fmt: skip
async def test_the_system_refuses_more(tmp_path: Path, error: bytes, script: str) -> None:
    seen = await ran(tmp_path, BEST, python(script))

    assert error in seen.stderr
    assert seen.ended.code == 1


async def test_what_it_writes_is_told_while_it_runs_and_kept(tmp_path: Path, level: Level) -> None:
    script = "print('one', flush=True); open('go').read(); print('two')"
    fifo = "import os; os.mkfifo('go')"
    stop = asyncio.Event()

    seen = await ran(tmp_path, level, python(f"{fifo}\n{script}"), seconds=1.0, stop=stop)

    assert b"".join(part for _, part in seen.told) == b"one\n" == seen.stdout
    assert seen.ended.reason == "timeout"


async def test_it_is_stopped_with_all_that_it_started(tmp_path: Path, level: Level) -> None:
    stop = asyncio.Event()
    mark = f"mark-{tmp_path.name}-{level}"
    script = f"import os\nfor n in range(3):\n  if not os.fork(): os.setsid()\n{SLEEP}"
    running = asyncio.create_task(ran(tmp_path, level, python(script, mark), stop=stop))
    await until(lambda: len(marked(mark)) >= 8)

    stop.set()
    seen = await running

    assert (seen.ended.reason, seen.ended.survivors) == ("cancelled", 0)
    assert marked(mark) == []


async def test_who_is_cancelled_leaves_nothing(tmp_path: Path, level: Level) -> None:
    mark = f"mark-{tmp_path.name}-{level}"
    running = asyncio.create_task(ran(tmp_path, level, python(SLEEP, mark)))
    await until(lambda: marked(mark))

    running.cancel()
    await asyncio.wait([running])

    assert marked(mark) == []
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_worker_that_is_killed_leaves_no_process_and_a_directory_that_is_cleaned(
    tmp_path: Path, level: Level
) -> None:
    mark = f"mark-{tmp_path.name}-{level}"
    script = (
        "import asyncio; from pathlib import Path; from tests.jobs.stage import ran, python, SMALL\n"
        f"argv = python({SLEEP!r}, {mark[:9]!r} + {mark[9:]!r})\n"
        f"asyncio.run(ran(Path({str(tmp_path)!r}), {level!r}, argv))"
    )
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)
    await until(lambda: marked(mark))
    (left,) = (tmp_path / "scratch").iterdir()
    assert scratch.is_busy(tmp_path, left.name)

    worker.kill()
    await worker.wait()

    await until(lambda: not marked(mark) and not scratch.is_busy(tmp_path, left.name))
    assert await scratch.clean(tmp_path) == 1
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_keeper_that_is_killed_takes_what_it_keeps_along(tmp_path: Path, level: Level) -> None:
    mark, others = f"mark-{tmp_path.name}-{level}", _children()
    running = asyncio.create_task(ran(tmp_path, level, python(SLEEP, mark)))
    await until(lambda: marked(mark))
    (keeper,) = _children() - others

    os.kill(keeper, signal.SIGKILL)
    seen = await running

    assert (seen.ended.code, seen.ended.reason) == (None, "killed")
    await until(lambda: not marked(mark))


async def test_files_are_apart_where_there_is_bubblewrap(tmp_path: Path) -> None:
    if why := MISSING["bubblewrap"]:
        pytest.skip(why)
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    script = (
        "import os, sys\n"
        "for path in (sys.argv[1], '/home', '/etc/x', '/usr/x', '/x', '/dev/x', '/proc/1/x'):\n"
        "  for mode in ('r', 'w'):\n"
        "    try: open(path, mode); print(path, mode)\n"
        "    except OSError: pass\n"
        "print(len([n for n in os.listdir('/proc') if n.isdigit()]))"
    )

    seen = await ran(tmp_path, "bubblewrap", python(script, str(secret)))

    assert seen.stdout.split() == [b"3"]  # bubblewrap, the launcher, and it


async def test_a_program_elsewhere_can_be_run(tmp_path: Path, level: Level) -> None:
    if level != "bubblewrap" and os.geteuid() == 0:
        pytest.skip("its own user may not look into the directories of tests")
    program = tmp_path / "elsewhere" / "tool"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$0 $1"\n')
    program.chmod(0o755)

    seen = await ran(tmp_path, level, (str(program), "a b"))

    assert (seen.stdout.decode(), seen.ended.fault, seen.stderr) == (f"{program} a b\n", "", b"")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("memory", "no number"),
        ("memory=", "no number"),
        ("memory=0", "no number"),
        ("speed=1", "no limit speed"),
    ],
)
def test_a_wrong_limit_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_limits([text])


def test_limits_are_read() -> None:
    assert parse_limits(["memory=4g", "seconds=60", "disk=1GiB"]) == Limits(
        memory_bytes=4 << 30, seconds=60, disk_bytes=1 << 30
    )


async def test_a_run_has_its_directory_alone(tmp_path: Path) -> None:
    async with scratch.fresh(tmp_path, "r", ()):
        with pytest.raises(scratch.Busy):
            async with scratch.fresh(tmp_path, "r", ()):
                pass


async def test_what_it_shuts_and_nests_is_removed(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "for n in range(40): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
        "os.chmod('.', 0); os.chdir('/job' if os.path.isdir('/job') else '/')\n"
    )
    level = BEST
    async with scratch.fresh(tmp_path, "r", ()) as place:
        box = Sandbox(level=level, limits=SMALL)
        await box.run(Program(argv=python(script)), place, lambda *_: None, asyncio.Event())

    assert list((tmp_path / "scratch").iterdir()) == []


ROOT = Path(__file__).parents[2]


def _children() -> set[int]:
    """Return the processes that this one has begun and that still run something."""
    return {pid for pid in descendants(os.getpid()) if _parent(pid) == os.getpid() and _words(pid)}


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
