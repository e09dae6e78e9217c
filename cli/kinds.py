"""The verbs of each kind of entity, made from the registry of the actors."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Group, RenderableType

from actors import ACTORS
from actors.actor import Actor, Question
from cli import listing, show
from cli.documents import read, single
from cli.errors import FAILED, Mistake, reason
from cli.examples import ABOUT, EXAMPLES
from cli.fields import assign, check, field_options, given_fields, pairs, verb_of
from cli.session import Session, flag, nouns, option, verb
from messages.base import Message
from messages.envelope import Outcome

HIDDEN = frozenset({"copy"})
"""Copies are reached as ``owner/id`` of the kind that is copied."""
ON_COPIES = {"save": "propose", "fork": "fork"}
"""What may be said to a copy instead."""
SAVE = "save"
HISTORY_COLUMNS = ("version", "at", "type", "sender", "body")

Id = Annotated[
    str, typer.Argument(help="An id, or <node>/<id> for the copy of another node's.", metavar="ID")
]
File = Annotated[str, flag("--file", "-f", help="YAML or JSON of the fields; - reads what comes in.")]
Set = Annotated[list[str], flag("--set", help="field=value, JSON or text; a.b=value goes into a.")]
Labelled = Annotated[list[str], flag("--label", help="word=value.")]
Expect = Annotated[
    int | None,
    flag("--expect", min=0, help="The version that you saw (of a copy: its generation)."),
]
MessageId = Annotated[str, flag("--id", help="The id of the message; said again, it takes effect once.")]
Yaml = Annotated[bool, flag("--yaml", help="Only what `save` and `apply -f` take.")]
After = Annotated[int, flag("--after", min=0, help="Only what is later than this version.")]
Limit = Annotated[int, flag("--limit", min=1, max=500, help="At most so many.")]


def public_commands(actor: Actor[Any, Any, Any]) -> dict[str, type[Message]]:
    """Return the commands that an operator may say, by verb."""
    named = {verb_of(command): command for command in actor.commands}
    return {name: command for name, command in named.items() if name not in actor.internal and name}


def add(app: typer.Typer) -> dict[str, typer.Typer]:
    """Register each kind as a noun, and return their groups."""
    groups = {}
    for actor in ACTORS:
        if actor.kind in HIDDEN:
            continue
        group = groups[actor.kind] = noun(actor)
        app.add_typer(group, name=actor.kind)
        if "_" in actor.kind:
            app.add_typer(group, name=actor.kind.replace("_", "-"), hidden=True)
    return groups


def noun(actor: Actor[Any, Any, Any]) -> typer.Typer:
    """Make the verbs of one kind."""
    group = nouns(ABOUT.get(actor.kind, f"Entities of the kind {actor.kind}."), _example(actor.kind, "list"))
    for command in public_commands(actor).values():
        _add_command(group, actor.kind, command)
    _add_get(group, actor)
    _add_history(group, actor.kind)
    listing.add(group, actor.kind, _example(actor.kind, "list"))
    for query, question in actor.questions.items():
        _add_question(group, actor.kind, query, question)
    return group


def _example(kind: str, name: str) -> str:
    id = "--json" if name == "list" else EXAMPLES.get((kind, ""), "x-1")
    return EXAMPLES.get((kind, name), f"covey {kind} {name} {id}")


def _add_command(group: typer.Typer, kind: str, command: type[Message]) -> None:
    name = verb_of(command)
    has_fields = bool(command.__struct_fields__)
    parameters = [option("id", Id, inspect.Parameter.empty)]
    if has_fields:
        parameters += [
            option("file", File, ""),
            option("settings", Set, ()),
            *field_options(command, f"{kind}_{name}"),
        ]
    if "labels" in command.__struct_fields__:
        parameters.append(option("labels", Labelled, ()))
    parameters += [option("expect", Expect, None), option("message", MessageId, "")]

    @verb(group, name, _example(kind, name), help=command.__doc__ or "", parameters=parameters)
    async def say(session: Session, **given: Any) -> int | None:
        body = _body(kind, command, given)
        async with session.node() as node:
            entity, id, owner = node.entity(kind, given["id"])
            to, words = (entity, id, name), body
            expect = given["expect"]
            if owner:
                to, words = (entity, id, _on_copy(owner, kind, name)), _proposal(name, body, expect)
                expect = None
            outcome = await node.call(to, words, message=given["message"], expect=expect)
        return report(session, f"{kind} {given['id']}", outcome)


def _body(kind: str, command: type[Message], given: dict[str, Any]) -> dict[str, Any]:
    """Put a body together from the file, ``--set`` and the options, each over the one before."""
    body = single(read(given["file"]), kind, given["id"]) if given.get("file") else {}
    body = assign(body, pairs(given.get("settings", ()), "--set"), command) | given_fields(given)
    labels = pairs(given.get("labels", ()), "--label")
    if labels:
        body["labels"] = {**body.get("labels", {}), **labels}
    check(body, command)
    return body


def _on_copy(owner: str, kind: str, name: str) -> str:
    if name not in ON_COPIES:
        raise Mistake(f"it belongs to {owner}: only {owner} can {name} a {kind} of its own")
    return ON_COPIES[name]


def _proposal(name: str, body: dict[str, Any], generation: int | None) -> dict[str, Any]:
    if name != "save":
        return body
    seen = {} if generation is None else {"generation": generation}
    return {"body": body, **seen}


def report(session: Session, what: str, outcome: Outcome) -> int | None:
    """Show what became of a command and return the exit code."""
    is_done = outcome.status == "done"
    if session.is_json or is_done:
        session.show(outcome, lambda: line(what, outcome))
    if is_done:
        return None
    show.say(f"{what} {outcome.status}: {reason(outcome.code, outcome.detail, outcome.at)}")
    return FAILED


def line(what: str, outcome: Outcome) -> str:
    """Say in one line what became of a command."""
    if outcome.status != "done":
        return show.clean(f"{what}: {outcome.status}, {reason(outcome.code, outcome.detail, outcome.at)}")
    names, notes = [], []
    for event in map(_event, outcome.events):
        names.append(_name(event, outcome.kind))
        notes += [f" ({event['note']})"] if event.get("note") else []
    happened = ", ".join(dict.fromkeys(names)) or "nothing to change"
    told = f"{what}: {happened}, version {outcome.version}{''.join(notes)}, message {outcome.message}"
    return show.clean(told)


def _name(event: dict[str, Any], kind: str) -> str:
    """Return the name of an event, which stands in ``message`` where ``type`` is a field of its own."""
    words = [word for word in (event.get("message"), event.get("type")) if isinstance(word, str)]
    return next((word.removeprefix(f"{kind}.") for word in words if word.startswith(f"{kind}.")), "")


def _event(raw: msgspec.Raw) -> dict[str, Any]:
    return msgspec.json.decode(raw, type=dict[str, Any])


def _add_get(group: typer.Typer, actor: Actor[Any, Any, Any]) -> None:
    kind, save = actor.kind, public_commands(actor).get("save")

    async def get(session: Session, *, id: str, yaml: bool = False) -> None:
        async with session.node() as node:
            found = await node.ask(kind, "get", {"id": id})
        if yaml and save is not None:
            kept = ("kind", "id", *save.__struct_encode_fields__)
            found = {name: value for name, value in found.items() if name in kept}
        session.show(found, lambda: show.fields(found))

    parameters = [option("id", Id, inspect.Parameter.empty)]
    if save is not None:
        parameters.append(option("yaml", Yaml, False))
    verb(group, "get", _example(kind, "get"), help=f"Show one {kind}.", parameters=parameters)(get)


def _add_history(group: typer.Typer, kind: str) -> None:
    @verb(
        group,
        "history",
        _example(kind, "history"),
        help=f"Show all that happened to a {kind}, deleted ones too.",
    )
    async def history(session: Session, id: Id, after: After = 0, limit: Limit = 500) -> None:
        async with session.node() as node:
            found = await node.ask(kind, "history", {"id": id, "after": after, "limit": limit})
        session.show(found, lambda: show.table(HISTORY_COLUMNS, found["events"]))


def _add_question(group: typer.Typer, kind: str, query: str, question: Question[Any]) -> None:
    parameters = [
        option("id", Id, inspect.Parameter.empty),
        *field_options(question.query, f"{kind}_{query}"),
    ]

    @verb(
        group,
        query,
        _example(kind, query),
        help=question.query.__doc__ or f"Ask for {query}.",
        parameters=parameters,
    )
    async def ask(session: Session, **given: Any) -> None:
        body = given_fields(given)
        check(body, question.query)
        async with session.node() as node:
            found = await node.ask(kind, query, {"id": given["id"], **body})
        session.show(found, lambda: _answer(found))


def _answer(found: dict[str, Any]) -> RenderableType:
    """Lay out an answer: lists of things as tables."""
    rows = {name: value for name, value in found.items() if value and isinstance(value, list)}
    tables = [part for name, value in rows.items() for part in (name, show.table(tuple(value[0]), value))]
    rest = {name: value for name, value in found.items() if name not in rows}
    return Group(*([show.fields(rest)] if rest else []), *tables)
