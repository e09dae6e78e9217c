"""Expressions are read without being evaluated; where that cannot be done, nobody is blamed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from actors.definition.check import FAULTS_MAX
from node.workers import compiling, expressions
from node.workers.compiling import Unchecked, unread
from node.workers.expressions import Evaluator
from tests.workers.children import children

FILLED = r"\(.)"
SLOW = '"' + FILLED * 4_000 + '"'
"""Takes long to read."""


@pytest.fixture
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(1) as evaluator:
        yield evaluator


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time on a machine that has other things to do."""
    monkeypatch.setattr(compiling, "SECONDS", 60.0)
    monkeypatch.setattr(expressions, "COMPILE_SECONDS", 60.0)


async def test_all_that_are_none_are_told_each_with_its_place(evaluator: Evaluator) -> None:
    found = await unread({"/a": ".x |", "/b": "[.[] | . + $y]", "/c": "foo(1)", "/d": ".x |"}, evaluator)

    assert [at for at, _ in found] == ["/a", "/c", "/d"]
    told = ".x | is no expression of jq: syntax error, unexpected end of file (at its character 4)"
    assert found[0][1] == found[2][1] == told
    assert found[1][1] == "foo(1) is no expression of jq: foo/1 is not defined (at its character 1)"


async def test_nothing_is_evaluated(evaluator: Evaluator) -> None:
    assert await unread({"/a": "last(range(1e12))", "/b": "error", "/c": "empty"}, evaluator) == []


@pytest.mark.parametrize("heavy", ["[" * 15_000 + "]" * 15_000, '"x" * 1e9', '"' + FILLED * 12_000 + '"'])
@pytest.mark.usefixtures("patience")
async def test_what_takes_all_memory_or_time_is_at_fault_itself(evaluator: Evaluator, heavy: str) -> None:
    ((at, detail),) = await unread({"/a": heavy, "/b": "1 + 1"}, evaluator)

    assert at == "/a"
    assert len(detail) < 500


async def test_only_so_many_are_told(evaluator: Evaluator) -> None:
    found = await unread({f"/{number}": f"{number} |" for number in range(FAULTS_MAX * 2)}, evaluator)

    assert len(found) == FAULTS_MAX


async def test_what_is_not_read_in_time_is_not_known(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "SECONDS", 0.0)
    with pytest.raises(Unchecked, match="within 0 s"):
        await unread({"/a": "1 + 1"}, evaluator)

    monkeypatch.undo()
    monkeypatch.setattr(expressions, "COMPILE_SECONDS", 0.01)
    with pytest.raises(Unchecked, match="took longer"):
        await unread({"/a": SLOW}, evaluator)


async def test_a_child_that_is_ended_by_somebody_again_and_again_is_no_fault(evaluator: Evaluator) -> None:
    reading = asyncio.create_task(unread({"/a": SLOW}, evaluator))
    while not reading.done():
        is_asked = not evaluator._free and not evaluator._waiting
        for child in children() if is_asked else ():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        await asyncio.sleep(0.01)

    with pytest.raises(Unchecked):
        await reading
