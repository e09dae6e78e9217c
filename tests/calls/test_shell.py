"""Programs that runs may run, where that is allowed."""

from __future__ import annotations

import gc
import os
import select
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.calls.outside import Outside
from node.calls.shell import OUTPUT_BYTES, ShellCalls
from tests.calls.served import answered, faulted

ALLOWED = ShellCalls(Outside(data=Path("/nowhere"), may_run_programs=True))
PYTHON = sys.executable


async def run(command: str, *arguments: str, **more: Any) -> Any:
    return await answered(ALLOWED, "shell", {"command": command, "arguments": list(arguments), **more})


async def problem(command: str, *arguments: str, **more: Any) -> tuple[str, int, str]:
    deadline = more.pop("deadline", None)
    given = {"command": command, "arguments": list(arguments), **more}
    return await faulted(ALLOWED, "shell", given, deadline=deadline)


async def test_programs_are_not_run_unless_the_operator_allows_it(tmp_path: Path) -> None:
    calls = ShellCalls(Outside(data=tmp_path))

    word, status, detail = await faulted(calls, "shell", {"command": "touch", "arguments": [f"{tmp_path}/x"]})

    assert (word, status, "--allow-shell" in detail) == ("authorization", 403, True)
    assert not (tmp_path / "x").exists()


async def test_arguments_are_words_and_no_line_for_a_shell() -> None:
    assert await run("echo", "$HOME; rm -rf /", "`id`", "a  b") == "$HOME; rm -rf / `id` a  b\n"
    for line in ("echo hello", "echo;ls", "a\tb"):
        if any(letter.isspace() for letter in line):
            assert (await problem(line))[0] == "configuration"
    assert (await problem("echo;ls"))[:2] == ("runtime", 500)


async def test_what_is_wanted_of_it_is_returned() -> None:
    script = "import sys; print(sys.stdin.read()[::-1], end=''); print('e', file=sys.stderr); sys.exit(3)"
    given: dict[str, Any] = {"stdin": "abc"}

    assert await run(PYTHON, "-c", script, **given, **{"return": "all"}) == {
        "code": 3,
        "stdout": "cba",
        "stderr": "e\n",
    }
    assert await run(PYTHON, "-c", script, **given, **{"return": "code"}) == 3
    assert await run("true", **{"return": "none"}) is None
    assert await run(PYTHON, "-c", "import sys; sys.stderr.write('x')", **{"return": "stderr"}) == "x"
    assert await problem(PYTHON, "-c", script) == ("runtime", 500, f"{PYTHON} ended with code 3")


async def test_it_has_an_empty_environment_and_an_empty_directory_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COVEY_SECRET", "s3cr3t")

    told = (await run("env", environment={"MINE": "1"})).splitlines()
    assert sorted(line.partition("=")[0] for line in told) == ["MINE", "PATH"]
    where = (await run("pwd")).strip()
    assert await run("ls", "-A") == ""
    assert (await problem("ls", where))[0] == "runtime"


async def test_its_whole_group_is_killed_at_the_deadline(tmp_path: Path) -> None:
    script = f"""
import os, time
if os.fork() == 0:
    open({str(tmp_path / "child")!r}, "w").write(str(os.getpid()))
    time.sleep(100)
time.sleep(100)
"""
    soon = datetime.now(UTC) + timedelta(seconds=1)

    assert (await problem(PYTHON, "-c", script, deadline=soon))[:2] == ("timeout", 408)

    child = int((tmp_path / "child").read_text())
    assert _ends(child)


async def test_what_it_leaves_behind_is_killed_too(tmp_path: Path) -> None:
    script = """
import os, subprocess
child = subprocess.Popen(["sleep", "100"], stdin=-3, stdout=-3, stderr=-3)
print(child.pid)
"""
    child = int(await run(PYTHON, "-c", script))

    assert _ends(child)


async def test_a_program_that_writes_too_much_leaves_no_pipe_open() -> None:
    for _ in range(5):  # whether its pipe is full when it is killed is a matter of luck
        await problem("yes")

    gc.collect()  # an open pipe would be complained about, as all warnings are errors


async def test_its_output_and_its_files_are_bounded(tmp_path: Path) -> None:
    word, _, detail = await problem("yes")
    assert (word, str(OUTPUT_BYTES) in detail) == ("runtime", True)

    large = "open('x', 'wb').truncate(1 << 40)"
    assert (await problem(PYTHON, "-c", large))[0] == "runtime"
    hungry = "x = bytearray(3 << 30)"
    assert (await problem(PYTHON, "-c", hungry))[0] == "runtime"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"command": ""},
        {"command": "a b"},
        {"command": ["a"]},
        {"command": "a\0b"},
        {"command": "a", "arguments": "b"},
        {"command": "a", "arguments": [1]},
        {"command": "a", "arguments": ["x"] * 257},
        {"command": "a", "stdin": 5},
        {"command": "a", "environment": {"A=B": "c"}},
        {"command": "a", "environment": {"A": 1}},
        {"command": "a", "return": "more"},
        {"command": "a", "cwd": "/"},
    ],
    ids=str,
)
async def test_what_is_no_program_is_a_mistake(given: dict[str, Any]) -> None:
    assert (await faulted(ALLOWED, "shell", given))[:2] == ("configuration", 400)


async def test_a_program_that_is_not_there_is_a_problem() -> None:
    assert await problem("no-such-program") == ("runtime", 500, "no-such-program ended with code 127")


def _ends(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5)[0])
    finally:
        os.close(descriptor)
