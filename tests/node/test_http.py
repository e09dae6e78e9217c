"""The HTTP listener of a real node, asked over real connections."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node import http
from node.settings import Settings
from tests.environments import keep, leaks
from tests.node.serving import Served, post, serving
from tests.nodes import one_node

SECRET = base64.b64encode(b"a secret of thirty-two characters").decode()
FAILS = [{"fails": {"raise": {"error": {"type": "https://x/y", "status": 418, "title": "Teapot"}}}}]
WAITS = [{"waits": {"wait": {"hours": 1}}}]


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "lab") as found:
        yield found


async def test_a_request_is_answered_with_the_output_of_its_run(served: Served) -> None:
    await served.save("echo", post("/echo/{name}"))

    status, body, headers = await served.ask("POST", "/echo/a%2Fb?x=1&y=2&y=3", json={"a": [1]})

    assert (status, body) == (200, {"said": {"a": [1]}, "more": 1})
    run = await served.node.ask("run", "get", headers["Location"].removeprefix("/runs/"))
    assert run["trigger"] == "http"
    assert run["input"]["parameters"] == {"name": "a/b"}
    assert run["input"]["query"] == {"x": "1", "y": ["2", "3"]}


async def test_a_run_does_not_know_who_was_authorised(served: Served) -> None:
    await served.save("echo", post("/echo"), do=[{"all": {"set": {"headers": "${ .headers }"}}}])

    headers = {"Authorization": "Bearer abc", "Cookie": "a=b", "X-Request-Id": "r-1"}
    _, body, _ = await served.ask("POST", "/echo", headers=headers)

    assert body["headers"]["x-request-id"] == "r-1"
    assert not {"authorization", "cookie"} & body["headers"].keys()


async def test_an_accepted_request_is_told_where_its_run_is(served: Served) -> None:
    await served.save("later", post("/later", response="accepted"))

    status, body, headers = await served.ask("POST", "/later", data="a text")
    assert (status, headers["Location"]) == (202, f"/runs/{body['run']}")
    await served.node.event("run.succeeded", body["run"])

    status, shown, _ = await served.ask("GET", headers["Location"])
    assert (status, shown["status"], shown["output"]["said"]) == (200, "success", "a text")


async def test_a_failure_is_told_as_a_problem(served: Served) -> None:
    await served.save("fails", post("/fails"), do=FAILS)

    status, body, headers = await served.ask("POST", "/fails")

    assert (status, headers["Content-Type"]) == (500, "application/problem+json")
    assert body["type"] == "https://x/y"
    assert (body["title"], body["status"], body["cause_status"]) == ("Teapot", 500, 418)


async def test_what_takes_longer_is_told_later(served: Served) -> None:
    await served.save("waits", post("/waits", timeout=0.1), do=WAITS)

    status, body, headers = await served.ask("POST", "/waits")

    assert (status, headers["Location"]) == (202, f"/runs/{body['run']}")
    assert (await served.ask("GET", headers["Location"]))[1]["is_final"] is False


async def test_what_is_not_served_is_told_in_json(served: Served) -> None:
    await served.save("one", post("/one/{a}"), {"type": "http", "method": "PUT", "path": "/one/two"})
    await served.save("off", post("/off"), active=False)

    assert (await served.ask("POST", "/nothing"))[0] == 404
    assert (await served.ask("POST", "/one/"))[0] == 404
    assert (await served.ask("GET", "/runs/unknown"))[0] == 404
    status, body, headers = await served.ask("GET", "/one/two")
    assert (status, body["type"], headers["Allow"]) == (405, "method_not_allowed", "POST, PUT")
    assert (await served.ask("POST", "/off"))[1]["type"] == "inactive"
    assert (await served.ask("POST", "/one/x", data=b"{", headers={"Content-Type": "application/json"}))[
        0
    ] == 400
    assert (await served.ask("GET", "/healthz"))[1] == {"status": "ok", "node": "lab"}


async def test_a_word_goes_before_a_parameter(served: Served) -> None:
    await served.save("any", post("/orders/{id}"), do=[{"a": {"set": {"any": "${ .parameters.id }"}}}])
    await served.save("new", post("/orders/new"), do=[{"a": {"set": {"new": True}}}])

    assert (await served.ask("POST", "/orders/new"))[1] == {"new": True}
    assert (await served.ask("POST", "/orders/17"))[1] == {"any": "17"}


async def test_a_save_that_would_take_a_route_is_refused(served: Served) -> None:
    await served.save("one", post("/a/{b}"))
    body = {"name": "two", "definition": None, "triggers": [{"id": "x", **post("/a/{c}")}]}
    body["definition"] = (await served.node.ask("workflow", "get", "one"))["definition"]

    refused = await served.node.call("workflow", "two", "save", **body)
    assert (refused["code"], refused["at"]) == ("route_taken", "/triggers/0/path")

    await served.node.done("workflow", "one", "delete")
    await served.node.event("route.released")
    await served.node.done("workflow", "two", "save", **body)


async def test_a_repeat_gets_the_same_run(served: Served) -> None:
    await served.save("once", post("/once"))
    key = {"Idempotency-Key": "order-1"}

    first = await served.ask("POST", "/once", json={"a": 1}, headers=key)
    again = await served.ask("POST", "/once", json={"a": 1}, headers=key | {"User-Agent": "other"})
    other = await served.ask("POST", "/once", json={"a": 2}, headers=key)

    assert first[2]["Location"] == again[2]["Location"]
    assert (first[1], other[0], other[1]["type"]) == (again[1], 422, "key_reused")


async def test_repeats_at_one_time_make_one_run(served: Served) -> None:
    await served.save("once", post("/once"))
    ask = [served.ask("POST", "/once", json={"a": 1}, headers={"webhook-id": "w-1"}) for _ in range(20)]

    answers = await asyncio.gather(*ask)

    assert {status for status, _, _ in answers} == {200}
    assert len({headers["Location"] for _, _, headers in answers}) == 1
    assert len(await served.node.items("run", workflow="once")) == 1


def signed(body: bytes, *, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    what = f"msg_1.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(base64.b64decode(secret), what, hashlib.sha256)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


async def test_only_what_is_signed_begins_a_run(served: Served) -> None:
    await served.save("signed", post("/signed", secret="hook"))
    assert (await served.ask("POST", "/signed", data=b"{}"))[0] == 503
    await keep(served.node, "hook", f"whsec_{SECRET}")
    body = b'{"a":1}'

    wrong: list[dict[str, str]] = [
        {},
        signed(b"other"),
        signed(body, at=time.time() - 400),
        signed(body, at=time.time() + 400),
        signed(body, secret=base64.b64encode(b"another").decode()),
        signed(body) | {"webhook-id": "msg_2"},
        signed(body) | {"webhook-signature": "v1,é"},
    ]
    for headers in wrong:
        assert (await served.ask("POST", "/signed", data=body, headers=headers))[0] == 401
    assert await served.node.items("run") == []

    right = signed(body)
    right["webhook-signature"] = f"v1,{SECRET} {right['webhook-signature']}"
    assert (await served.ask("POST", "/signed", data=body, headers=right))[0] == 200


async def test_a_secret_is_told_to_nobody(served: Served, tmp_path: Path) -> None:
    await keep(served.node, "hook", f"whsec_{SECRET}")
    await served.save("signed", post("/signed", secret="hook"))
    await served.ask("POST", "/signed", data=b"{}", headers=signed(b"{}"))

    told = [await served.node.ask("workflow", query, "signed") for query in ("get", "history")]
    told += [*await served.node.items("route"), *await served.node.items("run")]
    told += [heard.body.decode() for heard in served.node.heard]
    assert SECRET not in json.dumps(told)
    assert leaks(tmp_path, SECRET) == []


async def test_what_is_too_large_is_refused(served: Served) -> None:
    await served.save("one", post("/one"))

    for size in (http.BODY_BYTES_MAX + 1, http.BODY_BYTES_MAX - 10):  # of the body, of the input
        status, body, _ = await served.ask("POST", "/one", data=b"a" * size)
        assert (status, body["type"]) == (413, "too_large")
    many = {f"x-{number}": "1" for number in range(200)}
    assert (await served.ask("POST", "/one", headers=many))[0] == 400
    assert (await served.ask("POST", "/one", headers={"x": "a" * 9_000}))[0] == 400
    assert (await served.ask("POST", "/one", json=json.loads("[" * 40 + "]" * 40)))[0] == 400
    assert await served.node.items("run") == []


async def raw(served: Served, text: bytes) -> bytes:
    """Send bytes, and return all that comes until the connection is closed."""
    port = int(served.node.endpoint.http_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    return answer


async def test_what_is_no_request_is_answered_in_json(served: Served) -> None:
    answer = await raw(served, b"NONSENSE\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert json.loads(body)["type"] == "invalid_request"


async def test_who_is_slow_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SEND_SECONDS", 0.2)
    async with serving(tmp_path / "lab") as served:
        await served.save("one", post("/one"))

        assert await raw(served, b"POST /one HTTP/1.1\r\nHost: a\r\n") == b""
        late = await raw(served, b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        assert late.startswith(b"HTTP/1.1 408 ")
        assert await served.node.items("run") == []


async def test_more_requests_than_are_served_are_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUESTS_MAX", 3)
    await served.save("waits", post("/waits", timeout=1), do=WAITS)

    answers = await asyncio.gather(*(served.ask("POST", "/waits") for _ in range(5)))

    assert sorted(status for status, _, _ in answers) == [202, 202, 202, 503, 503]


async def test_a_stop_answers_those_that_wait(tmp_path: Path) -> None:
    async with serving(tmp_path / "lab") as served:
        await served.save("waits", post("/waits"), do=WAITS)
        waiting = asyncio.create_task(_status(served.node.endpoint.http_url))
        await served.node.event("run.waiting")
    async with asyncio.timeout(30):
        assert await waiting == 202


async def _status(url: str) -> int:
    import aiohttp  # noqa: PLC0415  # a client that outlives the node

    async with aiohttp.ClientSession(url) as client, client.post("/waits") as answer:
        return answer.status


async def test_routes_are_served_again_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path / "lab") as served:
        await served.save("echo", post("/echo"), post("/gone"))
        await served.save("echo", post("/echo"))
        await served.node.event("route.released")
    async with serving(tmp_path / "lab") as served:
        assert (await served.ask("POST", "/echo", data="a"))[1]["said"] == "a"
        assert (await served.ask("POST", "/gone"))[0] == 404


async def test_a_port_that_is_taken_is_told_and_the_node_ends(served: Served, tmp_path: Path) -> None:
    port = served.node.endpoint.http_url.rpartition(":")[2]

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="--http .*address already in use")):
        async with one_node(tmp_path / "other", "other", http=port):
            pass


@pytest.mark.parametrize(
    ("text", "address"),
    [("80", ("127.0.0.1", 80)), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:80", ("::1", 80)), ("", None)],
)
def test_where_to_listen_is_read(text: str, address: Any, tmp_path: Path) -> None:
    assert Settings(data=tmp_path, http=text).http_address() == address


def test_where_to_listen_has_a_port(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--http localhost: give a PORT"):
        Settings(data=tmp_path, http="localhost").check()
