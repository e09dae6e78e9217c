"""Whether connections answer: what they are for is not done, only that somebody is there and lets us in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from messages.run import Call
from node.calls.client import Client, Request, address
from node.calls.database import DatabaseCalls
from node.calls.egress import Egress
from node.calls.email import EmailCalls
from node.calls.failed import Failed
from node.calls.outside import Outside
from node.calls.secrecy import Secrecy

PROBE_SECONDS = 10.0
"""How long a connection may take to answer."""
DETAIL_CHARACTERS = 300
BROKEN = 500
_CALL = Call(run="-", frame=1, call=1, pointer="", kind="database", arguments={}, attempt=1, key="probe")


class Probe:
    """Asks connections, under the policy that calls are under."""

    def __init__(self, outside: Outside) -> None:
        self._egress = Egress(outside.allowed)
        self._client = Client(self._egress)
        self._database = DatabaseCalls(self._egress, outside)
        self._email = EmailCalls(self._egress)

    async def silence(self, kind: str, url: str, secrets: Sequence[str]) -> str:
        """Return why a connection does not answer, without its secrets; nothing when it does."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._ask(kind, url)
        except Failed as failed:
            return Secrecy({"url": url}, secrets).hide(failed.detail)[:DETAIL_CHARACTERS]
        except TimeoutError:
            return f"nothing came in {PROBE_SECONDS:g} s"
        except Exception as error:  # without its words: they may repeat what is secret
            return f"it failed: {type(error).__name__}"
        return ""

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()
        self._database.close()
        self._email.close()
        self._egress.close()

    async def _ask(self, kind: str, url: str) -> None:
        match kind:
            case "database":
                given = {"connection": url, "action": "query", "query": "SELECT 1"}
                await self._database(msgspec.structs.replace(_CALL, arguments=given))
            case "smtp":
                await self._email.probe(url)
            case _:
                await self._request(url, is_path_secret=kind == "slack")

    async def _request(self, url: str, *, is_path_secret: bool) -> None:
        """Take any answer for one, but that the server is broken."""
        request = Request(method="GET", url=address(url), headers={}, is_path_secret=is_path_secret)
        response = await self._client.send(request)
        if response.status >= BROKEN:
            raise Failed("communication", f"{request.place} answered {response.status}", response.status)
