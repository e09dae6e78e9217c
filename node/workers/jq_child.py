"""The process that evaluates jq: it can reach nothing but the pipe it is asked through.

Run as ``python -I -S jq_child.py <directory of the library jq>``; the rest of Covey is not there.
A frame that comes: kind, lengths of the text, of the names and of the input, then the three in UTF-8.
A frame that goes: whether it worked, whether this process now ends, the length, then JSON or the error.
"""

from __future__ import annotations

import os
import re
import resource
import struct
import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

ASK = struct.Struct(">cIII")
ANSWER = struct.Struct(">??I")
EVALUATE = b"e"
COMPILE = b"c"

MEMORY_BYTES = 256 << 20
CPU_SECONDS = 2
"""What one evaluation may take, if nobody ends it sooner."""
OUTPUT_BYTES = 1 << 20
DEPTH = 200
"""How deeply nested a value may be: whoever reads it later does so by recursion."""
ERROR_CHARACTERS = 2_000
EXCERPT_CHARACTERS = 20
PROGRAMS = 128
"""How many compiled programs are kept."""
KEPT_TEXT_CHARACTERS = 4_096
TIRED_BYTES = 96 << 20
"""Who keeps so much memory after an evaluation ends: the next one would have too little."""

_SPACE = r"(?>[ \r\n\t]+|#(?>\\\\|\\\r?\n|[^\n])*+)*+"
_MODULES = re.compile(rf"{_SPACE}(?:import|include|module)(?![A-Za-z0-9_])")
_WHOLE_INPUT = re.compile(rf"\(while parsing '(.{{{EXCERPT_CHARACTERS}}}).*'\)", re.DOTALL)
_IN_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_UNAVAILABLE = ("input", "inputs", "input_line_number", "modulemeta")
_PRELUDE = (
    "".join(f'def {name}: error("{name} is not available");' for name in _UNAVAILABLE)
    + "def input_filename: null; def get_search_list: []; def get_prog_origin: null; def get_jq_origin: null;"
    + "def debug: .; def debug(message): .; def stderr: .; def env: {};"
    + "def halt: empty; def halt_error: error; def halt_error(code): error; {} as $ENV |"
)
"""Stands before every program, on its first line: what would reach out of it does not."""


class Refused(Exception):
    """There is no value; the text says why."""


@dataclass(frozen=True)
class Ask:
    """One question."""

    kind: bytes
    text: str
    names: tuple[str, ...]
    input: str


class Programs:
    """Compiled programs, those kept that were used last."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], Any] = OrderedDict()

    def get(self, text: str, names: tuple[str, ...]) -> Any:
        """Return the program of an expression; raises Refused."""
        key = text, names
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        program = self._compile(text, names)
        if len(text) <= KEPT_TEXT_CHARACTERS:
            self._kept[key] = program
            if len(self._kept) > PROGRAMS:
                self._kept.popitem(last=False)
        return program

    def _compile(self, text: str, names: tuple[str, ...]) -> Any:
        if _MODULES.match(text):
            raise Refused("modules are not available")
        bound = ", ".join(f'"{name}": ${name}' for name in names)
        start = f"{_PRELUDE} .[1] as {{{bound}}} | .[0]" if names else f"{_PRELUDE} .[0]"
        try:
            # alone first: a bracket too many would close ours, and the errors tell places in it
            self._library.compile(text, args=dict.fromkeys(names))
            return self._library.compile(f"{start} | first(({text}\n\n)) | tojson")
        except ValueError as error:
            raise Refused(_compile_error(str(error))) from None


def evaluate(programs: Programs, ask: Ask) -> bytes:
    """Return the first value as JSON; raises Refused."""
    program = programs.get(ask.text, ask.names)
    try:
        values = list(program.input_text(ask.input))  # to its end, or what is left of it stays in memory
    except ValueError as error:
        raise Refused(_excerpts(str(error))) from None
    if not values:
        raise Refused("gave no value")
    value: str = values[0]
    encoded = value.encode()
    if len(encoded) > OUTPUT_BYTES:
        raise Refused(f"its value is larger than {OUTPUT_BYTES} bytes")
    if _is_deep(value):
        raise Refused(f"its value is nested more than {DEPTH} deep")
    return encoded


def answer(programs: Programs, ask: Ask) -> tuple[bool, bytes]:
    """Return whether it worked, and the value or the error."""
    try:
        if ask.kind == COMPILE:
            programs.get(ask.text, ask.names)
            return True, b""
        return True, evaluate(programs, ask)
    except Refused as error:
        return False, str(error)[:ERROR_CHARACTERS].encode(errors="replace")
    except MemoryError:
        return False, f"needs more than {MEMORY_BYTES >> 20} MiB".encode()


def serve(programs: Programs, memory: int) -> None:
    """Answer until nobody asks, or until it is time for another process."""
    is_tired = False
    while not is_tired:
        ask = _read()
        if ask is None:
            return
        _limit_cpu()
        has_worked, said = answer(programs, ask)
        is_tired = int(os.pread(memory, 32, 0).split()[0]) * resource.getpagesize() > TIRED_BYTES
        _write(has_worked, is_tired, said)


def limit() -> None:
    """Give up files, new processes, memory and core dumps, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # what is open stays so, nothing else can be opened


def main() -> None:
    """Load the library, lock the door, say so, and serve."""
    os.environ.clear()  # Python itself has put a locale there
    sys.path.append(sys.argv[1])
    import jq  # type: ignore[import-not-found]  # noqa: PLC0415

    sys.path.clear()
    programs = Programs(jq)
    evaluate(programs, Ask(EVALUATE, ".", (), "[null]"))  # what is loaded at first use is loaded now
    memory = os.open("/proc/self/statm", os.O_RDONLY)
    limit()
    _write(True, False, b"")
    serve(programs, memory)


def _limit_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _read() -> Ask | None:
    head = _exactly(ASK.size)
    if not head:
        return None
    kind, *lengths = ASK.unpack(head)
    text, names, value = (_exactly(length).decode() for length in lengths)
    return Ask(kind, text, tuple(names.split()), value)


def _exactly(length: int) -> bytes:
    """Read so many bytes; none where nobody asks any more."""
    read = bytearray()
    while len(read) < length:
        chunk = os.read(0, length - len(read))
        if not chunk:
            return b""
        read += chunk
    return bytes(read)


def _write(has_worked: bool, is_last: bool, said: bytes) -> None:
    left = memoryview(ANSWER.pack(has_worked, is_last, len(said)) + said)
    while left:
        left = left[os.write(1, left) :]


def _compile_error(text: str) -> str:
    lines = [line for line in text.splitlines() if not re.fullmatch(r"jq: \d+ compile errors?|\s*", line)]
    return "\n".join(line.removeprefix("jq: error: ").rstrip() for line in lines)


def _excerpts(text: str) -> str:
    """Shorten what jq tells whole of a text that it cannot parse."""
    return _WHOLE_INPUT.sub(r"(while parsing '\1…')", text)


def _is_deep(value: str) -> bool:
    if value.count("[") + value.count("{") <= DEPTH:
        return False
    level = 0
    for bracket in re.findall(r"[\[\]{}]", _IN_STRINGS.sub("", value)):
        level += 1 if bracket in "[{" else -1
        if level > DEPTH:
            return True
    return False


if __name__ == "__main__":
    main()
