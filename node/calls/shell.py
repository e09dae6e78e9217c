"""``run: shell``: a program with its arguments, no line for a shell; only where the operator allows it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from messages.run import Call
from node.calls.failed import Failed, misconfigured
from node.calls.outside import Outside

OUTPUT_BYTES = 64 << 10
"""What is kept of each of its outputs; more is an error."""
INPUT_BYTES = 1 << 20
ARGUMENTS_MOST = 256
ARGUMENT_CHARACTERS = 32_000
CPU_SECONDS = 600
MEMORY_BYTES = 2 << 30
FILE_BYTES = 256 << 20
FILES_MOST = 256
PROCESSES_MOST = 4096
END_SECONDS = 5.0
PATH = "/usr/local/bin:/usr/bin:/bin"
RETURNS = ("stdout", "stderr", "code", "all", "none")
PLACES = ("command", "arguments", "stdin", "environment", "return")

_LAUNCH = f"""
import os, resource, sys
for what, most in (("CPU", {CPU_SECONDS}), ("DATA", {MEMORY_BYTES}), ("FSIZE", {FILE_BYTES}),
                   ("NOFILE", {FILES_MOST}), ("NPROC", {PROCESSES_MOST}), ("CORE", 0)):
    number = getattr(resource, "RLIMIT_" + what)
    highest = resource.getrlimit(number)[1]
    most = most if highest == resource.RLIM_INFINITY else min(most, highest)
    resource.setrlimit(number, (most, most))
try:
    names = sys.argv[1].split("=")  # Python itself adds one
    os.execvpe(sys.argv[2], sys.argv[2:], {{name: os.environ[name] for name in names}})
except OSError as error:
    sys.stderr.write(f"{{sys.argv[2]}}: {{error.strerror}}")
    sys.exit(127)
"""
"""Bounds itself before it becomes the program: what is started later inherits that."""


class ShellCalls:
    """Runs the programs of the queue ``call-shell``."""

    def __init__(self, outside: Outside) -> None:
        self._is_allowed = outside.may_run_programs

    async def __call__(self, call: Call) -> Any:
        """Run a program and return what of it is wanted; raises Failed."""
        if not self._is_allowed:
            raise Failed("authorization", "programs are not run here; to allow it: --allow-shell")
        wanted = call.arguments.get("return", "stdout")
        argv, given, environment = _checked(call.arguments)
        with tempfile.TemporaryDirectory(prefix="covey-shell-") as directory:
            code, output, errors = await _run(argv, given, environment, Path(directory))
        if code != 0 and wanted not in ("code", "all"):
            told = (
                f"{argv[0]} ended with code {code}"
                if code > 0
                else f"{argv[0]} was ended by a signal: {-code}"
            )
            raise Failed("runtime", told)
        found = {"code": code, "stdout": output, "stderr": errors}
        return found if wanted == "all" else None if wanted == "none" else found[wanted]


async def _run(
    argv: list[str], given: bytes, environment: Mapping[str, str], directory: Path
) -> tuple[int, str, str]:
    process = await _started(argv, environment, directory)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_fed(process.stdin, given))
            output = group.create_task(_read(process.stdout))
            errors = group.create_task(_read(process.stderr))
        code = await process.wait()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        await _end(process)
    return code, output.result(), errors.result()


async def _started(argv: list[str], environment: Mapping[str, str], directory: Path) -> Process:
    """Start it at the head of a group of its own; when cancelled meanwhile, it is ended."""
    environment = {"PATH": PATH, **environment}
    words = (sys.executable, "-I", "-S", "-c", _LAUNCH, "=".join(environment), *argv)
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *words,
            cwd=directory,
            env=environment,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await _end(starting.result())
        raise
    except OSError as error:
        raise Failed("runtime", f"no program can be started: {error.strerror}") from error


async def _end(process: Process) -> None:
    """Kill all of its group that still runs: also what it left behind when it ended by itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    assert process.stderr is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await _drained(process.stdout)  # a full pipe that nobody reads is never closed
            await _drained(process.stderr)
            await process.wait()


async def _drained(stream: asyncio.StreamReader) -> None:
    while await stream.read(OUTPUT_BYTES):
        pass


async def _fed(stream: asyncio.StreamWriter, given: bytes) -> None:
    with suppress(ConnectionError):  # it need not read all that it is given
        stream.write(given)
        await stream.drain()
    stream.close()


async def _read(stream: asyncio.StreamReader) -> str:
    found = bytearray()
    while part := await stream.read(OUTPUT_BYTES):
        found += part
        if len(found) > OUTPUT_BYTES:
            raise Failed("runtime", f"the program writes more than {OUTPUT_BYTES} bytes")
    return found.decode(errors="replace")


def _checked(given: Mapping[str, Any]) -> tuple[list[str], bytes, dict[str, str]]:
    """Return the arguments of a program, its input and its environment; raises Failed."""
    if unknown := sorted(given.keys() - set(PLACES)):
        raise misconfigured(f"run shell has no {unknown[0]}; there are {', '.join(PLACES)}")
    command, words = given.get("command"), given.get("arguments") or []
    if not _is_word(command) or not command or any(letter.isspace() for letter in str(command)):
        raise misconfigured(
            "command is the name of one program, no line for a shell: put the rest in arguments"
        )
    if not isinstance(words, list) or len(words) > ARGUMENTS_MOST or not all(map(_is_word, words)):
        raise misconfigured(f"arguments is a list of at most {ARGUMENTS_MOST} texts")
    stdin, environment = given.get("stdin") or "", given.get("environment") or {}
    if not isinstance(stdin, str) or len(stdin.encode()) > INPUT_BYTES:
        raise misconfigured(f"stdin is a text of at most {INPUT_BYTES} bytes")
    if not isinstance(environment, Mapping) or not all(map(_is_word, (*environment, *environment.values()))):
        raise misconfigured("environment is an object of texts")
    if any("=" in name or not name for name in environment):
        raise misconfigured("the name of a variable has no =")
    if given.get("return", "stdout") not in RETURNS:
        raise misconfigured(f"return is one of {', '.join(RETURNS)}")
    return (
        [str(command), *map(str, words)],
        stdin.encode(),
        {str(name): str(one) for name, one in environment.items()},
    )


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= ARGUMENT_CHARACTERS and "\0" not in value
