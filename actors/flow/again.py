"""Running again what has ended: from where it failed, from the start, or from an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.actor import Rejected, Turn
from actors.definition.refusal import must_run
from actors.flow.program import SEQUENCE, WORKFLOW, Program, read
from actors.flow.rewind import FAILED
from actors.flow.state import Frame, State
from messages import run
from messages.run_events import Event, Restarted, Rewinding, Unmoved
from messages.task_events import Entered

START = "start"


def heard(state: State, command: run.Retry | run.Rewound, turn: Turn) -> Sequence[Event]:
    """Take that it is to run again, or what it was."""
    return _retry(state, command, turn) if isinstance(command, run.Retry) else _rewound(state, command, turn)


def _retry(state: State, command: run.Retry, turn: Turn) -> Sequence[Event]:
    """Begin anew, or have the history read to go on from what was."""
    if not state.is_over:
        raise Rejected("state_conflict", f"the run has not ended, it is {state.status}")
    if command.definition is not None:
        must_run(command.definition, turn.unread)
    definition, version = command.definition, command.workflow_version or state.workflow_version
    author = "" if definition is None else turn.sender
    if command.start == START:
        again = Restarted(
            start=START, at=turn.at, definition=definition, workflow_version=version, author=author
        )
        return [again, Entered(frame=state.frames_made + 1, pointer="", parent=0, raw=state.input)]
    _check_start(state, command)
    if state.returning is not None and state.returning.start == command.start:
        return []
    return [
        Rewinding(
            start=command.start,
            version=turn.version,
            at=turn.at,
            definition=definition,
            workflow_version=version,
            author=author,
        )
    ]


def _check_start(state: State, command: run.Retry) -> None:
    if command.start == FAILED:
        if state.status == "success":
            raise Rejected("state_conflict", "the run has not failed; retry it from its start, or an action")
        return
    program = _program(state, command.definition)
    task = program.tasks.get(command.start)
    if task is None or task.kind in (SEQUENCE, WORKFLOW):
        raise Rejected("not_found", f"there is no action {command.start} in the definition", at="/from")
    for one in program.tasks.values():
        if one.kind == "fork" and command.start.startswith(f"{one.pointer}/fork/"):
            detail = f"an action in a branch cannot be gone back to: go back to {one.pointer}"
            raise Rejected("in_a_branch", detail, at="/from")


def _program(state: State, definition: Mapping[str, Any] | None) -> Program:
    return state.program if definition is None else read(msgspec.json.encode(definition).decode())


def _rewound(state: State, command: run.Rewound, turn: Turn) -> Sequence[Event]:
    """Go on from what was; what was not asked for, or not any more, changes nothing."""
    asked = state.returning
    if asked is None or asked.version != command.version:
        return []
    if command.problem is not None:
        return [Unmoved(code=command.problem.type, detail=command.problem.detail)]
    try:
        frames = msgspec.convert(command.frames, list[Frame], str_keys=True)
    except msgspec.ValidationError as error:
        raise Rejected("invalid_body", str(error), at="/frames") from error
    lost = _unknown(state, _program(state, asked.definition), frames)
    if lost:
        return [Unmoved(code="definition_conflict", detail=f"the definition has no such action as {lost}")]
    moved = [_anew(one, state.frames_made, turn.at, asked.definition is None) for one in frames]
    return [
        Restarted(
            start=asked.start,
            at=turn.at,
            definition=asked.definition,
            workflow_version=asked.workflow_version,
            author=asked.author,
            frames=[msgspec.to_builtins(frame, str_keys=True) for frame in moved],
            context=command.context,
        )
    ]


def _unknown(state: State, program: Program, frames: Sequence[Frame]) -> str:
    """Return what was under way and is not in the definition any more, or has become something else."""
    for frame in frames:
        before, now = state.program.tasks.get(frame.pointer), program.tasks.get(frame.pointer)
        if before is None or now is None or before.kind != now.kind:
            return frame.pointer
    return ""


def _anew(frame: Frame, ids: int, at: datetime, keeps_values: bool) -> Frame:
    """Return a frame that begins again what it waited for, under an id that no late answer knows."""
    left = None if frame.deadline is None or frame.started_at is None else frame.deadline - frame.started_at
    return replace(
        frame,
        id=frame.id + ids,
        parent=frame.parent + ids if frame.parent else 0,
        children=tuple(id + ids for id in frame.children),
        values=frame.values if keeps_values else {},
        started_at=None if frame.started_at is None else at,
        deadline=None if left is None else at + left,
        is_asking=False,
        is_calling=False,
        is_unsettled=False,
        is_listening=False,
    )
