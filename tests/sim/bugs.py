"""Planted bugs: each breaks one promise in the real code, so that the simulator must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

import node.chores
import node.relay
import store.store
import store.write
import tests.sim.node
from actors import ACTORS
from actors.actor import Actor, Order, Turn
from actors.booking import book, holding, posting
from actors.execution.graph import booking_of
from actors.peers import gateway
from actors.workflow import orders
from actors.workflow.plans import Plans
from bus.publisher import PublishFailed
from messages import copy_events
from messages.base import encode
from messages.booking import Confirm, Held, Release
from messages.copies import Drop, Put
from messages.envelope import Envelope, derive, micros
from messages.workflow_events import Planned
from messages.workspace import Unfollow
from node.handle import Result
from node.intake import Finish, Intake
from node.relay import Relay
from tests.sim.broker import Consumer, Stored

Actors = Sequence[Actor[Any, Any, Any]]
Bug = Callable[[pytest.MonkeyPatch], Actors]
BUGS: dict[str, Bug] = {}
LATE = 2**31
"""A version later than any."""


def bug(plant: Bug) -> Bug:
    """List a bug under its name."""
    BUGS[plant.__name__] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[Actors]:
    """Break one thing as long as the context is open; gives the actors to run with."""
    with pytest.MonkeyPatch.context() as patch:
        yield BUGS[name](patch)


def _instead(kind: str, **changes: Any) -> Actors:
    return [replace(actor, **changes) if actor.kind == kind else actor for actor in ACTORS]


def _actor(kind: str) -> Actor[Any, Any, Any]:
    return next(actor for actor in ACTORS if actor.kind == kind)


@bug
def bookings_are_deleted_then_added(patch: pytest.MonkeyPatch) -> Actors:
    """An update frees the slots that stand before it asks for new ones."""
    ask = orders._ask

    def delete_then_add(plans: Plans, event: Planned, turn: Turn) -> list[Order]:
        had = plans.standing.plan.demands if plans.standing else ()
        releases = [Order(booking_of(resource, turn.node), Release(workflow=turn.me.id)) for resource in had]
        return [*releases, *ask(plans, event, turn)]

    patch.setattr(orders, "_ask", delete_then_add)
    return ACTORS


@bug
def copies_are_deleted_then_added(patch: pytest.MonkeyPatch) -> Actors:
    """A new state of a copy is written in two transactions."""
    put = Intake.put

    async def ignore(_result: Result) -> None:
        return

    def in_two_steps(self: Intake, envelope: Envelope, finish: Finish) -> None:
        if envelope.verb == "put":
            said = msgspec.json.decode(envelope.body, type=Put)
            before = Drop(
                owner=said.owner, kind=said.kind, id=said.id, generation=said.generation - 1, version=LATE
            )
            words = {"id": derive(envelope.id, "delete"), "verb": "drop", "body": encode(before)}
            if said.generation > 1:
                put(self, msgspec.structs.replace(envelope, **words), ignore)
        put(self, envelope, finish)

    patch.setattr(Intake, "put", in_two_steps)
    return ACTORS


@bug
def acknowledged_before_the_commit(patch: pytest.MonkeyPatch) -> Actors:
    """The broker may forget a message as soon as it was delivered."""
    take = Consumer.take

    def hasty(self: Consumer, messages: Sequence[Stored]) -> None:
        take(self, messages)
        for message in messages:
            self.ack(message.sequence)

    patch.setattr(Consumer, "take", hasty)
    return ACTORS


@bug
def an_inbox_that_forgets(patch: pytest.MonkeyPatch) -> Actors:
    """A message that was handled is not known when it comes again."""
    write = store.write.write_steps

    def forgetful(db: Any, steps: Any) -> None:
        db.executemany("DELETE FROM inbox WHERE id = ?", [(step.handled.id,) for step in steps])
        write(db, steps)

    patch.setattr(store.store, "_outcomes", lambda _db, _messages: {})
    patch.setattr(store.store, "write_steps", forgetful)
    return ACTORS


@bug
def ids_that_are_not_derived(patch: pytest.MonkeyPatch) -> Actors:
    """What is done a second time gets another id than the first time."""
    numbers = count()

    def fresh(_cause: str, _number: int | str) -> str:
        return f"fresh-{next(numbers)}"

    patch.setattr(node.chores, "derive", fresh)
    patch.setattr(tests.sim.node, "derive_arrival", fresh)
    return ACTORS


@bug
def sent_is_noted_before_it_is(patch: pytest.MonkeyPatch) -> Actors:
    """What the broker did not take is believed to be there."""

    async def optimist(self: Relay) -> bool:
        rows = [self._queue.popleft() for _ in range(min(node.relay.BATCH, len(self._queue)))]
        self._note(rows, dict.fromkeys(range(len(rows)), 1))
        try:
            await self._publish([self._dress(row) for row in rows])
        except PublishFailed:
            return False
        return True

    patch.setattr(Relay, "_send", optimist)
    return ACTORS


@bug
def an_alarm_is_lost(patch: pytest.MonkeyPatch) -> Actors:
    """The row of an alarm goes when it is read, not when it is handled."""
    due = store.store.Store.due

    async def at_most_once(self: Any, at: int, limit: int) -> list[tuple[str, str, str, int]]:
        rows = await due(self, at, limit)
        keys = [row[:3] for row in rows]
        sql = "DELETE FROM alarm WHERE kind = ? AND id = ? AND name = ?"
        await self.run(lambda db: db.executemany(sql, keys))
        return rows

    patch.setattr(store.store.Store, "due", at_most_once)
    return ACTORS


@bug
def a_late_confirm_is_accepted(_patch: pytest.MonkeyPatch) -> Actors:
    """A confirmation books what was held, though the hold has expired and others may have the slots."""
    decide = _actor("booking").decide
    held: dict[tuple[str, ...], Held] = {}

    def lenient(state: Any, command: Any, turn: Turn) -> Sequence[Any]:
        place = (turn.node, turn.me.id, turn.origin)
        if isinstance(command, Confirm):
            before = held.get((*place, command.workflow, str(command.generation)))
            one = state.requesters.get(f"{turn.origin}/{command.workflow}")
            is_late = one is not None and one.generation < command.generation and not _is_held(one, turn)
            if before is not None and is_late:
                again = msgspec.structs.replace(before, until=turn.at + timedelta(days=1))
                return [again, *decide(posting.evolve(state, again), command, turn)]
        events = decide(state, command, turn)
        for event in events:
            if isinstance(event, Held):
                held[(*place, event.workflow, str(event.generation))] = event
        return events

    return _instead("booking", decide=lenient)


def _is_held(one: Any, turn: Turn) -> bool:
    return one.pending is not None and one.pending.until > micros(turn.at)


@bug
def held_slots_are_not_busy(patch: pytest.MonkeyPatch) -> Actors:
    """Two plans may hold the same units, and both confirm."""
    others = book.clashes

    def careless(full: Any, holder: str, wanted: Any, fixed: Any = ()) -> Any:
        kept = {
            key: tuple(one for one in entries if not one.is_held) for key, entries in full.buckets.items()
        }
        return others(msgspec.structs.replace(full, buckets=kept), holder, wanted, fixed)

    patch.setattr(holding, "clashes", careless)
    return ACTORS


@bug
def a_stale_copy_is_accepted(_patch: pytest.MonkeyPatch) -> Actors:
    """What an owner said earlier replaces what it said later."""
    decide = _actor("copy").decide

    def credulous(state: Any, command: Any, turn: Turn) -> Sequence[Any]:
        if isinstance(command, Put) and turn.peer == command.owner:
            said = {name: getattr(command, name) for name in copy_events.Stored.__struct_fields__}
            return [copy_events.Stored(**said)]
        return decide(state, command, turn)

    return _instead("copy", decide=credulous)


@bug
def a_gateway_that_does_not_count(patch: pytest.MonkeyPatch) -> Actors:
    """Whatever a peer says is taken for the next."""
    patch.setattr(gateway, "_place", lambda _state, heading: "next" if heading.sequence else "word")
    return ACTORS


@bug
def a_replay_that_is_never_said(patch: pytest.MonkeyPatch) -> Actors:
    """What a peer asks to hear again stays in the store."""
    patch.setattr(tests.sim.node.Node, "_say_again", lambda _self, _lanes: None)
    return ACTORS


@bug
def a_workspace_that_outlives_its_workflow(_patch: pytest.MonkeyPatch) -> Actors:
    """Nobody tells the workspace that its workflow was deleted."""
    react = _actor("workflow").react

    def forgetful(state: Any, event: Any, turn: Turn) -> Sequence[Any]:
        effects = react(state, event, turn)
        return [one for one in effects if not isinstance(getattr(one, "command", None), Unfollow)]

    return _instead("workflow", react=forgetful)
