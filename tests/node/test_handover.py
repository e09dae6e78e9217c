"""Orders that are handled with the batch that gave them: in order, once, as if the bus had brought them."""

from __future__ import annotations

import tempfile
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.actor import Actor, Effect, Order, Summary, Turn
from messages import base
from messages.envelope import Address, Envelope
from node.edge import Edge
from node.engine import Draft, Engine
from node.handle import Result
from node.handover import ROUNDS_MAX, Handover
from node.intake import outcome_of
from node.trail import CMD
from store.open import open_store
from store.step import Outgoing
from store.store import Store
from tests.node.counter import AT, message

NOW = AT + 5
BROKEN = "broken"
"""The entity that meets a bug whatever it hears."""

Path_ = tuple[str, ...]


class Pass(base.Command, tag="relay.pass"):
    """Pass on, along each path."""

    paths: tuple[Path_, ...] = ()


class Passed(base.Event, tag="relay.passed"):
    """It was passed on."""

    paths: tuple[Path_, ...] = ()


class State(msgspec.Struct, frozen=True):
    """How often it has heard something."""

    heard: int = 0


def decide(_state: State, command: Any, turn: Turn) -> Sequence[Passed]:
    if turn.me.id == BROKEN:
        raise ZeroDivisionError("a bug")
    return [Passed(paths=command.paths)]


def react(_state: State, event: Passed, _turn: Turn) -> Sequence[Effect]:
    return [Order(Address("relay", path[0]), Pass(paths=(path[1:],))) for path in event.paths if path]


RELAY: Actor[State, Any, Any] = Actor(
    kind="relay",
    commands=(Pass,),
    events=(Passed,),
    initial=State(),
    decide=decide,
    evolve=lambda state, _event: State(state.heard + 1),
    react=react,
    summary=lambda state: Summary(fields={"heard": state.heard}),
)


class Hub:
    """A node's engine and hand-over; its bus is what they leave to be published."""

    def __init__(self, store: Store, *, has_handover: bool = True) -> None:
        self.store = store
        self.engine = Engine("here", [RELAY], store)
        self.edge = Edge("here", b"secret")
        self.handover = Handover(self.engine, self.edge.order, lambda: NOW)
        self.bus: deque[Outgoing] = deque()
        self._has_handover = has_handover
        self._sequence = 0

    async def draft(self, *envelopes: Envelope, after: Draft | None = None) -> Draft:
        """Decide on messages and what they order."""
        draft = self.engine.decide(await self.engine.prepare(envelopes), after)
        return await self.handover.follow(draft, after) if self._has_handover else draft

    async def write(self, draft: Draft) -> list[Result]:
        """Write what was decided."""
        results = await self.engine.commit(draft)
        assert results is not None
        self.handover.committed(results, draft)
        self.bus.extend(row for result in results for row in result.outgoing if row.lane == CMD)
        return results

    async def say(self, *envelopes: Envelope) -> list[Result]:
        """Handle messages in one batch."""
        return await self.write(await self.draft(*envelopes))

    async def deliver(self) -> list[Result]:
        """Have the bus bring all that it has."""
        rows = [self.bus.popleft() for _ in range(len(self.bus))]
        results = await self.say(
            *[self.edge.order(row, NOW) for row in rows if not self.handover.is_done(row.message)]
        )
        for result in results[: len(rows)]:
            self._sequence += 1
            if result.outcome:
                self.handover.heard(result.envelope.to, result.envelope.id, self._sequence, 0)
        return results

    async def heard(self, id: str) -> int:
        """Return how often an entity has heard something."""
        return int((await self.engine.peek("relay", id)).state.heard)

    async def journal(self) -> list[tuple[str, str, str, int]]:
        """Return what was handled: who, what, because of what, and when it was given, as each heard it."""
        sql = (
            "SELECT id, journal.message, cause, coalesce(outbox.position, 0) FROM journal"
            " LEFT JOIN outbox ON outbox.message = journal.message ORDER BY id, version"
        )
        return await self.store.run(lambda db: list(db.execute(sql)))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with open_store(tmp_path / "covey.db") as store:
        yield Hub(store)


def passing(id: str, to: str, *paths: Path_) -> Envelope:
    return message(id, to, Pass(paths=paths), "relay")


async def test_orders_and_theirs_are_handled_with_the_batch_that_gave_them(hub: Hub) -> None:
    results = await hub.say(passing("m-1", "a", ("b", "c")))

    assert [str(result.envelope.to) for result in results] == ["relay.a", "relay.b", "relay.c"]
    assert [await hub.heard(id) for id in ("a", "b", "c")] == [1, 1, 1]
    assert [row.subject for row in hub.bus] == ["covey.here.cmd.relay.b.pass", "covey.here.cmd.relay.c.pass"]


async def test_all_of_it_is_one_transaction(hub: Hub) -> None:
    draft = await hub.draft(passing("m-1", "a", ("b",)))

    assert [await hub.heard(id) for id in ("a", "b")] == [0, 0]
    await hub.write(draft)
    assert [await hub.heard(id) for id in ("a", "b")] == [1, 1]


async def test_an_order_is_given_at_the_instant_at_which_it_is_handled(hub: Hub) -> None:
    _, ordered = await hub.say(passing("m-1", "a", ("b",)))

    assert (ordered.envelope.at, ordered.envelope.sender, ordered.envelope.cause) == (NOW, "actor", "m-1")


async def test_what_the_bus_brings_was_handled_and_is_not_handled_again(hub: Hub) -> None:
    await hub.say(passing("m-1", "a", ("b",)))

    assert await hub.deliver() == []
    assert await hub.heard("b") == 1


async def test_a_node_that_has_forgotten_it_gives_the_same_outcome_again(hub: Hub) -> None:
    _, first = await hub.say(passing("m-1", "a", ("b",)))
    fresh = Hub(hub.store)

    (again,) = await fresh.say(fresh.edge.order(hub.bus[0], NOW))

    assert again.outcome == first.outcome
    assert await fresh.heard("b") == 1


async def test_an_order_goes_behind_one_that_is_on_the_bus(hub: Hub) -> None:
    chain = tuple(f"n-{number}" for number in range(ROUNDS_MAX))
    await hub.say(passing("m-1", "a", (*chain, "last")))
    await hub.say(passing("m-2", "b", ("last",)))

    assert await hub.heard("last") == 0
    results = await hub.deliver()
    assert [result.envelope.cause != "m-2" for result in results] == [True, False]
    assert await hub.heard("last") == 2


async def test_an_order_goes_behind_one_of_the_batch_that_is_not_written_yet(hub: Hub) -> None:
    chain = tuple(f"n-{number}" for number in range(ROUNDS_MAX))
    first = await hub.draft(passing("m-1", "a", (*chain, "last")))
    second = await hub.draft(passing("m-2", "b", ("last",), ("other",)), after=first)
    await hub.write(first)
    await hub.write(second)

    assert (await hub.heard("last"), await hub.heard("other")) == (0, 1)


async def test_once_the_bus_has_brought_it_the_next_one_is_handed_over(hub: Hub) -> None:
    chain = tuple(f"n-{number}" for number in range(ROUNDS_MAX))
    await hub.say(passing("m-1", "a", (*chain, "last")))
    await hub.deliver()

    await hub.say(passing("m-2", "b", ("last",)))

    assert await hub.heard("last") == 2


async def test_what_an_entity_orders_itself_lets_others_go_first(hub: Hub) -> None:
    await hub.say(passing("m-1", "a", ("a",)))

    assert await hub.heard("a") == 1
    await hub.deliver()
    assert await hub.heard("a") == 2


async def test_an_order_that_fails_is_left_to_the_bus_and_its_mates_proceed(hub: Hub) -> None:
    results = await hub.say(passing("m-1", "a", (BROKEN,), ("b",)))

    assert [bool(result.outcome) for result in results] == [True, False, True]
    assert [bool(result.outcome) for result in await hub.deliver()] == [False]


async def test_what_an_earlier_process_has_not_sent_goes_first(hub: Hub) -> None:
    chain = tuple(f"n-{number}" for number in range(ROUNDS_MAX))
    await hub.say(passing("m-1", "a", (*chain, "last")))
    fresh = Hub(hub.store)
    await fresh.handover.resume(hub.store, ["relay"], 0)

    await fresh.say(passing("m-2", "b", ("last",), ("n-0",)))

    assert (await fresh.heard("last"), await fresh.heard("n-0")) == (0, 2)


@pytest.mark.parametrize(
    ("sequence", "pending", "expected"),
    [(6, 3, 0), (7, 3, 0), (8, 3, 1), (6, 0, 1)],
)
async def test_what_the_stream_holds_for_a_kind_goes_first(
    hub: Hub, sequence: int, pending: int, expected: int
) -> None:
    await hub.handover.resume(hub.store, ["relay"], 7)
    hub.handover.heard(Address("relay", "x"), "m-0", sequence, pending)

    await hub.say(passing("m-1", "a", ("b",)))

    assert await hub.heard("b") == expected


async def test_orders_of_a_batch_that_cannot_be_written_are_the_bus_s(hub: Hub) -> None:
    draft = await hub.draft(passing("m-1", "a", ("b",)))
    await hub.say(passing("m-0", "a"))  # so that the version is taken
    assert await hub.engine.commit(draft) is None

    results = await hub.engine.redo(draft)
    hub.handover.committed(results, None)

    assert [outcome_of(result.outcome).status for result in results] == ["done"]
    assert await hub.heard("b") == 0
    await hub.say(passing("m-2", "c", ("b",)))
    assert await hub.heard("b") == 0  # the first one may still come


NAMES = st.sampled_from(["a", "b", "c", "d"])
PATHS = st.lists(st.lists(NAMES, max_size=7).map(tuple), max_size=4)
BATCHES = st.lists(st.lists(st.tuples(NAMES, PATHS), min_size=1, max_size=4), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(batches=BATCHES)
async def test_handed_over_or_brought_by_the_bus_the_same_is_heard_and_in_the_order_of_each_speaker(
    batches: list[list[tuple[str, list[Path_]]]],
) -> None:
    handed, brought = [await _history(batches, has_handover=has_handover) for has_handover in (True, False)]

    assert sorted(row[:3] for row in handed) == sorted(row[:3] for row in brought)
    for given_at in (*_given(handed).values(), *_given(brought).values()):
        assert given_at == sorted(given_at)


def _given(history: list[tuple[str, str, str, int]]) -> dict[tuple[str, str], list[int]]:
    """Return when what each entity has heard of each other one was given, in the order of hearing."""
    speakers = {said: id for id, said, _, _ in history}
    heard: dict[tuple[str, str], list[int]] = defaultdict(list)
    for id, _, cause, given_at in history:
        heard[id, speakers.get(cause, "")].append(given_at)
    return heard


async def _history(
    batches: list[list[tuple[str, list[Path_]]]], *, has_handover: bool
) -> list[tuple[str, str, str, int]]:
    with tempfile.TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "covey.db", synchronous="off") as store:
            hub = Hub(store, has_handover=has_handover)
            for number, batch in enumerate(batches):
                said = [passing(f"m-{number}-{place}", to, *paths) for place, (to, paths) in enumerate(batch)]
                await hub.say(*said)
                while hub.bus:
                    await hub.deliver()
            return await hub.journal()
