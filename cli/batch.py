"""One word to many runs: named, or found by what they are; counted before anything is said."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from cli import kinds, show
from cli.client import Client
from cli.ephemeral import own
from cli.errors import FAILED, Failed, Mistake, reason
from cli.fields import check, verb_of
from cli.listing import Where
from cli.outcomes import line, report
from cli.runs import KIND, RunVersion, Status, Trigger, Workflow, asked_of, found
from cli.session import Session, flag, option, verb
from messages.base import Message
from messages.envelope import Outcome, derive

BATCH = ("pause", "resume", "cancel", "terminate", "retry")
"""The verbs that many runs can be told at once, as far as there are such."""
EXAMPLES = {
    "pause": "covey run pause 4f1c2d --reason 'the depot is closed'",
    "resume": "covey run resume --workflow forecast --status suspended --yes",
    "cancel": "covey run cancel --workflow forecast --status waiting --dry",
    "terminate": "covey run terminate 4f1c2d",
    "retry": "covey run retry --workflow forecast --status failure --yes",
}
STATUSES = {
    "pause": ("running", "waiting"),
    "resume": ("suspended",),
    "cancel": ("running", "waiting", "suspended"),
    "terminate": ("running", "waiting", "suspended"),
    "retry": ("failure", "cancelled"),
}
"""Which of the runs that are found a word is for, when no status is given."""
VERSION, DEFINITION = "workflow_version", "definition"
AT_MOST = 1_000
AT_MOST_MAX = 10_000
SIDE_BY_SIDE = 16

Ids = Annotated[list[str], typer.Argument(help="Ids of runs; or say which by --workflow, …", metavar="[ID]…")]
Dry = Annotated[bool, flag("--dry", help="Tell which runs it would be, and do nothing.")]
Yes = Annotated[bool, flag("--yes", "-y", help="Do not ask before many runs are told.")]
Most = Annotated[int, flag("--at-most", min=1, max=AT_MOST_MAX, help="Tell at most so many runs.")]


class Word(NamedTuple):
    """What is said to each run."""

    name: str
    body: Mapping[str, Any]
    message: str
    expect: int | None


def add(group: typer.Typer, commands: Mapping[str, type[Message]]) -> None:
    """Register each verb of a batch that runs have."""
    for name in BATCH:
        if name in commands:
            _add(group, name, commands[name])


def _add(group: typer.Typer, name: str, command: type[Message]) -> None:
    parameters = [
        option("ids", Ids, ()),
        *(option("workflow", Workflow, ""), option("status", Status, ""), option("trigger", Trigger, "")),
        *(option("number", RunVersion, 0), option("where", Where, ())),
        *(option("dry", Dry, False), option("yes", Yes, False), option("most", Most, AT_MOST)),
        *kinds.command_options(KIND, command),
    ]

    @verb(group, name, EXAMPLES[name], help=command.__doc__ or "", parameters=parameters)
    async def say(session: Session, **given: Any) -> int | None:
        body = kinds.body_of(KIND, command, {**given, "id": ""})
        check(body, command)
        word = Word(verb_of(command), body, given["message"], kinds.expected(given["expect"]))
        filters = asked_of(given)
        if bool(given["ids"]) == bool(filters):
            raise Mistake(f"name the runs to {name}, or say which by --workflow, --status, …; not both")
        async with session.node() as node:
            if len(given["ids"]) == 1 and not given["dry"]:
                return await _one(session, node, given["ids"][0], word)
            ids, is_all = given["ids"], True
            if filters:
                ids, is_all = await _matching(node, name, filters, given["most"])
            return await _many(session, node, (ids, is_all), word, given)


async def _one(session: Session, node: Client, id: str, word: Word) -> int | None:
    to = own(node, (KIND, id, word.name))
    outcome = await node.call(to, await _filled(node, id, word), message=word.message, expect=word.expect)
    return report(session, f"{KIND} {id}", outcome)


async def _filled(node: Client, id: str, word: Word) -> Mapping[str, Any]:
    """Add the definition of the version that a run is to be tried again on."""
    number = word.body.get(VERSION)
    if not number or DEFINITION in word.body:
        return word.body
    run = await node.ask(KIND, "get", {"id": id})
    version = await node.ask("workflow", "version", {"id": run["workflow"], "number": number})
    return {**word.body, DEFINITION: version["definition"]}


async def _matching(node: Client, name: str, filters: Mapping[str, Any], most: int) -> tuple[list[str], bool]:
    """Return the ids of the runs that fit, and whether those are all."""
    ids: list[str] = []
    for status in (filters["status"],) if "status" in filters else STATUSES[name]:
        rows = await found(node, {**filters, "status": status}, most + 1 - len(ids))
        ids += [row["id"] for row in rows]
    return ids[:most], len(ids) <= most


async def _many(
    session: Session, node: Client, runs: tuple[list[str], bool], word: Word, given: Mapping[str, Any]
) -> int | None:
    ids, is_all = runs
    if word.expect is not None:
        raise Mistake("--expect is the version of one run; leave it out for several")
    count = f"{len(ids)}{'' if is_all else ' or more'} runs"
    if given["dry"]:
        told = {"count": len(ids), "is_all": is_all, "runs": ids}
        session.show(told, lambda: "\n".join([f"{count} to {word.name}", *ids]))
        return None
    if ids and not given["yes"]:
        _confirm(f"{word.name} {count}")
    outcomes = await _said(node, ids, word)
    return _told(session, word.name, outcomes, is_all=is_all)


def _confirm(what: str) -> None:
    if not sys.stdin.isatty():
        raise Mistake(f"this would {what}; say it again with --yes, or look at them with --dry")
    if not typer.confirm(f"{what}?", err=True):
        raise Failed("nothing was done")


async def _said(node: Client, ids: Sequence[str], word: Word) -> dict[str, Outcome]:
    """Say the word to each run, some side by side; under one ``--id`` it takes effect once in each."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def say(id: str) -> Outcome:
        async with gate:
            to = own(node, (KIND, id, word.name))
            message = derive(word.message, id) if word.message else ""
            return await node.call(to, await _filled(node, id, word), message=message)

    async with asyncio.TaskGroup() as group:
        tasks = {id: group.create_task(say(id)) for id in ids}
    return {id: task.result() for id, task in tasks.items()}


def _told(session: Session, name: str, outcomes: Mapping[str, Outcome], *, is_all: bool) -> int | None:
    refused = {id: one for id, one in outcomes.items() if one.status != "done"}
    told = {"count": len(outcomes), "done": len(outcomes) - len(refused), "is_all": is_all}
    session.show(
        told | {"outcomes": outcomes},
        lambda: "\n".join(line(f"{KIND} {id}", one) for id, one in outcomes.items()) or f"no run to {name}",
    )
    more = "" if is_all else "; there are more: say it again"
    show.say(f"{name}: {told['done']} of {len(outcomes)} runs{more}")
    for id, one in refused.items():
        show.say(f"{KIND} {id} {one.status}: {reason(one.code, one.detail, one.at)}")
    return FAILED if refused or not is_all else None
