"""Planted bugs: each breaks one promise of runs, so that ``tests.sim.runs`` must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from actors.flow import answers, decide
from node.handover import Handover
from node.workers.desk import NOT_SENT, Desk
from node.workers.running import Running
from store.step import Outgoing
from tests.sim import run_promises, runs
from tests.sim.broker import Stored

Bug = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, Bug] = {}


def bug(plant: Bug) -> Bug:
    """List a bug under its name."""
    BUGS[plant.__name__] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Break one thing as long as the context is open."""
    with pytest.MonkeyPatch.context() as patch:
        BUGS[name](patch)
        yield


@bug
def a_call_that_has_its_answer_is_made_again(patch: pytest.MonkeyPatch) -> None:
    """A worker does not ask whether the run still waits."""

    async def is_wanted(_self: Running, _call: Any) -> bool:
        return True

    patch.setattr(Running, "_is_wanted", is_wanted)


@bug
def an_answer_is_heard_twice(patch: pytest.MonkeyPatch) -> None:
    """A task takes an answer although it has one."""
    patch.setattr(answers, "_calling", lambda state, id, _call: state.frames.get(id))


@bug
def a_pause_that_nobody_heeds(patch: pytest.MonkeyPatch) -> None:
    """Tasks begin while the run is paused."""
    heeding = decide.next_events

    def heedless(state: Any, *more: Any) -> Any:
        return heeding(msgspec.structs.replace(state, is_paused=False), *more)

    patch.setattr(decide, "next_events", heedless)


@bug
def acknowledged_before_it_is_done(patch: pytest.MonkeyPatch) -> None:
    """The broker may forget a task as soon as a worker has it."""
    do = runs.World._do

    async def hasty(self: runs.World, task: Stored) -> None:
        await do(self, task)
        self.node.tasks.ack(task.sequence)

    patch.setattr(runs.World, "_do", hasty)


@bug
def a_task_in_hand_counts_as_sent(patch: pytest.MonkeyPatch) -> None:
    """What a node has in hand when it dies is lost."""
    is_taken = Desk._is_taken

    def hasty(self: Desk, row: Outgoing) -> bool:
        taken = is_taken(self, row)
        if taken:
            self._note_sent([(row.position, NOT_SENT)])
        return taken

    patch.setattr(Desk, "_is_taken", hasty)


@bug
def an_order_that_was_left_to_the_bus_counts_as_handled(patch: pytest.MonkeyPatch) -> None:
    """What the bus brings is taken for something that was handed over."""
    patch.setattr(Handover, "is_done", lambda _self, id: not id.startswith("operator"))


@bug
def a_snapshot_that_forgets(patch: pytest.MonkeyPatch) -> None:
    """What a snapshot is written of lacks which call of a task it was."""
    freeze = run_promises.freeze

    def forgetful(state: Any) -> bytes:
        frames = {id: msgspec.structs.replace(frame, calls=0) for id, frame in state.frames.items()}
        return freeze(msgspec.structs.replace(state, frames=frames))

    patch.setattr(run_promises, "freeze", forgetful)
