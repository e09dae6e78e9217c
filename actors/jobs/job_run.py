"""A run of a job: one program, started once, here or on the compute of a partner, and its end told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never, get_args

from msgspec.structs import replace

from actors import retention
from actors.actor import Actor, ById, Need, Question, Rejected, Turn
from actors.fields import take
from actors.jobs import job_taking
from actors.jobs.job_effects import KIND, answer, check_partner, owner_of, passes, react, there
from actors.jobs.job_state import ANSWER, GIVE_UP, SLOT, State, alarms, evolve, summary, view
from messages import job_run as said
from messages.base import Alarm
from messages.job_run import Deleted, Ended, Final, Place, Result, Started, Stopping

ENDED_BY = {"cancelled": "cancelled", "slot_ended": "timeout", "slot_lost": "timeout"}


def needs(command: said.Command, turn: Turn) -> Sequence[Need]:
    """Know the partner that has the compute, and the executable that a partner asks for."""
    match command:
        case said.Begin(place=Place() as place):
            owner = owner_of(place, turn.node)
            return [ById("peer", owner)] if owner else []
        case said.Take():
            return [ById("executable", command.work.executable)]
        case _:
            return []


def decide(state: State, command: said.Command, turn: Turn) -> Sequence[said.Event]:
    """Begin it, follow its worker or the owner of its compute, end it once, and delete it."""
    if state.is_deleted:
        return _of_deleted(command, turn)
    match command:
        case said.Begin():
            return _begin(state, command, turn)
        case said.Take():
            return [] if state.status is not None else [job_taking.take_over(command, turn)]
        case said.Stop():
            return _stopped_by_asker(state, command, turn)
        case said.Accepted() | said.Denied() | said.Reported():
            return _answered(state, command, turn)
    if state.status is None:
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    return _go_on(state, command, turn)


def _go_on(
    state: State,
    command: said.Start | said.Append | said.End | said.SlotEnded | said.Cancel | said.Delete | Alarm,
    turn: Turn,
) -> Sequence[said.Event]:
    match command:
        case said.Start() | said.Append() | said.End():
            return _worked(state, command, turn)
        case said.SlotEnded():
            return _stop(state, turn, "slot_lost", command.reason)
        case said.Cancel():
            return _cancel(state, command, turn)
        case said.Delete():
            if not state.is_over:
                raise retention.under_way(turn)
            return [Deleted(at=turn.at)]
        case Alarm():
            return _ring(state, command, turn)
    assert_never(command)


def _of_deleted(command: said.Command, turn: Turn) -> Sequence[said.Event]:
    """Refuse what is meant for another run; what comes late of this one is not heard any more."""
    if isinstance(command, said.Begin | said.Take | said.Cancel):
        raise retention.deleted(turn)
    return []


def _begin(state: State, command: said.Begin, turn: Turn) -> Sequence[said.Event]:
    if state.status is not None:
        begun = state.begun
        if begun is not None and (begun.pinned, begun.place) == (command.pinned, command.place):
            return []
        raise Rejected("already_exists", "there is such a run; take another id")
    if command.place is not None:
        check_partner(command.place, turn)
    return [take(said.Begun, command, at=turn.at)]


def _stopped_by_asker(state: State, command: said.Stop, turn: Turn) -> Sequence[said.Event]:
    """Give it up for who asked for it; the word may overtake the run itself."""
    if turn.me.id != there(turn.origin, command.run):
        raise Rejected("not_owner", f"it is no run of {turn.origin}")
    if state.status is None:
        return [said.Forestalled(at=turn.at, node=turn.origin, run=command.run, reason=command.reason)]
    return [] if state.is_over else _stop(state, turn, "cancelled", command.reason)


def _answered(
    state: State, command: said.Accepted | said.Denied | said.Reported, turn: Turn
) -> Sequence[said.Event]:
    """Take what the owner of the compute says; from nobody else."""
    if state.place is None or turn.peer != owner_of(state.place, turn.node):
        raise Rejected("not_owner", "only the owner of its compute says how it goes")
    if not turn.peer and not turn.is_internal:
        raise Rejected("not_granted", "only the book of the compute and its run say how it goes")
    if state.is_over:
        return []
    match command:
        case said.Accepted():
            return [said.Placed(until=command.until)] if state.until is None else []
        case said.Denied():
            refused = Result(state="refused", reason=command.code, detail=command.detail)
            return [Ended(at=turn.at, result=refused)]
        case said.Reported():
            return [Ended(at=turn.at, result=command.result)]
    assert_never(command)


def _worked(state: State, command: said.Start | said.Append | said.End, turn: Turn) -> Sequence[said.Event]:
    if state.is_over or state.place is not None:
        return []
    if isinstance(command, said.Start):
        return _start(state, command, turn)
    if state.status != "running" or state.token != command.token:
        return []  # that attempt was given up
    match command:
        case said.Append():
            is_news = command.number > state.parts
            return [take(said.Wrote, command)] if is_news else []
        case said.End():
            return [Ended(at=turn.at, result=_ended(state, command.result))]
    assert_never(command)


def _start(state: State, command: said.Start, turn: Turn) -> Sequence[said.Event]:
    """Let a worker start it; one that finds it running has a predecessor that is gone."""
    if state.token == command.token:
        return []
    if state.stopping is not None:
        return [Ended(at=turn.at, result=_by_stop(state.stopping))]
    if state.status == "running" and not state.may_repeat:
        detail = "its worker was interrupted, so nobody knows what it has done; see, and run it again"
        return [Ended(at=turn.at, result=Result(state="lost", reason="interrupted", detail=detail))]
    return [Started(at=turn.at, token=command.token, worker=command.worker, attempt=state.attempt + 1)]


def _ended(state: State, result: Result) -> Result:
    """Return how it ended; one that was ended on our word is what we wanted of it."""
    if state.stopping is None or result.reason != "cancelled":
        return result
    wanted = state.stopping
    return replace(result, state=wanted.state, reason=wanted.reason, detail=wanted.detail)


def _by_stop(stopping: Stopping) -> Result:
    return Result(state=stopping.state, reason=stopping.reason, detail=stopping.detail)


def _cancel(state: State, command: said.Cancel, turn: Turn) -> Sequence[said.Event]:
    if state.status == "cancelled" or (state.stopping is not None and not state.is_over):
        return []
    if state.is_over:
        raise Rejected("state_conflict", f"the run has ended: {state.status}")
    return _stop(state, turn, "cancelled", command.reason)


def _stop(state: State, turn: Turn, reason: str, detail: str) -> Sequence[said.Event]:
    """End it: at once where nobody has begun it, else as soon as who runs it has said so."""
    if state.is_over or state.stopping is not None:
        return []
    wanted: Final = "timeout" if ENDED_BY[reason] == "timeout" else "cancelled"
    stopping = Stopping(at=turn.at, state=wanted, reason=reason, detail=detail)
    if state.status == "queued" and state.place is None:
        return [Ended(at=turn.at, result=_by_stop(stopping))]
    return [stopping]


def _ring(state: State, command: Alarm, turn: Turn) -> Sequence[said.Event]:
    if alarms(state).get(command.name) != command.due:
        return []
    if command.name == retention.DELETE:
        return [Deleted(at=turn.at)]
    if command.name == SLOT:
        return _stop(state, turn, "slot_ended", "its slot is over")
    who = "the owner of the compute" if state.place is not None else "its worker"
    detail = {
        ANSWER: f"{who} has not told how it ended",
        GIVE_UP: f"{who} has not told that it was ended",
    }[command.name]
    return [Ended(at=turn.at, result=Result(state="lost", reason="unreachable", detail=detail))]


def _wait(state: State, _asked: said.Wait, turn: Turn) -> dict[str, Any]:
    shown = view(state)
    if shown is None:
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    return {"kind": KIND, "id": turn.me.id, **shown}


def _where(state: State, asked: said.Fetch, turn: Turn) -> Mapping[str, Any]:
    """Return by which digest a file is kept, and how large it is; the node adds what is in it."""
    if turn.peer and (state.taken is None or state.taken.node != turn.peer):
        raise Rejected("not_found", f"there is no run {turn.me.id}")
    if state.result is None:
        raise Rejected("state_conflict", "it has not ended")
    for file in (*state.result.outputs, *state.result.files):
        if file.name == asked.file:
            owner = "" if state.place is None else owner_of(state.place, turn.node)
            run = there(turn.node, turn.me.id) if state.place is not None else turn.me.id
            found = {"name": file.name, "size": file.size, "sha256": file.sha256}
            return {**found, "offset": asked.offset, "owner": owner, "run": run}
    known = ", ".join(one.name for one in (*state.result.outputs, *state.result.files)) or "none"
    raise Rejected("not_found", f"it has left no {asked.file}; there are {known}", at="/file")


ACTOR: Actor[State, Any, Any] = Actor(
    kind=KIND,
    commands=(
        *(said.Cancel, said.Delete, said.Begin, said.Take, said.Accepted, said.Denied, said.Reported),
        *(said.Stop, said.SlotEnded, said.Start, said.Append, said.End),
    ),
    events=get_args(said.Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    answer=answer,
    needs=needs,
    passes=passes,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"executable", "compute", "node"}),
    view=view,
    belongs_to="job",
    questions={
        "wait": Question(query=said.Wait, answer=_wait, waits=lambda state: state.is_over),
        "fetch": Question(query=said.Fetch, answer=_where, peers_may_ask=True),
    },
    internal=frozenset({"begin", "take", "slot_ended", "accepted", "denied", "reported", "stop"}),
    peers_may=frozenset({"accepted", "denied", "reported", "stop"}),
    ids_return=True,
    hides_deleted=True,
)
