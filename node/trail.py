"""What a handled message leaves behind to be published: events, orders, tasks, words to peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.actor import Effect, Order, Relay, Say, Task
from messages import subjects
from messages.base import Message, encode, tag
from messages.envelope import ACTOR, Address, Envelope, derive, follow_trace, rfc3339, span_of, trace_of
from messages.headers import lines
from messages.peer import Send, To
from store.step import Outgoing, Recorded

CMD, EVT, TASK = "CMD", "EVT", "TASK"


def out_lane(peer: str) -> str:
    """Name the lane of what is said to one peer."""
    return f"out/{peer}"


class _Common(NamedTuple):
    """What the events of one message have in common."""

    subject: str
    headers: bytes
    trace: str


class Trail:
    """Makes the outgoing messages of one node."""

    def __init__(self, node: str, next_position: Callable[[], int]) -> None:
        self._node = node
        self._next = next_position

    def event(self, cause: Envelope, type_: str, body: bytes) -> Outgoing:
        """Tell of the entity that was addressed what did not change it, as a CloudEvent."""
        # what changed nothing has no version of its own, so the message's id stands for it
        return self._event(cause, self._common(cause), (f"{cause.id}.{type_}", type_, ""), body)

    def events(self, cause: Envelope, recorded: Sequence[Recorded]) -> list[Outgoing]:
        """Tell all that happened because of one message, in its order."""
        common = self._common(cause)  # one message of a run leads to twenty events
        found = []
        for one in recorded:
            id = f"{cause.to.kind}.{cause.to.id}.{one.version}"
            version = f"{subjects.ENTITY_VERSION}: {one.version}\r\n"
            found.append(self._event(cause, common, (id, one.type, version), one.body))
        return found

    def _event(self, cause: Envelope, common: _Common, own: tuple[str, str, str], body: bytes) -> Outgoing:
        message, type_, more = own
        # as ``lines`` has it: no line break can be in these
        headers = (
            f"{subjects.CE_ID}: {message}\r\n{subjects.CE_TYPE}: {type_}\r\n"
            f"{subjects.TRACEPARENT}: 00-{common.trace}-{span_of(message)}-01\r\n{more}"
        )
        return Outgoing(
            position=self._next(),
            lane=EVT,
            subject=f"{common.subject}{type_.partition('.')[2]}",
            message=message,
            headers=common.headers + headers.encode(),
            body=body,
            at=cause.at,
        )

    def _common(self, cause: Envelope) -> _Common:
        kind, id = cause.to.kind, cause.to.id
        correlation = cause.correlation or cause.id
        headers = {
            subjects.CE_VERSION: "1.0",
            subjects.CE_SOURCE: f"/covey/{self._node}",
            subjects.CE_TIME: rfc3339(cause.at),
            subjects.CE_SUBJECT: f"{kind}/{id}",
            "content-type": "application/json",
            subjects.CAUSE: cause.id,
            subjects.CORRELATION: correlation,
        }
        trace = trace_of(cause.traceparent, correlation)
        return _Common(subjects.event(self._node, kind, id, ""), lines(headers), trace)

    def effect(self, cause: Envelope, number: int, effect: Effect) -> Outgoing:
        """Make the message that an effect asks for; the same cause and number give the same id."""
        match effect:
            case Order():
                return self._order(cause, derive(cause.id, number), effect)
            case Task():
                return self._task(cause, derive(cause.id, number), effect)
            case Relay():
                return self._relay(cause, effect)
            case Say():
                return self._say(cause, effect)
        raise TypeError(f"{effect!r} is not a message")

    def _order(self, cause: Envelope, id: str, order: Order) -> Outgoing:
        to, command = order.to, order.command
        if to.node and to.node != self._node:
            send = Send(
                to=To(kind=to.kind, id=to.id),
                verb=verb_of(command),
                body=msgspec.Raw(encode(command)),
                id=id,
                correlation=cause.correlation or cause.id,
                cause=cause.id,
            )
            return self._order(cause, derive(id, "send"), Order(Address("peer", to.node), send))
        headers = self._headers(cause, id, order.sender)
        return self._command(cause, to, verb_of(command), (id, headers, encode(command)))

    def _relay(self, cause: Envelope, relay: Relay) -> Outgoing:
        headers = self._headers(cause, relay.id, relay.sender)
        headers[subjects.CAUSE] = relay.cause
        headers[subjects.CORRELATION] = relay.correlation
        if relay.expect is not None:
            headers[subjects.EXPECT] = str(relay.expect)
        return self._command(cause, relay.to, relay.verb, (relay.id, headers, bytes(relay.body)))

    def _command(
        self, cause: Envelope, to: Address, verb: str, message: tuple[str, dict[str, str], bytes]
    ) -> Outgoing:
        id, headers, body = message
        return Outgoing(
            position=self._next(),
            lane=CMD,
            subject=subjects.command(self._node, to.kind, to.id, verb),
            message=id,
            headers=lines(headers),
            body=body,
            at=cause.at,
        )

    def _task(self, cause: Envelope, id: str, task: Task) -> Outgoing:
        headers = self._headers(cause, id, ACTOR) | {subjects.CE_TYPE: tag(task.body)}
        return Outgoing(
            position=self._next(),
            lane=TASK,
            subject=subjects.task(self._node, task.queue),
            message=id,
            headers=lines(headers),
            body=encode(task.body),
            at=cause.at,
        )

    def _say(self, cause: Envelope, say: Say) -> Outgoing:
        id = f"{say.incarnation}.{say.sequence}"
        return Outgoing(
            position=self._next(),
            lane=out_lane(say.peer),
            subject=subjects.out(self._node, say.peer),
            message=id,
            headers=b"",
            body=encode(say.body),
            number=say.sequence,
            at=cause.at,
        )

    def _headers(self, cause: Envelope, id: str, sender: str) -> dict[str, str]:
        correlation = cause.correlation or cause.id
        return {
            subjects.CE_ID: id,
            subjects.CE_SOURCE: f"/covey/{self._node}/{cause.to.kind}/{cause.to.id}",
            subjects.TRACEPARENT: follow_trace(cause.traceparent, correlation, id),
            subjects.CAUSE: cause.id,
            subjects.CORRELATION: correlation,
            subjects.SENDER: sender,
        }


def verb_of(message: type[Message] | Any) -> str:
    """Return the verb of a command, the part of its tag after the kind."""
    return tag(message).partition(".")[2]
