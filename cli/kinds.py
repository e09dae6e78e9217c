"""The verbs of each kind of entity, made from the registry of the actors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from actors import ACTORS
from actors.actor import Actor, Question
from cli import history, listing, show
from cli.client import AGAIN, Client
from cli.documents import FIELD, is_bare, read, single
from cli.errors import Mistake, Refused
from cli.examples import about, example
from cli.fields import assign, check, field_options, given_fields, larger, pairs, verb_of
from cli.outcomes import report
from cli.session import Session, dashed, flag, nouns, option, spellings, verb
from messages.base import Message
from messages.envelope import RETRY

HIDDEN = frozenset({"copy"})
"""Copies are reached as ``owner/id`` of the kind that is copied."""
ON_COPIES = {"save": "propose", "fork": "fork"}
"""What may be said to a copy instead."""
SAVE = "save"
NOT_SHOWN = frozenset({"workflow_index", "job_run", "routine_run", "metadata_term"})
"""Kinds that people reach by another noun; these can be typed all the same."""
ELSEWHERE = frozenset(
    {
        ("resource", "thaw"),
        ("job", "run"),
        ("routine", "run"),
        *(("environment", name) for name in ("create", "set_policy", "delete", "contents")),
        *(
            ("environment", f"{verb}_{what}")
            for verb in ("set", "remove")
            for what in ("variable", "secret", "connection")
        ),
        *(("workflow", name) for name in ("promote", "launch", "versions", "version", "diff", "roll_back")),
        *(("run", name) for name in ("list", "wait", "pause", "resume", "cancel", "terminate", "retry")),
    }
)
"""Verbs that are more than one command or question."""
DIGITS_MAX = 15
"""How long a version may be."""
WORKERS_SAY = frozenset(
    f"{step}_{verb}" for step in ("begin", "commit", "abort") for verb in ("freeze", "unfreeze")
) | {"begin", "evaluated", "answered", "faulted", "rewound", "lost", "start", "append", "end"}
"""Verbs of registries, repositories and runs that people need not see."""

Id = Annotated[
    str, typer.Argument(help="An id, or <node>/<id> for the copy of another node's.", metavar="ID")
]
File = Annotated[str, flag("--file", "-f", help="YAML or JSON of the fields; - reads what comes in.")]
Set = Annotated[list[str], flag("--set", help="field=value, JSON or text; a.b=value goes into a.")]
Labelled = Annotated[list[str], flag("--label", help="word=value.")]
Expect = Annotated[
    str | None,
    flag(
        "--expect",
        help=f"The version that you saw (of a copy: its generation), or {AGAIN}: whatever it is.",
    ),
]
MessageId = Annotated[str, flag("--id", help="The id of the message; said again, it takes effect once.")]
Yaml = Annotated[bool, flag("--yaml", help="Only what `save` and `apply -f` take.")]

Layout = Callable[[Mapping[str, Any]], RenderableType]
"""How an answer is shown to people."""


def public_commands(actor: Actor[Any, Any, Any]) -> dict[str, type[Message]]:
    """Return the commands that an operator may say, by verb."""
    named = {verb_of(command): command for command in actor.commands}
    return {name: command for name, command in named.items() if name not in actor.internal and name}


def add(app: typer.Typer, word: str = "") -> dict[str, typer.Typer]:
    """Register each kind as a noun, or the one that a word names, and return their groups.

    Kinds of a family have verbs of their own.
    """
    groups = {}
    for actor in ACTORS:
        if actor.kind in HIDDEN or actor.family or not is_named(actor.kind, word):
            continue
        groups[actor.kind] = noun(actor)
        add_noun(app, groups[actor.kind], actor.kind)
    return groups


def is_named(kind: str, word: str) -> bool:
    """Say whether a word names a kind; the empty one names all."""
    return not word or any(spelt == word for spelt, _ in spellings(kind))


def add_noun(app: typer.Typer, group: typer.Typer, kind: str) -> None:
    """Register the verbs of a kind under its name."""
    for spelt, is_alias in spellings(kind):
        app.add_typer(group, name=spelt, hidden=is_alias or kind in NOT_SHOWN)


def noun(actor: Actor[Any, Any, Any]) -> typer.Typer:
    """Make the verbs of one kind."""
    group = nouns(about(actor.kind), example(actor.kind, "list"))
    for name, command in public_commands(actor).items():
        if (actor.kind, name) not in ELSEWHERE:
            add_command(group, actor.kind, command, is_hidden=name in WORKERS_SAY)
    _add_get(group, actor)
    history.add(group, actor.kind)
    if (actor.kind, "list") not in ELSEWHERE:
        listing.add(group, actor.kind, example(actor.kind, "list"))
    for query, question in actor.questions.items():
        if (actor.kind, query) not in ELSEWHERE:
            add_question(group, actor.kind, query, question)
    return group


def add_command(
    group: typer.Typer,
    kind: str,
    command: type[Message],
    *,
    defaults: Mapping[str, Any] | None = None,
    is_hidden: bool = False,
) -> None:
    """Register the verb of a command; ``defaults`` are fields that it has when they are left out."""
    name = verb_of(command)
    parameters = [option("id", Id, inspect.Parameter.empty), *command_options(kind, command, defaults)]

    @verb(
        group,
        name,
        example(kind, name),
        help=(command.__doc__ or "") + larger(command),
        parameters=parameters,
        is_hidden=is_hidden,
    )
    async def say(session: Session, **given: Any) -> int | None:
        source = read(given["file"]) if given.get("file") else ""
        body = {**(defaults or {}), **body_of(kind, command, given, source)}
        check(body, command)
        expect = expected(given["expect"])
        async with session.node() as node:
            entity, id, owner = node.entity(kind, given["id"])
            if (kind, name) == ("workflow", SAVE) and source and is_bare(source):
                body = body_of(kind, command, given, source, await _kept(node, given["id"], command))
            to, words = (entity, id, name), body
            if owner:
                to, words = (entity, id, _on_copy(owner, kind, name)), _proposal(name, body, expect)
                expect = None
            outcome = await node.call(to, words, message=given["message"], expect=expect)
        return report(session, f"{dashed(kind)} {given['id']}", outcome, source)


def command_options(
    kind: str, command: type[Message], defaults: Mapping[str, Any] | None = None
) -> list[inspect.Parameter]:
    """Declare all options with which a command is said."""
    name, parameters = verb_of(command), []
    if command.__struct_fields__:
        parameters += [option("file", File, ""), option("settings", Set, ())]
        parameters += field_options(command, f"{kind}_{name}", defaults)
    if "labels" in command.__struct_fields__:
        parameters.append(option("labels", Labelled, ()))
    return [*parameters, option("expect", Expect, None), option("message", MessageId, "")]


def expected(text: str | None) -> int | None:
    """Return the version that a command is to find."""
    if text is None or text == AGAIN:
        return None if text is None else RETRY
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise Mistake(f"--expect {text!r} is no version (0, 1, …), nor {AGAIN}")
    return int(text)


def body_of(
    kind: str,
    command: type[Message],
    given: dict[str, Any],
    source: str | None = None,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put a body together: the file, what is kept, ``--set``, the options, each over the one before."""
    if source is None:
        source = read(given["file"]) if given.get("file") else ""
    body = {**(single(source, kind, given["id"]) if source else {}), **(kept or {})}
    body = assign(body, pairs(given.get("settings", ()), "--set"), command) | given_fields(given)
    labels = pairs(given.get("labels", ()), "--label")
    if labels:
        body["labels"] = {**body.get("labels", {}), **labels}
    return body


async def _kept(node: Client, id: str, command: type[Message]) -> dict[str, Any]:
    """Return what a workflow has besides what it runs: a file with that alone changes nothing else."""
    try:
        found = await node.ask("workflow", "get", {"id": id})
    except Refused:
        return {}
    names = set(command.__struct_encode_fields__) - {FIELD}
    return {name: value for name, value in found.items() if name in names}


def _on_copy(owner: str, kind: str, name: str) -> str:
    if name not in ON_COPIES:
        raise Mistake(f"it belongs to {owner}: only {owner} can {name} a {kind} of its own")
    return ON_COPIES[name]


def _proposal(name: str, body: dict[str, Any], generation: int | None) -> dict[str, Any]:
    if name != "save":
        return body
    seen = {} if generation in (None, RETRY) else {"generation": generation}
    return {"body": body, **seen}


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
    verb(group, "get", example(kind, "get"), help=f"Show one {dashed(kind)}.", parameters=parameters)(get)


def add_question(group: typer.Typer, kind: str, query: str, question: Question[Any]) -> None:
    """Register a question."""
    parameters = [
        option("id", Id, inspect.Parameter.empty),
        *field_options(question.query, f"{kind}_{query}"),
    ]

    @verb(
        group,
        query,
        example(kind, query),
        help=question.query.__doc__ or f"Ask for {query}.",
        parameters=parameters,
    )
    async def ask(session: Session, **given: Any) -> None:
        body = given_fields(given)
        check(body, question.query)
        async with session.node() as node:
            found = await node.ask(kind, query, {"id": given["id"], **body})
        session.show(found, lambda: show.answer(found))
