"""Calls over HTTP, to a real server."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from node.calls.client import REDIRECTS_MOST, RESPONSE_BYTES, Client
from node.calls.http import HttpCalls
from tests.calls.served import Site, answered, calling, faulted, get, get_problem, serving

SECRET = "s3cr3t-p4ss"


async def post(client: Client, uri: str, **more: Any) -> Any:
    return await answered(HttpCalls(client), "http", {"method": "post", "endpoint": uri, **more})


async def test_json_comes_as_a_value_and_text_as_text(site: Site, client: Client) -> None:
    site["/json"] = web.json_response({"n": [1, None]})
    site["/problem"] = web.Response(body=b"[1]", content_type="application/geo+json")
    site["/text"] = web.Response(text="grün", content_type="text/plain", charset="latin-1")
    site["/bytes"] = web.Response(body=b"\xff\x00", content_type="image/png")
    site["/nothing"] = web.Response(status=204)

    found = [
        await get(client, f"{site.url}/{name}") for name in ("json", "problem", "text", "bytes", "nothing")
    ]

    assert found == [{"n": [1, None]}, [1], "grün", b64encode(b"\xff\x00").decode(), None]


async def test_the_output_may_be_the_whole_answer(site: Site, client: Client) -> None:
    site["/pet"] = web.json_response({"id": 1}, headers={"X-More": "a"}, status=201)

    found = await post(client, f"{site.url}/pet", query={"q": "x y"}, output="response")

    assert found["request"]["method"] == "POST"
    assert found["request"]["uri"] == f"{site.url}/pet?q=x+y"
    assert found["request"]["headers"]["Idempotency-Key"] == "key-1"
    assert (found["statusCode"], found["headers"]["x-more"], found["content"]) == (201, "a", {"id": 1})


async def test_raw_is_the_body_in_base64(site: Site, client: Client) -> None:
    site["/x"] = web.json_response({"id": 1})

    assert b64decode(await get(client, f"{site.url}/x", output="raw")) == b'{"id": 1}'


async def test_query_headers_and_body_are_sent(site: Site, client: Client) -> None:
    await post(
        client,
        f"{site.url}/a%2Fb?first=1",
        query={"list": [1, 2], "yes": True, "none": None, "text": "ä&="},
        headers={"X-Number": 7, "X-None": None},
        body={"name": "Ann"},
    )

    (asked,) = site.asked
    assert asked.query == {"first": "1", "list": "1", "yes": "true", "text": "ä&="}
    assert asked.headers["X-Number"] == "7"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Idempotency-Key"] == "key-1"
    assert json.loads(asked.body) == {"name": "Ann"}


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ("plain", "", b"plain"),
        ('{"a": 1}', "application/json", b'{"a": 1}'),
        ({"a": "x y", "b": [1, 2]}, "application/x-www-form-urlencoded", b"a=x+y&b=1&b=2"),
        ([1], "application/vnd.api+json", b"[1]"),
        (None, "", b""),
        (0, "", b"0"),
    ],
)
async def test_a_body_is_written_as_its_content_type_says(
    site: Site, client: Client, body: Any, kind: str, sent: bytes
) -> None:
    await post(client, f"{site.url}/", body=body, headers={"content-type": kind} if kind else None)

    assert site.asked[0].body == sent


@pytest.mark.parametrize(
    ("policy", "header"),
    [
        (
            {"basic": {"username": "ann", "password": SECRET}},
            "Basic " + b64encode(f"ann:{SECRET}".encode()).decode(),
        ),
        ({"bearer": {"token": SECRET}}, f"Bearer {SECRET}"),
    ],
)
async def test_a_call_says_who_it_is_and_does_not_tell_it_again(
    site: Site, client: Client, policy: dict[str, Any], header: str
) -> None:
    endpoint = {"uri": f"{site.url}/", "authentication": policy}
    given = {"method": "get", "endpoint": endpoint, "output": "response"}

    found = await answered(HttpCalls(client), "http", given)

    assert site.asked[0].headers["Authorization"] == header
    assert SECRET not in json.dumps(found)
    assert b64encode(f"ann:{SECRET}".encode()).decode() not in json.dumps(found)


@pytest.mark.parametrize(
    "policy", [{"digest": {"username": "a", "password": "b"}}, {"oauth2": {}}, {"basic": {"use": "x"}}]
)
async def test_an_authentication_that_is_not_supported_is_refused_by_name(
    site: Site, client: Client, policy: dict[str, Any]
) -> None:
    endpoint = {"uri": f"{site.url}/", "authentication": policy}

    word, _, detail = await faulted(HttpCalls(client), "http", {"method": "get", "endpoint": endpoint})

    assert (word, next(iter(policy)) in detail, "not supported" in detail) == ("configuration", True, True)
    assert site.asked == []


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_status_that_is_an_error_is_a_problem_with_this_status(
    site: Site, client: Client, status: int
) -> None:
    site["/"] = web.Response(status=status, text=SECRET)

    word, found, detail = await get_problem(client, f"{site.url}/")

    assert (word, found) == ("communication", status)
    assert SECRET not in detail


async def test_a_redirect_is_an_error_unless_it_is_to_be_followed(site: Site, client: Client) -> None:
    site["/old"] = web.Response(status=302, headers={"Location": "/new"})

    assert (await get_problem(client, f"{site.url}/old"))[:2] == ("communication", 302)
    assert (await get(client, f"{site.url}/old", redirect=True))["path"] == "/new"


async def test_redirects_are_bounded(site: Site, client: Client) -> None:
    site["/round"] = web.Response(status=307, headers={"Location": "/round"})

    word, status, detail = await get_problem(client, f"{site.url}/round", redirect=True)

    assert (word, status) == ("communication", 502)
    assert f"more than {REDIRECTS_MOST}" in detail
    assert len(site.asked) == REDIRECTS_MOST + 1


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")],
)
async def test_a_redirect_keeps_the_method_or_becomes_a_get(
    site: Site, client: Client, status: int, method: str, body: bytes
) -> None:
    site["/old"] = web.Response(status=status, headers={"Location": "/new"})

    await post(client, f"{site.url}/old", body="x", redirect=True)

    assert (site.asked[1].method, site.asked[1].body) == (method, body)
    assert ("Content-Type" in site.asked[1].headers) == bool(body)


async def test_another_origin_is_told_no_secret() -> None:
    async with serving() as first, serving() as second, calling(first.allowance, second.allowance) as client:
        first["/"] = web.Response(status=307, headers={"Location": f"{second.url}/"})
        endpoint = {"uri": f"{first.url}/", "authentication": {"bearer": {"token": SECRET}}}
        headers = {"X-Api-Key": SECRET, "Cookie": SECRET, "X-Plain": "yes"}
        given = {"method": "post", "endpoint": endpoint, "headers": headers, "redirect": True}

        await answered(HttpCalls(client), "http", given)

    assert first.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(second.asked[0].headers)
    assert (second.asked[0].headers["X-Plain"], second.asked[0].headers["Idempotency-Key"]) == (
        "yes",
        "key-1",
    )


async def test_an_answer_has_a_largest_size(site: Site, client: Client) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    site["/endless"] = endless
    bomb = gzip.compress(b"x" * (RESPONSE_BYTES + 1))
    site["/bomb"] = web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    nested = gzip.compress(gzip.compress(b"x" * (RESPONSE_BYTES * 50)))
    site["/nested"] = web.Response(body=nested, headers={"Content-Encoding": "gzip, gzip"})

    for path in ("endless", "bomb", "nested"):
        word, status, detail = await get_problem(client, f"{site.url}/{path}")
        assert (word, status, "more than" in detail) == ("communication", 502, True), path


async def test_a_packed_answer_is_unpacked_though_nobody_asked_for_it(site: Site, client: Client) -> None:
    raw = zlib.compressobj(wbits=-15)
    for name, body in {
        "gzip": gzip.compress(b'{"a":1}'),
        "deflate": zlib.compress(b'{"a":1}'),
        "x-gzip": raw.compress(b'{"a":1}') + raw.flush(),
    }.items():
        site[f"/{name}"] = web.Response(
            body=body, headers={"Content-Encoding": name}, content_type="application/json"
        )
        assert await get(client, f"{site.url}/{name}") == {"a": 1}
    site["/often"] = web.Response(body=b"?", headers={"Content-Encoding": ", ".join(["gzip"] * 4)})
    site["/br"] = web.Response(body=b"?", headers={"Content-Encoding": "br"})

    for path in ("br", "often"):
        assert (await get_problem(client, f"{site.url}/{path}"))[:2] == ("communication", 502)


async def test_an_output_that_a_run_cannot_hold_is_a_problem(site: Site, client: Client) -> None:
    site["/large"] = web.Response(text="x" * 200_000)
    site["/deep"] = web.json_response(json.loads("[" * 30 + "]" * 30))
    site["/many"] = web.json_response([0] * 30_000)

    for path in ("large", "deep", "many"):
        word, _, detail = await get_problem(client, f"{site.url}/{path}")
        assert (word, "the output has" in detail) == ("runtime", True), path


async def test_a_server_that_does_not_answer_is_waited_for_until_the_deadline(
    site: Site, client: Client
) -> None:
    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    site["/"] = silent
    soon = datetime.now(UTC) + timedelta(seconds=0.3)

    given = {"method": "get", "endpoint": f"{site.url}/"}
    found = await faulted(HttpCalls(client), "http", given, deadline=soon)
    late = await faulted(HttpCalls(client), "http", given, deadline=datetime.now(UTC))

    assert (found[:2], late[:2]) == (("timeout", 408), ("timeout", 408))
    assert len(site.asked) == 1


async def test_who_cannot_be_reached_or_speaks_no_http_is_a_problem(site: Site) -> None:
    async def gibberish(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp ready\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(gibberish, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with calling("127.0.0.0/8") as client:
        assert (await get_problem(client, "http://127.0.0.1:1/"))[:2] == ("communication", 503)
        assert (await get_problem(client, f"http://127.0.0.1:{port}/"))[:2] == ("communication", 500)
        assert (await get_problem(client, f"https://127.0.0.1:{site.port}/"))[:2] == ("communication", 503)
        assert (await get_problem(client, "http://no-such-host.invalid/"))[:2] == ("communication", 503)
    server.close()


@pytest.mark.parametrize(
    "more",
    [
        {"method": "CONNECT"},
        {"method": "get it"},
        {"method": ""},
        {"headers": {"Host": "example.com"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"Content-Length": "5"}},
        {"headers": {"X-Two": "a\r\nHost: b"}},
        {"headers": {"X Y": "a"}},
        {"headers": ["a"]},
        {"query": ["a"]},
        {"output": "all"},
        {"endpoint": 5},
        {"endpoint": {"uri": None}},
        pytest.param({"endpoint": "http://example.com/" + "x" * 9_000}, id="a long address"),
        pytest.param({"body": "x" * ((1 << 20) + 1)}, id="a large body"),
    ],
    ids=str,
)
async def test_what_cannot_be_sent_is_a_mistake_and_is_not_sent(
    site: Site, client: Client, more: dict[str, Any]
) -> None:
    given = {"method": "post", "endpoint": f"{site.url}/", **more}

    word, status, _ = await faulted(HttpCalls(client), "http", given)

    assert (word, status) == ("configuration", 400)
    assert site.asked == []


async def test_neither_proxies_of_the_environment_nor_cookies_are_used(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site["/"] = web.Response(headers={"Set-Cookie": "a=b"})

    await get(client, f"{site.url}/")
    await get(client, f"{site.url}/")

    assert "Cookie" not in site.asked[1].headers
