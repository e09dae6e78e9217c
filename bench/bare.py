"""The reference: a bare loop of the same shape without a domain (fetch, one FULL commit, ack, relay).

It takes the same commands and tells events of the same size, with the same headers, so that the broker and
the listener have the same work. It looks nothing up, decides nothing, and keeps a row a command and an event.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from functools import partial
from pathlib import Path

import aiosqlite
import msgspec
import uvloop

from actors import ACTORS
from bus.client import Bus
from bus.config import Config, write_private
from bus.connection import connect
from bus.consumer import Delivery
from bus.publisher import Outbound
from bus.server import Server
from bus.streams import COMMANDS
from messages import subjects
from messages.envelope import rfc3339
from messages.headers import HeaderLines, lines
from node.home import Endpoint, open_home
from node.node import stream_settings
from node.run import node_accounts
from store.open import PRAGMAS

NAME = "bare"
BATCH = 256
TRACE = "00-" + "0" * 31 + "1-" + "0" * 15 + "1-01"


class Bare:
    """Takes commands, keeps a row of each, tells an event of each."""

    def __init__(self, bus: Bus, database: aiosqlite.Connection) -> None:
        self._bus = bus
        self._database = database
        self._waiting: list[Delivery] = []
        self._wake = asyncio.Event()

    def take(self, delivery: Delivery) -> None:
        """Let a command wait for its batch."""
        self._waiting.append(delivery)
        self._wake.set()

    async def run(self) -> None:
        """Handle batches for ever, publishing one while the next is written."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                    await self._write(batch)
                    for delivery in batch:
                        await delivery.ack()
                    group.create_task(self._relay(batch))

    async def _write(self, batch: list[Delivery]) -> None:
        rows = [(delivery.headers[subjects.MESSAGE_ID], delivery.body) for delivery in batch]
        events = [(f"e{delivery.sequence}", _headers(delivery), delivery.body) for delivery in batch]

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO inbox VALUES (?, ?)", rows)
            db.executemany("INSERT INTO outbox (id, headers, body) VALUES (?, ?, ?)", events)
            db.execute("COMMIT")

        await self._database._execute(write, self._database._conn)  # type: ignore[no-untyped-call]

    async def _relay(self, batch: list[Delivery]) -> None:
        outbound = [
            Outbound(
                subjects.event(NAME, "resource", d.subject.split(".")[4], "saved"),
                f"e{d.sequence}",
                HeaderLines(_headers(d)),
                d.body,
            )
            for d in batch
        ]
        await self._bus.publish(outbound)


def _headers(delivery: Delivery) -> bytes:
    id = delivery.headers[subjects.MESSAGE_ID]
    return lines(
        {
            subjects.CE_VERSION: "1.0",
            subjects.CE_ID: f"e{delivery.sequence}",
            subjects.CE_SOURCE: f"/covey/{NAME}",
            subjects.CE_TYPE: "resource.saved",
            subjects.CE_TIME: rfc3339(delivery.at),
            subjects.CE_SUBJECT: delivery.subject,
            "content-type": "application/json",
            subjects.TRACEPARENT: TRACE,
            subjects.CAUSE: id,
            subjects.CORRELATION: id,
        }
    )


async def main(data: Path) -> None:
    """Run the loop until the process is stopped."""
    home = open_home(data, NAME)
    config = partial(Config, accounts=node_accounts(home), store=data / "jetstream")
    async with (
        Server(data / "nats", lambda port: config(port=port)) as server,
        await connect(server.url, name=NAME, seed_path=home.key("node").seed_path) as bus,
        aiosqlite.connect(data / "bare.db", isolation_level=None) as database,
    ):
        for name, value in PRAGMAS.items():
            await database.execute(f"PRAGMA {name} = {value}")
        await database.execute("CREATE TABLE inbox (id TEXT PRIMARY KEY, body BLOB) STRICT, WITHOUT ROWID")
        await database.execute(
            "CREATE TABLE outbox (position INTEGER PRIMARY KEY, id TEXT, headers BLOB, body BLOB) STRICT"
        )
        await bus.ensure(stream_settings(NAME, ACTORS))
        loop = Bare(bus, database)
        await bus.consume(COMMANDS, "resource", on_delivery=loop.take)
        seed = str(home.key("operator").seed_path)
        told = Endpoint(node=NAME, nats_url=server.url, nkey_seed_file=seed, pid=0)
        write_private(home.endpoint_file, msgspec.json.encode(told).decode())
        print("bare is ready", flush=True)
        await loop.run()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
