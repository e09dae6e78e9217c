"""What the jobs of a routine are when a run of it begins: nothing that is saved later changes that run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from actors.actor import ById, Known, Need, Rejected, Turn
from actors.jobs import job
from actors.jobs.job_running import check_kept, check_size, work
from messages.base import encode
from messages.envelope import Address
from messages.job import Content
from messages.job_run import Place
from messages.routine import Step
from messages.routine_run import Begin, Command, PinnedJob

PINNED_BYTES_MAX = 512 * 1024
"""How much the jobs of one run may be, with their files, as it is one message."""


def needs(command: Command, _turn: Turn) -> Sequence[Need]:
    """Know the jobs of what begins."""
    return _jobs(command.content.steps) if isinstance(command, Begin) else []


def _jobs(steps: Sequence[Step]) -> list[ById]:
    return [ById("job", id) for id in dict.fromkeys(step.job for step in steps)]


def leads_to(command: Command, known: Mapping[Need, Known | None]) -> Sequence[ById]:
    """Know the commands and executables of these jobs."""
    if not isinstance(command, Begin):
        return []
    found = [one for need in _jobs(command.content.steps) if (one := known.get(need)) is not None]
    commands = [ById("command", one.summary.parent) for one in found]
    return [*commands, *(ById("executable", one.summary.fields["executable"]) for one in found)]


def pin(steps: Sequence[Step], turn: Turn) -> dict[str, PinnedJob]:
    """Return what each job is now; raises Rejected."""
    placed = {step.job for step in steps if step.on}
    pinned = {need.id: _pinned(need, turn, is_placed=need.id in placed) for need in _jobs(steps)}
    if len(encode(pinned)) > PINNED_BYTES_MAX:
        detail = f"the jobs of a routine have at most {PINNED_BYTES_MAX} bytes in all, with their files"
        raise Rejected("too_large", detail)
    for step in steps:
        if step.on:
            check_kept(pinned[step.job].pinned, Place(compute=step.on), turn)
    return pinned


def _pinned(need: ById, turn: Turn, *, is_placed: bool) -> PinnedJob:
    known = turn.known.get(need)
    if known is None:
        raise Rejected("unknown_job", f"there is no job {need.id}")
    fields = dict(known.summary.fields)
    generation, executable = fields.pop("generation"), fields.pop("executable")
    content = msgspec.convert(fields, Content)
    state = job.State(content=content, executable=executable, generation=generation)
    pinned = job.pin(state, replace(turn, me=Address("job", need.id)))
    check_size(pinned)
    wanted = work(content, pinned, turn, may_repeat=False) if is_placed else None
    return PinnedJob(pinned=pinned, work=wanted)
