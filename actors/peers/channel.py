"""The two ways between us and a peer: what was said, what was heard, what is still on its way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from messages import peer_events as happened
from messages.peer import Ask, FederatedMessage

MARK_EVERY = 256
"""How many messages apart it is noted when they were said."""
ACK_EVERY = 64
"""How many received messages are acknowledged at once, when nothing is said that carries it."""
ACK_AFTER = timedelta(seconds=1)
"""The longest that a received message waits to be acknowledged."""
ASKS = 10
"""How often a replay is asked for, before the next message that the peer says shows the gap again."""
ASK_EVERY = timedelta(seconds=5)
DIGEST_EVERY = timedelta(minutes=15)
ASKED_MAX = 1_000
"""How many questions of ours wait for an answer; what answers none of them is not listened to."""
EVIDENCE = 20
"""The most refused messages that the state remembers."""

Governed: TypeAlias = (
    happened.Met | happened.Moved | happened.Paused | happened.Resumed | happened.Blocked | happened.Removed
)
Spoken: TypeAlias = happened.Sent | happened.Told | happened.Committed | happened.Repeated
Heard: TypeAlias = happened.Received | happened.Gapped | happened.Skipped
Event: TypeAlias = Governed | Spoken | Heard | happened.Refused | happened.DigestDue | happened.Answered


class Mark(msgspec.Struct, frozen=True):
    """When a message was said."""

    sequence: int
    at: datetime


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What we say."""

    incarnation: int = 0
    said: int = 0
    committed: int = 0
    told: int = 0
    """How many words without a number were said."""
    marks: tuple[Mark, ...] = ()
    """When some of the unacknowledged messages were said, the oldest first."""
    repeated: Mark | None = None
    """From where we began to say everything again, and when."""


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """What the peer says."""

    incarnation: int = 0
    received: int = 0
    acknowledged: int = 0
    waiting_since: datetime | None = None
    """When the first message came that is not acknowledged yet."""
    asks: int = 0
    """How often the peer was asked to fill the present gap; 0: there is none."""
    asked_at: datetime | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Evidence of a message that was not accepted."""

    code: str
    detail: str
    digest: str
    sequence: int
    at: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A peer; it keeps no message."""

    status: Literal["unknown", "partner", "paused", "blocked", "removed"] = "unknown"
    name: str = ""
    url: str = ""
    public_key: str = ""
    reason: str = ""
    ours: Ours = Ours()
    theirs: Theirs = Theirs()
    last_contact: datetime | None = None
    digest_at: datetime | None = None
    asked: tuple[str, ...] = ()
    """The questions of ours that the peer has not answered, the oldest first."""
    refused: Mapping[str, int] = {}
    """How many messages were refused, by code."""
    evidence: tuple[Refusal, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether we have met and not removed it since."""
        return self.status not in ("unknown", "removed")

    @property
    def unacknowledged(self) -> int:
        """How many messages wait for it."""
        return self.ours.said - self.ours.committed


def evolve(state: State, event: Event) -> State:
    """Return the peer after the event."""
    match event:
        case happened.Sent() | happened.Told() | happened.Committed() | happened.Repeated():
            return _speak(state, event)
        case happened.Received() | happened.Gapped() | happened.Skipped():
            return _hear(state, event)
        case happened.Refused():
            return _refuse(state, event)
        case happened.DigestDue():
            return replace(state, digest_at=event.at)
        case happened.Answered():
            return replace(state, asked=tuple(one for one in state.asked if one != event.question))
        case _:
            return _govern(state, event)


def _govern(state: State, event: Governed) -> State:
    match event:
        case happened.Met():
            return _meet(state, event)
        case happened.Moved():
            return replace(state, url=event.url)
        case happened.Paused():
            return replace(state, status="paused")
        case happened.Resumed():
            return replace(state, status="partner", reason="")
        case happened.Blocked():
            return replace(state, status="blocked", reason=event.reason)
        case happened.Removed():
            # what was heard stays, or after another meeting the past could be said again
            return replace(state, status="removed", ours=replace(state.ours, committed=event.said, marks=()))
    assert_never(event)


def _meet(state: State, event: happened.Met) -> State:
    return State(
        status="partner",
        name=event.name,
        url=event.url,
        public_key=event.public_key,
        ours=Ours(incarnation=event.incarnation),
        theirs=state.theirs if event.public_key == state.public_key else Theirs(),
    )


def _speak(state: State, event: Spoken) -> State:
    ours = state.ours
    match event:
        case happened.Sent():
            after = replace(ours, said=event.message.sequence, marks=_mark(ours, event.message))
            asked = _ask(state.asked, event.message)
            return replace(state, ours=after, theirs=_acknowledge(state.theirs), asked=asked)
        case happened.Told():
            return replace(state, ours=replace(ours, told=event.number), theirs=_acknowledge(state.theirs))
        case happened.Committed():
            after = replace(ours, committed=event.sequence, marks=_forget(ours.marks, event.sequence))
            return replace(state, ours=after, last_contact=event.at)
        case happened.Repeated():
            mark = Mark(event.sequence, event.at)
            return replace(state, ours=replace(ours, repeated=mark), last_contact=event.at)
    assert_never(event)


def _ask(asked: tuple[str, ...], message: FederatedMessage) -> tuple[str, ...]:
    """Add the question that we ask, if this is one."""
    if message.verb != "ask" or message.to is None or message.to.kind != "peer":
        return asked
    return (*asked, msgspec.json.decode(message.body, type=Ask).question)[-ASKED_MAX:]


def _mark(ours: Ours, message: FederatedMessage) -> tuple[Mark, ...]:
    if ours.said == ours.committed:
        return (Mark(message.sequence, message.at),)  # it is the oldest that waits
    if ours.marks and message.sequence % MARK_EVERY:
        return ours.marks
    return (*ours.marks, Mark(message.sequence, message.at))


def _forget(marks: tuple[Mark, ...], committed: int) -> tuple[Mark, ...]:
    """Keep the last mark at or before the first message that is unacknowledged, and those after it."""
    before = sum(mark.sequence <= committed + 1 for mark in marks)
    return marks[max(before - 1, 0) :]


def _acknowledge(theirs: Theirs) -> Theirs:
    return replace(theirs, acknowledged=theirs.received, waiting_since=None)


def _hear(state: State, event: Heard) -> State:
    match event:
        case happened.Received():
            heading = event.message
            theirs = _advance(state.theirs, heading.incarnation, heading.sequence, event.at)
            return replace(state, theirs=theirs, last_contact=event.at)
        case happened.Gapped():
            theirs = _life(state.theirs, event.incarnation)
            theirs = replace(theirs, asks=event.attempt, asked_at=event.at)
            return replace(state, theirs=theirs)
        case happened.Skipped():
            theirs = _life(state.theirs, event.incarnation)
            return replace(state, theirs=replace(theirs, received=event.floor - 1, asks=0))
    assert_never(event)


def _life(theirs: Theirs, incarnation: int) -> Theirs:
    return theirs if theirs.incarnation == incarnation else Theirs(incarnation=incarnation)


def _advance(theirs: Theirs, incarnation: int, sequence: int, at: datetime) -> Theirs:
    theirs = _life(theirs, incarnation)
    since = theirs.waiting_since or at
    return replace(theirs, received=sequence, waiting_since=since, asks=0, asked_at=None)


def _refuse(state: State, event: happened.Refused) -> State:
    theirs = state.theirs
    if event.is_next:
        theirs = _advance(theirs, event.incarnation, event.sequence, event.at)
    refusal = Refusal(event.code, event.detail, event.digest, event.sequence, event.at)
    return replace(
        state,
        theirs=theirs,
        refused={**state.refused, event.code: state.refused.get(event.code, 0) + 1},
        evidence=(*state.evidence, refusal)[-EVIDENCE:],
    )


def alarms(state: State) -> dict[str, datetime]:
    """Name the instants to acknowledge, to ask again and to compare at."""
    wanted = {}
    theirs = state.theirs
    if state.status in ("partner", "paused") and theirs.waiting_since is not None:
        wanted["ack"] = theirs.waiting_since + ACK_AFTER
    if state.status == "partner" and theirs.asked_at is not None and 0 < theirs.asks < ASKS:
        wanted["gap"] = theirs.asked_at + ASK_EVERY
    if state.status == "partner" and state.digest_at is not None:
        wanted["digest"] = state.digest_at + DIGEST_EVERY
    return wanted
