"""Requests to JetStream itself, as raw JSON: the client library lags behind the server."""

from __future__ import annotations

from typing import Any

import msgspec
import nats.errors
from nats.aio.client import Client

API = "$JS.API"
API_SECONDS = 10.0
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014


class ApiError(Exception):
    """JetStream refused a request; ``code`` is its own (10059: there is no such stream)."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail


async def ask(client: Client, subject: str, body: Any = None) -> dict[str, Any]:
    """Send one request below ``$JS.API``; raises ApiError, or nats.errors.Error when nobody answers."""
    payload = b"" if body is None else msgspec.json.encode(body)
    reply = await client.request(f"{API}.{subject}", payload, timeout=API_SECONDS)
    answer = msgspec.json.decode(reply.data, type=dict[str, Any])
    if error := answer.get("error"):
        raise ApiError(int(error.get("err_code", error.get("code", 0))), str(error.get("description", "")))
    return answer


async def find(client: Client, subject: str) -> dict[str, Any] | None:
    """Return what an INFO request answers, or None if there is no such stream or consumer."""
    try:
        return await ask(client, subject)
    except ApiError as error:
        if error.code in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
            return None
        raise


TIMEOUTS = (nats.errors.TimeoutError, nats.errors.NoRespondersError)
"""What an ask raises while JetStream is not there."""


async def syncs_always(client: Client) -> bool:
    """Ask the server, as a user of its system account, whether JetStream syncs every write."""
    reply = await client.request("$SYS.REQ.SERVER.PING.VARZ", timeout=API_SECONDS)
    answer = msgspec.json.decode(reply.data, type=dict[str, Any])
    told = answer.get("data", {}).get("jetstream", {}).get("config", {})
    return bool(told.get("sync_always"))
