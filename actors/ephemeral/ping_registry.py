"""ping-registry: which servers of a registry answer within ten seconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from actors.actor import Actor
from actors.ephemeral import ephemeral
from actors.ephemeral.gathering import gathering
from actors.ephemeral.progress import State
from actors.ephemeral.table import Fact, Gather, Timer
from messages.base import Name, Token

GATHERS = timedelta(seconds=10)
"""How long it waits for servers."""
SERVERS_MAX = 1_000

TABLE = gathering(
    "ping_registry",
    "Which servers of a registry are there: each answers, and after ten seconds that is all.",
    arguments={"registry_id": Token},
    state="gathering",
    tell=("ping", "Answer as a server."),
    takes={"server": Name, "role": Name},
    fact=Fact(
        "pinged",
        "A server has answered.",
        {"server": str, "role": str},
        Gather("servers", key="server", value="role", at_most=SERVERS_MAX),
    ),
    timers={"sum_up": Timer("commit", GATHERS, ("initialized", "gathering"))},
)

ACTOR: Actor[State, Any, Any] = ephemeral.actor(TABLE)
