"""How a workflow begins its runs, and what may be asked of its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.actor import ById, Effect, Order, Question, Rejected, Turn
from actors.definition.difference import difference
from actors.flow.errors import fault
from actors.rights import behalf
from actors.workflow import access, deploying, versions
from actors.workflow.defining import State
from messages import run, workflow
from messages.envelope import Address, derive
from messages.execution import Fail
from messages.workflow import MANUAL, Definition, Deploy, Launch, Promote

ID_CHARACTERS = 32
INPUT_BYTES_MAX = 200 * 1024
"""With the definition it has to fit into one message to the run."""


def check(state: State, command: Launch, turn: Turn) -> None:
    """Raise Rejected when there is nothing to run, or it may not be run."""
    definition = state.definition
    if definition is None:
        raise Rejected("not_found", f"there is no workflow {turn.me.id}")
    own = command.execution or command.parent or command.fired or command.by
    if (own or command.behalf or command.given_by) and not turn.is_internal:
        raise Rejected("not_granted", "only the node itself says on whose behalf it is")
    behalf.check(command.behalf, behalf.Act("workflow", turn.me.id), turn)
    if command.environment not in ("", definition.environment):
        _check_there(state, definition, command, turn)
        return  # the rest is for the workflow there to say
    if not definition.active:
        raise _inactive(turn.me.id)
    if definition.definition is None:
        raise Rejected("no_definition", f"{turn.me.id} does not say what to run; save it with a definition")
    if len(msgspec.json.encode(command.input)) > INPUT_BYTES_MAX:
        raise Rejected("too_large", f"an input has at most {INPUT_BYTES_MAX} bytes of JSON", at="/input")
    _check_access(definition, command, turn)


def _inactive(workflow: str) -> Rejected:
    return Rejected("inactive", f"{workflow} is not active; save it with active: true")


def _check_access(definition: Definition, command: Launch, turn: Turn) -> None:
    """Raise Rejected unless who fires it may, or whose runs begin it; its executions are its own."""
    triggers, who = definition.triggers, turn.sender
    if command.fired:
        if access.find(triggers, command.fired) is None:
            raise Rejected("unknown_trigger", f"{turn.me.id} has no trigger {command.fired} any more")
        needed, who = access.groups(triggers, command.fired), command.by
    elif turn.is_internal:
        for one in command.behalf:
            access.check(turn.rights, one, turn.me.id, access.groups(triggers, MANUAL))
        return
    else:
        needed = access.groups(triggers, command.trigger)
    access.check(turn.rights, who, turn.me.id, needed)


def elsewhere(state: State, command: Launch) -> Sequence[ById]:
    """Know the workflow in the environment that a launch is for."""
    there = state.deployments.get(command.environment)
    return [] if there is None else [ById("workflow", there)]


def _check_there(state: State, definition: Definition, command: Launch, turn: Turn) -> None:
    """Raise Rejected when it is not there, or who launches it here may not do so there."""
    environment = command.environment
    if environment not in state.deployments:
        detail = f"{turn.me.id} is in {definition.environment}, not in {environment}; promote it"
        raise Rejected("not_in_environment", detail, at="/environment")
    there, known = state.deployments[environment], turn.known.get(*elsewhere(state, command))
    if turn.is_internal or known is None:
        return
    if command.trigger != MANUAL:
        detail = f"in {environment} it is {there}, with triggers of its own: launch {there}, and name one"
        raise Rejected("unknown_trigger", detail, at="/trigger")
    if not known.summary.fields["active"]:
        raise _inactive(there)
    access.check_launch(turn.rights, turn.sender, there, known.summary)


def passes(state: State, command: Any, turn: Turn) -> Sequence[Effect]:
    """Have a run begin, which keeps the definition that the workflow has now; pass on what is for others."""
    match command:
        case Promote():
            return deploying.begin(state, command, turn)
        case Deploy():
            return [deploying.told(state, command.promotion)]
        case Launch() if state.definition is not None:
            return _begin(state, state.definition, command, turn)
    return []


def _begin(state: State, definition: Definition, command: Launch, turn: Turn) -> Sequence[Effect]:
    if command.environment not in ("", definition.environment):
        there = Address("workflow", state.deployments[command.environment])
        return [Order(there, replace(command, run=_id(command, turn)), sender=turn.sender)]
    if definition.definition is None:
        return []
    begin = run.Begin(
        workflow=turn.me.id,
        definition=definition.definition,
        workflow_version=state.versions[-1].number,
        input=command.input,
        trigger=command.trigger if turn.is_internal else MANUAL,
        by=command.by if turn.is_internal else turn.sender,
        execution=command.execution,
        parent=command.parent,
        environment=definition.environment,
        author=state.versions[-1].author,
        given_by=command.given_by,
    )
    return [Order(Address("run", _id(command, turn)), begin)]


def tells(_state: State, command: Any, turn: Turn) -> Mapping[str, Any]:
    """Tell the id of the run."""
    if isinstance(command, Promote):
        return {"promotion": deploying.promotion_id(command, turn)}
    return {"run": _id(command, turn)} if isinstance(command, Launch) else {}


def _id(command: Launch, turn: Turn) -> str:
    return command.run or derive(turn.message, "run")[:ID_CHARACTERS]


def refused(command: Launch, no: Rejected) -> Sequence[Effect]:
    """Tell the execution or the run that waits for it that there is no run."""
    effects: list[Effect] = []
    if command.execution:
        fail = Fail(reason=f"{no.code}: {no.detail}")
        effects.append(Order(Address("execution", command.execution), fail))
    if command.parent:
        above, frame, call = command.parent.split(".")
        problem = run.Problem(type=no.code, status=409, title="The workflow was not run", detail=no.detail)
        if no.code == "not_granted":
            problem = fault("authorization", "", no.detail).problem
        told = run.Faulted(frame=int(frame), call=int(call), problem=problem)
        effects.append(Order(Address("run", above), told))
    return effects


def _versions(state: State, _asked: workflow.Versions, _turn: Turn) -> dict[str, Any]:
    told = [{"number": one.number, "at": one.at, "author": one.author} for one in state.versions]
    return {"current": state.versions[-1].number if state.versions else 0, "versions": told}


def _version(state: State, asked: workflow.VersionOf, _turn: Turn) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(versions.find(state.versions, asked.number))
    return found


def _difference(state: State, asked: workflow.Difference, _turn: Turn) -> dict[str, Any]:
    old, new = (_content(versions.find(state.versions, number)) for number in (asked.old, asked.new))
    changes = [change._asdict() for change in difference(old, new)]
    return {"old": asked.old, "new": asked.new, "changes": changes}


def _content(version: versions.Version) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(version))
    return {name: found[name] for name in ("definition", "triggers")}


QUESTIONS: Mapping[str, Question[State]] = {
    "versions": Question(query=workflow.Versions, answer=_versions),
    "version": Question(query=workflow.VersionOf, answer=_version),
    "diff": Question(query=workflow.Difference, answer=_difference),
}
