"""A run of a routine by itself, to its end: its jobs run as a test says, time passes by its alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from actors.actor import ById, Effect, Known, Need, Order, Rejected, Summary, Turn
from actors.retention import DELETE
from actors.routines import routine_graph
from actors.routines.routine_run import ACTOR
from actors.routines.routine_state import State
from messages import job_run
from messages import routine_run as said
from messages.base import Alarm, Command, encode, tag
from messages.envelope import ACTOR as INTERNAL
from messages.envelope import ALARM, OPERATOR, Address
from messages.job_run import File, Result
from messages.routine import Content, Step

AT = datetime(2026, 10, 20, tzinfo=UTC)
ID = "r-1"


def result(state: job_run.Final = "success", **more: Any) -> Result:
    """Return how a run of a job has ended."""
    codes = {"success": 0, "failure": 1}
    return Result(state=state, code=codes.get(state), **more)


class End(NamedTuple):
    """How a try ends, and how long it takes; None: only when it is cancelled."""

    result: Result | None = None
    seconds: float | None = 1.0


Script = Callable[[str, int], End]
"""Given a step and the number of its try."""


def well(_step: str, _attempt: int) -> End:
    return End(result())


def step(id: str, *needs: str, mode: str = "conc", **more: Any) -> Step:
    """Return a step of the job that has its name."""
    return Step(id=id, job=more.pop("job", id), needs=needs, mode=mode, **more)  # type: ignore[arg-type]


def content(*steps: Step, **more: Any) -> Content:
    """Return a routine of these steps."""
    return Content(name="R", steps=routine_graph.named(steps), **more)


def known_of(steps: Sequence[Step]) -> dict[Need, Known | None]:
    """Return what a node knows that has these jobs."""
    command = {"name": "C", "executable": "tool-1", "flags": ["-x"], "generation": 3}
    executable: dict[str, Any] = {"tag": "tool - 1", "path": "/bin/tool", "generation": 2}
    executable |= {"parameters": [{"flag": "-x"}]}
    found: dict[Need, Known | None] = {
        ById("command", "C"): Known("C", Summary(name="C", parent="tool-1", fields=command)),
        ById("executable", "tool-1"): Known("tool-1", Summary(name="tool - 1", fields=executable)),
    }
    for one in steps:
        fields = {"name": one.job, "command": "C", "executable": "tool-1", "generation": 4}
        found[ById("job", one.job)] = Known(one.job, Summary(name=one.job, parent="C", fields=fields))
    return found


@dataclass
class Play:
    """One run, the jobs that it has begun, and a clock."""

    content: Content
    script: Script = well
    state: State = ACTOR.initial
    now: datetime = AT
    events: list[said.Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    begun: list[tuple[str, int]] = field(default_factory=list)
    """Each try, in the order in which they were begun."""
    running: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By the run of the job: step and try."""
    ends: dict[str, tuple[datetime, Result]] = field(default_factory=dict)
    inputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    known: dict[Need, Known | None] = field(default_factory=dict)
    rung: set[tuple[str, datetime]] = field(default_factory=set)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.known = self.known or known_of(self.content.steps)

    def begin(self, **more: Any) -> Play:
        self.say(said.Begin(routine="nightly", generation=1, content=self.content, **more))
        return self

    def turn(self, sender: str) -> Turn:
        return Turn(
            me=Address("routine_run", ID),
            node="lab",
            message=f"m-{len(self.events)}",
            at=self.now,
            sender=sender,
            known=self.known,
        )

    def say(self, command: Command) -> list[str]:
        """Have a command handled, see that it changes nothing the second time, and return what happened."""
        verb = tag(command).partition(".")[2]
        sender = ALARM if isinstance(command, Alarm) else INTERNAL if verb in ACTOR.internal else OPERATOR
        turn = self.turn(sender)
        events = [self._stored(one) for one in ACTOR.decide(self.state, command, turn)]
        after = self.state
        for event in events:
            after = ACTOR.evolve(after, event)
        for event in events:
            for effect in ACTOR.react(after, event, turn):
                self._heed(effect)
        self.state = after
        self.events += events
        assert self._again(command, turn) in ([], "state_conflict"), command
        return [tag(one).partition(".")[2] for one in events]

    def refused(self, command: Command, sender: str = OPERATOR) -> str:
        try:
            ACTOR.decide(self.state, command, self.turn(sender))
        except Rejected as no:
            return no.code
        return ""

    def _again(self, command: Command, turn: Turn) -> Any:
        try:
            return list(ACTOR.decide(self.state, command, turn))
        except Rejected as no:
            return no.code

    @staticmethod
    def _stored(event: said.Event) -> said.Event:
        return msgspec.json.decode(encode(event), type=type(event))

    def _heed(self, effect: Effect) -> None:
        self.effects.append(effect)
        if not isinstance(effect, Order) or effect.to.kind != "job_run":
            return
        run = effect.to.id
        if isinstance(effect.command, job_run.Begin):
            id, _, number = effect.command.reply_mark.rpartition(".")
            assert run not in self.ends, "a run of a job is begun once"
            self.begun.append((id, int(number)))
            self.inputs[id] = effect.command.pinned.inputs
            self.running[run] = (id, int(number))
            self.most_at_once = max(self.most_at_once, len(self.running))
            end = self.script(id, int(number))
            after = timedelta(seconds=end.seconds if end.seconds is not None else 10**8)
            self.ends[run] = (self.now + after, end.result or result())
        elif isinstance(effect.command, job_run.Cancel) and run in self.running:
            told = Result(state="cancelled", reason="cancelled", detail=effect.command.reason)
            self.ends[run] = (self.now, told)

    def hear(self, run: str) -> list[str]:
        """Let the run of a job tell its end."""
        id, number = self.running.pop(run)
        return self.say(said.Heard(step=id, attempt=number, result=self.ends[run][1]))

    def _coming(self) -> Iterator[tuple[datetime, int, str]]:
        for run in self.running:
            yield self.ends[run][0], 0, run
        for name, due in ACTOR.alarms(self.state).items():
            if (name, due) not in self.rung and name != DELETE:
                yield due, 1, name

    def advance(self) -> bool:
        """Let the next thing happen; say whether there was one."""
        coming = min(self._coming(), default=None)
        if coming is None:
            return False
        due, what, name = coming
        self.now = max(self.now, due)
        if what == 0:
            self.hear(name)
        else:
            self.rung.add((name, due))
            self.say(Alarm(name=name, due=due))
        return True

    def to_the_end(self) -> Play:
        """Let all happen that does."""
        for _ in range(10_000):
            if not self.advance():
                return self
        raise AssertionError("it goes on and on")

    @property
    def order(self) -> list[str]:
        return [id for id, _ in self.begun]

    @property
    def status(self) -> str:
        return self.state.status

    @property
    def statuses(self) -> dict[str, str]:
        return {id: one.status for id, one in self.state.steps.items()}

    @property
    def seconds(self) -> float:
        return (self.now - AT).total_seconds()


def left(*names: str) -> Result:
    """Return the end of a job that has left files."""
    files = tuple(File(name=name, size=1, sha256=name * 2) for name in names)
    return msgspec.structs.replace(result(), files=files)
