"""What is wrong with an executable, a command or a job: the same for the actors and for an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors import flags
from actors.fault import Fault, pointer
from actors.jobs import argv, ruled
from actors.jobs.fitting import is_inside, unfit
from messages import command as commands
from messages import executable as executables
from messages import job as jobs


def of_executable(executable: executables.Description) -> list[Fault]:
    """Return what is wrong with its path, its parameters, its rules, and with whom it is offered to."""
    faults = [*ruled.judged(executable)[1], *_of_offer(executable)]
    if ".." in executable.path.split("/") or executable.path.endswith("/"):
        faults.insert(0, Fault("invalid_path", "/path", "it is no absolute path of a file, without .."))
    return faults


def _of_offer(executable: executables.Description) -> list[Fault]:
    faults = []
    if executable.network_to and not executable.network:
        faults.append(Fault("no_network", "/network_to", "it has no network itself; leave out one of both"))
    for place, peer in enumerate(executable.network_to):
        if peer not in executable.offered_to:
            detail = f"it is not offered to {peer}; add it to offered_to, or leave it out"
            faults.append(Fault("not_offered", pointer("network_to", place), detail))
    return faults


def of_command(command: commands.Content, rules: flags.Schema) -> list[Fault]:
    """Return why its flags do not go together."""
    return ruled.together(rules, command.flags)


def of_job(job: jobs.Content, command: commands.Content, executable: executables.Description) -> list[Fault]:
    """Return what is wrong with its values and its files."""
    return [*of_values(executable, command.flags, argv.values(job)), *_of_files(job.working_files)]


def of_values(
    executable: executables.Description, flags: Sequence[str], values: Mapping[str, str]
) -> list[Fault]:
    """Return where a value is missing, is too many, or does not fit."""
    parameters = {one.flag: one for one in executable.parameters}
    faults = []
    for flag in flags:
        one = parameters.get(flag)
        if one is not None and one.requires_value and flag not in values:
            detail = f"{flag} requires a value of the type {one.value_type}"
            faults.append(Fault("missing_value", "/values", detail, (flag,)))
    for flag, value in values.items():
        at, one = pointer("values", flag), parameters.get(flag)
        if flag not in flags:
            faults.append(Fault("unknown_flag", at, f"{flag} is no flag of the command", (flag,)))
        elif one is not None and not one.requires_value:
            faults.append(Fault("unexpected_value", at, f"{flag} takes no value; leave it out", (flag,)))
        elif one is not None and (why := unfit(one.value_type, value, allows_dash=one.allows_dash)):
            faults.append(Fault("invalid_value", at, f"the value of {flag} does not fit: {why}", (flag,)))
    return faults


def _of_files(files: Sequence[jobs.WorkingFile]) -> list[Fault]:
    faults = []
    paths = [file.path for file in files]
    for place, path in enumerate(paths):
        at = pointer("working_files", place, "path")
        if not is_inside(path):
            faults.append(Fault("invalid_path", at, f"{path!r} leads out of the directory of the run"))
        elif path in paths[:place]:
            faults.append(Fault("invalid_path", at, f"{path!r} stands there twice"))
    return faults
