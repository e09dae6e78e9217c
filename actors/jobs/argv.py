"""The arguments of a job: what the program is started with, item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors import flags
from actors.jobs import ruled
from messages import command as commands
from messages import executable as executables
from messages import job as jobs


def argv(executable: executables.Description, command: commands.Content, job: jobs.Content) -> list[str]:
    """Return the path, then the flags in execution order, each followed by its value as one item."""
    return items(executable, command.flags, values(job))


def items(executable: executables.Description, asked: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the same of flags and values that are no entities here: those of a peer's job.

    The flags stand in the order given; where the executable has rules on the order, these win.
    """
    told = [executable.path]
    for flag in flags.execution_order(ruled.schema(executable), asked, as_given=True):
        told += [flag, values[flag]] if flag in values else [flag]
    return told


def values(job: jobs.Content) -> dict[str, str]:
    """Return the values of a job as texts."""
    return {flag: text(value) for flag, value in job.values.items()}


def text(value: str | bool | int | float) -> str:
    """Return a value as a program reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
