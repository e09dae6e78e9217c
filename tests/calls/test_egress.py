"""No call reaches what is forbidden, however it is written, and whoever says where it is."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from messages.run import Answered, Faulted
from node.calls import caller
from node.calls.client import Client
from node.calls.egress import Egress, Place, Refused, forbidden, parse, parse_all
from node.calls.http import HttpCalls
from tests.calls.served import Site, call, calling, get, get_problem, serving
from tests.calls.spellings import spellings

PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:830::200e")
SIDE_BY_SIDE = 8


@pytest.fixture
async def canary() -> AsyncIterator[Site]:
    """A server that hears all addresses of this machine."""
    async with serving("0.0.0.0", "::") as canary:
        yield canary


async def test_no_spelling_of_a_forbidden_address_is_called(canary: Site) -> None:
    urls, gate = spellings(canary.port), asyncio.Semaphore(SIDE_BY_SIDE)

    async def problem(client: Client, url: str) -> tuple[str, str, int]:
        async with gate:
            word, status, _ = await get_problem(client, url)
            return url, word, status

    async with calling() as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(problem(client, url)) for url in urls]
    found = [task.result() for task in tasks]

    assert len(urls) >= 200
    assert canary.asked == []
    allowed = {("authorization", 403), ("configuration", 400), ("communication", 503)}
    assert [one for one in found if one[1:] not in allowed] == []
    assert len([one for one in found if one[1] == "authorization"]) >= 100


async def test_the_canary_would_hear_a_call(canary: Site) -> None:
    async with calling("127.0.0.0/8", "::1/128") as client:
        for host in ("127.0.0.1", "127.1.2.3", "[::1]", "localhost"):
            await get(client, f"http://{host}:{canary.port}/")

    assert len(canary.asked) == 4


async def test_a_refusal_names_what_would_allow_it(canary: Site) -> None:
    async with calling() as client:
        word, status, detail = await get_problem(client, f"http://localhost:{canary.port}/")

    assert (word, status) == ("authorization", 403)
    remedy = detail.rpartition("--allow-egress ")[2]
    async with calling(remedy) as client:
        host = "[::1]" if ":" in remedy.rpartition(":")[0] else "127.0.0.1"
        await get(client, f"http://{host}:{canary.port}/")
    assert len(canary.asked) == 1


async def test_a_redirect_is_checked_like_any_call(site: Site, canary: Site, client: Client) -> None:
    for place, target in enumerate(spellings(canary.port)):
        if not target.startswith("http") or not target.isprintable() or not target.isascii():
            continue
        site[f"/{place}"] = web.Response(status=302, headers={"Location": target})
        given = {"method": "get", "endpoint": f"{site.url}/{place}", "redirect": True}
        await caller.answer(HttpCalls(client), call("http", given))

    assert canary.asked == []
    assert len(site.asked) >= 150


async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed() -> None:
    good, bad = "127.0.0.5", "127.0.0.6"
    answers = [[good], [bad], [bad, good], ["::1"], [f"::ffff:{good}"]]

    class Turning(Egress):
        async def find(self, _host: str, port: int, _family: int = 0) -> list[Place]:
            found = answers.pop(0)
            return [Place(socket.AF_INET6 if ":" in one else socket.AF_INET, one, port) for one in found]

    async with serving(good) as site, serving(bad, port=site.port) as canary:
        client = Client(Turning(parse_all([site.allowance])))
        site["/"] = web.Response(headers={"Connection": "close"})
        given = {"method": "get", "endpoint": f"http://turning.example:{site.port}/"}
        told = [await caller.answer(HttpCalls(client), call("http", given)) for _ in answers.copy()]
        await client.close()

    assert [type(one) for one in told] == [Answered, Faulted, Answered, Faulted, Faulted]
    assert (len(site.asked), len(canary.asked)) == (2, 0)


async def test_of_many_addresses_only_those_are_tried_that_may_be() -> None:
    egress = Egress(parse_all(["127.0.0.1:80"]))

    assert [place.address for place in await egress.find("localhost", 80, socket.AF_INET)] == ["127.0.0.1"]
    with pytest.raises(Refused, match="loopback"):
        await egress.find("localhost", 81, socket.AF_INET)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    Egress().check(address, 443)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_may_be_reached_is_public_to_others_too(address: ipaddress.IPv4Address) -> None:
    if not forbidden(address):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "127.0.0.1:8080", "[::1]:80", "::1", "fd00::/8", "[fd00::/8]:443"]
)
def test_an_allowance_is_a_network_and_a_port(text: str) -> None:
    allowance = parse(text)

    Egress([allowance]).check(str(allowance.network.network_address), allowance.port or 9)


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.0.1/8", "127.0.0.1:0", "127.0.0.1:99999", "localhost", "[::1", "1.2.3.4:x"]
)
def test_what_is_no_allowance_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match=r"CIDR|a port"):
        parse(text)


def test_an_allowance_of_a_port_allows_no_other() -> None:
    egress = Egress(parse_all(["127.0.0.1:80 10.0.0.0/8,192.168.1.0/24:22"]))

    egress.check("127.0.0.1", 80)
    egress.check("10.9.9.9", 1)
    egress.check("192.168.1.9", 22)
    for address, port in (
        ("127.0.0.1", 81),
        ("127.0.0.2", 80),
        ("192.168.1.9", 23),
        ("::ffff:127.0.0.1", 80),
    ):
        with pytest.raises(Refused, match="--allow-egress"):
            egress.check(address, port)
