"""A secret reaches whom it is for, and stands nowhere else: no file, no log, no event, no peer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import html
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, web

from bus.publisher import Outbound
from messages import subjects
from tests.calls.served import Site, serving
from tests.environments import connect, keep, leaks, make, written
from tests.node.serving import document, post
from tests.nodes import Operator, meet, one_node
from tests.workers.running import end_of

CORE = "pl4ntedS3cretQ7"
SECRET = f'{CORE}/&"é+x'
HOOK = base64.b64encode(b"pl4nted-h00k-S3cret").decode()
CHILD = {"namespace": "n", "name": "use", "version": "1"}
TOKEN = "${ $secrets.token }"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


async def echo(request: web.Request) -> web.Response:
    """Give back what came, in all ways that a server may."""
    came = f"{request.rel_url} {dict(request.headers)} {await request.text()}"
    words = {"came": came, "escaped": html.escape(came), "hex": came.encode().hex()}
    encoded = base64.b64encode(came.encode()).decode()
    return web.json_response(words | {"base64": encoded, "again": json.dumps(words), SECRET: 1})


async def refuse(request: web.Request) -> web.Response:
    raise web.HTTPBadRequest(reason=f"{quote(SECRET)} is wrong", text=str(dict(request.headers)))


def http(site: Site, path: str, **more: Any) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "post", "endpoint": f"{site.url}{path}", **more}}


def uses(site: Site) -> dict[str, dict[str, Any]]:
    """Return tasks that use the secret in each way."""
    mail = {"connection": "post", "from": "a@b.c", "to": "d@e.f", "text": "hi"}
    query = {"action": "query", "query": "SELECT 1"}
    return {
        "header": http(site, "/echo", headers={"X-Key": '${ "key \\($secrets.token | @json)" }'}),
        "query": http(site, "/echo", query={"key": TOKEN}, output="response"),
        "address": {
            "call": "http",
            "with": {"method": "post", "endpoint": f'${{ "{site.url}/echo?a=" + $secrets.token }}'},
        },
        "body": http(site, "/echo", body={"deep": [{"text": '${ "<" + $secrets.token + ">" }'}]}),
        "raw": http(site, "/echo", body=TOKEN, output="raw"),
        "basic": http(
            site,
            "/echo",
            endpoint={
                "uri": f"{site.url}/echo",
                "authentication": {"basic": {"username": "ann", "password": TOKEN}},
            },
        ),
        "bearer": http(
            site,
            "/refuse",
            endpoint={"uri": f"{site.url}/refuse", "authentication": {"bearer": {"token": TOKEN}}},
        ),
        "named": {"call": "http", "with": {"method": "post", "endpoint": "connection://api/echo"}},
        "database": {"call": "database", "with": {"connection": "shop", **query}},
        "inline": {
            "call": "database",
            "with": {"connection": '${ "postgresql://ann:\\($secrets.token)@127.0.0.1:1/x" }', **query},
        },
        "mail": {"call": "email", "with": mail},
        "slack": {"call": "slack", "with": {"connection": "team", "text": "hi"}},
        "shell": {"run": {"shell": {"command": "echo", "arguments": [TOKEN]}, "return": "all"}},
        "log": {"call": "log", "with": {"message": TOKEN}},
        "kept": {"set": {"token": TOKEN}},
        "event": {"emit": {"event": {"with": {"source": "/t", "type": "t.told", "data": {"token": TOKEN}}}}},
        "child": {
            "run": {"workflow": {"namespace": "n", "name": "use", "version": "1", "input": {"t": TOKEN}}}
        },
    }


USES = tuple(uses(Site("")))
ARRIVES = ("header", "query", "address", "body", "raw", "basic", "bearer", "named", "slack")
"""Uses that the server sees."""


async def begin(node: Operator, run: str, task: dict[str, Any], **more: Any) -> tuple[str, Any]:
    definition = document([{run: task}])
    definition["use"] = {"secrets": ["token"]}
    await node.done("workflow", run, "save", name=run, definition=definition, environment="dev", **more)
    await node.done("workflow", run, "launch", run=run)
    return await end_of(node, run)


async def prepare(node: Operator, site: Site) -> None:
    site["/echo"] = site["/hooks/" + SECRET] = site[f"/{SECRET}/echo"] = echo
    site["/refuse"] = refuse
    await make(node, "dev")
    await keep(node, "token", SECRET, "dev")
    await keep(node, "hook", f"whsec_{HOOK}", "dev")
    connections = {
        "api": ("http", f"{site.url}/{{token}}"),
        "shop": ("database", "postgresql://ann:{token}@127.0.0.1:1/shop"),
        "post": ("smtp", "smtp://ann:{token}@127.0.0.1:1"),
        "team": ("slack", f"{site.url}/hooks/{{token}}"),
    }
    for name, (kind, url) in connections.items():
        assert (await connect(node, "dev", name, kind, url))["status"] == "done"
    use = document([{"use": http(site, "/echo", body="${ . }")}])
    await node.done("workflow", "use", "save", name="use", definition=use, environment="dev")


async def sign(node: Operator) -> None:
    """Begin a run by a request that the secret signs."""
    await node.done(
        "workflow",
        "signed",
        "save",
        name="signed",
        environment="dev",
        definition=document([{"one": {"set": {"a": 1}}}]),
        triggers=[{"id": "web", **post("/signed", secret="hook")}],
    )
    await node.event("route.claimed")
    timestamp = str(int(time.time()))
    signature = hmac.digest(base64.b64decode(HOOK), f"m1.{timestamp}.{{}}".encode(), hashlib.sha256)
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
    async with ClientSession(node.endpoint.http_url) as client:
        for path, status in (("/signed", 404), ("/dev/signed", 200)):
            async with client.post(path, data=b"{}", headers=headers) as answer:
                assert answer.status == status


async def test_a_planted_secret_is_nowhere(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="covey")
    more = {"http": "0", "allow_egress": ("127.0.0.0/8",), "may_run_programs": True}
    told: list[str] = []
    async with one_node(tmp_path / "lab", "lab", **more) as node, one_node(tmp_path / "far", "far") as peer:
        await meet(node, peer)
        await prepare(node, site)
        ends = {name: await begin(node, name, task) for name, task in uses(site).items()}
        await sign(node)
        await node.done(
            "shared_workspace", "all", "save", name="all", peers=["far"], workflows=["header", "named"]
        )
        async with asyncio.timeout(30):
            await peer.event("copy.stored")
        for kind in ("environment", "workflow", "run", "route"):
            told += [json.dumps(one) for one in await node.items(kind)]
        told += [json.dumps(await node.ask(*asked)) for asked in (("environment", "history", "dev"),)]
        told += [json.dumps(await node.ask("run", "history", name, limit=500)) for name in USES]
        told += [f"{one.headers} {one.body.decode()}" for one in (*node.heard, *peer.heard)]
    told += [caplog.text]

    arrived = [one for one in site.asked if any(CORE in str(part) for part in _parts(one))]
    assert len(arrived) == len(ARRIVES), ends
    for secret in (CORE, HOOK, SECRET):
        assert leaks(tmp_path, secret) == []
        assert not [text for text in told for form in written(secret) if form in text.encode()]
    assert ends["child"][0] == "failed"
    assert "another run" in ends["child"][1]["detail"]
    assert "***" in json.dumps(ends["body"][1])


def _parts(asked: Any) -> list[Any]:
    scheme, _, rest = asked.headers.get("Authorization", "").partition(" ")
    decoded = base64.b64decode(rest) if scheme == "Basic" else b""
    return [asked.path, asked.query, dict(asked.headers), asked.body, decoded]


async def test_what_stands_for_a_secret_is_of_no_use_to_others(tmp_path: Path, site: Site) -> None:
    async with one_node(tmp_path / "lab", "lab", allow_egress=("127.0.0.0/8",)) as node:
        await prepare(node, site)
        kept = await begin(node, "kept", {"set": {"token": TOKEN}})
        standing = kept[1]["token"]
        assert standing.startswith("covey-secret.token.")
        echoes = document([{"one": http(site, "/echo", body="${ .said }")}])
        for run, said in {
            "other": standing,
            "forged": f"covey-secret.token.{'0' * 32}",
            "changed": standing.upper(),
            "nearly": "covey-secret.token",
        }.items():
            await node.done("workflow", run, "save", name=run, definition=echoes, environment="dev")
            await node.done("workflow", run, "launch", run=run, input={"said": said})
            word, told = await end_of(node, run)
            assert word == ("succeeded" if run == "nearly" else "failed")
            assert run == "nearly" or "was given to another run, or was changed" in told["detail"]

    assert CORE not in str([_parts(one) for one in site.asked])


async def test_what_is_not_there_fails_the_task_that_names_it(tmp_path: Path) -> None:
    wrong = {
        "$secrets.nothing": "covey secret set nothing --environment dev",
        "$secrets.declared": "no secret declared that is set",
        "$vars.nothing": "covey variable set nothing --environment dev",
    }
    async with one_node(tmp_path / "lab", "lab") as node:
        await make(node, "dev")
        await node.done("environment", "dev", "set_secret", name="declared")
        for place, (text, said) in enumerate(wrong.items()):
            word, told = await begin(node, f"r{place}", {"set": {"a": f"${{ {text} }}"}})
            assert (word, said in told["detail"], told["instance"]) == ("failed", True, f"/do/0/r{place}")


async def test_a_secret_is_read_when_it_is_used(tmp_path: Path, site: Site) -> None:
    async with one_node(tmp_path / "lab", "lab", allow_egress=("127.0.0.0/8",)) as node:
        await prepare(node, site)
        definition = document([{"kept": {"set": {"t": TOKEN}}}, {"hear": WAITS}, {"use": shows(site)}])
        await node.done("workflow", "r", "save", name="r", definition=definition, environment="dev")
        await node.done("workflow", "r", "launch", run="r")
        await node.event("run.listening", "r")
        await keep(node, "token", "an0ther-secret", "dev")
        event = {"source": "/t", "type": "go", "id": "1", "specversion": "1.0"}
        await node.done("run", "r", "deliver", event=event)
        assert (await end_of(node, "r"))[0] == "succeeded"

    assert site.asked[-1].headers["X-Key"] == "an0ther-secret"


WAITS = {"listen": {"to": {"one": {"with": {"type": "go"}}}}, "output": {"as": "${ $input }"}}


def shows(site: Site) -> dict[str, Any]:
    return http(site, "/echo", headers={"X-Key": "${ .t }"})


async def test_a_redirect_elsewhere_takes_no_secret_along(tmp_path: Path, site: Site) -> None:
    async with serving() as other:
        for status in (302, 307):
            site[f"/{status}"] = web.Response(status=status, headers={"Location": f"{other.url}/there"})
        async with one_node(tmp_path / "lab", "lab", allow_egress=("127.0.0.0/8",)) as node:
            await prepare(node, site)
            asks = {"redirect": True, "headers": {"X-Partner": TOKEN, "X-Other": "o"}}
            first = await begin(node, "first", http(site, "/302", **asks, body="b"))
            second = await begin(node, "second", http(site, "/307", redirect=True, body={"deep": TOKEN}))

    assert (first[0], second[0]) == ("succeeded", "failed")
    assert "to another origin" in second[1]["detail"]
    (asked,) = other.asked
    assert asked.headers["X-Other"] == "o"
    assert CORE not in str(_parts(asked))


async def test_a_secret_in_clear_is_refused_and_not_kept_by_the_node(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as node:
        said = await node.call("environment", "main", "set_secret", name="pw", sealed=SECRET)
        assert (said["code"], said["at"]) == ("not_sealed", "/sealed")
        subject = subjects.command("lab", "environment", "main", "set_secret")
        body = json.dumps({"name": "pw", "value": SECRET}).encode()
        await node.bus.publish([Outbound(subject, "m-1", {}, body)])
        await node.event("environment.dead", "main")
        (letter,) = (await node.ask("node", "dead_letters"))["items"]

    assert (letter["body"], letter["code"]) == ("", "invalid_message")
    forms = written(SECRET)
    database = (tmp_path / "lab" / "covey.db").read_bytes()
    assert not [form for form in forms if form in database]
