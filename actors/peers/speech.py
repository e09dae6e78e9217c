"""What we say to a peer: numbered, and never more than it can take."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from actors.actor import Rejected, Turn
from actors.peers.channel import State
from messages import peer
from messages import peer_events as happened
from messages.base import encode
from messages.envelope import derive
from messages.peer import FederatedMessage, To

QUEUE_LIMIT = 100_000
"""The most messages that wait for the acknowledgement of one peer."""
WORD_CHARACTERS = 512
"""The most that an id may have to stand in a header."""


def say(state: State, command: peer.Send, turn: Turn) -> happened.Sent:
    """Return the event of a command that is said; raise Rejected when it may not be said."""
    message = replace(
        _next(state, turn),
        to=command.to,
        verb=command.verb,
        body=command.body,
        id=_fit(command.id),
        correlation=_fit(command.correlation),
        cause=_fit(command.cause),
        expect=command.expect,
    )
    size = len(encode(message))
    if size > peer.MESSAGE_BYTES:
        # the peer would refuse it
        raise Rejected("too_large", f"{size} bytes are more than the {peer.MESSAGE_BYTES} that a peer takes")
    return happened.Sent(message=message)


def _fit(text: str) -> str:
    """Return what a header can hold in place of a text that it cannot."""
    return text if len(text) <= WORD_CHARACTERS and text.isprintable() else derive(text, "word")


def ask_or_answer(command: peer.Ask | peer.Answer, turn: Turn) -> peer.Send:
    """Return what says this to the gateway that the peer has for us."""
    return peer.Send(
        to=To(kind="peer", id=turn.node),
        verb="ask" if isinstance(command, peer.Ask) else "answer",
        body=msgspec.Raw(encode(command)),
        id=derive(turn.message, "word"),
        correlation=turn.correlation,
        cause=turn.message,
    )


def _next(state: State, turn: Turn) -> FederatedMessage:
    if not state.is_known:
        raise Rejected("unknown_peer", f"we have not met {turn.me.id}; invite it or accept its invitation")
    if state.status == "blocked":
        raise Rejected("peer_blocked", f"{turn.me.id} is blocked; resume it to speak with it again")
    if state.unacknowledged >= QUEUE_LIMIT:
        raise Rejected("queue_full", f"{QUEUE_LIMIT} messages wait for {turn.me.id}; see why it is away")
    return replace(_word(state, turn), sequence=state.ours.said + 1)


def _word(state: State, turn: Turn) -> FederatedMessage:
    """Return a message outside of the count that acknowledges what was received."""
    return FederatedMessage(
        sender=turn.node,
        audience=turn.me.id,
        incarnation=state.ours.incarnation,
        sequence=0,
        at=turn.at,
        ack=state.theirs.received,
        ack_incarnation=state.theirs.incarnation,
    )


def told(state: State, turn: Turn, *, replay_from: int | None = None, floor: int = 0) -> happened.Told:
    """Return the event of a word about the channel itself."""
    message = replace(_word(state, turn), replay_from=replay_from, floor=floor)
    return happened.Told(number=state.ours.told + 1, message=message)
