"""The gateway to one peer: it numbers what we say, judges what the peer says, and passes it on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeAlias, assert_never, get_args

import msgspec
from msgspec.structs import replace

from actors.actor import (
    Acknowledged,
    Actor,
    Effect,
    Question,
    Rejected,
    Relay,
    Repeat,
    Say,
    Summary,
    Task,
    Turn,
)
from actors.peers.channel import ASKS, Event, Governed, State, alarms, evolve
from actors.peers.gateway import ask_again, read_word, receive
from actors.peers.speech import ask_or_answer, say, told
from messages import base, envelope, peer
from messages import peer_events as happened
from messages.base import Alarm, encode
from messages.envelope import PEER, Address, derive, micros
from messages.peer import FederatedMessage, To
from messages.subjects import is_token

KIND = "peer"
ANNOUNCED = frozenset({"resource", "workflow", "workspace", "shared_workspace"})
"""The kinds that copies are made of."""
DIGEST_APART = timedelta(minutes=1)
"""How far apart two digests are at least, however often the link comes back."""

Command: TypeAlias = (
    peer.Pause
    | peer.Resume
    | peer.Block
    | peer.Remove
    | peer.Meet
    | peer.Connected
    | peer.Send
    | peer.Receive
    | peer.Ask
    | peer.Answer
    | Alarm
)


class Backlog(base.Value, frozen=True):
    """Ask what is on its way."""


def decide(state: State, command: Command, turn: Turn) -> Sequence[Event]:
    """Return what happens to the link."""
    match command:
        case peer.Meet():
            return _meet(state, command, turn)
        case peer.Receive():
            return receive(state, command, turn)
        case peer.Send():
            return [say(state, command, turn)]
        case peer.Ask() | peer.Answer():
            return [say(state, ask_or_answer(command, turn), turn)]
        case peer.Pause() | peer.Resume() | peer.Block() | peer.Remove():
            return _govern(state, command, turn)
        case peer.Connected():
            return _connect(state, turn)
        case Alarm():
            return _wake(state, command, turn)
    assert_never(command)


def _meet(state: State, command: peer.Meet, turn: Turn) -> Sequence[Event]:
    if turn.me.id == turn.node:
        raise Rejected("unknown_peer", "a node is no peer of itself")
    if not state.is_known:
        met = happened.Met(
            name=turn.me.id,
            url=command.url,
            public_key=command.public_key,
            # later than any life before it, even if the clock was set back
            incarnation=max(micros(turn.at), state.ours.incarnation + 1),
        )
        return [met, happened.DigestDue(at=turn.at)]
    if command.public_key != state.public_key:
        raise Rejected("key_pinned", f"{turn.me.id} has another key; remove it before you meet it anew")
    if command.url in ("", state.url):
        return []
    return [happened.Moved(url=command.url)]


def _govern(
    state: State, command: peer.Pause | peer.Resume | peer.Block | peer.Remove, turn: Turn
) -> Sequence[Event]:
    if state.status == "removed" and isinstance(command, peer.Remove):
        return []
    if not state.is_known:
        raise Rejected("unknown_peer", f"we have not met {turn.me.id}")
    match command:
        case peer.Pause():
            if state.status == "blocked":
                raise Rejected("peer_blocked", f"{turn.me.id} is blocked already, which is more")
            return [] if state.status == "paused" else [happened.Paused()]
        case peer.Resume():
            return [] if state.status == "partner" else _resume(state, turn)
        case peer.Block():
            return [] if state.status == "blocked" else [happened.Blocked(reason=command.reason)]
        case peer.Remove():
            return [happened.Removed(said=state.ours.said)]
    assert_never(command)


def _resume(state: State, turn: Turn) -> Sequence[Event]:
    # what came in the meantime was turned away, and perhaps nothing follows that would show it
    missed = told(state, turn, replay_from=state.theirs.received + 1)
    return [happened.Resumed(), missed, happened.DigestDue(at=turn.at)]


def _connect(state: State, turn: Turn) -> Sequence[Event]:
    if not state.is_known:
        raise Rejected("unknown_peer", f"we have not met {turn.me.id}")
    recent = state.digest_at is not None and turn.at - state.digest_at < DIGEST_APART
    return [] if recent or state.status != "partner" else [happened.DigestDue(at=turn.at)]


def _wake(state: State, alarm: Alarm, turn: Turn) -> Sequence[Event]:
    if alarm.name not in alarms(state):
        return []
    match alarm.name:
        case "ack":
            return [told(state, turn)]
        case "gap":
            return ask_again(state, turn, None, min(state.theirs.asks + 1, ASKS))
        case _:
            return [happened.DigestDue(at=turn.at)]


def react(_state: State, event: Event, turn: Turn) -> Sequence[Effect]:
    """Return what goes to the peer, into this node and to the links."""
    name = turn.me.id
    match event:
        case happened.Sent():
            return [Say(name, event.message.incarnation, event.message.sequence, event.message)]
        case happened.Told():
            # counted downwards, so that each has an id of its own in our stream and none has a real number
            return [Say(name, event.message.incarnation, -event.number, event.message)]
        case happened.Received():
            return _pass_on(event.message, turn)
        case happened.Committed():
            return [Acknowledged(name, event.sequence)]
        case happened.Repeated():
            return [Repeat(name, event.sequence)]
        case happened.DigestDue():
            return [Task("digest", peer.DigestTask(peer=name))]
        case happened.Refused() | happened.Gapped() | happened.Skipped() | happened.Answered():
            return []
        case _:
            return _relink(event, name)


def _relink(event: Governed, name: str) -> Sequence[Effect]:
    links = Task("links", peer.LinksTask(peer=name))
    return [Acknowledged(name, event.said), links] if isinstance(event, happened.Removed) else [links]


def _pass_on(message: FederatedMessage, turn: Turn) -> Sequence[Effect]:
    assert message.to is not None  # refused otherwise
    if message.to.kind != KIND:
        return [_relay(message, turn, 0, message.to)]
    word = read_word(message)
    match word:
        case peer.Digest():
            return [Task("compare", peer.CompareTask(peer=turn.me.id, digest=word))]
        case peer.Ask():
            return [Task("answer", peer.AnswerTask(peer=turn.me.id, ask=word))]
        case peer.Want():
            body = msgspec.Raw(encode({"peer": turn.me.id}))
            return [
                replace(
                    _relay(message, turn, number, entry), verb="announce", body=body, sender=envelope.ACTOR
                )
                for number, entry in enumerate(word.entries)
                if entry.kind in ANNOUNCED and is_token(entry.id)
            ]
        case peer.Answer():
            return []  # told as an event
    assert_never(word)


def _relay(message: FederatedMessage, turn: Turn, number: int, to: To) -> Relay:
    return Relay(
        to=Address(to.kind, to.id),
        verb=message.verb,
        body=message.body,
        id=derive(f"{turn.me.id}/{message.id}", number),
        sender=PEER + turn.me.id,
        correlation=message.correlation,
        cause=message.id,
        expect=message.expect,
    )


def summary(state: State) -> Summary | None:
    """Return what a listing shows of a peer."""
    if not state.is_known:
        return None
    fields = {"url": state.url, "unacknowledged": state.unacknowledged}
    return Summary(status=state.status, name=state.name, at=state.last_contact, fields=fields)


def view(state: State) -> dict[str, Any] | None:
    """Return what ``get`` answers."""
    if not state.is_known:
        return None
    return {
        "name": state.name,
        "state": state.status,
        "reason": state.reason,
        "url": state.url,
        "public_key": state.public_key,
        "incarnation": state.ours.incarnation,
        "peer_incarnation": state.theirs.incarnation,
        "evidence": state.evidence,
        **backlog(state),
    }


def backlog(state: State) -> dict[str, Any]:
    """Return what waits for the peer and since when, and what of it was refused here."""
    marks = state.ours.marks
    return {
        "unacknowledged": state.unacknowledged,
        "oldest_at": marks[0].at if marks and state.unacknowledged else None,
        "last_said": state.ours.said,
        "last_received": state.theirs.received,
        "last_contact": state.last_contact,
        "refused": state.refused,
    }


def _answer_backlog(state: State, _query: Backlog, _turn: Turn) -> dict[str, Any]:
    if not state.is_known:
        raise Rejected("unknown_peer", "we have not met")
    return backlog(state)


ACTOR: Actor[State, Command, Event] = Actor(
    kind=KIND,
    commands=(
        *(peer.Pause, peer.Resume, peer.Block, peer.Remove),
        *(peer.Meet, peer.Connected, peer.Send, peer.Receive, peer.Ask, peer.Answer),
    ),
    events=get_args(Event),
    initial=State(),
    decide=decide,
    evolve=evolve,
    react=react,
    alarms=alarms,
    summary=summary,
    filters=frozenset({"url", "unacknowledged"}),
    view=view,
    questions={"backlog": Question(query=Backlog, answer=_answer_backlog)},
    internal=frozenset({"meet", "connected", "send", "receive", "ask", "answer"}),
)
