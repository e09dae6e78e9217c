"""A routine: jobs in an order, run together as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import msgspec

from actors.actor import Actor, ById, ByName, Effect, Need, Order, Rejected, Summary, Turn
from actors.fault import Fault, pointer, reject
from actors.fields import take
from actors.jobs import using
from actors.rights import behalf
from actors.routines import routine_graph, routine_replies
from messages.base import encode
from messages.envelope import ACTOR as NODE
from messages.envelope import Address, derive
from messages.routine import Command, Content, Delete, Deleted, Event, Run, Save, Saved
from messages.routine_run import Begin

ID_CHARACTERS = 32
CONTENT_BYTES_MAX = 240 * 1024
"""It has to fit into one message to its run."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without content it was never saved, or was deleted."""

    content: Content | None = None
    generation: int = 0
    author: str = ""
    """In whose name its jobs are run."""


def needs(command: Command, turn: Turn) -> Sequence[Need]:
    """Know who has the name already, and the jobs."""
    if not isinstance(command, Save):
        return []
    jobs = dict.fromkeys(step.job for step in command.steps)
    return [ByName("routine", command.name or turn.me.id), *(ById("job", job) for job in jobs)]


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Write and delete it, and see whether it may be run."""
    match command:
        case Save():
            return _save(state, command, turn)
        case Delete():
            is_there = using.may_delete(turn, state.generation, state.content)
            return [Deleted(generation=state.generation + 1)] if is_there else []
        case Run():
            if state.content is None:
                raise Rejected("not_found", f"there is no routine {turn.me.id}")
            if (command.reply_to is not None or command.behalf) and not turn.is_internal:
                raise Rejected("not_granted", "only a run has the end told to itself", at="/reply_to")
            behalf.check(command.behalf, behalf.Act("routine", turn.me.id), turn)
            behalf.check_saved(turn.rights, state.author or NODE, _acts(state.content))
            return []
    assert_never(command)


def _save(state: State, command: Save, turn: Turn) -> Sequence[Event]:
    content = take(Content, command, name=command.name or turn.me.id)
    content = msgspec.structs.replace(content, steps=routine_graph.named(command.steps))
    other = turn.known.get(ByName("routine", content.name))
    if other is not None and other.id != turn.me.id:
        raise Rejected("already_exists", f"the routine {other.id} has this name; choose another", at="/name")
    lacking = [
        Fault("unknown_job", pointer("steps", number, "job"), f"there is no job {step.job}; save it first")
        for number, step in enumerate(content.steps)
        if turn.known.get(ById("job", step.job)) is None
    ]
    reject([*lacking, *routine_graph.faults(content.steps, turn.node)])
    size = len(encode(content))
    if size > CONTENT_BYTES_MAX:
        raise Rejected("too_large", f"it has {size} bytes; at most {CONTENT_BYTES_MAX} are taken")
    wanted = _acts(content)
    if content == state.content and not behalf.takes_over(turn.rights, state.author, turn.sender, wanted):
        return []
    behalf.check_saved(turn.rights, turn.sender, wanted)
    return [take(Saved, content, generation=state.generation + 1, author=turn.sender)]


def _acts(content: Content) -> list[behalf.Act]:
    """Return the jobs that it has run, each once."""
    places: dict[str, str] = {}
    for number, step in enumerate(content.steps):
        places.setdefault(step.job, pointer("steps", number, "job"))
    return [behalf.Act("job", job, at) for job, at in places.items()]


def evolve(state: State, event: Event) -> State:
    """Hold what was saved last."""
    match event:
        case Saved():
            return State(content=take(Content, event), generation=event.generation, author=event.author)
        case Deleted():
            return State(generation=event.generation)
    assert_never(event)


def passes(state: State, command: Command, turn: Turn) -> Sequence[Effect]:
    """Have a run begin, of what it is now."""
    if not isinstance(command, Run) or state.content is None:
        return []
    begin = Begin(
        routine=turn.me.id,
        generation=state.generation,
        content=state.content,
        reply_to=command.reply_to,
        reply_mark=command.reply_mark,
    )
    return [Order(Address("routine_run", _id(command, turn)), begin)]


def tells(_state: State, command: Command, turn: Turn) -> Mapping[str, Any]:
    """Tell the id of the run."""
    return {"run": _id(command, turn)} if isinstance(command, Run) else {}


def _id(command: Run, turn: Turn) -> str:
    return command.run or derive(turn.message, "routine_run")[:ID_CHARACTERS]


def answer(command: Command, no: Rejected, turn: Turn) -> Sequence[Effect]:
    """Tell who waits for a run that there is none."""
    if not isinstance(command, Run):
        return []
    waiting = (command.reply_to, command.reply_mark)
    status = no.code if no.code in routine_replies.WORDS else "refused"
    return routine_replies.failed(waiting, status, f"{no.code}: {no.detail}")


def uses(state: State) -> frozenset[ById]:
    """Be made of jobs."""
    return frozenset(ById("job", step.job) for step in state.content.steps) if state.content else frozenset()


def summary(state: State) -> Summary | None:
    """Show what is run, and how much of it."""
    saved = state.content
    if saved is None:
        return None
    fields: dict[str, Any] = {"steps": len(saved.steps), "on_failure": saved.on_failure}
    fields |= {"at_once": saved.at_once, "description": saved.description, "generation": state.generation}
    return Summary(name=saved.name, labels=saved.labels, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields."""
    if state.content is None:
        return None
    return {**msgspec.to_builtins(state.content), "generation": state.generation}


ACTOR: Actor[State, Any, Any] = Actor(
    kind="routine",
    commands=(Save, Delete, Run),
    events=(Saved, Deleted),
    initial=State(),
    decide=decide,
    evolve=evolve,
    answer=answer,
    needs=needs,
    uses=uses,
    passes=passes,
    tells=tells,
    summary=summary,
    view=view,
)
