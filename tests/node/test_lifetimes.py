"""The life of every ephemeral workflow in virtual time: ended, deleted, purged, and its id free again.

Each at its instant and not a second before. The days are those of the specification, not of the code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import ACTORS, TABLES
from tests.actors.derived import says
from tests.node.virtual import Node, virtual
from tests.spec import NOON

DAY, SECOND, INSTANT = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
EXPIRES = {"du_root": 1, "ping_registry": 1, "unfreeze_repo": 5, "freeze_repo": 5}
"""Days from the begin."""
DELETED = {"du_root": 5, "ping_registry": 5, "unfreeze_repo": 30, "freeze_repo": 30}
"""Days from the completion."""
PURGED, FREE = 15 * DAY, 30 * DAY
"""From the deletion."""
PINGED = 10 * SECOND
KINDS = list(EXPIRES)
EACH = pytest.mark.parametrize("kind", KINDS)
FAILS = {
    "du_root": ("fail", {"code": 1, "message": "du failed"}),
    "ping_registry": ("fail", {"code": 1, "message": "it is over"}),
    "unfreeze_repo": ("abort", {"code": 107, "message": "it has an error"}),
    "freeze_repo": ("abort", {"code": 107, "message": "it has an error"}),
}
"""How each is completed, here in failure: it is short, and its life is the same."""
TOLD = ("get", "status", "history", "wait")
LOST: dict[str, frozenset[str]] = {"all is heard": frozenset(), "the end is lost": frozenset({"end"})}


@pytest.fixture(params=list(LOST))
async def node(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    async with virtual(tmp_path, ACTORS, NOON) as node:
        node.loses = LOST[request.param]
        yield node


def begin(kind: str) -> dict[str, Any]:
    actor = next(actor for actor in ACTORS if actor.kind == kind)
    body: dict[str, Any] = msgspec.to_builtins(says(actor, "init"))
    return body


async def begun(node: Node, kind: str) -> None:
    await node.done(kind, "w-1", "init", **begin(kind))


async def completed(node: Node, kind: str) -> datetime:
    """Begin one, and have it fail an hour later; return when it will be deleted."""
    await begun(node, kind)
    node.now = NOON + timedelta(hours=1) if kind != "ping_registry" else NOON + SECOND
    verb, body = FAILS[kind]
    await node.done(kind, "w-1", verb, **body)
    return node.now + DELETED[kind] * DAY


async def deleted(node: Node, kind: str) -> datetime:
    """Have one deleted by its alarm; return when."""
    at = await completed(node, kind)
    assert await node.ring(at) == [f"{kind}.w-1 delete"]
    return at


async def index(node: Node) -> dict[str, list[str]]:
    told = await node.ask("workflow_index", "a-1", "get")
    return {name: [entry["workflow"] for entry in told[name]] for name in ("active", "completed")}


def test_all_kinds_are_here() -> None:
    assert [table.kind for table in TABLES if table.kind not in KINDS] == []


@EACH
async def test_it_expires_on_its_day_and_not_a_second_before(node: Node, kind: str) -> None:
    await begun(node, kind)
    node.now = NOON + EXPIRES[kind] * DAY - SECOND
    early = await node.say(kind, "w-1", "abort_expired")
    node.now += SECOND

    late = await node.say(kind, "w-1", "abort_expired")

    assert (early.code, late.status) == ("not_expired", "done")
    told = await node.ask(kind, "w-1", "status")
    assert (told["code"], told["message"], told["is_final"]) == (104, "expired", True)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ping_registry"])
async def test_its_alarm_expires_it(node: Node, kind: str) -> None:
    await begun(node, kind)
    expires = NOON + EXPIRES[kind] * DAY

    rung = [await node.ring(at) for at in (expires - SECOND, expires - INSTANT, expires, expires)]

    assert rung == [[], [], [f"{kind}.w-1 expire"], []]
    assert await index(node) == {"active": [], "completed": ["w-1"]}


async def test_pings_are_summed_up_after_ten_seconds(node: Node) -> None:
    await begun(node, "ping_registry")
    await node.done("ping_registry", "w-1", "ping", server="files-1", role="files")

    rung = [await node.ring(at) for at in (NOON + PINGED - INSTANT, NOON + PINGED)]

    assert rung == [[], ["ping_registry.w-1 sum_up"]]
    told = await node.ask("ping_registry", "w-1", "result")
    assert (told["servers"], told["code"]) == ({"files-1": "files"}, 0)


@EACH
async def test_it_is_completed_in_the_index_and_ended_unless_that_is_lost(node: Node, kind: str) -> None:
    await completed(node, kind)

    history = await node.ask(kind, "w-1", "history")

    assert await index(node) == {"active": [], "completed": ["w-1"]}
    ends = [] if node.loses else [f"{kind}.committed"]
    assert [event["type"] for event in history["events"]][-1 - len(ends) :] == [f"{kind}.completed", *ends]


@EACH
async def test_it_is_deleted_on_its_day_and_not_a_second_before(node: Node, kind: str) -> None:
    at = await completed(node, kind)

    assert await node.ring(at - SECOND) == []
    assert await node.ring(at - INSTANT) == []
    assert (await node.ask(kind, "w-1", "get"))["id"] == "w-1"
    assert await node.ring(at) == [f"{kind}.w-1 delete"]
    assert await index(node) == {"active": [], "completed": []}


@EACH
async def test_it_is_not_seen_any_more_at_once(node: Node, kind: str) -> None:
    await deleted(node, kind)

    assert {(await node.ask(kind, "w-1", question))["code"] for question in TOLD} == {"not_found"}
    assert (await node.ask(kind, "", "list"))["items"] == []


@EACH
async def test_it_can_be_deleted_earlier_and_again(node: Node, kind: str) -> None:
    await completed(node, kind)

    first = await node.done(kind, "w-1", "delete")
    again = await node.done(kind, "w-1", "delete")

    assert (len(first.events), len(again.events), first.version) == (1, 0, again.version)
    assert await index(node) == {"active": [], "completed": []}


@EACH
async def test_its_events_are_purged_15_days_after_it_was_deleted(node: Node, kind: str) -> None:
    at = await deleted(node, kind)

    kept = []
    for moment in (at + PURGED - SECOND, at + PURGED - INSTANT, at + PURGED):
        rung = await node.ring(moment)
        kept.append((rung, await node.count("journal", kind, "w-1") > 0))

    assert kept == [([], True), ([], True), ([f"{kind}.w-1 ~purge"], False)]
    assert (await node.ask(kind, "w-1", "history"))["code"] == "not_found"


@EACH
async def test_its_id_is_taken_until_it_is_free_30_days_after_it_was_deleted(node: Node, kind: str) -> None:
    at = await deleted(node, kind)
    refused = []
    for moment in (at, at + PURGED, at + FREE - INSTANT):
        await node.ring(moment)
        refused += [(await node.say(one, "w-1", "init", **begin(one))).code for one in KINDS]

    assert await node.ring(at + FREE) == [f"{kind}.w-1 ~free"]

    assert refused == 3 * ["deleted" if one == kind else "wrong_kind" for one in KINDS]
    assert await node.count("entity", kind, "w-1") == 0


@EACH
@pytest.mark.parametrize("other", KINDS)
async def test_a_free_id_begins_anew_as_any_kind(node: Node, kind: str, other: str) -> None:
    at = await deleted(node, kind)
    await node.ring(at + FREE)

    anew = await node.done(other, "w-1", "init", **begin(other))

    assert anew.version == 1
    assert await index(node) == {"active": ["w-1"], "completed": []}
    history = await node.ask(other, "w-1", "history")
    assert [(event["type"], event["version"]) for event in history["events"]] == [(f"{other}.started", 1)]
    assert (await node.ask(other, "w-1", "get"))["started_at"] == (at + FREE).isoformat().replace(
        "+00:00", "Z"
    )
