"""The kit of ephemeral workflows: from a table to an actor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.actor import Actor, Effect, Order, Question, Rejected, Summary, Task, Turn
from actors.table import (
    ARGUMENTS,
    DELETED,
    FINAL,
    UNINITIALIZED,
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


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a workflow is."""

    state: str = UNINITIALIZED
    arguments: dict[str, Any] = {}
    code: int = 0
    message: str = ""
    attempts: int = 0
    """How often a step has failed that is tried again."""
    gathered: dict[str, dict[str, Any]] = {}
    started_at: datetime | None = None
    completed_at: datetime | None = None


def actor(table: Table) -> Actor[State, Any, Any]:
    """Make the actor of a table."""
    kit = Kit(table)
    return Actor(
        kind=table.kind,
        commands=tuple(kit.commands.values()),
        events=tuple(kit.events.values()),
        initial=State(),
        decide=kit.decide,
        evolve=kit.evolve,
        react=kit.react,
        alarms=kit.alarms,
        summary=kit.summary,
        view=kit.view,
        tells=tells,
        questions=kit.questions(),
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
        self._moves = table.moves()
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
            if getattr(command, name) != state.arguments.get(name):
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
            raise Rejected("retries_exhausted", f"it was tried {cell.at_most} times; say that it has failed")
        if gather is not None:
            gathered = state.gathered.get(gather.into, {})
            if len(gathered) >= gather.at_most and getattr(event, gather.key) not in gathered:
                raise Rejected("too_many", f"there are {gather.at_most} {gather.into} already")

    def evolve(self, state: State, event: Any) -> State:
        """Go where the event leads."""
        name = tag(event).partition(".")[2]
        fact, is_ok = self.facts[name], getattr(event, "code", 0) == 0
        changed: dict[str, Any] = {"state": self._leads[name, is_ok]}
        if fact.carries is ARGUMENTS:
            arguments = {name: getattr(event, name) for name in self.table.arguments}
            changed |= {"arguments": arguments, "started_at": event.at}
        elif fact.is_dated:
            changed["completed_at"] = event.at
        if "code" in fact.carries:
            changed |= {"code": event.code, "message": event.message}
        if "attempt" in fact.carries:
            changed |= {"attempts": event.attempt}
        if fact.gather is not None:
            changed["gathered"] = _gathered(state.gathered, fact.gather, event)
        return msgspec.structs.replace(state, **changed)

    def react(self, state: State, event: Message, turn: Turn) -> Sequence[Effect]:
        """Keep the index, and order the work that the state asks for."""
        name = tag(event).partition(".")[2]
        index = Address("workflow_index", str(state.arguments["registry_id"]))
        effects: list[Effect] = [Order(index, word) for word in self._for_index(name, turn.me)]
        plan = self.table.plans.get(state.state)
        if plan is not None and name in self._moves:
            work = Advance(
                workflow_kind=turn.me.kind, id=turn.me.id, state=state.state, arguments=state.arguments
            )
            effects.append(Task(plan.queue, work))
        return effects

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
            name: state.started_at + timer.after
            for name, timer in self.table.timers.items()
            if state.state in timer.states
        }
        return due | {EXPIRE: state.started_at + self.table.expires}

    def summary(self, state: State) -> Summary | None:
        """Stand in the listings from the first event to the deletion."""
        if state.state in (UNINITIALIZED, DELETED):
            return None
        fields = state.arguments | {"code": self.status(state)["code"]}
        registry = str(state.arguments["registry_id"])
        return Summary(status=state.state, parent=registry, at=state.started_at, fields=fields)

    def view(self, state: State) -> dict[str, Any] | None:
        """Show how far it is, what it was begun with, and what it has gathered once that is whole."""
        if state.state in (UNINITIALIZED, DELETED):
            return None
        shown = self.status(state) | state.arguments
        shown |= {
            "attempts": state.attempts,
            "started_at": state.started_at,
            "completed_at": state.completed_at,
        }
        is_whole = state.completed_at is not None and state.code == 0
        return shown | (state.gathered if is_whole else {})

    def status(self, state: State) -> dict[str, Any]:
        """Return the code and words of the state, and whether it will change."""
        code, words = self.table.says.get(state.state, (state.code, state.message))
        is_final = is_over(state)
        return {"state": state.state, "code": code, "status": words or state.state, "is_final": is_final}

    def result(self, state: State) -> dict[str, Any]:
        """Return what was gathered; raises Rejected before it is whole, or when it never will be."""
        status = self.status(state)
        if not status["is_final"]:
            raise Rejected("partial_result", f"it is {state.state}; wait for it")
        if state.code:
            raise Rejected("failed", state.message, extra={"code": state.code})
        gathered: dict[str, Any] = {fact.gather.into: {} for fact in self.facts.values() if fact.gather}
        return status | gathered | state.gathered

    def questions(self) -> dict[str, Question[State]]:
        """Return what may be asked of one workflow."""

        def answer(state: State, _asked: Any, _turn: Turn) -> dict[str, Any]:
            return self._known(state)

        asked: dict[str, Question[State]] = {
            "status": Question(query=ephemeral.Status, answer=answer),
            "wait": Question(query=ephemeral.Wait, answer=answer, waits=is_over),
        }
        if any(fact.gather for fact in self.facts.values()):
            asked["result"] = Question(
                query=ephemeral.Result, answer=lambda state, _asked, _turn: self.result(state)
            )
        return asked

    def _known(self, state: State) -> dict[str, Any]:
        if state.state in (UNINITIALIZED, DELETED):
            raise Rejected("not_found", f"there is no such {self.table.kind}")
        return self.status(state)

    def _carried(self, fact: Fact) -> dict[str, Any]:
        return self._fields(fact.carries) | ({"at": datetime} if fact.is_dated else {})

    def _fields(self, fields: Fields) -> dict[str, Any]:
        return dict(self.table.arguments if fields is ARGUMENTS else fields)


def is_over(state: State) -> bool:
    """Say whether its outcome is known."""
    return state.state in FINAL


def tells(state: State) -> dict[str, Any]:
    """Return what the outcome of a command that changed nothing tells: how it has ended."""
    return {"code": state.code, "message": state.message} if is_over(state) else {}


def _gathered(
    before: Mapping[str, dict[str, Any]], gather: Gather, event: Message
) -> dict[str, dict[str, Any]]:
    more = {getattr(event, gather.key): getattr(event, gather.value)}
    return {**before, gather.into: {**before.get(gather.into, {}), **more}}
