"""The links to the peers: an account, a way out and a way in for each, in line with the peers' states."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from bus.config import Accounts, Config, User
from bus.connection import Bus, StreamState, connect
from bus.consumer import Delivery
from bus.keys import Key, verify
from bus.link import Link
from bus.server import Server
from bus.streams import OUT, out_settings
from bus.tasks import Crew, end
from messages import subjects
from messages.base import encode
from messages.envelope import ACTOR, Address, Envelope
from messages.peer import Connected, arrived
from node.contacts import Contacts
from node.handle import Result
from node.intake import Intake, outcome_of
from node.relay import Relay, dress_signed
from node.trail import out_lane
from store.step import Outgoing
from store.store import Store

OPEN_SECONDS = 10.0
RETRY_SECONDS = 1.0
GUEST_SECONDS = 2.0
"""How long a guest may stay after it was answered."""
REFUSED_SECONDS = 5.0
"""When a message that we could not take (the peer is paused) is offered again."""


class Known(msgspec.Struct, frozen=True):
    """What the gateway says of a peer."""

    status: str
    url: str
    public_key: str


@dataclass
class Connection:
    """What is up for one peer."""

    crew: Crew
    out: Bus | None = None
    relay: Relay | None = None
    link: Link | None = None
    heard: tuple[str, str] = ("", "")
    """Where we listen, and to which key."""
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what we say can be published, and a guest would be heard."""


@dataclass
class Links:
    """All links of one node."""

    contacts: Contacts
    node: str
    store: Store
    intake: Intake
    identity: Key
    url: str
    """Where our own NATS is."""
    clock: Callable[[], int]
    report: Callable[[Exception], None]
    known: Callable[[str], Awaitable[Known | None]]
    """Reads what the gateway says of a peer now; None: it is none of ours."""
    server: Server | None = None
    """The NATS that we manage; None: accounts are another's business."""
    accounts: Accounts | None = None
    users: Callable[[Accounts], tuple[User, ...]] = lambda _accounts: ()
    """Says which users may connect with keys of their own."""
    tls: ssl.SSLContext | None = None
    on_met: Callable[[str, bytes], Awaitable[bytes]] | None = None
    """Answers what an invited node says."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever changes what is kept of a peer along with its state."""
    _up: dict[str, Connection] = field(default_factory=dict)

    async def refresh(self, peer: str) -> None:
        """Bring up, or take down, what belongs to a peer in the state that it has when it is our turn."""
        async with self.turn:
            known = await self.known(peer)
            is_wanted = self._is_invited(peer) if known is None else known.status == "partner"
            if known is None and not is_wanted:
                self.contacts.forget(peer)
            elif known is not None:
                is_shut = known.status == "blocked"
                self.contacts.keep(peer, replace(self.contacts.facts(peer), is_shut=is_shut))
            await self.tell_server()
            if not is_wanted:
                await self._take_down(peer)
                return
            connection = self._up.get(peer)
            if connection is None:
                connection = self._up[peer] = Connection(Crew(self.report))
                await connection.crew.open()
                connection.crew.start(self._go_out(peer, connection))
            await self._listen(peer, connection, known)

    def invited(self) -> list[str]:
        """Return the names of those who have an invitation and have not come."""
        return [one.name for one in self.contacts.described(self.clock()) if self._is_invited(one.name)]

    def _is_invited(self, peer: str) -> bool:
        """Say whether we wait for a guest; what is left of one that came and was removed is no invitation."""
        facts = self.contacts.facts(peer)
        return not facts.reader_key and facts.invite_until > self.clock()

    async def tell_server(self) -> None:
        """Give the managed server the accounts of all peers."""
        if self.server is None or self.accounts is None:
            return
        accounts = replace(self.accounts, peers=self.contacts.described(self.clock()))
        accounts = replace(accounts, users=self.users(accounts))
        config: Config = replace(self.server.config, accounts=accounts)
        if config != self.server.config:
            await self.server.reload(config)

    async def wait_open(self, peer: str) -> None:
        """Return when a guest would be heard; where accounts are another's business that may take days."""
        if self.server is not None:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._up[peer].is_open.wait()

    async def tell_of_users(self) -> None:
        """Give the managed server the users as they are now."""
        async with self.turn:
            await self.tell_server()

    def put(self, rows: Sequence[Outgoing]) -> None:
        """Publish what is for peers soon."""
        by_lane: dict[str, list[Outgoing]] = {}
        for row in rows:
            by_lane.setdefault(row.lane, []).append(row)
        for peer, connection in self._up.items():
            mine = by_lane.get(out_lane(peer))
            if mine and connection.relay is not None:
                connection.relay.put(mine)

    def say_again(self, lanes: Sequence[str]) -> None:
        """Look into the store for what is to be said to peers again."""
        for connection in self._up.values():
            if connection.relay is not None and connection.relay.lanes[0] in lanes:
                connection.relay.look_again()

    def tls_for(self, url: str) -> ssl.SSLContext | None:
        """Return how to check the certificate of a peer's NATS: as that of our own, where it has one."""
        return (self.tls or ssl.create_default_context()) if url.startswith("tls:") else None

    def linked(self) -> dict[str, bool]:
        """Say of each peer that we listen to whether its NATS can be reached now."""
        links = {peer: connection.link for peer, connection in self._up.items()}
        return {peer: link.is_connected for peer, link in links.items() if link is not None}

    def close_invitation(self, peer: str) -> None:
        """Let an invitation end once the guest has read our answer."""

        async def end() -> None:
            await asyncio.sleep(GUEST_SECONDS)
            async with self.turn:
                self.contacts.keep(peer, replace(self.contacts.facts(peer), invite_key="", invite_until=0))
                await self.tell_server()

        if peer in self._up:  # else it was removed at once, and the invitation with it
            self._up[peer].crew.start(end())

    async def close(self) -> None:
        """Take everything down."""
        for peer in list(self._up):
            await self._take_down(peer)

    async def _take_down(self, peer: str) -> None:
        connection = self._up.pop(peer, None)
        if connection is None:
            return
        if connection.link is not None:
            await connection.link.stop()
        await connection.crew.close()

    async def _go_out(self, peer: str, connection: Connection) -> None:
        """Say in the peer's account on our own NATS what is for it; the account may be made later."""
        while True:
            try:
                await self._speak(peer, connection)
            except Exception as error:  # whatever a connection that ends raises of itself
                self.report(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _speak(self, peer: str, connection: Connection) -> None:
        """Publish until the server throws us out."""
        async with await connect(
            self.url,
            name=f"covey-out-{peer}",
            seed_path=self.contacts.key(peer, "account").seed_path,
            tls=self.tls,
            leaves_when_refused=True,
            on_error=self.report,
            on_reconnect=lambda: connection.crew.start(self._heal(peer, connection)),
        ) as out:
            connection.out = out
            await self._heal(peer, connection)
            await self._invite_desk(peer, out)
            connection.is_open.set()
            ways = (out.publish, dress_signed(self.identity.sign))
            connection.relay = Relay(self.store, [out_lane(peer)], ways, self.intake.note_sent)
            relaying = asyncio.create_task(connection.relay.run())
            try:
                await out.wait_closed()
            finally:
                connection.is_open.clear()
                await end([relaying])

    async def _heal(self, peer: str, connection: Connection) -> None:
        """Make the stream to a peer again if the broker has lost it, and say again what was in it."""
        while (out := connection.out) is not None and not out.is_closed:
            try:
                await out.ensure(out_settings(self.node, peer))
                await self._say_lost(out_lane(peer), await out.stream_state(OUT))
                break
            except Exception as error:
                self.report(error)
                await asyncio.sleep(RETRY_SECONDS)
        if connection.relay is not None:
            connection.relay.look_again()

    async def _say_lost(self, lane: str, state: StreamState | None) -> None:
        if state is None:
            return
        await self.intake.write_notes()
        known = await self.store.meta(f"stream.{lane}")
        await self.store.lost(lane, state.last if known in (None, state.created) else 0)
        await self.store.note(f"stream.{lane}", state.created)

    async def _invite_desk(self, peer: str, out: Bus) -> None:
        if self.on_met is None:
            return
        met = self.on_met

        async def answer(_headers: dict[str, str], body: bytes) -> bytes:
            return await met(peer, body)

        await out.answer(subjects.meet(self.node), answer)

    async def _listen(self, peer: str, connection: Connection, known: Known | None) -> None:
        is_heard = known is not None and known.status == "partner"
        wanted, key = (known.url, known.public_key) if known is not None and is_heard else ("", "")
        if (wanted, key) == connection.heard and (connection.link is not None) == bool(wanted):
            return
        if connection.link is not None:
            await connection.link.stop()
            connection.link = None
        connection.heard = wanted, key
        if not wanted:
            return
        connection.link = Link(
            wanted,
            name=self.node,
            seed_path=self.contacts.key(peer, "reader").seed_path,
            on_delivery=lambda delivery: self._hear(peer, key, delivery),
            on_error=lambda error: self.report(ConnectionError(f"peer {peer}: {error}")),
            tls=self.tls_for(wanted),
        )
        await connection.link.start()
        self._order(peer, Connected())

    def _hear(self, peer: str, key: str, delivery: Delivery) -> None:
        signature = delivery.headers.get(subjects.SIGNATURE, "")
        is_signed = verify(key, delivery.body, signature)
        receive = arrived(delivery.body, key if is_signed else "")

        async def finish(result: Result) -> None:
            if not result.outcome:
                await delivery.nak(RETRY_SECONDS)
            elif outcome_of(result.outcome).code == "peer_paused":
                await delivery.nak(REFUSED_SECONDS)
            else:
                await delivery.ack()

        self.intake.put(self._envelope(peer, "receive", encode(receive), delivery.attempts), finish)

    def _order(self, peer: str, command: Connected) -> None:
        async def finish(_result: Result) -> None:
            return

        self.intake.put(self._envelope(peer, "connected", encode(command), 1), finish)

    def _envelope(self, peer: str, verb: str, body: bytes, attempt: int) -> Envelope:
        return Envelope(
            id=uuid.uuid4().hex,
            to=Address("peer", peer),
            verb=verb,
            body=body,
            at=self.clock(),
            sender=ACTOR,
            attempt=attempt,
        )
