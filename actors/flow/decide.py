"""What a run makes of what is said to it: what was said, and all that follows without anybody's help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from actors.actor import Folded, Rejected, Turn
from actors.flow import again, answers, listening
from actors.flow.evolve import evolve
from actors.flow.limits import passed, size
from actors.flow.ringing import ring
from actors.flow.state import State
from actors.flow.step import given_up, limited, next_events
from actors.flow.telling import told
from messages import run
from messages.base import Alarm
from messages.run import Command
from messages.run_events import Begun, Cancelled, Cancelling, Event, Paced, Paused, Resumed
from messages.task_events import Entered, Heard

STEPS_MAX = 500
"""How many events one message leads to; the rest follows in the next one."""
STEP_BYTES_MAX = 2 << 20
"""How large they may be together."""


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Record what was said, and go on until all wait; what would pass a bound ends the run instead."""
    done: Folded[State, Event] = Folded(state, evolve)
    _go_on(done, command, turn)
    done[:] = told(done)
    return done


def _go_on(done: Folded[State, Event], command: Command, turn: Turn) -> None:
    events, total, chance = _first(done.state, command, turn), 0, _chance(turn)
    while events:
        for event in events:
            if bound := passed(done.state, event):
                for last in limited(done.state, _pointer(done.state, event), bound, turn.at):
                    done.add(last)
                return
            done.add(event)
            total += size(event)
        if (len(done) >= STEPS_MAX or total >= STEP_BYTES_MAX) and not done.state.is_over:
            done.add(Paced())
            return
        events = next_events(done.state, turn.at, chance)


def _pointer(state: State, event: Event) -> str:
    return state.frames[getattr(event, "frame", 1)].pointer


def _chance(turn: Turn) -> float:
    """Return a number between 0 and 1 that is the same when the message comes again."""
    try:
        return int(turn.message[:8], 16) / 2**32
    except ValueError:
        return 0.5


def _first(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    if isinstance(command, run.Begin):
        return _begin(state, command, turn)
    if state.definition == "":
        return _early(state, command, turn)
    match command:
        case run.Go():
            return next_events(state, turn.at, _chance(turn))
        case Alarm():
            return ring(state, command, turn)
        case run.Deliver():
            return _deliver(state, command)
        case run.Evaluated() | run.Answered() | run.Faulted() | run.Lost() | run.Settle():
            return answers.heard(state, command, turn)
        case run.Pause() | run.Resume() | run.Cancel() | run.Terminate():
            return _order(state, command, turn)
        case run.Retry() | run.Rewound():
            return again.heard(state, command, turn)
    assert_never(command)


def _early(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Know that a run is given up which has not begun: its parent's word may overtake the launch."""
    if not isinstance(command, run.Cancel) or not turn.is_internal:
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    return [] if state.is_over else [Cancelled(reason=command.reason, at=turn.at)]


def _order(
    state: State, command: run.Pause | run.Resume | run.Cancel | run.Terminate, turn: Turn
) -> Sequence[Event]:
    is_stop = isinstance(command, run.Cancel | run.Terminate)
    if is_stop and state.status == "cancelled":
        return []
    if state.is_over:
        raise Rejected("state_conflict", f"the run has ended: {state.status}")
    match command:
        case run.Pause():
            return [] if state.is_paused else [Paused(reason=command.reason)]
        case run.Resume():
            return [Resumed()] if state.is_paused else []
        case run.Cancel():
            return [] if state.is_cancelling else [Cancelling(reason=command.reason, at=turn.at)]
        case run.Terminate():
            return [*given_up(state), Cancelled(reason=command.reason, at=turn.at)]
    assert_never(command)


def _deliver(state: State, command: run.Deliver) -> Sequence[Event]:
    """Have all tasks hear an event that listen; one that looks at an earlier event keeps it for later."""
    return [
        Heard(frame=frame.id, event=command.event)
        for frame in state.frames.values()
        if frame.is_started
        and not frame.has_result
        and state.task(frame).kind == "listen"
        and listening.may_want(state.task(frame).body["listen"]["to"], command.event)
    ]


def _begin(state: State, command: run.Begin, turn: Turn) -> Sequence[Event]:
    if state.definition:
        if state.workflow == command.workflow and state.input == command.input:
            return []
        raise Rejected("already_exists", "there is such a run; take another id")
    if state.is_over:
        raise Rejected("cancelled", "it was given up before it began")
    begun = Begun(
        workflow=command.workflow,
        workflow_version=command.workflow_version,
        definition=command.definition,
        input=command.input,
        trigger=command.trigger,
        by=command.by,
        parent=command.parent,
        execution=command.execution,
        environment=command.environment,
        author=command.author,
        given_by=command.given_by,
        at=turn.at,
        run=turn.me.id,
    )
    return [begun, Entered(frame=1, pointer="", parent=0, raw=command.input)]
