"""What happens at the gateway to a peer."""

from __future__ import annotations

from datetime import datetime

import msgspec

from messages import base
from messages.peer import FederatedMessage, Incarnation, Sequence


class Met(base.Event, tag="peer.met"):
    """The key is pinned and we begin to count what we say."""

    name: str
    url: str
    public_key: str
    incarnation: Incarnation


class Moved(base.Event, tag="peer.moved"):
    """The peer is found elsewhere, under the same key."""

    url: str


class Paused(base.Event, tag="peer.paused"):
    """The links are to be stopped."""


class Resumed(base.Event, tag="peer.resumed"):
    """The links are to be made again."""


class Blocked(base.Event, tag="peer.blocked"):
    """The links are to be cut, and whatever still comes is refused."""

    reason: str


class Removed(base.Event, tag="peer.removed"):
    """The peer is forgotten, but not what it said last: that must not be accepted again."""

    said: Sequence


class Sent(base.Event, tag="peer.sent"):
    """A numbered message waits for the peer."""

    message: FederatedMessage


class Told(base.Event, tag="peer.told"):
    """A word about the channel itself is on its way."""

    number: int
    """Counts these words; it tells them apart in our own stream."""
    message: FederatedMessage


class Received(base.Event, tag="peer.received"):
    """The next message of the peer is accepted."""

    message: FederatedMessage
    at: datetime


class Refused(base.Event, tag="peer.refused"):
    """A message was not accepted; this is the evidence."""

    code: str
    detail: str
    digest: str
    size: int
    incarnation: Incarnation
    sequence: Sequence
    at: datetime
    is_next: bool = False
    """Whether it was its turn, so that the one after it is awaited now."""


class Gapped(base.Event, tag="peer.gapped"):
    """Something of the peer is missing; it is asked to say it again."""

    incarnation: Incarnation
    expected: Sequence
    seen: Sequence
    at: datetime
    attempt: int


class Skipped(base.Event, tag="peer.skipped"):
    """The peer can no longer say anything before ``floor``; a digest will tell what was missed."""

    incarnation: Incarnation
    floor: Sequence


class Committed(base.Event, tag="peer.committed"):
    """The peer has committed what we said, up to a sequence."""

    sequence: Sequence
    at: datetime


class Repeated(base.Event, tag="peer.repeated"):
    """What we said from a sequence on is said again."""

    sequence: Sequence
    at: datetime


class DigestDue(base.Event, tag="peer.digest_due"):
    """The peer is to be told what it should have."""

    at: datetime


class Answered(base.Event, tag="peer.answered"):
    """The peer has answered a question of ours."""

    question: str
    reply: msgspec.Raw
