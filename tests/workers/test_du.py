import asyncio
import os
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from node.workers import du
from node.workers.du import DuFailed, Usage, missing_tools, parse, usage
from tests.effort import cpu_seconds
from tests.workers.children import children, may_read_everything

MEBIBYTE = 1 << 20
MANY = 3_000
"""So many directories with long names say more than fits into the pipe: du waits for its reader."""


async def found(directory: Path, threshold: str = "1M") -> dict[str, int]:
    return {line.path: line.bytes async for line in usage(directory, threshold)}


def fill(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "file").write_bytes(b"x" * 2 * MEBIBYTE)


def many(directory: Path) -> Path:
    for number in range(MANY):
        (directory / f"{number:0200}").mkdir()
    return directory


async def test_what_is_above_the_threshold_is_found_with_its_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "big" / "inner")
    (tmp_path / "small").mkdir()

    lines = await found(tmp_path)

    assert set(lines) == {".", "big", "big/inner"}
    assert lines["big/inner"] >= 2 * MEBIBYTE
    assert all(size % 1024 == 0 for size in lines.values())


async def test_du_goes_three_levels_deep(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "b" / "c" / "d")

    assert set(await found(tmp_path)) == {".", "a", "a/b", "a/b/c"}


async def test_when_nothing_is_big_the_sum_is_told(tmp_path: Path) -> None:
    fill(tmp_path / "small")

    lines = [line async for line in usage(tmp_path)]

    assert [line.path for line in lines] == ["."]
    assert lines[0].bytes >= 2 * MEBIBYTE


async def test_names_of_all_sorts_survive(tmp_path: Path) -> None:
    names = [
        b" a b ",
        b"line\nbreak",
        b"tab\tbed",
        b"-n --help",
        b"..x",
        "ä€".encode(),
        b"bad\xff\xfe",
        b"$(id);'\"",
    ]
    for name in names:
        fill(tmp_path / os.fsdecode(name))

    lines = await found(tmp_path)

    assert set(lines) == {".", *(name.decode(errors="backslashreplace") for name in names)}
    assert "bad\\xff\\xfe" in lines


async def test_links_out_and_fifos_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "out")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    os.mkfifo(tmp_path / "in" / "fifo")

    assert list(await found(tmp_path / "in", "1K")) == ["."]
    assert (await found(tmp_path / "in", "1K"))["."] < MEBIBYTE


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"4\t./x", Usage("x", 4096)),
        (b"0\t.", Usage(".", 0)),
        (b"1\t", Usage(".", 1024)),
        (b"1\t./", Usage(".", 1024)),
        (b"1\t./a\tb\nc", Usage("a\tb\nc", 1024)),
        (b"1\t././x", Usage("./x", 1024)),
        (b"1\t./\xff", Usage("\\xff", 1024)),
    ],
)
def test_a_line_is_read(line: bytes, expected: Usage) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"4",
        b"4 ./x",
        b"\t./x",
        b"-4\t./x",
        b"4K\t./x",
        b"1.5\t./x",
        "٤\t./x".encode(),
        b"9" * 16 + b"\tx",
    ],
)
def test_a_malformed_line_fails(line: bytes) -> None:
    with pytest.raises(DuFailed, match=r"^du failed: its line .* is malformed$"):
        parse(line)


def test_the_message_of_a_failure_is_bounded() -> None:
    assert len(str(DuFailed("x" * 5_000))) == 1_000


async def test_a_line_longer_than_the_bound_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / ("x" * 200))
    monkeypatch.setattr(du, "LINE_BYTES", 100)

    with pytest.raises(DuFailed, match="a line of more than 100 bytes"):
        await found(tmp_path)
    assert not children()


async def test_more_lines_than_the_bound_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "a" / "b" / "c")
    monkeypatch.setattr(du, "LINES_MOST", 2)

    with pytest.raises(DuFailed, match="more than 2 lines"):
        await found(tmp_path)
    assert not children()


async def test_a_du_that_takes_too_long_fails_and_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(du, "DU_SECONDS", 0.0)

    with pytest.raises(DuFailed, match="longer than 0 s"):
        await found(many(tmp_path), "1")
    assert not children()


async def test_a_failing_du_tells_what_it_complained_of(tmp_path: Path) -> None:
    with pytest.raises(DuFailed, match=r"^du failed: .*invalid.*threshold"):
        await found(tmp_path, "nonsense")


async def test_a_directory_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(DuFailed, match=r"^du failed: du cannot be started in .*No such file"):
        await found(tmp_path / "gone")


@pytest.mark.skipif(may_read_everything(), reason="root may read every directory")
async def test_a_directory_that_cannot_be_read_fails_after_what_could_be(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    (tmp_path / "b").mkdir(mode=0o000)

    with pytest.raises(DuFailed, match=r"cannot read directory.*Permission denied"):
        await found(tmp_path)


async def test_a_du_that_is_killed_fails(tmp_path: Path) -> None:
    async with aclosing(usage(many(tmp_path), "1")) as lines:
        await anext(lines)
        (pid,) = children()
        os.killpg(pid, 9)

        with pytest.raises(DuFailed, match=r"has no end|exit code is -9"):
            async for _ in lines:
                pass


async def test_who_leaves_early_leaves_no_du_behind(tmp_path: Path) -> None:
    async with aclosing(usage(many(tmp_path), "1")) as lines:
        await anext(lines)
        assert len(children()) == 1

    assert not children()


async def test_who_is_cancelled_leaves_no_du_behind(tmp_path: Path) -> None:
    has_begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(usage(many(tmp_path), "1")) as lines:
            async for _ in lines:
                has_begun.set()
                await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await has_begun.wait()
    reading.cancel()
    await asyncio.wait([reading])

    assert reading.cancelled()
    assert not children()


async def test_all_lines_come_however_many(tmp_path: Path) -> None:
    lines = [line async for line in usage(many(tmp_path), "1")]

    assert len(lines) == MANY + 1
    assert lines[-1].path == "."


async def test_settings_of_the_machine_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "a")
    before = await found(tmp_path)
    for name, value in {
        "DU_BLOCK_SIZE": "1",
        "BLOCKSIZE": "1M",
        "POSIXLY_CORRECT": "1",
        "LC_ALL": "tr_TR",
    }.items():
        monkeypatch.setenv(name, value)

    assert await found(tmp_path) == before


def test_nothing_is_missing_on_a_machine_with_the_tools() -> None:
    there = [name for name in du.TOOLS if shutil.which(name)]

    assert len(missing_tools()) == len(du.TOOLS) - len(there)


def test_what_is_missing_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "chattr is not there: install e2fsprogs" in missing_tools()
    assert len(missing_tools()) == len(du.TOOLS)


@pytest.mark.skipif(not shutil.which("busybox"), reason="there is no busybox, whose du knows less")
def test_a_du_that_knows_less_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "du").symlink_to(shutil.which("busybox") or "")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert any("GNU coreutils" in told for told in missing_tools())


async def test_a_thousand_directories_are_quick(tmp_path: Path) -> None:
    for number in range(1_000):
        (tmp_path / str(number)).mkdir()
    begun = cpu_seconds()

    await found(tmp_path, "1")

    assert cpu_seconds() - begun < 5
