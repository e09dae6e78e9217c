"""The verbs of ephemeral workflows: begin one, ask how far it is, wait for it, give it up."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Annotated, Any

import typer

from actors import ACTORS, TABLES
from actors.actor import Actor
from actors.ephemeral.table import Table
from cli import filling, gathered, history, kinds, listing, show
from cli.client import Client
from cli.errors import FAILED, Failed, Mistake, Refused
from cli.examples import example
from cli.fields import check, verb_of
from cli.outcomes import report
from cli.session import Session, dashed, flag, nouns, option, verb
from messages.base import Message

BEGIN = "init"
"""What ``begin`` says."""
RESULT = "result"
PARTS_MAX = 10_000
GIVEN_UP: dict[str, Any] = {"code": 1, "message": "given up by the operator"}
"""What a failure is that an operator tells and says no more of."""
ASK_SECONDS_MAX = 60.0
"""How long a node lets an asker wait."""
ASK_SHARE = 0.8
"""How much of the time for an answer the node may use up."""
SILENCES_MAX = 60
"""How many times a node may not answer, once a second, while it is waited for."""
SILENT_SECONDS = 1.0
STAYS_SECONDS = 10.0
"""How long a workflow may stay where it is until people are told who is to bring it on."""
LATE_SECONDS = 1.0
"""How much later than asked for an answer may come."""
DIGITS = 8

Id = Annotated[str, typer.Argument(help="An id.", metavar="ID")]
NewId = Annotated[str, typer.Argument(help="An id; without it one is made up.", metavar="[ID]")]
Wait = Annotated[bool, flag("--wait", help="Wait until it is completed or has failed.")]
Seconds = Annotated[float, flag("--for", min=0, help="Wait at most so many seconds; 0: as long as it takes.")]


def add(app: typer.Typer, word: str = "") -> bool:
    """Register the nouns of ephemeral workflows that a word names; say whether there are any."""
    actors = {actor.kind: actor for actor in ACTORS}
    named = [table for table in TABLES if kinds.is_named(table.kind, word)]
    for table in named:
        kinds.add_noun(app, noun(actors[table.kind], table), table.kind)
    return bool(named)


def noun(actor: Actor[Any, Any, Any], table: Table) -> typer.Typer:
    """Make the verbs of one kind; those that workers say are not shown."""
    kind = actor.kind
    group = nouns(table.about, example(kind, "list"))
    commands = {verb_of(command): command for command in actor.commands}
    _add_begin(group, kind, commands[BEGIN])
    _add_get(group, kind, gathered.layout(table), RESULT in actor.questions)
    _add_wait(group, kind)
    if RESULT in actor.questions:
        _add_result(group, kind, gathered.layout(table))
    for query in actor.questions.keys() - {"wait", RESULT}:
        kinds.add_question(group, kind, query, actor.questions[query])
    for row in table.rows:
        fails = {"code", "message"} <= set(row.takes)
        kinds.add_command(
            *(group, kind, commands[row.verb]),
            defaults=GIVEN_UP if fails and not row.is_for_workers else None,
            is_hidden=row.is_for_workers or row.verb == BEGIN,
        )
    history.add(group, kind)
    listing.add(group, kind, example(kind, "list"))
    return group


def _add_begin(group: typer.Typer, kind: str, command: type[Message]) -> None:
    parameters = [
        option("id", NewId, ""),
        *kinds.command_options(kind, command, filling.found(command)),
        *filling.options(command),
        option("wait", Wait, False),
        option("seconds", Seconds, 0.0),
    ]

    @verb(group, "begin", example(kind, "begin"), help=command.__doc__ or "", parameters=parameters)
    async def begin(session: Session, **given: Any) -> int | None:
        id = given["id"] or f"{dashed(kind)}-{uuid.uuid4().hex[:DIGITS]}"
        body, expect = kinds.body_of(kind, command, given), kinds.expected(given["expect"])
        async with session.node() as node:
            body = await filling.filled(node, command, body, given)
            check(body, command)
            to = own(node, (kind, id, BEGIN))
            if not given["id"]:
                show.say(f"its id is {id}")
            outcome = await node.call(to, body, message=given["message"], expect=expect)
            if outcome.status != "done" or not given["wait"]:
                return report(session, f"{dashed(kind)} {id}", outcome)
            if not session.is_json:
                report(session, f"{dashed(kind)} {id}", outcome)
            return await wait_for(session, node, (kind, id), given["seconds"])


def own(node: Client, to: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return where a command goes that only our own node takes; raises Mistake for another's."""
    kind, id, name = to
    _, ours, owner = node.entity(kind, id)
    if owner:
        raise Mistake(f"it belongs to {owner}: only {owner} can {name} it")
    return kind, ours, name


def _add_get(group: typer.Typer, kind: str, layout: kinds.Layout, has_result: bool) -> None:
    help = f"Show one {dashed(kind)}{', with its result' if has_result else ''}."

    @verb(group, "get", example(kind, "get"), help=help)
    async def get(session: Session, id: Id) -> None:
        async with session.node() as node:
            found = await node.ask(kind, "get", {"id": id})
            if has_result and found["is_final"] and not found["code"]:
                found |= await whole_result(node, kind, id)
        session.show(found, lambda: layout(found))


def _add_result(group: typer.Typer, kind: str, layout: kinds.Layout) -> None:
    @verb(group, RESULT, example(kind, RESULT), help="Show what came of it; refused before that is whole.")
    async def result(session: Session, id: Id) -> None:
        async with session.node() as node:
            found = await whole_result(node, kind, id)
        session.show(found, lambda: layout(found))


async def whole_result(node: Client, kind: str, id: str) -> dict[str, Any]:
    """Return all parts of a result as one."""
    whole: dict[str, Any] = {}
    after: int | None = 0
    for _ in range(PARTS_MAX):
        part = await node.ask(kind, RESULT, {"id": id, "after": after})
        after = part.pop("next", None)
        more = {name: whole.get(name, {}) | value for name, value in part.items() if isinstance(value, dict)}
        whole = part | more
        if after is None:
            break
    return whole


def _add_wait(group: typer.Typer, kind: str) -> None:
    help = "Wait until it is completed or has failed; exit 0 when it has done what it was to do."

    @verb(group, "wait", example(kind, "wait"), help=help)
    async def wait(session: Session, id: Id, *, seconds: Seconds = 0.0) -> int | None:
        async with session.node() as node:
            return await wait_for(session, node, (kind, id), seconds)


async def wait_for(session: Session, node: Client, what: tuple[str, str], seconds: float) -> int | None:
    """Wait for the outcome of a workflow, show it, and return the exit code."""
    kind, id = what
    name = f"{dashed(kind)} {id}"
    told = await ended(node, what, min(ASK_SECONDS_MAX, session.seconds * ASK_SHARE), seconds)
    session.show({"kind": kind, "id": id, **told}, lambda: f"{name}: {_words(told)}")
    if not told["is_final"]:
        show.say(f"{name}: after {seconds:g} s it is {told['state']}; it goes on")
        return FAILED
    return FAILED if told["code"] else None


async def ended(node: Client, what: tuple[str, str], each_seconds: float, seconds: float) -> dict[str, Any]:
    """Ask how far a workflow is until it has an outcome, or the time is up; over restarts of the node."""
    kind, id = what
    now = asyncio.get_running_loop().time
    until = now() + seconds if seconds else None
    told = await node.ask(kind, "status", {"id": id})
    show.say(f"waiting for {dashed(kind)} {id}")
    patience = STAYS_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout_at(None if until is None else until + LATE_SECONDS):
            while not told["is_final"] and (until is None or until > now()):
                left = each_seconds if until is None else min(each_seconds, until - now())
                before, told = told, await ask_again(node, kind, {"id": id, "timeout": min(left, patience)})
                if told["state"] == before["state"] and patience < ASK_SECONDS_MAX:
                    _say_who_is_needed(kind, told["state"])
                patience = ASK_SECONDS_MAX
    return told


def _say_who_is_needed(kind: str, state: str) -> None:
    """Say which worker brings a workflow on from where it stays."""
    plan = next(table for table in TABLES if table.kind == kind).plans.get(state)
    if plan is not None:
        worker = f"covey worker {plan.queue}"
        show.say(f"still {state}: a {plan.queue} worker brings it on; see that one runs: {worker} --help")


async def ask_again(node: Client, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask to wait, again when the node does not answer: it may be restarting."""
    silences = 0
    while True:
        try:
            return await _heard(node, kind, asked)
        except Refused:
            raise
        except Failed as error:
            silences += 1
            if silences > SILENCES_MAX:
                raise
            if silences == 1:
                show.say(f"{error}; asking again")
        await asyncio.sleep(SILENT_SECONDS)  # nothing tells us when it is there again


async def _heard(node: Client, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Ask, and again whenever the connection was away: what was asked before is answered by nobody."""
    is_back = asyncio.Event()
    node.bus.on_reconnect = is_back.set
    while True:
        is_back.clear()
        asking = asyncio.create_task(node.ask(kind, "wait", asked))
        returning = asyncio.create_task(is_back.wait())
        try:
            await asyncio.wait((asking, returning), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
        finally:
            asking.cancel()
            returning.cancel()


def _words(told: dict[str, Any]) -> str:
    """Say how it has ended, or how far it is."""
    if not told["is_final"]:
        return show.clean(str(told["status"]))
    return show.clean(f"failed, code {told['code']}: {told['message']}") if told["code"] else "done"
