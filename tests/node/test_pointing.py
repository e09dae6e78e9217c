"""What an entity points at is known to its decisions, also when it has turned to something else just now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from node.engine import Engine
from node.intake import outcome_of
from tests.node.frozen import DATA, PLACE, WHO, frozen, message

SAVE = message("resource.data.save", DATA)
THAW = message("resource.data.thaw", WHO)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with frozen(tmp_path) as engine:
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
