"""Whatever is said, in whatever batches: the engine on a real file does what the model says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.envelope import RETRY, Envelope
from node.alarms import due
from node.answers import Answers
from node.engine import Draft, Engine
from node.intake import outcome_of
from store.open import open_store
from store.store import Store
from tests.node.conftest import TOYS
from tests.node.counter import AT, Add, Reach, Remove, Tidy, message
from tests.node.model import Model, Told
from tests.node.saying import DAY, asked

IDS = ("a", "b")
MUCH_LATER = AT + 10_000 * DAY
EVENTS_AT_ONCE = 30
"""Several such commands make the engine take a snapshot."""


class Said(NamedTuple):
    """A message, with an expectation that is seen from the version of the moment."""

    number: int
    kind: str
    id: str
    command: Any
    expect: int | str | None
    """How far from the version of the moment; ``retry``; None: nothing is expected."""


COMMANDS = st.one_of(
    st.builds(Add, by=st.integers(-2, 2), times=st.sampled_from([1, 1, 2, EVENTS_AT_ONCE])),
    st.builds(Reach, total=st.integers(-1, 1)),
    st.builds(Remove),
    st.builds(Remove),
    st.builds(Tidy),
)
SAID = st.builds(
    Said,
    number=st.integers(0, 30),
    kind=st.sampled_from([actor.kind for actor in TOYS]),
    id=st.sampled_from(IDS),
    command=COMMANDS,
    expect=st.sampled_from([None, None, 0, 0, -1, 1, "retry"]),
)
DAYS = st.sampled_from([0, 0, 0, 14, 15, 30])
BATCHES = st.lists(st.tuples(DAYS, st.booleans(), st.lists(SAID, max_size=6)), max_size=10)
"""Each with the days that pass before it, and whether the engine starts anew."""


class Played:
    """An engine and the model, which hear the same."""

    def __init__(self, store: Store) -> None:
        self.model = Model()
        self.expected: list[Told] = []
        self.told: list[Told] = []
        self._store = store
        self._engine = Engine("here", TOYS, store)
        self._draft: Draft | None = None
        self._now = AT

    async def play(self, days: int, restarts: bool, batch: list[Said]) -> None:
        """Let time pass, and hear a batch while the one before it is not written yet."""
        envelopes: list[Envelope] = []
        if restarts:
            await self.flush()
            self._engine = Engine("here", TOYS, self._store)
        if days:
            await self.flush()
            self._now += days * DAY
            envelopes += await self._alarms()
        envelopes += [self._envelope(said) for said in batch]
        prepared = await self._engine.prepare(envelopes)
        draft = self._engine.decide(prepared, self._draft)
        await self.flush()
        self._draft = draft

    async def flush(self) -> None:
        """Write what is decided."""
        draft, self._draft = self._draft, None
        if draft is not None:
            results = await self._engine.commit(draft)
            assert results is not None
            self.told += [_told(result.outcome) for result in results]

    async def _alarms(self) -> list[Envelope]:
        alarms = await due(self._store, self._now)
        wanted = self.model.due(self._now)
        names = [msgspec.json.decode(rung.body)["name"] for rung in alarms]
        assert [(one.to.kind, one.to.id, name) for one, name in zip(alarms, names, strict=True)] == wanted
        self.expected += [self.model.ring(*alarm) for alarm in wanted]
        return alarms

    def _envelope(self, said: Said) -> Envelope:
        self._now += 1
        expect = self._expect(said)
        more = {"at": self._now, "expect": expect}
        envelope = message(f"m-{said.number}", said.id, said.command, said.kind, **more)
        self.expected.append(self.model.say(envelope, said.command))
        return envelope

    def _expect(self, said: Said) -> int | None:
        if said.expect == "retry":
            return RETRY
        if not isinstance(said.expect, int):
            return None
        return max(0, self.model.entities[said.kind, said.id].version + said.expect)


def _told(outcome: bytes) -> Told:
    told = outcome_of(outcome)
    return Told(told.code or told.status, told.version, len(told.events), tuple(sorted(told.extra.items())))


async def _history(answers: Answers, kind: str, id: str) -> Any:
    told = await asked(answers, kind, id, "history")
    if "code" in told:
        return told["code"]
    start = told.get("start")
    begins = None if start is None else (start["version"], start["state"]["total"])
    return begins, [(event["version"], event["type"]) for event in told["events"]]


@settings(max_examples=200, deadline=None)
@given(BATCHES)
def test_the_engine_does_what_the_model_says(batches: list[tuple[int, bool, list[Said]]]) -> None:
    asyncio.run(_compare(batches))


async def _compare(batches: list[tuple[int, bool, list[Said]]]) -> None:
    with TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "covey.db", synchronous="off") as store:
            played = Played(store)
            for days, restarts, batch in batches:
                await played.play(days, restarts, batch)
            await played.flush()
            assert played.told == played.expected
            await _compare_what_is_kept(played.model, store)


async def _compare_what_is_kept(model: Model, store: Store) -> None:
    assert sorted(await store.due(MUCH_LATER, 1000)) == sorted(model.alarms())
    engine = Engine("here", TOYS, store)
    answers = Answers(engine, store, TOYS)
    for kind in (actor.kind for actor in TOYS):
        for id in IDS:
            live, entity = await engine.peek(kind, id), model.entities[kind, id]
            assert (live.version, live.state.total) == (entity.version, entity.total)
            assert (live.summary is None) == entity.is_removed
            assert await _history(answers, kind, id) == model.history(kind, id)
