"""Ephemeral workflows in tests: words by name, how a state is come to, and what a cell promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from actors.actor import Actor, Rejected, Turn
from messages.base import Message, tag
from messages.envelope import Address
from tests.actors.spec_tables import BROUGHT, Wanted
from tests.spec import NOON, Given, given

LATE = NOON + timedelta(days=30)
"""When every workflow that was begun at noon has expired."""

Bodies = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Workflow:
    """A kind of workflow as a specification knows it."""

    actor: Actor[Any, Any, Any]
    bodies: Bodies
    """What each command says here; those not named say nothing."""
    ways: Mapping[str, Sequence[str]]
    """The commands that lead to each state."""

    def says(self, verb: str, **fields: Any) -> Message:
        """Make a command; ``fields`` in place of the usual ones."""
        structs = {tag(one): one for one in self.actor.commands}
        made: Message = structs[f"{self.actor.kind}.{verb}"](**{**self.bodies.get(verb, {}), **fields})
        return made

    def event(self, name: str, **fields: Any) -> Message:
        """Make an event."""
        structs = {tag(one): one for one in self.actor.events}
        made: Message = structs[f"{self.actor.kind}.{name}"](**fields)
        return made

    def come_to(self, state: str) -> Given:
        """Return one that is in a state."""
        found = given(self.actor, id="w-1")
        for verb in self.ways[state]:
            found = found.after(self.says(verb))
        assert found.state.state == state
        return found

    def ask(self, question: str, where: Given, **about: Any) -> Any:
        """Ask it something."""
        asked = self.actor.questions[question]
        turn = Turn(me=Address(self.actor.kind, where.id), node="acme", message="", at=NOON)
        return asked.answer(where.state, asked.query(**about), turn)

    def refuses(self, question: str, where: Given) -> Rejected:
        """Ask it something that it cannot answer."""
        with pytest.raises(Rejected) as refused:
            self.ask(question, where)
        return refused.value

    def check(self, wanted: Wanted) -> None:
        """Say what a cell of the specification is about, and compare what happens."""
        before, command = self.come_to(wanted.state), self.says(wanted.verb)
        result = before.when(command, at=LATE)

        if wanted.refusal and not wanted.is_same:
            result.then_rejected(wanted.refusal)
            assert result.state == before.state
            return
        if not wanted.event:
            result.then_nothing()
            return
        (event,) = result.events
        assert tag(event) == f"{self.actor.kind}.{wanted.event}"
        assert result.state.state == wanted.after
        if wanted.code:
            brought = self.bodies[wanted.verb]["code"] if wanted.code == BROUGHT else int(wanted.code)
            assert (event.code, result.state.code) == (brought, brought)  # type: ignore[attr-defined]
        if wanted.message:
            assert result.state.message == wanted.message
