import asyncio
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from node.workers import immutable, tree
from node.workers.bits import LockFailed
from node.workers.immutable import ATTRIBUTE, BITS, NOTHING, is_locked
from node.workers.tool import Failed, ToolFailed
from tests.effort import cpu_seconds
from tests.workers.children import Hand, children, may_read_everything, may_set_attribute

KILLS = 6
KILL_SECONDS = 0.01
FILES = 1_000
NAMES = (b" a b ", b"line\nbreak", b"tab\tbed", b"-R", b"--help", b"+i", b"bad\xff\xfe", b"$(id);'\"")
MODES = {"open": 0o666, "group": 0o664, "readonly": 0o444, "secret": 0o600, "none": 0o000, "sticky": 0o4755}


class Locks:
    """How a tree is locked and unlocked by a worker that has a right, or has not."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.hand = Hand(is_weak=True) if kind == BITS else None

    async def lock(self, directory: Path, memory: Path | None = None) -> str:
        return await self._do("lock", directory, memory)

    async def unlock(self, directory: Path, memory: Path | None = None) -> str:
        return await self._do("unlock", directory, memory)

    async def _do(self, name: str, directory: Path, memory: Path | None) -> str:
        if self.hand is None:
            done: str = await getattr(immutable, name)(directory, memory=memory)
            return done
        self.hand.ask(name, str(directory), str(memory) if memory else None)
        return self.hand.answer()


@pytest.fixture(params=[ATTRIBUTE, BITS])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Locks]:
    if request.param == ATTRIBUTE and not may_set_attribute(tmp_path):
        pytest.skip("the immutable attribute is not to be had here, or not by us")
    locks = Locks(request.param)
    yield locks
    if locks.hand:
        locks.hand.kill()


@pytest.fixture
def weak() -> Iterator[Locks]:
    """A worker that may not set the attribute."""
    locks = Locks(BITS)
    yield locks
    assert locks.hand
    locks.hand.kill()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory that pytest can remove afterwards, however its files were locked."""
    directory = tmp_path / "home"
    directory.mkdir()
    yield directory
    subprocess.run(("chattr", "-R", "-f", "-i", directory), check=False, capture_output=True)
    subprocess.run(("chmod", "-R", "u+w", directory), check=False, capture_output=True)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "shadow" / "bits"


@pytest.fixture
def repository(home: Path) -> Path:
    """A tree of names and modes of all sorts."""
    for raw in NAMES:
        name = os.fsdecode(raw)
        (home / name).mkdir()
        (home / name / name).write_text("x")
    for name, mode in MODES.items():
        (home / name).write_text("x")
        (home / name).chmod(mode)
    (home / "shared").mkdir()
    (home / "shared").chmod(0o2775)
    os.link(home / "open", home / "shared" / "hard link")
    os.mkfifo(home / "fifo")
    return home


def is_there(path: Path) -> bool:
    return path.exists()


def replace(path: Path, mode: int) -> None:
    """Put another file in the place of one."""
    path.parent.chmod(0o755)
    fresh = path.with_name("fresh")
    fresh.touch(mode)
    fresh.rename(path)


def modes(directory: Path) -> dict[str, int]:
    return {path: mode for path, mode in all_modes(directory).items() if not stat.S_ISLNK(mode)}


def all_modes(directory: Path) -> dict[str, int]:
    paths = [directory, *directory.rglob("*")]
    return {str(path.relative_to(directory)): path.lstat().st_mode for path in paths}


def fill(directory: Path, files: int = FILES) -> Path:
    for number in range(files):
        folder = directory / str(number % 10) / str(number % 7)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(number)).touch()
    return directory


async def test_a_locked_tree_is_locked_and_says_how(locks: Locks, repository: Path) -> None:
    assert not await is_locked(repository)

    assert await locks.lock(repository) == locks.kind

    assert await is_locked(repository)


async def test_a_locked_tree_cannot_be_written(locks: Locks, repository: Path) -> None:
    await locks.lock(repository)
    if locks.kind == BITS and may_read_everything():
        pytest.skip("permission bits do not stop root")

    changes: tuple[Callable[[], object], ...] = (
        partial((repository / "open").write_text, "y"),
        (repository / "new").touch,
        (repository / "-R" / "new").touch,
        (repository / "open").unlink,
        partial((repository / "shared").rename, repository / "other"),
    )
    for change in changes:
        with pytest.raises(PermissionError):
            change()


async def test_unlocking_gives_back_exactly_what_was(locks: Locks, repository: Path, memory: Path) -> None:
    before = all_modes(repository)
    await locks.lock(repository, memory)

    assert await locks.unlock(repository, memory) == locks.kind

    assert all_modes(repository) == before
    assert not await is_locked(repository)
    assert not is_there(memory)
    (repository / "-R" / "new").touch()


async def test_locking_twice_changes_nothing(locks: Locks, repository: Path, memory: Path) -> None:
    before = all_modes(repository)
    await locks.lock(repository, memory)
    locked = all_modes(repository)

    assert await locks.lock(repository, memory) == locks.kind
    assert all_modes(repository) == locked
    await locks.unlock(repository, memory)

    assert all_modes(repository) == before


async def test_unlocking_twice_changes_nothing(locks: Locks, repository: Path, memory: Path) -> None:
    await locks.lock(repository, memory)
    await locks.unlock(repository, memory)
    unlocked = all_modes(repository)

    assert await locks.unlock(repository, memory) == NOTHING

    assert all_modes(repository) == unlocked


async def test_a_tree_that_was_never_locked_is_left_as_it_is(
    locks: Locks, repository: Path, memory: Path
) -> None:
    before = all_modes(repository)

    assert await locks.unlock(repository) == NOTHING
    assert await locks.unlock(repository, memory) == NOTHING

    assert all_modes(repository) == before


async def test_without_memory_the_owner_may_write_again(weak: Locks, repository: Path) -> None:
    await weak.lock(repository)

    assert await weak.unlock(repository) == BITS

    assert all(mode & 0o200 for mode in modes(repository).values() if not stat.S_ISFIFO(mode))


async def test_links_and_pipes_are_left_alone(
    locks: Locks, repository: Path, tmp_path: Path, memory: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch(mode=0o666)
    before = all_modes(outside)
    (repository / "to file").symlink_to(outside / "file")
    (repository / "to directory").symlink_to(outside)
    (repository / "to nothing").symlink_to("gone")

    assert await locks.lock(repository, memory) == locks.kind

    assert all_modes(outside) == before
    (outside / "new").touch()
    (outside / "file").write_text("may be written")
    assert await locks.unlock(repository, memory) == locks.kind


async def test_a_tree_locked_with_bits_is_unlocked_where_the_attribute_is_to_be_had(
    weak: Locks, repository: Path, memory: Path
) -> None:
    before = all_modes(repository)
    assert await weak.lock(repository, memory) == BITS

    assert await immutable.unlock(repository, memory=memory) == BITS

    assert all_modes(repository) == before


async def test_a_tree_locked_both_ways_is_unlocked_at_once(
    weak: Locks, repository: Path, memory: Path
) -> None:
    if not may_set_attribute(repository):
        pytest.skip("the immutable attribute is not to be had here, or not by us")
    before = all_modes(repository)
    await weak.lock(repository, memory)
    await immutable.lock(repository, memory=memory)

    assert await immutable.unlock(repository, memory=memory) == ATTRIBUTE

    assert all_modes(repository) == before


async def test_who_may_not_clear_the_attribute_says_so(weak: Locks, repository: Path) -> None:
    if not may_set_attribute(repository):
        pytest.skip("the immutable attribute is not to be had here, or not by us")
    await immutable.lock(repository)

    answer = await weak.unlock(repository)

    assert answer.startswith("Failed: ")
    assert "Operation not permitted" in answer
    assert "CAP_LINUX_IMMUTABLE" in answer
    assert await is_locked(repository)


async def test_what_one_file_lacks_makes_the_tree_unlocked(locks: Locks, repository: Path) -> None:
    await locks.lock(repository)
    await asyncio.to_thread(subprocess.run, ("chattr", "-f", "-i", repository / "secret"), check=False)
    (repository / "secret").chmod(0o600)

    assert not await is_locked(repository)
    await locks.lock(repository)

    assert await is_locked(repository)


async def test_another_file_of_the_same_name_gets_no_more_than_its_owner_needs(
    weak: Locks, repository: Path, memory: Path
) -> None:
    await weak.lock(repository, memory)
    replace(repository / "open", 0o400)

    await weak.unlock(repository, memory)

    assert stat.S_IMODE((repository / "open").stat().st_mode) == 0o600


async def test_a_memory_that_cannot_be_read_is_told(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("[1\n")

    with pytest.raises(LockFailed, match=r"cannot be read.*remove it"):
        await immutable.unlock(repository, memory=tmp_path / "memory")


def test_no_link_on_the_way_is_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch(mode=0o644)
    (home / "way").symlink_to(tmp_path / "outside")
    (home / "file").symlink_to(tmp_path / "outside" / "file")

    with tree.opened(home) as root:
        for path in ("way/file", "file", "way", "gone/file"):
            tree.set_mode(root, path, add=0o022, remove=0)

    assert stat.S_IMODE((tmp_path / "outside" / "file").stat().st_mode) == 0o644


@pytest.mark.parametrize("path", ["gone", "file", "link"])
async def test_what_is_no_directory_is_refused(home: Path, path: str) -> None:
    (home / "file").touch()
    (home / "link").symlink_to(".")

    with pytest.raises(Failed, match="cannot read"):
        await immutable.lock(home / path)


@pytest.mark.skipif(may_read_everything(), reason="root may read every directory")
async def test_a_directory_that_cannot_be_read_is_told(home: Path) -> None:
    (home / "closed").mkdir(mode=0o000)

    with pytest.raises(Failed, match="cannot read closed: Permission denied"):
        await immutable.lock(home)
    (home / "new").touch()


async def test_a_tree_of_too_many_files_is_refused_before_it_is_touched(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "FILES_MOST", 10)
    fill(home, 20)

    with pytest.raises(Failed, match="more than 10 files"):
        await immutable.lock(home)
    (home / "new").touch()


async def test_a_tree_that_is_too_deep_is_refused(home: Path) -> None:
    (home / "/".join(["d"] * (tree.DEPTH_MOST + 1))).mkdir(parents=True)

    with pytest.raises(Failed, match="256 levels"):
        await immutable.lock(home)


async def test_a_thousand_files_are_quick(locks: Locks, home: Path, memory: Path) -> None:
    fill(home)
    begun = cpu_seconds()

    await locks.lock(home, memory)
    assert await is_locked(home)
    await locks.unlock(home, memory)

    assert cpu_seconds() - begun < 5
    assert not await is_locked(home)


async def test_long_names_do_not_fit_into_one_command(locks: Locks, home: Path) -> None:
    for number in range(600):
        (home / f"{number:0250}").touch()

    assert await locks.lock(home) == locks.kind
    assert await is_locked(home)
    assert await locks.unlock(home) == locks.kind


@pytest.mark.parametrize("name", ["lock", "unlock"])
async def test_killed_in_the_middle_and_run_again_it_ends_well(
    locks: Locks, home: Path, memory: Path, name: str
) -> None:
    fill(home)
    (home / "open").touch()
    (home / "open").chmod(0o666)
    before = all_modes(home)

    for kill in range(KILLS):
        if name == "unlock":
            await locks.lock(home, memory)
        hand = Hand(is_weak=locks.kind == BITS)
        hand.ask(name, str(home), str(memory))
        hand.kill(after_seconds=(kill + 1) * KILL_SECONDS)
        if name == "lock" and kill % 2:
            assert await locks.lock(home, memory) == locks.kind
            assert await is_locked(home)

        await locks.unlock(home, memory)

        assert not await is_locked(home)
        assert all_modes(home) == before


async def test_who_is_cancelled_leaves_no_process_behind(home: Path) -> None:
    fill(home)
    for delay in range(10):
        with suppress(TimeoutError):
            await asyncio.wait_for(immutable.lock(home), 0.005 * delay)

        assert not children()
        await immutable.unlock(home)


async def test_a_tool_that_takes_too_long_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(immutable, "TOOL_SECONDS", 0.0)

    with pytest.raises(ToolFailed, match="longer than 0 s"):
        await immutable.lock(home)
    assert not children()


async def test_files_that_come_and_go_meanwhile_do_no_harm(locks: Locks, home: Path) -> None:
    fill(home)
    is_over = False

    def disturb() -> None:
        for number in range(100_000):
            if is_over:
                return
            try:
                (home / f"new {number}").touch()
                (home / f"new {number}").unlink()
            except PermissionError:
                return

    disturbing = asyncio.get_running_loop().run_in_executor(None, disturb)
    answer = await locks.lock(home)
    is_over = True
    await disturbing

    assert answer == locks.kind or (locks.kind == BITS and may_read_everything())
    await locks.unlock(home)
