"""A node with a repository that is frozen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

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


@asynccontextmanager
async def frozen(path: Path) -> AsyncIterator[Engine]:
    freeze = PLACE | WHO | {"repo_id": "grib", "repo_global_path": "/org/grib"}
    past = [
        message("repo.grib.init", PLACE | {"global_path": "/org/grib"}, ACTOR),
        message("freeze_repo.cold.init", freeze),
        message("repo.grib.begin_freeze", {"workflow": "cold"}),
        message("repo.grib.commit_freeze", {"workflow": "cold"}),
    ]
    async with open_store(path / "covey.db") as store:
        engine = Engine("here", ACTORS, store)
        for result in await engine.handle(past):
            assert outcome_of(result.outcome).status == "done", result.outcome
        yield engine
