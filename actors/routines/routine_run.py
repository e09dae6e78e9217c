"""A run of a routine: durable, each step at most once at a time, its end told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never, get_args

import msgspec
from msgspec.structs import replace

from actors import retention
from actors.actor import Actor, Effect, Order, Question, Rejected, Turn
from actors.fields import take
from actors.jobs.job_effects import there
from actors.routines import routine_replies
from actors.routines.routine_going import found, go_on, run_of, tried
from actors.routines.routine_graph import source
from actors.routines.routine_pinning import leads_to, needs, pin
from actors.routines.routine_state import RETRY, TIMEOUT, WHOLE, State, alarms, evolve, summary, view
from messages import routine_run as said
from messages.base import Alarm
from messages.envelope import ALARM, Address
from messages.job import Input
from messages.job_run import Begin as BeginJob
from messages.job_run import Cancel as CancelJob
from messages.job_run import Delete as DeleteJob
from messages.job_run import Place
from messages.routine import Step
from messages.routine_run import PinnedJob

KIND = "routine_run"


def decide(state: State, command: said.Command, turn: Turn) -> Sequence[said.Event]:
    """Begin it, hear how its jobs end, go on, end it once, and delete it."""
    if state.is_deleted:
        if isinstance(command, said.Begin | said.Cancel):
            raise retention.deleted(turn)
        return []
    if isinstance(command, said.Begin):
        return _begin(state, command, turn)
    if state.begun is None:
        raise Rejected("not_found", f"there is no run {turn.me.id} of a routine")
    match command:
        case said.Heard():
            return _hear(state, command, turn)
        case said.Cancel():
            return _cancel(state, command, turn)
        case said.Delete():
            if state.ended is None:
                raise retention.under_way(turn)
            return [said.Deleted(at=turn.at)]
        case Alarm():
            return _ring(state, command, turn)
    assert_never(command)


def _begin(state: State, command: said.Begin, turn: Turn) -> Sequence[said.Event]:
    if state.begun is not None:
        if (state.begun.routine, state.begun.content) == (command.routine, command.content):
            return []
        raise Rejected("already_exists", "there is such a run; take another id")
    begun = take(said.Begun, command, at=turn.at)
    try:
        begun = replace(begun, jobs=pin(command.content.steps, turn))
    except Rejected as no:  # whoever asked has the id already: it is there, and says why it did not run
        stopping = said.Stopping(at=turn.at, status="failure", reason=f"{no.code}: {no.detail}")
        return go_on(state, [begun, stopping], turn)
    return go_on(state, [begun], turn)


def _hear(state: State, command: said.Heard, turn: Turn) -> Sequence[said.Event]:
    now = state.steps.get(command.step)
    if now is None or now.status != "running" or now.attempt != command.attempt:
        return []  # that try is over
    return go_on(state, [tried(state, _step(state, command.step), command.result, turn)], turn)


def _cancel(state: State, command: said.Cancel, turn: Turn) -> Sequence[said.Event]:
    if state.stopping is not None and (state.ended is None or state.stopping.status == "cancelled"):
        return []
    if state.ended is not None:
        raise Rejected("state_conflict", f"the run has ended: {state.status}")
    reason = command.reason or "cancelled"
    return go_on(state, [said.Stopping(at=turn.at, status="cancelled", reason=reason)], turn)


def _ring(state: State, command: Alarm, turn: Turn) -> Sequence[said.Event]:
    if alarms(state).get(command.name) != command.due:
        return []
    what, _, id = command.name.partition(".")
    match what:
        case name if name == retention.DELETE:
            return [said.Deleted(at=turn.at)]
        case name if name == WHOLE:
            assert state.begun is not None
            reason = f"it took longer than its {state.begun.content.timeout_seconds} s"
            return go_on(state, [said.Stopping(at=turn.at, status="timeout", reason=reason)], turn)
        case name if name == RETRY:
            return go_on(state, [said.StepWoken(step=id)], turn)
        case name if name == TIMEOUT:
            return go_on(state, [_overdue(state, id, turn)], turn)
    return []


def _overdue(state: State, id: str, turn: Turn) -> said.Event:
    now = state.steps[id]
    if now.status == "running":
        return said.StepStopping(at=turn.at, step=id, run=now.run)
    detail = f"it took longer than its {_step(state, id).timeout_seconds} s"
    how = said.How(reason="timeout", detail=detail)
    return said.StepEnded(at=turn.at, step=id, status="timeout", how=how)


def _step(state: State, id: str) -> Step:
    return next(step for step in state.plan if step.id == id)


def react(state: State, event: said.Event, turn: Turn) -> Sequence[Effect]:
    """Have jobs run and cancelled, and tell the end to who waits for it."""
    match event:
        case said.StepStarted():
            return [_run(state, event, turn)]
        case said.StepStopping():
            return [Order(Address("job_run", event.run), CancelJob(reason="its step took too long"))]
        case said.Stopping():
            runs = [state.steps[id].run for id in state.having("running")]
            return [Order(Address("job_run", run), CancelJob(reason=event.reason)) for run in runs]
        case said.Ended():
            return _tell(state, event, turn)
        case said.Deleted():
            # those of one whose time is over have ended before it, and go by themselves
            return [] if turn.sender == ALARM else _delete_jobs(state, turn)
        case said.Begun() | said.StepRetried() | said.StepWoken() | said.StepEnded():
            return []
    assert_never(event)


def _run(state: State, event: said.StepStarted, turn: Turn) -> Order:
    assert state.begun is not None
    step = _step(state, event.step)
    begin = BeginJob(
        **_placed(state.begun.jobs[step.job], step, _inputs(state, step, turn)),
        may_repeat=not step.once,
        reply_to=Address(KIND, turn.me.id),
        reply_mark=f"{event.step}.{event.attempt}",
    )
    return Order(Address("job_run", event.run), begin)


def _placed(job: PinnedJob, step: Step, inputs: tuple[Input, ...]) -> dict[str, Any]:
    """Return what is run, and where: its files go once, with the work when it is for a compute."""
    if not step.on or job.work is None:
        return {"pinned": replace(job.pinned, inputs=inputs)}
    return {
        "pinned": replace(job.pinned, inputs=inputs, working_files=()),
        "work": replace(job.work, may_repeat=not step.once, inputs=inputs),
        "place": Place(compute=step.on),
    }


def _inputs(state: State, step: Step, turn: Turn) -> tuple[Input, ...]:
    given = [(path, found(state, file), source(file)[0]) for path, file in step.takes.items()]
    return tuple(
        Input(path=path, sha256=one.sha256, size=one.size, run=_keeper(state, giver, turn))
        for path, one, giver in given
        if one is not None
    )


def _keeper(state: State, giver: str, turn: Turn) -> str:
    """Return the run that has left what a step gives: on a compute of ours it is one of its own."""
    run = state.steps[giver].run
    return there(turn.node, run) if _step(state, giver).on else run


def _delete_jobs(state: State, turn: Turn) -> Sequence[Effect]:
    tries = [(id, number) for id, one in state.steps.items() for number in range(1, one.attempt + 1)]
    return [Order(Address("job_run", run_of(turn.me.id, *one)), DeleteJob()) for one in tries]


def _tell(state: State, event: said.Ended, turn: Turn) -> Sequence[Effect]:
    assert state.begun is not None
    waiting = (state.begun.reply_to, state.begun.reply_mark)
    if event.status != "success":
        return routine_replies.failed(waiting, event.status, event.reason)
    steps = {id: msgspec.to_builtins(one.how) for id, one in state.steps.items()}
    return routine_replies.succeeded(waiting, {"run": turn.me.id, "steps": steps})


def _wait(state: State, _asked: said.Wait, turn: Turn) -> dict[str, Any]:
    shown = view(state)
    if shown is None:
        raise Rejected("not_found", f"there is no run {turn.me.id} of a routine")
    return {"kind": KIND, "id": turn.me.id, **shown}


ACTOR: Actor[State, Any, Any] = Actor(
    kind=KIND,
    commands=(said.Cancel, said.Delete, said.Begin, said.Heard),
    events=get_args(said.Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    needs=needs,
    leads_to=leads_to,
    alarms=alarms,
    summary=summary,
    view=view,
    questions={
        "wait": Question(query=said.Wait, answer=_wait, waits=lambda state: state.ended is not None),
    },
    internal=frozenset({"begin", "heard"}),
    belongs_to="routine",
    ids_return=True,
    hides_deleted=True,
)
