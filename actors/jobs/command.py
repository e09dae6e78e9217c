"""A command: flags of an executable that go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, ById, ByName, Need, Rejected, Summary, Turn, Users
from actors.fault import Fault, reject
from actors.fields import take
from actors.jobs import ruled, using, valid
from messages import executable as executables
from messages import job
from messages.command import Command, Content, Delete, Deleted, Event, Save, Saved

USED_BY = ("job",)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without content it was never saved, or was deleted."""

    content: Content | None = None
    generation: int = 0


def needs(command: Command, turn: Turn) -> Sequence[Need | Users]:
    """Know who has the name already, and the executable."""
    used = using.users(turn, USED_BY)
    if not isinstance(command, Save):
        return used
    return [*used, ByName("command", command.name or turn.me.id), ById("executable", command.executable)]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete it."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            is_there = using.may_delete(turn, state.generation, state.content, USED_BY)
            return [Deleted(generation=state.generation + 1)] if is_there else []
    assert_never(command)


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    content = take(Content, command, name=command.name or turn.me.id)
    other = turn.known.get(ByName("command", content.name))
    if other is not None and other.id != turn.me.id:
        raise Rejected("already_exists", f"the command {other.id} has this name; choose another", at="/name")
    made_of = turn.known.get(ById("executable", content.executable))
    if made_of is None:
        detail = f"there is no executable {content.executable}; save it first"
        raise Rejected("unknown_executable", detail, at="/executable")
    if content == state.content:
        return []
    executable = using.content(made_of, executables.Description)
    reject(valid.of_command(content, ruled.schema(executable)))
    using.check_harmless(_spoilt(state, content, executable, turn))
    return [take(Saved, content, generation=state.generation + 1)]


def _spoilt(
    state: State, content: Content, executable: executables.Description, turn: Turn
) -> list[tuple[str, str, Fault]]:
    """Return the jobs that would not be valid with it, and why."""
    found = []
    has_turned = state.content is not None and state.content.executable != content.executable
    for user in using.known(turn, "job"):
        faults = valid.of_job(using.content(user, job.Content), content, executable)
        if has_turned:
            faults.append(Fault("executable_changed", "/executable", "it is made for the other executable"))
        found += [("job", user.id, fault) for fault in faults]
    return found


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(content=take(Content, event), generation=event.generation)
        case Deleted():
            return State(generation=event.generation)
    assert_never(event)


def uses(state: State) -> frozenset[ById]:
    """Be made of an executable."""
    return frozenset() if state.content is None else frozenset({ById("executable", state.content.executable)})


def summary(state: State) -> Summary | None:
    """Show all of it, below its executable: jobs and runs decide on it."""
    saved = state.content
    if saved is None:
        return None
    fields = {**msgspec.to_builtins(saved), "generation": state.generation}
    return Summary(name=saved.name, parent=saved.executable, labels=fields.pop("labels"), fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.content is None:
        return None
    return {**msgspec.to_builtins(state.content), "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="command",
    commands=(Save, Delete),
    events=(Saved, Deleted),
    initial=State(),
    decide=decide,
    evolve=evolve,
    needs=needs,
    uses=uses,
    summary=summary,
    view=view,
)
