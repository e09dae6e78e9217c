"""Whatever is said to a workflow in whatever order: its state is known, and what happened leads to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import TABLES
from actors.actor import Rejected, Turn
from actors.ephemeral import ephemeral
from actors.ephemeral.table import DELETED, FINAL, UNINITIALIZED, Table
from messages.base import Message
from messages.envelope import Address
from tests.actors.derived import OTHERS, VALUES, says
from tests.spec import NOON

COMMANDS_MAX = 30
STEPS = (timedelta(0), timedelta(seconds=1), timedelta(days=1), timedelta(days=5))
"""How long it may take until the next command."""
SAID = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([VALUES, OTHERS]), st.sampled_from(STEPS)),
    max_size=COMMANDS_MAX,
)
ACTORS = [(table, ephemeral.actor(table)) for table in TABLES]


class Life:
    """One workflow, with all that has happened to it."""

    def __init__(self, table: Table, actor: Any) -> None:
        self.table = table
        self.actor = actor
        self.verbs = [row.verb for row in table.rows]
        self.counted = {row.verb for row, _, cell in table.records() if cell.at_most}
        self.state = actor.initial
        self.events: list[Message] = []
        self.at = NOON

    def hear(self, number: int, values: tuple[Any, ...], later: timedelta) -> None:
        """Hear a command, and again, as what is repeated."""
        self.at += later
        choice = self._open() if number % 2 else self.verbs
        verb = choice[number // 2 % len(choice)]
        command = says(self.actor, verb, values)
        if not self._does(command):
            return
        self.holds()
        once = self.state
        again = self._does(command)
        if verb not in self.counted:
            assert again
            assert msgspec.structs.replace(self.state, is_new=once.is_new) == once

    def _open(self) -> list[str]:
        """Return the commands with which something happens now, so that it gets far; all, when none does."""
        verbs = [row.verb for row, state, _ in self.table.records() if state == self.state.state]
        return verbs or self.verbs

    def _does(self, command: Message) -> bool:
        """Say whether the command is accepted."""
        turn = Turn(me=Address(self.table.kind, "w-1"), node="acme", message="m", at=self.at)
        try:
            events = self.actor.decide(self.state, command, turn)
        except Rejected:
            return False
        for event in events:
            self.state = self.actor.evolve(self.state, event)
            self.actor.react(self.state, event, turn)
            self.events.append(event)
        return True

    def holds(self) -> None:
        """Check what is always so."""
        stored = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in self.events]
        state = self.state
        assert self.actor.replay(stored) == state
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state)) == state
        assert state.state in (*self.table.states, DELETED)
        assert (state.completed_at is not None) == (state.state in (*FINAL, DELETED))
        assert (state.started_at is not None) == (state.state != UNINITIALIZED)
        is_shown = state.state not in (UNINITIALIZED, DELETED)
        assert bool(self.actor.alarms(state)) == is_shown == (self.actor.view(state) is not None)


@pytest.mark.parametrize(("table", "actor"), ACTORS, ids=[table.kind for table in TABLES])
@settings(deadline=None)
@given(said=SAID)
def test_any_sequence_of_commands_leads_to_a_state_that_is_known(
    table: Table, actor: Any, said: list[tuple[int, tuple[Any, ...], timedelta]]
) -> None:
    life = Life(table, actor)

    for command in said:
        life.hear(*command)

    life.holds()
