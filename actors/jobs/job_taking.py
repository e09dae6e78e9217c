"""What is run here for another: only what is offered, and only as our own executable has it."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.actor import ById, Rejected, Turn
from actors.fault import reject
from actors.fields import take
from actors.jobs import argv, ruled, valid
from messages import command as commands
from messages.envelope import Address
from messages.executable import Description
from messages.job import Content, Pinned
from messages.job_run import Take, Taken


def take_over(command: Take, turn: Turn) -> Taken:
    """Return what is run for it; raises Rejected."""
    work = command.work
    known = turn.known.get(ById("executable", work.executable))
    is_ours = command.node == turn.node
    if known is None:
        raise Rejected("unknown_executable", f"there is no executable {work.tag}", at="/work/executable")
    fields: dict[str, Any] = dict(known.summary.fields)
    generation = fields.pop("generation")
    executable = msgspec.convert(fields, Description)
    if not is_ours and command.node not in executable.offered_to:
        raise Rejected("not_offered", f"{work.tag} is not offered to {command.node}", at="/work/executable")
    if work.environment and not is_ours:
        raise Rejected("not_offered", "no environment is taken from a partner", at="/work/environment")
    if work.inputs and not is_ours:
        raise Rejected("not_offered", "a partner is given no files of runs here", at="/work/inputs")
    _check(executable, command)
    pinned = Pinned(
        job=command.run,
        job_generation=0,
        command=command.run,
        command_generation=0,
        executable=known.id,
        executable_generation=generation,
        argv=tuple(argv.items(executable, work.flags, work.values)),
        sha256=executable.sha256,
        network=executable.network and (is_ours or command.node in executable.network_to),
        requires_root=any(one.requires_root for one in executable.parameters if one.flag in work.flags),
        environment=work.environment,
        timeout_seconds=work.timeout_seconds,
        working_files=work.working_files,
        inputs=work.inputs,
    )
    return take(Taken, command, at=turn.at, pinned=pinned, may_repeat=work.may_repeat)


def asker(of: Take | Taken, turn: Turn) -> Address:
    """Return the run that waits for the end."""
    return Address("job_run", of.run, "" if of.node == turn.node else of.node)


def _check(executable: Description, command: Take) -> None:
    """Judge flags, values and files by our own executable; raises Rejected."""
    work = command.work
    flags = commands.Content(executable=work.executable, flags=work.flags)
    content = Content(command=command.run, values=dict(work.values), working_files=work.working_files)
    reject([*valid.of_command(flags, ruled.schema(executable)), *valid.of_job(content, flags, executable)])
