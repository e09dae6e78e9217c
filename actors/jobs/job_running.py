"""How a job begins its runs: what it is then is pinned, and nothing that is saved later changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from actors.actor import ById, Effect, Need, Order, Rejected, Turn
from actors.jobs import argv
from actors.jobs.job_effects import KIND, check_partner, owner_of
from actors.jobs.job_replies import told
from actors.rights import behalf
from messages.base import encode
from messages.envelope import Address, derive
from messages.job import Content, Pinned, Run
from messages.job_run import Begin, Place, Result, Work

PINNED_BYTES_MAX = 220 * 1024
"""With all around it, it has to fit into one message to the run, or to the owner of a compute."""
Pin = Callable[[], Pinned]


def needs(command: Run, turn: Turn) -> list[Need]:
    """Know the partner that has the compute."""
    place = _place(command)
    owner = "" if place is None else owner_of(place, turn.node)
    return [ById("peer", owner)] if owner else []


def check(command: Run, pin: Pin, turn: Turn) -> None:
    """Raise Rejected when it may not be run so."""
    if (command.reply_to is not None or command.behalf) and not turn.is_internal:
        raise Rejected("not_granted", "only a run or a routine has the end told to itself", at="/reply_to")
    behalf.check(command.behalf, behalf.Act("job", turn.me.id), turn)
    pinned = pin()
    if command.execution and not command.on:
        raise Rejected("invalid_message", "an execution is of a compute; say on which: on", at="/execution")
    check_size(pinned)
    place = _place(command)
    if place is not None:
        check_partner(place, turn)
        check_kept(pinned, place, turn)


def check_size(pinned: Pinned) -> None:
    """Raise Rejected when it is too much for one message."""
    size = len(encode(pinned))
    if size > PINNED_BYTES_MAX:
        detail = f"it has {size} bytes with its files and values; at most {PINNED_BYTES_MAX} are run"
        raise Rejected("too_large", detail)


def check_kept(pinned: Pinned, place: Place, turn: Turn) -> None:
    """Raise Rejected when a partner would be sent what is ours alone."""
    if owner_of(place, turn.node) and pinned.environment:
        detail = "the environment of a job is not sent to a partner; leave it out of the job"
        raise Rejected("environment_kept", detail, at="/on")


def begin(content: Content, command: Run, pin: Pin, turn: Turn) -> list[Effect]:
    """Have a run begin."""
    pinned, place = pin(), _place(command)
    wanted = None if place is None else work(content, pinned, turn, may_repeat=command.may_repeat)
    run = Begin(
        pinned=pinned if place is None else replace(pinned, working_files=()),
        work=wanted,
        place=place,
        may_repeat=command.may_repeat,
        reply_to=command.reply_to,
        reply_mark=command.reply_mark,
    )
    return [Order(Address(KIND, id_of(command, turn)), run)]


def work(content: Content, pinned: Pinned, turn: Turn, *, may_repeat: bool) -> Work:
    """Return what a partner is to do for the same."""
    used = turn.known[ById("command", content.command)]
    of = turn.known[ById("executable", pinned.executable)]
    assert used is not None  # pinned
    assert of is not None
    return Work(
        executable=pinned.executable,
        tag=of.summary.name,
        flags=tuple(used.summary.fields["flags"]),
        values=argv.values(content),
        environment=pinned.environment,
        timeout_seconds=pinned.timeout_seconds,
        working_files=pinned.working_files,
        may_repeat=may_repeat,
    )


def _place(command: Run) -> Place | None:
    return Place(compute=command.on, execution=command.execution) if command.on else None


def id_of(command: Run, turn: Turn) -> str:
    """Return the id of the run."""
    return command.run or derive(turn.message, "run")


def tells(_state: Any, command: Any, turn: Turn) -> Mapping[str, Any]:
    """Tell the id of the run."""
    return {"run": id_of(command, turn)} if isinstance(command, Run) else {}


def answer(command: Any, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell who waits for a run that there is none."""
    if not isinstance(command, Run) or not turn.is_internal:
        return []
    refused = Result(state="refused", reason=no.code, detail=no.detail)
    return told(command.reply_to, command.reply_mark, id_of(command, turn), refused)
