"""What a run of a job causes: work for a worker, a request to the owner of a compute, an end that is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from actors.actor import ById, Effect, Order, Rejected, Task, Turn
from actors.jobs import job_taking
from actors.jobs.job_replies import told
from actors.jobs.job_state import State
from messages import job_run as said
from messages.booking import Admit
from messages.envelope import Address, derive
from messages.job_run import Ended, Place, Result, Started

KIND = "job_run"
QUEUE = "jobs"
PEER_REFUSALS = {"blocked": "peer_blocked", "paused": "peer_paused"}


def owner_of(place: Place, node: str) -> str:
    """Return the partner that owns a compute, nothing when it is ours."""
    owner, slash, _ = place.compute.partition("/")
    return owner if slash and owner != node else ""


def check_partner(place: Place, turn: Turn) -> None:
    """Raise Rejected when the owner of a compute is no partner of ours."""
    owner = owner_of(place, turn.node)
    if not owner:
        return
    known = turn.known.get(ById("peer", owner))
    if known is None:
        raise Rejected("unknown_peer", f"we have not met {owner}", at="/on")
    if known.summary.status != "partner":
        code = PEER_REFUSALS.get(known.summary.status, "unknown_peer")
        raise Rejected(code, f"{owner} is {known.summary.status}", at="/on")


def there(node: str, run: str) -> str:
    """Return the id that a run of a node has at the owner of the compute."""
    return derive(f"{node}/{run}", KIND)


def react(state: State, event: said.Event, turn: Turn) -> Sequence[Effect]:
    """Have it run, and tell its end to who waits for it."""
    match event:
        case said.Begun():
            return [_ask_owner(event, turn) if event.place is not None else _work(state, turn)]
        case said.Taken():
            accepted = said.Accepted(until=event.until)
            return [_work(state, turn), Order(job_taking.asker(event, turn), accepted)]
        case said.Stopping():
            if state.place is None:
                return []  # its worker listens
            owner = owner_of(state.place, turn.node)
            to = Address(KIND, there(turn.node, turn.me.id), owner)
            return [Order(to, said.Stop(run=turn.me.id, reason=event.detail))]
        case Ended():
            return _tell(state, event.result, turn)
        case said.Forestalled() | said.Placed() | Started() | said.Wrote() | said.Deleted():
            return []
    assert_never(event)


def _work(state: State, turn: Turn) -> Task:
    assert state.pinned is not None  # it is begun, or taken
    node = "" if state.taken is None or state.taken.node == turn.node else state.taken.node
    key = derive(turn.me.id, "key")
    work = said.Run(run=turn.me.id, key=key, pinned=state.pinned, node=node, until=state.until)
    return Task(QUEUE, work)


def _ask_owner(event: said.Begun, turn: Turn) -> Order:
    assert event.place is not None
    assert event.work is not None
    owner, _, compute = event.place.compute.rpartition("/")
    to = Address("booking", compute, "" if owner == turn.node else owner)
    return Order(to, Admit(run=turn.me.id, work=event.work, execution=event.place.execution))


def _tell(state: State, result: Result, turn: Turn) -> Sequence[Effect]:
    if state.taken is not None:
        return [Order(job_taking.asker(state.taken, turn), said.Reported(result=result))]
    if state.begun is None:
        return []
    return told(state.begun.reply_to, state.begun.reply_mark, turn.me.id, result)


def passes(state: State, command: said.Command, turn: Turn) -> Sequence[Effect]:
    """Tell who asks for what was given up already that it is so."""
    if not isinstance(command, said.Take) or state.taken is not None or state.result is None:
        return []
    return [Order(job_taking.asker(command, turn), said.Reported(result=state.result))]


def answer(command: said.Command, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell who waits for a run that there is none."""
    match command:
        case said.Take():
            return [Order(job_taking.asker(command, turn), said.Denied(code=no.code, detail=no.detail))]
        case said.Begin():
            refused = Result(state="refused", reason=no.code, detail=no.detail)
            return told(command.reply_to, command.reply_mark, turn.me.id, refused)
        case _:
            return []
