"""The steps that a message can end in: done, refused, dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.actor import Acknowledged, Effect, Rejected, Repeat, Trim
from messages.base import Alarm, encode
from messages.envelope import ALARM, Envelope, Outcome, micros
from node.live import Live, freeze
from node.trail import Trail, out_lane
from store.step import Dead, Handled, Listed, Outgoing, Recorded, Step

TRIM = Trim()
UNKEPT = frozenset({("environment", "set_secret")})
"""Commands whose bodies are no evidence: what is wrong with one may be that it is a secret in clear."""


def done_step(
    trail: Trail,
    envelope: Envelope,
    before: Live,
    after: Live,
    done: tuple[Sequence[Recorded], Sequence[Effect]] = ((), ()),
    *,
    told: Mapping[str, Any] | None = None,
) -> tuple[Step, Live]:
    """Return the step of a command that was done, and the entity after it; ``told`` goes into the outcome."""
    recorded, effects = done
    outcome = Outcome(
        status="done",
        kind=envelope.to.kind,
        id=envelope.to.id,
        version=after.version,
        events=[msgspec.Raw(event.body) for event in recorded],
        extra=dict(told) if told else {},
        message=envelope.id,
    )
    snapshot = None
    trims = TRIM in effects
    if trims or after.wants_snapshot():
        state = freeze(after.state)
        snapshot = (after.version, state, after.deleted_at)
        after = msgspec.structs.replace(after, events_since=0, bytes_since=0, snapshot_bytes=len(state))
    happened = trail.events(envelope, recorded) if recorded else []
    step = Step(
        handled=_handled(envelope, encode(outcome)),
        events=recorded,
        listed=_listed(envelope, before, after) if recorded else None,
        snapshot=snapshot,
        trims=trims,
        alarms=_alarms(envelope, before.alarms, after.alarms),
        outgoing=happened + _outgoing(trail, envelope, effects),
        acknowledged=[(out_lane(one.peer), one.sequence) for one in effects if isinstance(one, Acknowledged)],
        repeat=[(out_lane(one.peer), one.sequence) for one in effects if isinstance(one, Repeat)],
    )
    return step, after


def forget_step(envelope: Envelope) -> Step:
    """Return the step after which the entity was never written."""
    to = envelope.to
    outcome = Outcome(status="done", kind=to.kind, id=to.id, version=0, message=envelope.id)
    return Step(handled=_handled(envelope, encode(outcome)), forgets=True)


def refused_step(
    trail: Trail, envelope: Envelope, no: Rejected, version: int, effects: Sequence[Effect] = ()
) -> Step:
    """Return the step of a command that the rules forbid: an outcome, told to those who listen."""
    outcome = _refusal("rejected", envelope, (no.code, no.detail, no.at), version, no.extra)
    told = trail.event(envelope, f"{envelope.to.kind}.rejected", outcome)
    return Step(
        handled=_handled(envelope, outcome),
        alarms=_alarms(envelope, {}, {}),
        outgoing=[told, *_outgoing(trail, envelope, effects)],
    )


def dead_step(trail: Trail, envelope: Envelope, fault: tuple[str, str, str], trace: str = "") -> Step:
    """Return the step of a message that cannot be handled: kept for a person to look at."""
    outcome = _refusal("dead", envelope, fault, 0, {})
    to = envelope.to
    return Step(
        handled=_handled(envelope, outcome),
        alarms=_alarms(envelope, {}, {}),
        outgoing=[trail.event(envelope, f"{to.kind}.dead", outcome)],
        dead=Dead(
            message=envelope.id,
            subject=f"{to.kind}.{to.id}.{envelope.verb}",
            headers=encode(_kept(envelope)),
            body=b"" if (to.kind, envelope.verb) in UNKEPT else envelope.body,
            code=fault[0],
            reason=fault[1],
            traceback=trace,
            attempts=envelope.attempt,
            at=envelope.at,
        ),
    )


def _kept(envelope: Envelope) -> dict[str, str | int]:
    """Return what a retry needs besides the body."""
    kept: dict[str, str | int] = {
        "sender": envelope.sender,
        "cause": envelope.cause,
        "correlation": envelope.correlation,
    }
    return kept if envelope.expect is None else kept | {"expect": envelope.expect}


def _refusal(
    status: Any, envelope: Envelope, fault: tuple[str, str, str], version: int, extra: Mapping[str, Any]
) -> bytes:
    code, detail, at = fault
    return encode(
        Outcome(
            status=status,
            kind=envelope.to.kind,
            id=envelope.to.id,
            version=version,
            code=code,
            detail=detail,
            at=at,
            extra=dict(extra),
            message=envelope.id,
        )
    )


def _handled(envelope: Envelope, outcome: bytes) -> Handled:
    return Handled(
        id=envelope.id,
        digest=envelope.digest,
        outcome=outcome,
        kind=envelope.to.kind,
        entity=envelope.to.id,
        verb=envelope.verb,
        cause=envelope.cause,
        correlation=envelope.correlation or envelope.id,
        sender=envelope.sender,
        at=envelope.at,
    )


def _outgoing(trail: Trail, envelope: Envelope, effects: Sequence[Effect]) -> list[Outgoing]:
    said = [one for one in effects if not isinstance(one, Acknowledged | Repeat | Trim)]
    return [trail.effect(envelope, number, effect) for number, effect in enumerate(said)]


def _alarms(envelope: Envelope, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int | None]:
    changes: dict[str, int | None] = {name: None for name in before if name not in after}
    changes |= {name: micros(at) for name, at in after.items() if before.get(name) != at}
    if envelope.sender == ALARM:
        alarm = msgspec.json.decode(envelope.body, type=Alarm)
        if after.get(alarm.name, alarm.due) == alarm.due:
            changes.setdefault(alarm.name, None)  # delivered: it is not delivered again
    return changes


def _listed(envelope: Envelope, before: Live, live: Live) -> Listed:
    summary = live.summary
    uses = None if live.uses == before.uses else sorted((used.kind, used.id) for used in live.uses)
    if summary is None:
        return Listed(version=live.version, uses=uses)
    return Listed(
        version=live.version,
        listed=True,
        shown_as=summary.shown_as or envelope.to.kind,
        shown_id=summary.shown_id or envelope.to.id,
        status=summary.status,
        name=summary.name,
        parent=summary.parent,
        owner=summary.owner,
        at=None if summary.at is None else micros(summary.at),
        labels=encode(summary.labels).decode() if summary.labels else "{}",
        fields=encode(summary.fields).decode() if summary.fields else "{}",
        uses=uses,
    )
