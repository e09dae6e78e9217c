"""``covey apply``: save what files describe, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import typer

from actors import ACTORS
from bus.connection import Heard
from cli import places, show
from cli.client import Client
from cli.documents import Document, headed, read
from cli.errors import FAILED, Mistake
from cli.fields import check
from cli.kinds import HIDDEN, SAVE, public_commands
from cli.outcomes import line
from cli.session import Session, flag, verb
from messages import subjects
from messages.base import encode
from messages.envelope import Outcome

SAVES = {
    actor.kind: public_commands(actor)[SAVE]
    for actor in ACTORS
    if actor.kind not in HIDDEN and SAVE in public_commands(actor)
}
"""The ``save`` of each kind that has one."""
WAIT_SECONDS = 60.0
UNSETTLED = "planning"

Files = Annotated[
    list[str],
    flag("--file", "-f", help="YAML or JSON with kind and id; - reads what comes in."),
]
Wait = Annotated[bool, flag("--wait", help="Wait until each workflow is scheduled or refused.")]
WaitSeconds = Annotated[float, flag("--wait-timeout", min=0.1, help="At most so many seconds.")]


def add(app: typer.Typer) -> None:
    """Register ``apply``."""

    @verb(app, "apply", "covey apply -f federation.yaml --wait")
    async def apply(
        session: Session, file: Files, wait: Wait = False, wait_timeout: WaitSeconds = WAIT_SECONDS
    ) -> int | None:
        """Save what files describe, in order; nothing is sent when one document is not understood."""
        documents = [document for path in file for document in documents_of(path)]
        async with session.node() as node:
            heard = await node.bus.subscribe(subjects.event(node.node, "workflow", "*", "*"))
            results = [await _save(session, node, document) for document in documents]
            is_done = all(result["status"] == "done" for result in results)
            if wait:
                is_done &= await _settle(node, heard, results, wait_timeout)
        if session.is_json:
            show.put_json(results)
        return None if is_done else FAILED


def documents_of(path: str) -> list[Document]:
    """Return the documents of a file, each understood; raises Mistake naming the document and the field."""
    text = read(path)
    try:
        found = headed(text, set(SAVES))
        for document in found:
            _check(document)
    except Mistake as mistake:
        raise Mistake(f"{path}: {mistake}") from None
    return found


def _check(document: Document) -> None:
    try:
        check(document.fields, SAVES[document.kind])
    except Mistake as mistake:
        raise Mistake(f"{document}: {mistake}") from None


async def _save(session: Session, node: Client, document: Document) -> dict[str, Any]:
    kind, id, owner = node.entity(document.kind, document.id)
    fields = document.fields
    to, body = ((kind, id, "propose"), {"body": fields}) if owner else ((kind, id, SAVE), fields)
    outcome = await node.call(to, body)
    _tell(session, document, outcome)
    told = msgspec.json.decode(encode(outcome), type=dict[str, Any])
    return told | {"kind": document.kind, "id": document.id, "document": document.number}


def _tell(session: Session, document: Document, outcome: Outcome) -> None:
    told = line(str(document) if outcome.status != "done" else f"{document.kind} {document.id}", outcome)
    if not session.is_json:
        show.put(told)
    elif outcome.status != "done":
        show.say(told)
    for fault in places.told(outcome.extra.get("faults", ()), ""):
        show.say(fault)


async def _settle(
    node: Client, heard: AsyncIterator[Heard], results: list[dict[str, Any]], seconds: float
) -> bool:
    """Wait for the plans of all saved workflows; note each in its result and say whether all stand."""
    saved = {one["id"]: one for one in results if one["kind"] == "workflow" and one["status"] == "done"}
    waiting = {id for id in saved if await _is_unsettled(node, saved[id])}
    try:
        async with asyncio.timeout(seconds):
            while waiting:
                id = (await anext(heard)).subject.split(".")[4]
                if id in waiting and not await _is_unsettled(node, saved[id]):
                    waiting.remove(id)
    except TimeoutError:
        show.say(f"after {seconds:g} s there is no plan yet of {', '.join(sorted(waiting))}; it goes on")
    return not waiting and all(one["plan"] != "refused" for one in saved.values())


async def _is_unsettled(node: Client, saved: dict[str, Any]) -> bool:
    found = await node.ask("workflow", "get", {"id": saved["id"]})
    before, plan = saved.get("told"), found.get("plan", "none")
    told = f"workflow {saved['id']}: {plan}{_why(found)}"
    saved |= {"plan": plan, "waiting": found.get("waiting", []), "refusals": found.get("refusals", [])}
    if told != before:
        show.say(told)
    saved["told"] = told
    return bool(plan == UNSETTLED)


def _why(found: dict[str, Any]) -> str:
    if found.get("waiting") and found.get("plan") == UNSETTLED:
        return f", waiting for {', '.join(found['waiting'])}"
    refusals = found.get("refusals", []) if found.get("plan") == "refused" else []
    return "".join(f"; {one['code']}: {one['detail']}" for one in refusals)
