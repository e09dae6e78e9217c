"""How two nodes meet: one prints an invitation, the other accepts it, each pins the other's key."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from actors.actor import Rejected
from bus.config import render_peer
from bus.connection import connect
from bus.keys import create_seed, verify
from messages import subjects
from messages.base import encode
from messages.envelope import ACTOR, Address, Envelope
from messages.peer import Meet
from node.contacts import Facts
from node.intake import outcome_of
from node.links import Links

INVITE_SECONDS = 24 * 3600
ACCEPT_SECONDS = 20.0
PREFIX = "covey1-"
"""How a token begins: the 1 is the version of its form."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What a token holds. Its seed opens nothing but the subject on which the invited node says who it is."""

    node: str
    url: str
    key: str
    guest: str
    """The name of the invited node."""
    seed: str


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Who accepts: said by the invited node, signed with its key; and the same back."""

    node: str
    to: str
    url: str
    key: str
    reader_key: str
    """The nkey with which it will read what the other says."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """Exact bytes and the signature over them."""

    body: bytes
    signature: str


class Meeting:
    """The two sides of a meeting at one node."""

    def __init__(
        self,
        links: Links,
        url: str,
        call: Callable[[Envelope], Awaitable[bytes]],
        scratch: Path,
    ) -> None:
        self._links = links
        self._url = url
        self._call = call
        self._scratch = scratch
        links.on_met = self.met

    def linked(self) -> dict[str, bool]:
        """Say of each peer that we listen to whether its NATS can be reached now."""
        return self._links.linked()

    def account_to_add(self, peer: str) -> str:
        """Return what the owner of an unmanaged NATS adds to its configuration; nothing when we manage it."""
        if self._links.server is not None:
            return ""
        described = self._links.contacts.describe(peer, self._links.clock())
        return "\n".join(render_peer(described, self._links.node)) + "\n"

    async def invite(self, peer: str) -> str:
        """Open an account for a peer and return the token with which it can accept."""
        self._check_name(peer)
        path = self._scratch / f"invite-{uuid.uuid4().hex}.seed"
        try:
            key = create_seed(path)
            seed = path.read_text().strip()
        finally:
            path.unlink(missing_ok=True)
        until = self._links.clock() + INVITE_SECONDS * 1_000_000
        async with self._links.turn:
            if await self._links.known(peer) is not None:
                detail = f"{peer} is a peer; to meet it anew: covey peer remove {peer}"
                raise Rejected("already_exists", detail)
            # nothing is left of a peer that was removed, though that may not be carried out yet
            self._links.contacts.keep(peer, Facts(invite_key=key.public, invite_until=until))
        await self._links.refresh(peer)
        await self._links.wait_open(peer)
        token = Invitation(
            node=self._links.node, url=self._url, key=self._links.identity.public, guest=peer, seed=seed
        )
        return PREFIX + base64.urlsafe_b64encode(encode(token)).decode().rstrip("=")

    async def accept(self, token: str) -> str:
        """Say who we are to the node that invited us, and meet it; return its name."""
        invitation = read_token(token)
        if invitation.guest != self._links.node:
            raise Rejected(
                "misaddressed",
                f"the invitation is for a node named {invitation.guest}, this one is {self._links.node};"
                f" ask for: covey peer invite {self._links.node}",
            )
        self._check_name(invitation.node)
        welcome = await self._introduce(invitation)
        if welcome.key != invitation.key or welcome.node != invitation.node:
            raise Rejected("bad_signature", "the node that answered is not the one that invited us")
        await self._meet(welcome)
        return welcome.node

    async def met(self, peer: str, body: bytes) -> bytes:
        """Answer an invited node: from now on it is a peer."""
        try:
            hello = open_signed(body)
            if hello.node != peer or hello.to != self._links.node:
                raise Rejected("misaddressed", f"this invitation is for {peer} to meet {self._links.node}")
            if self._links.contacts.facts(peer).invite_until <= self._links.clock():
                raise Rejected("expired", "the invitation is used or too old; ask for another one")
            welcome = self._signed(self._hello(peer))
            await self._meet(hello)
            self._links.close_invitation(peer)
        except Rejected as no:
            return encode({"code": no.code, "detail": no.detail})
        return welcome

    async def _introduce(self, invitation: Invitation) -> Hello:
        path = self._scratch / f"accept-{uuid.uuid4().hex}.seed"
        path.touch(mode=0o600)
        try:
            path.write_text(invitation.seed)
            name = self._links.node
            bus = await connect(
                invitation.url,
                name=f"covey-accept-{name}",
                seed_path=path,
                inbox_prefix=f"_INBOX.{name}",
                tls=self._links.tls_for(invitation.url),
            )
            async with bus:
                hello = self._signed(self._hello(invitation.node))
                reply = await bus.request(subjects.meet(invitation.node), hello, {}, ACCEPT_SECONDS)
        except (OSError, TimeoutError) as error:
            raise Rejected(
                "unreachable",
                f"{invitation.node} does not let us in at {invitation.url} ({error});"
                " the invitation may be used up",
            ) from error
        finally:
            path.unlink(missing_ok=True)
        refused = msgspec.json.decode(reply, type=dict[str, str])
        if "code" in refused:
            raise Rejected(refused["code"], refused["detail"])
        return open_signed(reply)

    async def _meet(self, other: Hello) -> None:
        peer = other.node
        command = Meet(url=other.url, public_key=other.key)
        envelope = Envelope(
            id=uuid.uuid4().hex,
            to=Address("peer", peer),
            verb="meet",
            body=encode(command),
            at=self._links.clock(),
            sender=ACTOR,
        )
        async with self._links.turn:
            # the keys first: were the node killed in between, the links would want them
            before = self._links.contacts.facts(peer)
            self._links.contacts.keep(peer, msgspec.structs.replace(before, reader_key=other.reader_key))
            outcome = outcome_of(await self._call(envelope))
            if outcome.status != "done":
                self._links.contacts.keep(peer, before)
                raise Rejected(outcome.code, outcome.detail)

    def _hello(self, to: str) -> Hello:
        return Hello(
            node=self._links.node,
            to=to,
            url=self._url,
            key=self._links.identity.public,
            reader_key=self._links.contacts.key(to, "reader").public,
        )

    def _signed(self, hello: Hello) -> bytes:
        body = encode(hello)
        return encode(Signed(body=body, signature=self._links.identity.sign(body)))

    def _check_name(self, peer: str) -> None:
        if not subjects.is_token(peer):
            raise Rejected("invalid_message", "a node's name has 1 to 64 letters, digits, - or _", at="/peer")
        if peer == self._links.node:
            raise Rejected("unknown_peer", "a node is no peer of itself")


def read_token(token: str) -> Invitation:
    """Read an invitation; raises Rejected."""
    text = token.strip().removeprefix(PREFIX)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=Invitation)
    except (ValueError, msgspec.DecodeError):
        raise Rejected(
            "invalid_message", f"the token is not whole; it begins with {PREFIX} and is one line", at="/token"
        ) from None


def open_signed(data: bytes) -> Hello:
    """Read who somebody is, proven by the key that it names; raises Rejected."""
    try:
        signed = msgspec.json.decode(data, type=Signed)
        hello = msgspec.json.decode(signed.body, type=Hello)
    except msgspec.DecodeError as error:
        raise Rejected("invalid_message", str(error)) from error
    if not verify(hello.key, signed.body, signed.signature):
        raise Rejected("bad_signature", "the greeting is not signed with the key that it names")
    return hello
