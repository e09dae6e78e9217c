"""Judge what a peer says: known? signed? for us? in its turn? allowed?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Literal, TypeAlias

import msgspec

from actors.actor import Rejected, Turn
from actors.peers.channel import ACK_EVERY, ASK_EVERY, ASKS, Event, State, evolve
from actors.peers.speech import told
from messages import peer_events as happened
from messages.peer import Answer, Ask, Digest, FederatedMessage, Heading, Receive, Want
from messages.subjects import is_token

PEERS_MAY: Mapping[str, frozenset[str]] = {
    "booking": frozenset({"hold", "confirm", "abort", "release", "mark", "admit"}),
    "job_run": frozenset({"accepted", "denied", "reported", "stop"}),
    "workflow": frozenset(
        {"held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled", "propose"}
    ),
    "reservation": frozenset({"held", "hold_refused", "confirmed", "expired", "aborted", "slots_cancelled"}),
    "workspace": frozenset({"propose"}),
    "copy": frozenset({"put", "drop", "propose_refused"}),
    "peer": frozenset({"digest", "want", "ask", "answer"}),
}
"""What a peer may say to which kind; the entity itself decides what of it this peer may touch."""

Word: TypeAlias = Digest | Want | Ask | Answer

_DECODE: Mapping[str, Callable[[msgspec.Raw], Word]] = {
    "digest": partial(msgspec.json.decode, type=Digest),
    "want": partial(msgspec.json.decode, type=Want),
    "ask": partial(msgspec.json.decode, type=Ask),
    "answer": partial(msgspec.json.decode, type=Answer),
}

Place: TypeAlias = Literal["stale", "word", "known", "next", "ahead"]
Fault: TypeAlias = tuple[str, str]
"""A code and why."""


def receive(state: State, command: Receive, turn: Turn) -> Sequence[Event]:
    """Return what an arrived message changes; one that is here for the second time changes nothing."""
    events = _judge(state, command, turn)
    after = reduce(evolve, events, state)
    is_due = after.theirs.received - after.theirs.acknowledged >= ACK_EVERY
    return [*events, told(after, turn)] if is_due and state.status != "blocked" else events


def _judge(state: State, command: Receive, turn: Turn) -> Sequence[Event]:
    if not state.is_known:
        raise Rejected("unknown_peer", f"we have not met {turn.me.id}")
    if state.status == "paused":
        # it is asked for again when the pause is over
        raise Rejected("peer_paused", f"{turn.me.id} is paused; resume it to hear it again")
    heading = command.message or command.heading
    fault = _stranger(state, command, turn)
    if fault or heading is None:
        return [_refused(command, fault or ("invalid_message", command.fault), turn)]
    place = _place(state, heading)
    if place == "known":
        return []
    fault = _forbidden(state, command, place)
    if fault:
        return [_refused(command, fault, turn, is_next=place == "next")]
    if place == "ahead":
        return _gap(state, heading, turn)
    assert command.message is not None  # what was not understood is a fault
    return _heard(state, command.message, turn) if place == "word" else _accept(state, command.message, turn)


def _stranger(state: State, command: Receive, turn: Turn) -> Fault | None:
    """Say why nothing in a message can be trusted, not even its number."""
    heading = command.message or command.heading
    if command.key != state.public_key:
        return "bad_signature", command.fault or f"it is not signed with the key of {turn.me.id}"
    if heading is None:
        return "invalid_message", command.fault
    if heading.audience != turn.node:
        return "misaddressed", f"it is for {heading.audience}, we are {turn.node}"
    if heading.sender != turn.me.id:
        return "wrong_sender", f"it says that {heading.sender} sent it, this is the link to {turn.me.id}"
    return None


def _place(state: State, heading: Heading) -> Place:
    theirs = state.theirs
    if heading.incarnation < theirs.incarnation:
        return "stale"
    if heading.sequence == 0:
        return "word"
    received = theirs.received if heading.incarnation == theirs.incarnation else 0
    if heading.sequence <= received:
        return "known"
    return "next" if heading.sequence == received + 1 else "ahead"


def _forbidden(state: State, command: Receive, place: Place) -> Fault | None:
    if place == "stale":
        return "stale_incarnation", "it is from before the peer began to count anew"
    if state.status == "blocked":
        return "peer_blocked", state.reason
    if place == "ahead":
        return None  # it is judged when it comes again in its turn
    if command.message is None:
        return "invalid_message", command.fault
    return None if place == "word" else _overreach(command.message) or _unasked(state, command.message)


def _overreach(message: FederatedMessage) -> Fault | None:
    to, verb = message.to, message.verb
    if to is None or not message.id:
        return "invalid_message", "it has no entity that it is for, or no id"
    if verb not in PEERS_MAY.get(to.kind, ()):
        return "not_granted", f"a peer may not say {to.kind}.{verb}"
    if not is_token(to.id):
        return "invalid_message", "the id of the entity is not a token"
    if to.kind != "peer":
        return None
    if to.id != message.sender:
        return "not_granted", f"it is for the gateway to {to.id}, not for its own"
    try:
        read_word(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return "invalid_message", str(error)
    return None


def _unasked(state: State, message: FederatedMessage) -> Fault | None:
    if message.verb != "answer":
        return None
    answer = read_word(message)
    is_asked = isinstance(answer, Answer) and answer.question in state.asked
    return None if is_asked else ("not_asked", "it answers nothing that we asked, or a second time")


def read_word(message: FederatedMessage) -> Word:
    """Return what the peer's gateway says to ours."""
    return _DECODE[message.verb](message.body)


def _refused(command: Receive, fault: Fault, turn: Turn, *, is_next: bool = False) -> happened.Refused:
    heading = command.message or command.heading
    return happened.Refused(
        code=fault[0],
        detail=fault[1],
        digest=command.digest,
        size=command.size,
        incarnation=heading.incarnation if heading else 0,
        sequence=heading.sequence if heading else 0,
        at=turn.at,
        is_next=is_next,
    )


def _gap(state: State, heading: Heading, turn: Turn) -> Sequence[Event]:
    theirs = state.theirs
    is_new = heading.incarnation != theirs.incarnation
    waited = theirs.asked_at is None or turn.at - theirs.asked_at >= ASK_EVERY
    if not is_new and (0 < theirs.asks < ASKS or not waited):
        return []  # the peer was asked already, and will be asked again
    return ask_again(state, turn, heading, attempt=1)


def ask_again(state: State, turn: Turn, heading: Heading | None, attempt: int) -> Sequence[Event]:
    """Ask the peer to say again what comes after the last message that was received."""
    theirs = state.theirs
    incarnation = heading.incarnation if heading else theirs.incarnation
    received = theirs.received if incarnation == theirs.incarnation else 0
    gapped = happened.Gapped(
        incarnation=incarnation,
        expected=received + 1,
        seen=heading.sequence if heading else 0,
        at=turn.at,
        attempt=attempt,
    )
    return [gapped, told(evolve(state, gapped), turn, replay_from=received + 1)]


def _accept(state: State, message: FederatedMessage, turn: Turn) -> Sequence[Event]:
    events: list[Event] = [happened.Received(message=message, at=turn.at), *_committed(state, message, turn)]
    if message.verb == "answer" and message.to is not None and message.to.kind == "peer":
        answer = read_word(message)
        assert isinstance(answer, Answer)
        events.append(happened.Answered(question=answer.question, reply=answer.reply))
    return events


def _committed(state: State, message: FederatedMessage, turn: Turn) -> Sequence[happened.Committed]:
    ours = state.ours
    if message.ack_incarnation != ours.incarnation or not ours.committed < message.ack <= ours.said:
        return []
    return [happened.Committed(sequence=message.ack, at=turn.at)]


def _heard(state: State, message: FederatedMessage, turn: Turn) -> Sequence[Event]:
    """Return what a word about the channel changes; all of it may come late, twice or never."""
    events: list[Event] = [*_committed(state, message, turn), *_skipped(state, message)]
    if message.replay_from is None or message.ack_incarnation not in (0, state.ours.incarnation):
        return events
    return [*events, *_repeat(reduce(evolve, events, state), message.replay_from, turn)]


def _skipped(state: State, message: FederatedMessage) -> Sequence[happened.Skipped]:
    theirs = state.theirs
    received = theirs.received if message.incarnation == theirs.incarnation else 0
    if message.floor <= received + 1:
        return []
    return [happened.Skipped(incarnation=message.incarnation, floor=message.floor)]


def _repeat(state: State, wanted: int, turn: Turn) -> Sequence[Event]:
    ours = state.ours
    start = max(wanted, ours.committed + 1)
    recent = ours.repeated is not None and turn.at - ours.repeated.at < ASK_EVERY / 2
    if recent and ours.repeated is not None and ours.repeated.sequence == start:
        return []
    events: list[Event] = []
    if start > wanted:
        events.append(told(state, turn, floor=start))  # what the peer has lost we do not have any more
    if start <= ours.said:
        events.append(happened.Repeated(sequence=start, at=turn.at))
    return events
