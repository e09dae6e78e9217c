"""A job: a command with its values, ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, ById, ByName, Effect, Known, Need, Rejected, Summary, Turn, Users
from actors.fault import reject
from actors.fields import take
from actors.jobs import argv, job_running, using, valid
from messages import command as commands
from messages import executable as executables
from messages.job import Command, Content, Delete, Deleted, Event, Pinned, Run, Save, Saved

USED_BY = ("routine",)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without content it was never saved, or was deleted."""

    content: Content | None = None
    executable: str = ""
    """That of its command."""
    generation: int = 0


def needs(command: Command, turn: Turn) -> Sequence[Need | Users]:
    """Know who has the name already, and the command."""
    if isinstance(command, Run):
        return job_running.needs(command, turn)
    used = using.users(turn, USED_BY)
    if not isinstance(command, Save):
        return used
    return [*used, ByName("job", command.name or turn.me.id), ById("command", command.command)]


def leads_to(command: Command, known: Mapping[Need, Known | None]) -> Sequence[ById]:
    """Know the executable of the command, too."""
    if not isinstance(command, Save):
        return []
    made_of = known.get(ById("command", command.command))
    return [] if made_of is None else [ById("executable", made_of.summary.fields["executable"])]


def points_at(state: State, command: Command) -> Sequence[ById]:
    """Know the command and the executable as they are when a run begins."""
    if isinstance(command, Save | Delete) or state.content is None:
        return []
    return [ById("command", state.content.command), ById("executable", state.executable)]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete it."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            is_there = using.may_delete(turn, state.generation, state.content, USED_BY)
            return [Deleted(generation=state.generation + 1)] if is_there else []
        case Run():
            job_running.check(command, partial(pin, state, turn), turn)
            return []
    assert_never(command)


def passes(state: State, command: Command, turn: Turn) -> Sequence[Effect]:
    """Have a run begin."""
    if not isinstance(command, Run) or state.content is None:
        return []
    return job_running.begin(state.content, command, partial(pin, state, turn), turn)


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    content = take(Content, command, name=command.name or turn.me.id, values=argv.values(command))
    other = turn.known.get(ByName("job", content.name))
    if other is not None and other.id != turn.me.id:
        raise Rejected("already_exists", f"the job {other.id} has this name; choose another", at="/name")
    made_of = turn.known.get(ById("command", content.command))
    if made_of is None:
        raise Rejected(
            "unknown_command", f"there is no command {content.command}; save it first", at="/command"
        )
    used = using.content(made_of, commands.Content)
    if (content, used.executable) == (state.content, state.executable):
        return []
    run = using.content(_known(turn, ById("executable", used.executable)), executables.Description)
    reject(valid.of_job(content, used, run))
    return [take(Saved, content, executable=used.executable, generation=state.generation + 1)]


def pin(state: State, turn: Turn) -> Pinned:
    """Return what a run that begins now is; for a command of which ``points_at`` names what is known.

    Raises Rejected when there is no such job.
    """
    if state.content is None:
        raise Rejected("not_found", f"there is no job {turn.me.id}")
    used = _known(turn, ById("command", state.content.command))
    run = _known(turn, ById("executable", state.executable))
    command = using.content(used, commands.Content)
    executable = using.content(run, executables.Description)
    return take(
        Pinned,
        state.content,
        job=turn.me.id,
        job_generation=state.generation,
        command=used.id,
        command_generation=used.summary.fields["generation"],
        executable=run.id,
        executable_generation=run.summary.fields["generation"],
        argv=tuple(argv.argv(executable, command, state.content)),
        sha256=executable.sha256,
        network=executable.network,
        requires_root=requires_root(executable, command),
    )


def _known(turn: Turn, need: ById) -> Known:
    found = turn.known.get(need)
    if found is None:
        raise Rejected(f"unknown_{need.kind}", f"there is no {need.kind} {need.id}")
    return found


def requires_root(executable: executables.Description, command: commands.Content) -> bool:
    """Say whether it runs as root: as the command says, else if one of its flags has to."""
    if command.requires_root is not None:
        return command.requires_root
    return any(one.requires_root for one in executable.parameters if one.flag in command.flags)


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(
                content=take(Content, event), executable=event.executable, generation=event.generation
            )
        case Deleted():
            return State(generation=event.generation)
    assert_never(event)


def uses(state: State) -> frozenset[ById]:
    """Be made of a command, and of its executable."""
    if state.content is None:
        return frozenset()
    return frozenset({ById("command", state.content.command), ById("executable", state.executable)})


def summary(state: State) -> Summary | None:
    """Show all of it, below its command: routines and runs decide on it."""
    saved = state.content
    if saved is None:
        return None
    fields = msgspec.to_builtins(saved)
    fields |= {"executable": state.executable, "generation": state.generation}
    return Summary(name=saved.name, parent=saved.command, labels=fields.pop("labels"), fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.content is None:
        return None
    shown = msgspec.to_builtins(state.content)
    return {**shown, "executable": state.executable, "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="job",
    commands=(Save, Delete, Run),
    events=(Saved, Deleted),
    initial=State(),
    decide=decide,
    evolve=evolve,
    needs=needs,
    leads_to=leads_to,
    uses=uses,
    points_at=points_at,
    answer=job_running.answer,
    tells=job_running.tells,
    passes=passes,
    summary=summary,
    filters=frozenset({"executable"}),
    view=view,
)
