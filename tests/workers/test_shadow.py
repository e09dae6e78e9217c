import asyncio
import os
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from node.workers import shadow, tree
from node.workers.immutable import lock, unlock
from node.workers.shadow import BRANCH, Author, Line, ShadowFailed, commit
from node.workers.tool import Failed
from tests.workers.children import Hand, children

ANN = Author("Ann Ö. O'Neil", "ann@example.org")
KILLS = 12
KILL_SECONDS = 0.006


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    (directory / "file").write_text("secret contents")
    (directory / "file").chmod(0o640)
    os.utime(directory / "file", ns=(1, 123_456_789_123_456_789))
    return directory


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return tmp_path / "shadows" / "r-1.git"


async def committed(bare: Path, home: Path, workflow: str = "w-1", message: str = "Unfreeze") -> str:
    return await commit(bare, home, message=message, workflow=workflow, author=ANN)


def git(bare: Path, *arguments: str) -> str:
    done = subprocess.run(("git", f"--git-dir={bare}", *arguments), check=True, capture_output=True)
    return done.stdout.decode()


def manifest(bare: Path) -> dict[str, Line]:
    told = git(bare, "show", f"{BRANCH}:manifest.jsonl").splitlines()
    lines = [msgspec.json.decode(line, type=Line) for line in told]
    return {line.path: line for line in lines}


def commits(bare: Path) -> int:
    return int(git(bare, "rev-list", "--count", BRANCH))


def is_sound(bare: Path) -> bool:
    return "error" not in git(bare, "fsck", "--strict", "--no-dangling")


def touched(path: Path, age_seconds: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - age_seconds,) * 2)
    return path


async def test_a_commit_records_the_tree_for_the_workflow(home: Path, bare: Path) -> None:
    done = await committed(bare, home, message="Unfreeze r-1")

    assert git(bare, "rev-parse", BRANCH).strip() == done
    assert git(bare, "log", "-1", "--format=%an|%ae|%cn|%ce", BRANCH) == (
        "Ann Ö. O'Neil|ann@example.org|Covey|covey@localhost\n"
    )
    assert git(bare, "log", "-1", "--format=%B", BRANCH).strip() == "Unfreeze r-1\n\nWorkflow: w-1"
    assert git(bare, "ls-tree", "--name-only", BRANCH) == "manifest.jsonl\n"
    assert is_sound(bare)


async def test_the_manifest_tells_what_is_there_and_no_contents(home: Path, bare: Path) -> None:
    (home / "link").symlink_to("/etc/passwd")
    os.mkfifo(home / "fifo")

    await committed(bare, home)

    lines = manifest(bare)
    assert lines["file"] == Line("file", "file", 15, "0640", 123_456_789_123_456_789)
    assert lines["link"].target == "/etc/passwd"
    assert {path: line.type for path, line in lines.items()} == {
        ".": "directory",
        "fifo": "fifo",
        "file": "file",
        "link": "link",
    }
    assert "secret contents" not in git(bare, "show", f"{BRANCH}:manifest.jsonl")


async def test_names_of_all_sorts_are_recorded_sorted_a_line_each(home: Path, bare: Path) -> None:
    names = [
        b" a b ",
        b"line\nbreak",
        b"tab\tbed",
        b"--help",
        b"bad\xff",
        b"bad\\xff",
        "ä€".encode(),
        b'quo"te',
    ]
    for name in names:
        (home / os.fsdecode(name)).touch()
    (home / "d").mkdir()
    (home / "d" / "x").symlink_to(os.fsdecode(b"bad\xff"))

    await committed(bare, home)

    told = git(bare, "show", f"{BRANCH}:manifest.jsonl").rstrip("\n").split("\n")
    lines = [msgspec.json.decode(line, type=Line) for line in told]
    found = [bytes.fromhex(line.raw) or line.path.encode() for line in lines]
    assert found == sorted([b".", b"file", b"d", b"d/x", *names])
    assert next(line for line in lines if line.raw).path == "bad\\xff"


async def test_the_same_workflow_and_tree_again_is_the_same_commit(home: Path, bare: Path) -> None:
    done = await committed(bare, home)

    assert await committed(bare, home) == done
    assert commits(bare) == 1


async def test_another_workflow_or_another_tree_is_another_commit(home: Path, bare: Path) -> None:
    first = await committed(bare, home)
    second = await committed(bare, home, "w-2")
    (home / "new").touch()
    third = await committed(bare, home, "w-2")

    assert git(bare, "rev-list", BRANCH).split() == [third, second, first]
    assert await committed(bare, home, "w-2") == third
    assert commits(bare) == 3


async def test_a_commit_is_found_below_others(home: Path, bare: Path) -> None:
    first = await committed(bare, home, "w-1")
    await committed(bare, home, "w-2")

    assert await committed(bare, home, "w-1") == first
    assert commits(bare) == 2


async def test_a_message_cannot_pretend_to_be_of_another_workflow(home: Path, bare: Path) -> None:
    await committed(bare, home, message="Unfreeze\n\nWorkflow: w-2\n---\nWorkflow: w-2")

    await committed(bare, home, "w-2")

    assert commits(bare) == 2
    trailers = git(bare, "log", "--format=%(trailers:key=Workflow,valueonly,separator=)", BRANCH).split()
    assert trailers == ["w-2", "w-1"]


async def test_commits_at_the_same_time_all_end_in_the_history(home: Path, bare: Path) -> None:
    same = [committed(bare, home, "w-1") for _ in range(2)]
    other = committed(bare, home, "w-2")

    one, again, another = await asyncio.gather(*same, other)

    assert one == again
    assert set(git(bare, "rev-list", BRANCH).split()) == {one, another}
    assert is_sound(bare)


@pytest.mark.parametrize(
    "part", ["", " ", "a\nb", "a\rb", "a\n", "a\u2028b", "<a", "a>", "a\0b", "...", "x" * 501]
)
def test_an_author_that_git_could_not_write_down_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="the author's name"):
        Author(part, "ann@example.org")
    with pytest.raises(ValueError, match="the author's email"):
        Author("Ann", part)


@pytest.mark.parametrize("workflow", ["", " ", "w 1", "w-1\nWorkflow: w-2", "w\0", "w\u200b"])
async def test_what_is_no_id_of_a_workflow_is_refused(home: Path, bare: Path, workflow: str) -> None:
    with pytest.raises(ValueError, match="one word"):
        await committed(bare, home, workflow)


@pytest.mark.parametrize("message", ["", "\n", "a\0b", "x" * 10_001])
async def test_what_is_no_message_is_refused(home: Path, bare: Path, message: str) -> None:
    with pytest.raises(ValueError, match="a message has"):
        await committed(bare, home, message=message)


async def test_a_shadow_within_what_it_records_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="put it elsewhere"):
        await committed(home / "shadow", home)


async def test_the_settings_of_the_machine_change_nothing(
    home: Path, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[user]\n\tname = Eve\n[commit]\n\tgpgsign = true\n[core]\n\thooksPath = {tmp_path}/hooks\n"
    )
    for name, value in {"HOME": str(tmp_path), "GIT_DIR": "/gone", "GIT_AUTHOR_NAME": "Eve"}.items():
        monkeypatch.setenv(name, value)

    await committed(bare, home)

    monkeypatch.delenv("GIT_DIR")
    assert git(bare, "log", "-1", "--format=%an %cn", BRANCH) == "Ann Ö. O'Neil Covey\n"


async def test_a_repository_that_can_be_cloned(home: Path, bare: Path, tmp_path: Path) -> None:
    await committed(bare, home)

    git(bare, "clone", "-q", str(bare), str(tmp_path / "clone"))

    assert (
        msgspec.json.decode((tmp_path / "clone" / "manifest.jsonl").read_text().splitlines()[0])["path"]
        == "."
    )


@pytest.mark.parametrize("name", ["refs/heads/main.lock", "HEAD.lock"])
async def test_a_lock_that_a_killed_git_left_is_removed(home: Path, bare: Path, name: str) -> None:
    left = touched(bare / name, age_seconds=shadow.STALE_LOCK_SECONDS + 1)

    await committed(bare, home)

    assert commits(bare) == 1
    assert not left.exists()


async def test_a_lock_that_is_fresh_is_waited_for(home: Path, bare: Path) -> None:
    left = touched(bare / "refs" / "heads" / "main.lock")

    committing = asyncio.create_task(committed(bare, home))
    done, _ = await asyncio.wait([committing], timeout=1)
    assert not done
    assert left.exists()
    await committing

    assert commits(bare) == 1


async def test_what_is_no_repository_is_told(home: Path, bare: Path) -> None:
    touched(bare)

    with pytest.raises(ShadowFailed, match="cannot be made a repository"):
        await committed(bare, home)


async def test_a_broken_repository_is_told_with_what_git_says(home: Path, bare: Path) -> None:
    touched(bare / "HEAD").write_text("nonsense")

    with pytest.raises(ShadowFailed, match=r"git .* failed: .*not a git repository"):
        await committed(bare, home)


async def test_killed_in_the_middle_the_next_attempt_goes_on(home: Path, bare: Path) -> None:
    for number in range(1_000):
        (home / str(number)).touch()

    for kill in range(KILLS):
        hand = Hand(is_weak=False)
        hand.ask("commit", str(bare), str(home), f"w-{kill // 2}")
        hand.kill(after_seconds=(kill + 1) * KILL_SECONDS)
        if kill % 2:
            await committed(bare, home, f"w-{kill // 2}")
            assert commits(bare) == kill // 2 + 1

    assert is_sound(bare)
    assert len(manifest(bare)) == 1_002


async def test_who_is_cancelled_leaves_no_process_behind(home: Path, bare: Path) -> None:
    for delay in range(10):
        committing = asyncio.create_task(committed(bare, home))
        await asyncio.wait([committing], timeout=0.003 * delay)
        committing.cancel()
        await asyncio.wait([committing])
        assert not children()

    await committed(bare, home)
    assert commits(bare) == 1
    assert is_sound(bare)


async def test_the_bits_are_remembered_in_the_shadow(home: Path, bare: Path) -> None:
    before = (home / "file").stat().st_mode

    await lock(home, memory=shadow.memory(bare))
    locked = await committed(bare, home)
    await unlock(home, memory=shadow.memory(bare))
    unlocked = await committed(bare, home, "w-2")

    assert (home / "file").stat().st_mode == before
    assert locked != unlocked
    assert is_sound(bare)


async def test_a_tree_of_too_many_files_is_refused(
    home: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "FILES_MOST", 1)

    with pytest.raises(Failed, match="more than 1 files"):
        await committed(bare, home)
