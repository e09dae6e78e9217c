"""Connect to one account of a NATS server, and stay connected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nats.aio.client import ReconnectToServerHandler, Server

from bus.client import Bus, Heard, ServerFacts, StreamState
from bus.reader import Reader
from bus.tasks import Report

CONNECT_SECONDS = 10.0
RECONNECT_SECONDS_FIRST = 0.1
RECONNECT_SECONDS_MAX = 1.0
PING_SECONDS = 10
PINGS_UNANSWERED_MAX = 2
DRAIN_SECONDS = 5
PENDING_BYTES_MAX = 8 << 20
"""What is kept to be sent while there is no connection."""
BACKOFF_DOUBLINGS_MAX = 20
INBOX = "_INBOX"

_OPTIONS: dict[str, Any] = {
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": RECONNECT_SECONDS_FIRST,
    "ping_interval": PING_SECONDS,
    "max_outstanding_pings": PINGS_UNANSWERED_MAX,
    "drain_timeout": DRAIN_SECONDS,
    "pending_size": PENDING_BYTES_MAX,
}

__all__ = ["Bus", "Heard", "ServerFacts", "StreamState", "connect"]


async def connect(
    url: str,
    *,
    name: str,
    seed_path: Path | None = None,
    credentials: Path | None = None,
    tls: ssl.SSLContext | None = None,
    inbox_prefix: str = INBOX,
    within_seconds: float = CONNECT_SECONDS,
    reconnect_seconds_max: float = RECONNECT_SECONDS_MAX,
    leaves_when_refused: bool = False,
    on_error: Report = lambda _: None,
    on_reconnect: Callable[[], object] = lambda: None,
) -> Bus:
    """Connect, and stay connected for ever; raises PermissionError, or ConnectionError in the end.

    With ``leaves_when_refused`` it ends once the server has refused us ``REFUSALS_BELIEVED`` times in a row.
    """
    options: dict[str, Any] = {
        **_OPTIONS,
        "servers": url,
        "name": name,
        "nkeys_seed": str(seed_path) if seed_path else None,
        "user_credentials": str(credentials) if credentials else None,
        "tls": tls,
        "inbox_prefix": inbox_prefix,
        "reconnect_to_server_handler": _backoff(reconnect_seconds_max),
    }
    client = Reader()
    bus = Bus(client, on_error, on_reconnect, leaves_when_refused=leaves_when_refused)
    try:
        await asyncio.wait_for(bus.open(options), within_seconds)
    except TimeoutError as error:
        await bus.close()
        raise ConnectionError(f"{url} did not let us in: {client.last_error or 'no answer'}") from error
    except BaseException:
        await bus.close()
        raise
    return bus


def _backoff(seconds_max: float) -> ReconnectToServerHandler:
    def wait(pool: list[Server], _told: dict[str, Any]) -> tuple[Server, float]:
        failures = min(pool[0].reconnects, BACKOFF_DOUBLINGS_MAX)
        return pool[0], min(RECONNECT_SECONDS_FIRST * 2**failures, seconds_max)

    return wait
