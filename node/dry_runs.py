"""Several dry runs on one clock: a run, and those that it has other workflows do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from actors.flow.actor import ACTOR
from actors.flow.state import State
from messages import run
from node.dry_run import BEGIN, Call, DryRun, Evaluate

WORKFLOW = "workflow"
RUNS_MAX = 1_000


class Unknown(LookupError):
    """A run is to run a workflow that nobody has given."""

    def __init__(self, workflow: str) -> None:
        super().__init__(workflow)
        self.workflow = workflow


class Happened(NamedTuple):
    """One event of a run."""

    at: datetime
    event: Any


class Played(DryRun):
    """A dry run that notes when each thing has happened, and who waits for it."""

    def __init__(
        self, work: tuple[Evaluate, Call], begin: datetime, above: tuple[Played, run.Call] | None = None
    ) -> None:
        super().__init__(*work, begin)
        self.above = above
        self.happened: list[Happened] = []

    def say(self, command: Any) -> list[Any]:
        """Have a command decided, and note what happens."""
        events = super().say(command)
        self.happened += [Happened(self.now, event) for event in events]
        return events

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for it."""
        if self.above is None:
            return True
        frame = self.above[0].state.frames.get(self.above[1].frame)
        return frame is not None and frame.is_calling and frame.calls == self.above[1].call


class DryRuns:
    """Plays a run and its children, all at the same instant."""

    def __init__(
        self, evaluate: Evaluate, call: Call, workflows: Mapping[str, dict[str, Any]], begin: datetime = BEGIN
    ) -> None:
        self._work = (evaluate, call)
        self._workflows = workflows
        self._open: list[Played] = []
        self.now = begin
        self.runs: list[Played] = []
        """The first is the one that is played."""

    async def play(self, workflow: str, given: Any = None) -> State:
        """Run a workflow, skipping all time; return how it ended, or what it waits for for ever."""
        main = self._begin(workflow, given, None)
        while await self._go_on():
            pass
        return main.state

    def _begin(self, workflow: str, given: Any, above: tuple[Played, run.Call] | None) -> Played:
        if workflow not in self._workflows:
            raise Unknown(workflow)
        if len(self.runs) >= RUNS_MAX:
            raise RuntimeError(f"a run has more than {RUNS_MAX} others in it")
        played = Played(self._work, self.now, above)
        self.runs.append(played)
        self._open.append(played)
        by = WORKFLOW if len(self.runs) > 1 else "manual"
        definition = self._workflows[workflow]
        played.say(run.Begin(workflow=workflow, definition=definition, input=given, trigger=by))
        return played

    async def _go_on(self) -> bool:
        """Do one thing: some work, an answer to who waits, or a jump; False when nothing is left to do."""
        for one in self._open:
            if one.work:
                await self._serve(one)
                return True
        for one in self._open:
            if one.state.is_over or not one.is_wanted:
                self._open.remove(one)
                self._answer(one)
                return True
        return self._ring()

    async def _serve(self, one: Played) -> None:
        work = one.work[0]
        if isinstance(work, run.Call) and work.kind == WORKFLOW:
            one.work.popleft()
            above = (one, work) if work.call else None  # else nobody waits for it
            self._begin(str(work.arguments["name"]), work.arguments.get("input"), above)
        else:
            await one.serve()

    def _answer(self, one: Played) -> None:
        """Tell a run how the one has ended that it waits for."""
        if one.above is None or not one.is_wanted:
            return
        (above, call), state = one.above, one.state
        if state.status == "success":
            above.say(run.Answered(frame=call.frame, call=call.call, output=state.output))
            return
        problem = state.problem or run.Problem(type="cancelled", status=499, title="Cancelled")
        above.say(run.Faulted(frame=call.frame, call=call.call, problem=problem))

    def _ring(self) -> bool:
        """Jump to the next instant that a run waits for."""
        waiting = [
            (due, place) for place, one in enumerate(self._open) for due in ACTOR.alarms(one.state).values()
        ]
        if not waiting:
            return False
        due, place = min(waiting)
        self.now = max(self.now, due)
        for one in self._open:
            one.now = self.now
        return self._open[place].ring()
