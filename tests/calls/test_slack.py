"""Messages to a webhook, on a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from node.calls.client import Client
from node.calls.slack import SlackCalls
from tests.calls.served import Site, answered, faulted

PLACE = "/services/T000/B000/s3cr3tXXX"


@pytest.fixture
def calls(client: Client) -> SlackCalls:
    return SlackCalls(client)


async def test_a_message_is_posted(site: Site, calls: SlackCalls) -> None:
    site[PLACE] = web.Response(text="ok")

    found = await answered(calls, "slack", {"webhook": f"{site.url}{PLACE}", "text": "hi", "more": 1})

    assert found == {"ok": True}
    assert json.loads(site.asked[0].body) == {"text": "hi"}
    assert site.asked[0].headers["Idempotency-Key"] == "key-1"


async def test_a_refusal_tells_why(site: Site, calls: SlackCalls) -> None:
    site[PLACE] = web.Response(status=403, text="invalid_token")

    word, status, detail = await faulted(calls, "slack", {"connection": f"{site.url}{PLACE}", "text": "hi"})

    assert (word, status, detail) == ("communication", 403, f"{site.url} answered 403 (invalid_token)")


@pytest.mark.parametrize("webhook", ["http://127.0.0.1:1", "http://10.0.0.1"])
async def test_no_problem_tells_the_webhook(calls: SlackCalls, webhook: str) -> None:
    _, _, detail = await faulted(calls, "slack", {"webhook": f"{webhook}{PLACE}", "text": "hi"})

    assert "s3cr3t" not in detail


@pytest.mark.parametrize(
    "more",
    [{}, {"text": 5}, {"text": "x" * 40_001}, {"blocks": [{}] * 51}, {"text": "a", "webhook": "x"}],
    ids=lambda more: str(more)[:40],
)
async def test_what_is_no_message_is_a_mistake(site: Site, calls: SlackCalls, more: dict[str, Any]) -> None:
    word, status, _ = await faulted(calls, "slack", {"webhook": f"{site.url}{PLACE}", **more})

    assert (word, status, site.asked) == ("configuration", 400, [])
