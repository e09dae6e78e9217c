"""How far a run is: its frames, one for each task that is under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from actors.flow.program import Program, Task, read
from messages.problem import Problem
from messages.run import Status


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One task under way, or one list of tasks."""

    id: int
    pointer: str
    parent: int = 0
    """The frame that waits for this one; 0: the run itself."""
    raw: Any = None
    """What came in, before ``input.from``."""
    input: Any = None
    is_started: bool = False
    started_at: datetime | None = None
    deadline: datetime | None = None
    variables: dict[str, Any] = {}
    """What it adds to the names that expressions in it and below may use."""
    values: dict[str, Any] = {}
    """What its expressions have come to."""
    asks: int = 0
    """How many times values were asked for; an answer to an older question is not heard."""
    is_asking: bool = False
    calls: int = 0
    is_calling: bool = False
    answer_by: datetime | None = None
    """When a call is given up that nobody has answered."""
    is_unsettled: bool = False
    """Whether nobody knows what became of a call that must not be made twice."""
    is_listening: bool = False
    heard: tuple[dict[str, Any], ...] = ()
    due: datetime | None = None
    is_woken: bool = False
    children: tuple[int, ...] = ()
    index: int = -1
    """The round of a loop, the place in a list, the attempt of a try."""
    place: int = 0
    """Of a list: which task is next. Of others: how many children were entered."""
    last: Any = None
    """The output of the child that ended last."""
    outputs: dict[int, Any] = {}
    """The outputs of the branches of a fork, by their places."""
    problem: Problem | None = None
    """How a child has failed, until it is dealt with."""
    caught: Problem | None = None
    has_result: bool = False
    result: Any = None
    """What came out, before ``output.as``."""
    then: str = ""
    """Where to go on, when that was decided with the result."""

    @property
    def hears(self) -> bool:
        """Whether events concern it: it waits for them, or looks at one."""
        return self.is_listening or bool(self.heard)

    @property
    def is_parked(self) -> bool:
        """Whether it waits for somebody outside, or an instant."""
        return self.is_asking or self.is_calling or self.is_listening or self.due is not None


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """How a run that has ended is to go on, while its history is read."""

    start: str
    version: int
    definition: dict[str, Any] | None = None
    workflow_version: int = 0
    author: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A run; without a definition it was never begun."""

    id: str = ""
    status: Status = "pending"
    definition: str = ""
    """The JSON of the definition."""
    workflow: str = ""
    workflow_version: int = 0
    input: Any = None
    context: Any = None
    trigger: str = ""
    by: str = ""
    parent: str = ""
    execution: str = ""
    environment: str = "main"
    author: str = ""
    """In whose name it does what it does."""
    given_by: tuple[str, ...] = ()
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    frames: dict[int, Frame] = {}
    frames_made: int = 0
    actions: int = 0
    """How many tasks have started."""
    rounds: int = 0
    """How many rounds loops have made."""
    log_bytes: int = 0
    data_bytes: int = 0
    """What all tasks have put out."""
    is_paused: bool = False
    is_cancelling: bool = False
    returning: Return | None = None
    restarts: int = 0
    """How often it has been run again after its end."""
    reason: str = ""
    output: Any = None
    problem: Problem | None = None

    @property
    def program(self) -> Program:
        """The definition, read."""
        return read(self.definition)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("success", "failure", "cancelled")

    def task(self, frame: Frame) -> Task:
        """Return the task of a frame."""
        return self.program[frame.pointer]

    def variables(self, frame: Frame) -> dict[str, Any]:
        """Return the names that frames from the outermost to this one have added."""
        if frame.parent == 0:
            return dict(frame.variables)
        return {**self.variables(self.frames[frame.parent]), **frame.variables}

    def depth(self, frame: Frame) -> int:
        """Return how many frames stand above this one."""
        return 0 if frame.parent == 0 else 1 + self.depth(self.frames[frame.parent])

    def below(self, frame: Frame) -> list[Frame]:
        """Return all frames below one, the deepest first."""
        children = [self.frames[id] for id in frame.children if id in self.frames]
        return [found for child in children for found in (*self.below(child), child)]
