"""The kit of ephemeral workflows: from a table to an actor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.actor import Actor, Effect, Order, Rejected, Task, Turn
from actors.ephemeral.checks import check
from actors.ephemeral.progress import Shown, State, is_over, tells
from actors.ephemeral.table import (
    ARGUMENTS,
    DELETED,
    FINAL,
    Fact,
    Gather,
    Record,
    Refuse,
    Row,
    Same,
    Table,
)
from messages import ephemeral, workflow_index
from messages.base import Alarm, Message, tag
from messages.envelope import Address
from messages.ephemeral import Advance, Fields

FAMILY = "ephemeral"
EXPIRE, DELETE = "expire", "delete"
"""Alarms that every kind has."""


def actor(table: Table) -> Actor[State, Any, Any]:
    """Make the actor of a table."""
    check(table)
    kit, shown = Kit(table), Shown(table)
    return Actor(
        kind=table.kind,
        belongs_to="registry",
        commands=tuple(kit.commands.values()),
        events=tuple(kit.events.values()),
        initial=State(),
        decide=kit.decide,
        evolve=kit.evolve,
        react=kit.react,
        alarms=kit.alarms,
        summary=shown.summary,
        filters=frozenset({*table.arguments, "code"}),
        view=shown.view,
        tells=tells,
        questions=shown.questions(),
        family=FAMILY,
        ids_return=True,
        hides_deleted=True,
    )


class Kit:
    """What a table means."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows = {row.verb: row for row in table.rows}
        self.commands = {
            row.verb: ephemeral.command(table.kind, row.verb, row.about, self._fields(row.takes))
            for row in table.rows
        }
        self.facts = table.facts()
        self.events = {
            name: ephemeral.event(table.kind, name, fact.about, self._carried(fact))
            for name, fact in self.facts.items()
        }
        self._leads = table.leads()
        self._counted = {cell.state for _, _, cell in table.records() if cell.at_most}
        self._columns = {state: place for place, state in enumerate(table.states)}
        self._alarms = {EXPIRE: "abort_expired", DELETE: "delete"} | {
            name: timer.verb for name, timer in table.timers.items()
        }

    def decide(self, state: State, command: Message, turn: Turn) -> Sequence[Message]:
        """Do what the cell says."""
        verb = self._alarms[command.name] if isinstance(command, Alarm) else tag(command).partition(".")[2]
        row = self.rows[verb]
        if state.state == DELETED:
            return self._when_deleted(verb, turn)
        if "code" in row.takes and command.code == 0:  # type: ignore[attr-defined]  # it is made from the row
            raise Rejected(
                "invalid_status_code", "0 says that all is well; a failure has another", at="/code"
            )
        cell = row.cells[self._columns[state.state]]
        match cell:
            case Record():
                self._check_time(verb, state, turn)
                return [self._record(state, cell, command, turn)]
            case Same():
                return self._again(state, cell, command)
            case Refuse():
                raise self._refused(row, cell, state.state, turn)
        return []

    def _when_deleted(self, verb: str, turn: Turn) -> Sequence[Message]:
        if verb != DELETE:
            raise Rejected("deleted", f"{turn.me.id} was deleted; take another id")
        return []

    def _check_time(self, verb: str, state: State, turn: Turn) -> None:
        if verb != self._alarms[EXPIRE] or state.started_at is None:
            return
        expires = state.started_at + self.table.expires
        if turn.at < expires:
            raise Rejected("not_expired", f"it has time until {expires.isoformat()}; abort it instead")

    def _refused(self, row: Row, cell: Refuse, state: str, turn: Turn) -> Rejected:
        can = [
            name for name, cell in zip(self.table.states, row.cells, strict=True) if isinstance(cell, Record)
        ]
        detail = f"{turn.me.id} is {state}; {row.verb} is for one that is {' or '.join(can)}"
        return Rejected(cell.code, detail, extra={"state": state})

    def _again(self, state: State, cell: Same, command: Message) -> Sequence[Message]:
        for name in self.table.compared or self.table.arguments:
            if _plain(getattr(command, name)) != state.arguments.get(name):
                raise Rejected(
                    cell.otherwise, "it was begun with other arguments; take another id", at=f"/{name}"
                )
        return []

    def _record(self, state: State, cell: Record, command: Message, turn: Turn) -> Message:
        fact = cell.fact
        brought = {} if isinstance(command, Alarm) else msgspec.structs.asdict(command)
        known = {**brought, "attempt": state.attempts + 1, "at": turn.at, **cell.given}
        event = self.events[fact.name](**{name: known[name] for name in self._carried(fact) if name in known})
        self._check_bounds(state, cell, event)
        return event

    def _check_bounds(self, state: State, cell: Record, event: Message) -> None:
        gather = cell.fact.gather
        if cell.at_most and state.attempts >= cell.at_most:
            detail = f"it was tried again {cell.at_most} times; say that it has failed"
            raise Rejected("retries_exhausted", detail)
        if gather is None:
            return
        key, gathered = getattr(event, gather.key), state.gathered.get(gather.into, {})
        if len(gathered) >= gather.at_most and key not in gathered:
            raise Rejected("too_many", f"there are {gather.at_most} {gather.into} already")
        if gather.among and key not in state.gathered.get(gather.among, {}):
            raise Rejected("unknown_key", f"{key} is none of its {gather.among}", at=f"/{gather.key}")

    def evolve(self, state: State, event: Any) -> State:
        """Go where the event leads."""
        name = tag(event).partition(".")[2]
        fact, is_ok = self.facts[name], getattr(event, "code", 0) == 0
        after = self._leads[name, is_ok]
        changed: dict[str, Any] = {"state": after, "is_new": after != state.state}
        if fact.carries is ARGUMENTS:
            arguments = {name: _plain(getattr(event, name)) for name in self.table.arguments}
            changed |= {"arguments": arguments, "started_at": event.at}
        if fact.is_dated:
            changed |= {"reached": state.reached | {after: event.at}}
        if after in FINAL and not is_over(state):
            changed["completed_at"] = event.at
        if "code" in fact.carries:
            changed |= {"code": event.code, "message": event.message}
        if "attempt" in fact.carries or (after in self._counted and after != state.state):
            changed["attempts"] = getattr(event, "attempt", 0)
        if fact.gather is not None:
            changed["gathered"] = _gathered(state.gathered, fact.gather, event)
        return msgspec.structs.replace(state, **changed)

    def react(self, state: State, event: Message, turn: Turn) -> Sequence[Effect]:
        """Keep the index, and order the work that the state asks for."""
        name = tag(event).partition(".")[2]
        index = Address("workflow_index", str(state.arguments["registry_id"]))
        effects: list[Effect] = [Order(index, word) for word in self._for_index(name, turn.me)]
        plan = self.table.plans.get(state.state)
        if plan is not None and state.is_new:
            effects.append(Task(plan.queue, self._work(state, turn)))
        return effects

    def _work(self, state: State, turn: Turn) -> Advance:
        return Advance(
            workflow_kind=turn.me.kind,
            id=turn.me.id,
            state=state.state,
            arguments=state.arguments,
            code=state.code,
            message=state.message,
        )

    def _for_index(self, name: str, me: Address) -> Sequence[Message]:
        commit, delete = workflow_index.Commit(workflow=me.id), workflow_index.Delete(workflow=me.id)
        if name == "started":
            return [workflow_index.Begin(workflow=me.id, workflow_kind=me.kind)]
        words: dict[str, list[Message]] = {"completed": [commit], DELETED: [commit, delete]}
        return words.get(name, [])

    def alarms(self, state: State) -> Mapping[str, datetime]:
        """Expire what takes too long, delete what was completed long ago."""
        if state.started_at is None or state.state == DELETED:
            return {}
        if state.completed_at is not None:
            return {DELETE: state.completed_at + self.table.deleted}
        due = {
            name: state.reached[timer.states[0]] + timer.after
            for name, timer in self.table.timers.items()
            if state.state in timer.states and timer.states[0] in state.reached
        }
        return due | {EXPIRE: state.started_at + self.table.expires}

    def _carried(self, fact: Fact) -> dict[str, Any]:
        return self._fields(fact.carries) | ({"at": datetime} if fact.is_dated else {})

    def _fields(self, fields: Fields) -> dict[str, Any]:
        return dict(self.table.arguments if fields is ARGUMENTS else fields)


def _gathered(
    before: Mapping[str, dict[str, Any]], gather: Gather, event: Message
) -> dict[str, dict[str, Any]]:
    more = {getattr(event, gather.key): _plain(getattr(event, gather.value))}
    return {**before, gather.into: {**before.get(gather.into, {}), **more}}


def _plain(value: Any) -> Any:
    """Return a value as it is after a snapshot: numbers, texts, lists and maps."""
    return msgspec.to_builtins(value, str_keys=True)
