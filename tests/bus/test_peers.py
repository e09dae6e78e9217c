"""What a peer's account lets a peer do, and what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import nats.errors
import pytest

from bus import keys
from bus.config import Config, Peer, account_of
from bus.connection import Bus, connect
from bus.consumer import Delivery
from bus.keys import Key
from bus.link import Link
from bus.publisher import Outbound
from bus.server import Server
from bus.streams import out_settings, settings
from tests.bus.heard import Ear
from tests.conftest import NODE, Embedded

PEER = "globex-2"


class Pair(msgspec.Struct, frozen=True):
    """The two users of a peer's account."""

    ours: Key
    theirs: Key


async def invite(embedded: Embedded, *pairs: tuple[str, Pair]) -> None:
    config = embedded.server.config
    peers = tuple(
        Peer(name=name, node_key=pair.ours.public, peer_key=pair.theirs.public) for name, pair in pairs
    )
    accounts = msgspec.structs.replace(config.accounts, peers=peers)
    await embedded.server.reload(Config(accounts=accounts, store=config.store, port=config.port))


def a_pair(path: Path) -> Pair:
    return Pair(keys.create_seed(path / "ours.nk"), keys.create_seed(path / "theirs.nk"))


def said(number: int) -> Outbound:
    return Outbound(f"covey.acme.out.{PEER}", f"o-{number}", {"covey-signature": "s"}, b"hello")


@pytest.fixture
async def pair(nats_server: Embedded, tmp_path: Path) -> Pair:
    pair = a_pair(tmp_path / "pair")
    await invite(nats_server, (PEER, pair))
    return pair


@pytest.fixture
async def out(nats_server: Embedded, pair: Pair) -> AsyncIterator[Bus]:
    async with await nats_server.connect(pair.ours) as out:
        await out.ensure(out_settings(NODE, PEER))
        yield out


@pytest.fixture
async def theirs(nats_server: Embedded, pair: Pair) -> AsyncIterator[tuple[Bus, Ear[Exception]]]:
    errors = Ear[Exception]()
    async with await connect(
        nats_server.url,
        name="peer",
        seed_path=pair.theirs.seed_path,
        inbox_prefix=f"_INBOX.{PEER}",
        on_error=errors,
    ) as bus:
        yield bus, errors


async def test_a_link_reads_what_is_said(nats_server: Embedded, pair: Pair, out: Bus) -> None:
    ear, errors = Ear[Delivery](), Ear[Exception]()
    seed = pair.theirs.seed_path

    async with Link(nats_server.url, name=PEER, seed_path=seed, on_delivery=ear, on_error=errors) as link:
        await out.publish([said(n) for n in range(5)])
        deliveries = await ear.count(5)
        assert link.is_connected
        for delivery in deliveries:
            await delivery.ack()

    assert [delivery.sequence for delivery in deliveries] == [1, 2, 3, 4, 5]
    assert errors.heard == []


async def test_what_is_in_hand_when_a_link_ends_is_refused_in_time_to_come_again(
    nats_server: Embedded, pair: Pair, out: Bus
) -> None:
    ear, later = Ear[Delivery](), Ear[Delivery]()
    seed = pair.theirs.seed_path
    link = Link(nats_server.url, name=PEER, seed_path=seed, on_delivery=ear)
    await link.start()
    await out.publish([said(1)])
    (delivery,) = await ear.count(1)

    stopping = asyncio.create_task(link.stop())
    await asyncio.wait([stopping], timeout=1.0)
    await delivery.nak()
    await stopping

    async with Link(nats_server.url, name=PEER, seed_path=seed, on_delivery=later):
        (again,) = await later.count(1)  # were the refusal lost, it would come after 30 s
        await again.ack()
    assert (again.sequence, again.attempts) == (1, 2)


async def test_a_link_waits_for_a_peer_that_is_away(nats_server: Embedded, pair: Pair, out: Bus) -> None:
    ear, errors = Ear[Delivery](), Ear[Exception]()
    await out.publish([said(1)])
    seed, url, config = pair.theirs.seed_path, nats_server.url, nats_server.server.config
    await nats_server.server.stop()

    async with Link(url, name=PEER, seed_path=seed, on_delivery=ear, on_error=errors) as link:
        await errors.count(1)
        assert not link.is_connected
        async with Server(nats_server.directory, lambda _: config):
            assert (await ear.count(1))[0].sequence == 1


async def test_a_peer_comes_and_goes_while_others_stay(
    bus: Bus, nats_server: Embedded, pair: Pair, out: Bus, tmp_path: Path
) -> None:
    await bus.ensure(settings(NODE, ["workflow"], []))
    before = bus.server_info()
    other = a_pair(tmp_path / "other")
    await invite(nats_server, (PEER, pair), ("initech", other))
    errors = Ear[Exception]()
    async with await connect(
        nats_server.url, name="initech", seed_path=other.ours.seed_path, on_error=errors
    ) as initech:
        await initech.ensure(out_settings(NODE, "initech"))

        await invite(nats_server, (PEER, pair))

        await errors.count(1)
        with pytest.raises(PermissionError):
            await nats_server.connect(other.theirs)
    assert (await out.publish([said(1)]), bus.is_connected) == ([1], True)
    assert bus.server_info() == before


async def test_a_link_that_was_thrown_out_comes_back_when_it_is_let_in(
    nats_server: Embedded, pair: Pair, out: Bus
) -> None:
    ear, errors = Ear[Delivery](), Ear[Exception]()
    seed = pair.theirs.seed_path
    async with Link(nats_server.url, name=PEER, seed_path=seed, on_delivery=ear, on_error=errors):
        await out.publish([said(1)])
        await (await ear.count(1))[0].ack()

        await invite(nats_server)
        await errors.count(1)
        await invite(nats_server, (PEER, pair))
        async with await nats_server.connect(pair.ours) as again:
            await again.publish([said(2)])

        assert (await ear.count(2))[1].sequence == 2


async def test_a_peer_that_is_shut_out_loses_nothing(nats_server: Embedded, pair: Pair, out: Bus) -> None:
    ear = Ear[Delivery]()
    config = nats_server.server.config
    silent = msgspec.structs.replace(config.accounts.peers[0], peer_key="")
    accounts = msgspec.structs.replace(config.accounts, peers=(silent,))

    await nats_server.server.reload(msgspec.structs.replace(config, accounts=accounts))
    with pytest.raises(PermissionError):
        await nats_server.connect(pair.theirs)
    await out.publish([said(1)])
    await invite(nats_server, (PEER, pair))

    async with Link(nats_server.url, name=PEER, seed_path=pair.theirs.seed_path, on_delivery=ear):
        assert (await ear.count(1))[0].sequence == 1


@pytest.mark.parametrize(
    "subject",
    [
        "covey.acme.cmd.workflow.w.save",
        f"covey.acme.out.{PEER}",
        "$JS.API.STREAM.INFO.OUT",
        f"$JS.API.CONSUMER.INFO.OUT.{PEER}",
        "$JS.API.CONSUMER.MSG.NEXT.OUT.initech",
        "$JS.ACK.OUT.initech.1.1.1.1.1",
        "$SYS.REQ.SERVER.PING",
        "_INBOX.somebody",
    ],
)
async def test_a_peer_may_publish_nothing_else(
    theirs: tuple[Bus, Ear[Exception]], out: Bus, subject: str
) -> None:
    bus, errors = theirs

    with pytest.raises((nats.errors.TimeoutError, TimeoutError)):
        await bus.request(subject, b"", {}, timeout=0.1)

    assert "permissions violation for publish" in str((await errors.count(1))[0]).lower()


@pytest.mark.parametrize("subject", [">", "covey.>", "_INBOX.>", "$SYS.>", f"covey.acme.out.{PEER}"])
async def test_a_peer_may_hear_nothing_else(theirs: tuple[Bus, Ear[Exception]], subject: str) -> None:
    bus, errors = theirs

    await bus.subscribe(subject)

    assert "permissions violation for subscription" in str((await errors.count(1))[0]).lower()


async def test_the_operator_reads_all_but_writes_commands_alone(bus: Bus, nats_server: Embedded) -> None:
    await bus.ensure(settings(NODE, ["workflow"], []))
    errors = Ear[Exception]()
    seed = nats_server.operator.seed_path
    async with await connect(nats_server.url, name="operator", seed_path=seed, on_error=errors) as operator:
        assert await operator.publish([Outbound("covey.acme.cmd.workflow.w.save", "1", {}, b"{}")]) == [1]
        assert await operator.stream_state("EVT") is not None

        for subject in (
            "covey.acme.evt.workflow.w.saved",
            "$JS.API.STREAM.DELETE.CMD",
            "$SYS.REQ.SERVER.PING",
        ):
            with pytest.raises((nats.errors.TimeoutError, TimeoutError)):
                await operator.request(subject, b"", {}, timeout=0.1)

    assert len(await errors.count(3)) == 3


@pytest.mark.parametrize("name", ["", "a.b", "a b", 'x"', "é", "a" * 65])
def test_a_name_that_is_no_token_gets_no_account(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        account_of(name)
