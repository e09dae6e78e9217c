"""What an entity points at is known to its decisions, also when it has turned to something else just now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import ACTORS
from messages.envelope import ACTOR, OPERATOR, Address, Envelope
from node.engine import Engine
from node.intake import outcome_of
from store.open import open_store

WHO = {"author_name": "Ada", "author_email": "ada@lab.example"}
PLACE = {"registry_id": "main", "registry_name": "Main"}
DATA = {"name": "GRIB", "type": "data", "repo": "grib"}


def message(to: str, body: dict[str, Any], sender: str = OPERATOR) -> Envelope:
    kind, id, verb = to.split(".")
    return Envelope(
        id=to.replace(".", "-"),
        to=Address(kind, id),
        verb=verb,
        body=msgspec.json.encode(body),
        at=1_800_000_000_000_000,
        sender=sender,
    )


SAVE = message("resource.data.save", DATA)
THAW = message("resource.data.thaw", WHO)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """A node with a repository that is frozen."""
    freeze = PLACE | WHO | {"repo_id": "grib", "repo_global_path": "/org/grib"}
    past = [
        message("repo.grib.init", PLACE | {"global_path": "/org/grib"}, ACTOR),
        message("freeze_repo.cold.init", freeze),
        message("repo.grib.begin_freeze", {"workflow": "cold"}),
        message("repo.grib.commit_freeze", {"workflow": "cold"}),
    ]
    async with open_store(tmp_path / "covey.db") as store:
        engine = Engine("here", ACTORS, store)
        for result in await engine.handle(past):
            assert outcome_of(result.outcome).status == "done", result.outcome
        yield engine


def happened(outcome: bytes) -> list[str]:
    return [msgspec.json.decode(event)["type"] for event in outcome_of(outcome).events]


async def test_a_decision_knows_what_the_entity_points_at(engine: Engine) -> None:
    await engine.handle([SAVE])

    (result,) = await engine.handle([THAW])

    assert happened(result.outcome) == ["resource.thawing"]
    assert any("unfreeze_repo" in out.subject for out in result.outgoing)


async def test_what_has_turned_within_the_batch_is_read_and_then_decided_on(engine: Engine) -> None:
    _, unread = await engine.handle([SAVE, THAW])
    assert unread.outcome == b""  # it is to be tried again

    (result,) = await engine.handle([THAW])

    assert happened(result.outcome) == ["resource.thawing"]


async def test_what_has_turned_in_the_batch_before_is_read_and_then_decided_on(engine: Engine) -> None:
    ahead = [await engine.prepare([SAVE]), await engine.prepare([THAW])]
    first = engine.decide(ahead[0])
    (unread,) = engine.decide(ahead[1], first).results
    assert unread.outcome == b""
    await engine.commit(first)

    (result,) = await engine.handle([THAW])

    assert happened(result.outcome) == ["resource.thawing"]


async def test_what_it_points_at_is_seen_as_the_batch_before_has_left_it(engine: Engine) -> None:
    await engine.handle([SAVE])
    thaw = message(
        "unfreeze_repo.warm.init", PLACE | WHO | {"repo_id": "grib", "repo_global_path": "/org/grib"}
    )
    begin = message("repo.grib.begin_unfreeze", {"workflow": "warm"})

    results = await engine.handle([thaw, begin, THAW])

    assert happened(results[2].outcome) == []
