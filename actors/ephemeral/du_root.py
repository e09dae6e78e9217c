"""du-root: how much lies where below a root of a registry."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from actors.actor import Actor
from actors.ephemeral import ephemeral
from actors.ephemeral.gathering import gathering
from actors.ephemeral.progress import State
from actors.ephemeral.table import Fact, Gather, Job, Plan
from messages.base import Token
from messages.registry import Host
from messages.tiers import GlobalPath, HostPath

PATHS_MAX = 10_000
"""How many directories one workflow tells of; ``du`` shows the large ones of the first levels."""

Path = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

TABLE = gathering(
    "du_root",
    "How much lies where below a root of a registry, as du tells it.",
    arguments={"registry_id": Token, "global_root": GlobalPath, "host": Host, "host_root": HostPath},
    state="appending",
    tell=("append", "Tell how many bytes lie below a path."),
    takes={"path": Path, "usage": Bytes},
    fact=Fact(
        "updated",
        "So many bytes lie below the path.",
        {"path": str, "usage": int},
        Gather("usage", key="path", value="usage", at_most=PATHS_MAX),
    ),
    plans={"initialized": Plan(queue="files", steps=(Job("du", below="global_root"),))},
)

ACTOR: Actor[State, Any, Any] = ephemeral.actor(TABLE)
