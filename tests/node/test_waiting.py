"""Questions that wait: answered after the commit that makes the answer final, or when the time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from node import waiting
from node.answers import Answers
from node.engine import Engine
from tests.node.counter import Add, Remove, message
from tests.node.saying import asked

WAIT_SECONDS = 30.0
PROMPT_SECONDS = 10.0
"""Much sooner than the time is up."""


class Watched(waiting.Waiting):
    """Tells a test when somebody has sat down to wait."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    @contextmanager
    def _seat(self) -> Iterator[None]:
        try:
            with super()._seat():
                self._changed.set()
                yield
        finally:
            self._changed.set()

    async def seated(self, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while self.count != count:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
def seats(engine: Engine) -> Watched:
    engine.waiting = seats = Watched()
    return seats


async def promptly(asker: asyncio.Future[Any]) -> Any:
    """Return what the asker is answered before its time is up."""
    async with asyncio.timeout(PROMPT_SECONDS):
        return await asker


def until(answers: Answers, timeout: float = WAIT_SECONDS) -> Any:
    return asked(answers, "toy", "a", "until", timeout=timeout)


async def test_an_answer_that_is_final_already_comes_at_once(engine: Engine, answers: Answers) -> None:
    await engine.handle([message("m-1", "a", Add(by=10), "toy")])

    assert await until(answers) == {"total": 10}


async def test_an_asker_is_answered_after_the_commit_that_makes_it_final(
    engine: Engine, answers: Answers, seats: Watched
) -> None:
    await engine.handle([message("m-1", "a", Add(by=1), "toy")])
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    await engine.handle([message("m-2", "a", Add(by=1), "toy"), message("m-3", "b", Add(by=10), "toy")])
    is_answered_early = asker.done()
    await engine.handle([message("m-4", "a", Add(by=8), "toy")])

    assert not is_answered_early
    assert await promptly(asker) == {"total": 10}
    assert seats.count == 0


async def test_an_asker_may_wait_for_what_is_not_written_yet(
    engine: Engine, answers: Answers, seats: Watched
) -> None:
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    await engine.handle([message("m-1", "a", Add(by=10), "toy")])

    assert await promptly(asker) == {"total": 10}


async def test_all_who_wait_for_one_entity_are_woken(
    engine: Engine, answers: Answers, seats: Watched
) -> None:
    askers = [asyncio.create_task(until(answers)) for _ in range(20)]
    await seats.seated(20)

    await engine.handle([message("m-1", "a", Add(by=10), "toy")])

    assert await promptly(asyncio.gather(*askers)) == [{"total": 10}] * 20


async def test_when_the_time_is_up_the_answer_of_the_moment_is_told(
    engine: Engine, answers: Answers, seats: Watched
) -> None:
    await engine.handle([message("m-1", "a", Add(by=3), "toy")])

    assert await until(answers, timeout=0.01) == {"total": 3}
    assert seats.count == 0


async def test_an_asker_that_goes_is_forgotten(engine: Engine, answers: Answers, seats: Watched) -> None:
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    asker.cancel()
    await asyncio.wait([asker])

    assert seats.count == 0


async def test_more_askers_than_may_wait_are_refused_but_not_those_who_need_not(
    engine: Engine, answers: Answers, seats: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WAITERS_MAX", 1)
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    refused = await until(answers)
    await engine.handle([message("m-1", "a", Add(by=10), "toy")])

    assert refused["code"] == "overloaded"
    assert await until(answers) == await promptly(asker) == {"total": 10}


async def test_an_asker_hears_that_what_it_waits_for_was_deleted(
    engine: Engine, answers: Answers, seats: Watched
) -> None:
    await engine.handle([message("m-1", "a", Add(by=1), "toy")])
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    await engine.handle([message("m-2", "a", Remove(), "toy")])

    assert (await promptly(asker))["code"] == "not_found"


async def test_a_node_that_stops_lets_nobody_wait(engine: Engine, answers: Answers, seats: Watched) -> None:
    asker = asyncio.create_task(until(answers))
    await seats.seated(1)

    seats.close()

    assert await promptly(asker) == {"total": 0}
    assert await until(answers) == {"total": 0}


async def test_nobody_waits_longer_than_a_minute(
    engine: Engine, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = []

    async def note(_key: Any, _is_over: Any, seconds: float) -> None:
        asked_for.append(seconds)

    monkeypatch.setattr(engine.waiting, "until", note)
    await until(answers, timeout=3600)

    assert asked_for == [60.0]
