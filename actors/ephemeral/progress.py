"""How far an ephemeral workflow is: its state, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from actors.actor import Question, Rejected, Summary, Turn
from actors.ephemeral.table import DELETED, FINAL, UNINITIALIZED, Table
from messages import ephemeral
from messages.base import encode

RESULT_BYTES_MAX = 512 * 1024
"""How much of what was gathered is told at once: half of what a broker takes."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a workflow is."""

    state: str = UNINITIALIZED
    arguments: dict[str, Any] = {}
    code: int = 0
    message: str = ""
    attempts: int = 0
    """How often the work of this state has failed and was tried again."""
    gathered: dict[str, dict[str, Any]] = {}
    is_new: bool = False
    """Whether the last event has led here from another state."""
    reached: dict[str, datetime] = {}
    """When it came to each state, of those that a dated event led to."""
    started_at: datetime | None = None
    completed_at: datetime | None = None


def is_there(state: State) -> bool:
    """Say whether it was begun and is not deleted."""
    return state.state not in (UNINITIALIZED, DELETED)


def is_over(state: State) -> bool:
    """Say whether its outcome is known."""
    return state.state in FINAL


def tells(state: State, _command: Any, _turn: Any) -> dict[str, Any]:
    """Return what the outcome of a command that changed nothing tells: how it has ended."""
    return {"code": state.code, "message": state.message} if is_over(state) else {}


def is_answerable(state: State) -> bool:
    """Say whether there is nothing to wait for: its outcome is known, or there is no such workflow."""
    return is_over(state) or not is_there(state)


class Shown:
    """What is told of the workflows of a table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._gathers = [fact.gather.into for fact in table.facts().values() if fact.gather]

    def summary(self, state: State) -> Summary | None:
        """Stand in the listings from the first event to the deletion."""
        if not is_there(state):
            return None
        fields = state.arguments | {"code": self._status(state)["code"]}
        registry = str(state.arguments["registry_id"])
        return Summary(status=state.state, parent=registry, at=state.started_at, fields=fields)

    def view(self, state: State) -> dict[str, Any] | None:
        """Show how far it is and what it was begun with; what it has gathered may be long: ask ``result``."""
        if not is_there(state):
            return None
        times = {"started_at": state.started_at, "completed_at": state.completed_at}
        return self._status(state) | state.arguments | {"attempts": state.attempts} | times

    def questions(self) -> dict[str, Question[State]]:
        """Return what may be asked of one workflow."""
        asked = {
            "status": Question(query=ephemeral.Status, answer=self.status),
            "wait": Question(query=ephemeral.Wait, answer=self.status, waits=is_answerable),
        }
        if self._gathers:
            asked["result"] = Question(query=ephemeral.Result, answer=self.result)
        return asked

    def status(self, state: State, _asked: Any, _turn: Turn) -> dict[str, Any]:
        """Return how far it is; raises Rejected when there is none."""
        if not is_there(state):
            raise Rejected("not_found", f"there is no such {self._table.kind}")
        return self._status(state)

    def result(self, state: State, asked: ephemeral.Result, turn: Turn) -> dict[str, Any]:
        """Return what was gathered, as much as fits; raises Rejected before it is whole, or never will be."""
        status = self.status(state, asked, turn)
        if not is_over(state):
            raise Rejected("partial_result", f"it is {state.state}; wait for it")
        if state.code:
            raise Rejected("failed", state.message, extra={"code": state.code})
        told: dict[str, Any] = {name: {} for name in self._gathers} | {"next": None}
        size = 0
        for number, (name, key, value) in enumerate(self._things(state)):
            if number < asked.after:
                continue
            size += len(encode(key)) + len(encode(value)) + len(":,")
            if size > RESULT_BYTES_MAX:
                told["next"] = number
                break
            told[name][key] = value
        return status | told

    def _things(self, state: State) -> Iterator[tuple[str, str, Any]]:
        for name in self._gathers:
            for key, value in state.gathered.get(name, {}).items():
                yield name, key, value

    def _status(self, state: State) -> dict[str, Any]:
        code, words = self._table.says.get(state.state, (state.code, state.state))
        return {
            "state": state.state,
            "code": code,
            "status": words,
            "message": state.message,
            "is_final": is_over(state),
        }
