"""``call: slack``: a message to an incoming webhook."""

from __future__ import annotations

from typing import Any

import msgspec

from messages.run import Call
from node.calls.client import Client, Request, address
from node.calls.connections import address_of
from node.calls.failed import Failed, misconfigured
from node.calls.http import JSON, KEY

TEXT_CHARACTERS = 40_000
BLOCKS_MOST = 50
"""What Slack itself takes."""
PARTS = ("text", "blocks", "attachments", "username", "icon_emoji", "icon_url", "thread_ts", "unfurl_links")
REASON_CHARACTERS = 60


class SlackCalls:
    """Makes the calls of the queue ``call-slack``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, call: Call) -> Any:
        """Send a message; raises Failed. The output says that it was taken."""
        given = call.arguments
        webhook = address_of(given.get("connection") or given.get("webhook"))
        message = {name: given[name] for name in PARTS if given.get(name) is not None}
        _check(message)
        request = Request(
            method="POST",
            url=address(webhook),
            headers={"Content-Type": JSON, KEY: call.key},
            body=msgspec.json.encode(message),
            is_path_secret=True,
        )
        response = await self._client.send(request)
        if response.status != 200:
            said = response.body[:REASON_CHARACTERS].decode("ascii", "replace")
            reason = f" ({said})" if said.replace("_", "").isalpha() else ""  # no_text, invalid_payload, …
            raise Failed(
                "communication", f"{request.place} answered {response.status}{reason}", response.status
            )
        return {"ok": True}


def _check(message: dict[str, Any]) -> None:
    text, blocks = message.get("text"), message.get("blocks")
    if not isinstance(text, str) and not isinstance(blocks, list):
        raise misconfigured("a message has a text, or blocks")
    if isinstance(text, str) and len(text) > TEXT_CHARACTERS:
        raise misconfigured(f"a text has at most {TEXT_CHARACTERS} characters")
    if isinstance(blocks, list) and len(blocks) > BLOCKS_MOST:
        raise misconfigured(f"a message has at most {BLOCKS_MOST} blocks")
