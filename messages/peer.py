"""What may be said to, by and through the gateway to a peer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from messages import base
from messages.base import Token
from messages.envelope import digest

Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Counts what one node says to another from 1; 0 stands outside of the count."""

Incarnation = Annotated[int, msgspec.Meta(ge=0, le=2**60)]
"""One life of a link: the microseconds since 1970 at which a node began to count what it says."""

Listing = Annotated[str, msgspec.Meta(max_length=200)]
"""``kind/id`` of an entity of the node that speaks."""

Word = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{0,512}$(?!\n)")]
"""What may stand in a header of a message."""

PAGE = 1_000
"""The most entities that one digest names."""
MESSAGE_BYTES = 256 * 1024
"""The most that a federated message may weigh."""


class To(base.Value, frozen=True, kw_only=True):
    """The entity of the receiving node that a message is for."""

    kind: Token
    id: Token


class Heading(base.Message, tag="peer.said"):
    """What is read of a federated message even when the rest of it is not understood."""

    sender: Token
    audience: Token
    incarnation: Incarnation
    sequence: Sequence
    """1, 2, … in each incarnation; 0 for a word about the channel itself, which is never repeated."""


class FederatedMessage(Heading, tag="peer.said", forbid_unknown_fields=True):
    """What one node says to another; its signature covers these exact bytes."""

    at: datetime
    ack: Sequence = 0
    """Up to where the sender has committed what the audience said …"""
    ack_incarnation: Incarnation = 0
    """… in this incarnation of the audience; 0: it has heard nothing yet."""
    replay_from: Sequence | None = None
    """Please say again everything from here on (only in a message without a number)."""
    floor: Sequence = 0
    """What came before this can no longer be said again (only in a message without a number)."""
    to: To | None = None
    """The entity that the command is for; kind ``peer`` is the gateway itself."""
    verb: str = ""
    body: msgspec.Raw = msgspec.Raw(b"null")
    id: Word = ""
    correlation: Word = ""
    cause: Word = ""
    expect: int | None = None


_decode_message = msgspec.json.Decoder(FederatedMessage).decode
_decode_heading = msgspec.json.Decoder(Heading).decode


# Said by an operator.


class Pause(base.Command, tag="peer.pause"):
    """Stop the links for a while; what we say waits."""


class Resume(base.Command, tag="peer.resume"):
    """Be partners again after a pause or a block."""


class Block(base.Command, tag="peer.block"):
    """Neither say nor accept anything more; the evidence stays."""

    reason: base.Text = ""


class Remove(base.Command, tag="peer.remove"):
    """Forget the peer and what was still to be said to it."""


# Said by the node itself.


class Meet(base.Command, tag="peer.meet"):
    """Pin the key of a node whose invitation was accepted, or who accepted ours."""

    url: str
    """Where its NATS is; empty when it follows us and we do not follow it yet."""
    public_key: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    """The nkey that its messages are signed with."""


class Connected(base.Command, tag="peer.connected"):
    """The link to the peer is up (again)."""


class Send(base.Command, tag="peer.send"):
    """Say a command to an entity of the peer (ordered by the node, for an actor)."""

    to: To
    verb: Token
    body: msgspec.Raw
    id: str
    correlation: str
    cause: str
    expect: int | None = None


class Receive(base.Command, tag="peer.receive"):
    """Judge what came over the link; the id of this command must differ at each arrival of the same bytes."""

    key: str
    """The key under which the signature over the exact bytes was verified; empty: under none."""
    digest: str
    size: int
    """In bytes."""
    message: FederatedMessage | None = None
    heading: Heading | None = None
    """Of a message that was not understood, so that it does not hold up what comes after it."""
    fault: str = ""
    """Why it was not understood."""


def arrived(data: bytes, key: str) -> Receive:
    """Read the bytes of a federated message that is signed under ``key``, or under none if that is empty."""
    mark, size = digest(data).hex(), len(data)
    if not key:
        return Receive(key=key, digest=mark, size=size, fault="the signature is not valid")
    if size > MESSAGE_BYTES:
        return Receive(key=key, digest=mark, size=size, heading=_heading(data), fault="it is too large")
    try:
        return Receive(key=key, digest=mark, size=size, message=_decode_message(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Receive(key=key, digest=mark, size=size, heading=_heading(data), fault=str(error))


def _heading(data: bytes) -> Heading | None:
    try:
        return _decode_heading(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# Said from gateway to gateway.


class Entry(base.Value, frozen=True, kw_only=True):
    """One entity that the receiver of a digest should have a copy of."""

    kind: Token
    id: Token
    generation: int
    version: int


class Digest(base.Command, tag="peer.digest"):
    """Name all that the receiver should have copies of, between two places in the order of ``kind/id``."""

    entries: Annotated[list[Entry], msgspec.Meta(max_length=PAGE)]
    after: Listing = ""
    """Only what comes after it is in this page; empty: from the beginning."""
    until: Listing = ""
    """The last that could be in this page; empty: to the end."""


class Want(base.Command, tag="peer.want"):
    """Ask for the state of entities of which the copy is missing, old, or not in the digest."""

    entries: Annotated[list[To], msgspec.Meta(max_length=PAGE)]


class Ask(base.Command, tag="peer.ask"):
    """Ask a question at the peer, of a kind or (with an id) of one entity."""

    question: Token
    """Names the answer."""
    kind: Token
    query: Token
    id: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Answer(base.Command, tag="peer.answer"):
    """Answer a question that the peer asked."""

    question: Token
    reply: msgspec.Raw


# Work for the world outside.


class LinksTask(base.Command, tag="peer.links_task"):
    """Bring accounts and links in line with the state of a peer."""

    peer: Token


class DigestTask(base.Command, tag="peer.digest_task"):
    """Say ``digest`` pages to the gateway that a peer has for us."""

    peer: Token


class CompareTask(base.Command, tag="peer.compare_task"):
    """Compare our copies with a digest page of a peer, and say ``want`` for what differs."""

    peer: Token
    digest: Digest


class AnswerTask(base.Command, tag="peer.answer_task"):
    """Find the answer to a question of a peer, if peers may ask it, and give it as ``peer.answer``."""

    peer: Token
    ask: Ask
