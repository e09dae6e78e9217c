"""Handling one message: from a body to the step that says all it changes. Nothing here waits."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import msgspec

from actors.actor import Actor, Effect, Folded, Rejected, Summary, Trim, Turn, Users, no_needs
from actors.rights.judging import Asked, forbidden
from actors.rights.rights import KINDS, PERIMETERS, Rights
from messages.base import Alarm, encode, tag
from messages.envelope import ACTOR, ALARM, Envelope, Outcome, instant
from messages.wording import worded
from node.batch import Batch, Job
from node.deletion import FREE, OWN, alarms, deleted_since
from node.live import Key, Live, blank
from node.pointing import has_read, pointers
from node.refusals import check_kind, check_version, version_conflict
from node.steps import dead_step, done_step, forget_step, refused_step
from node.trail import Trail
from store.step import Outgoing, Recorded, Step

ATTEMPTS = 3
"""How often a message that fails unexpectedly is tried before it is a dead letter."""


class Result(msgspec.Struct, frozen=True):
    """What became of one envelope of a batch."""

    envelope: Envelope
    outcome: bytes
    """The JSON of the Outcome; empty when the message is to be tried again."""
    step: Step | None = None

    @property
    def outgoing(self) -> Sequence[Outgoing]:
        """The messages that it caused."""
        return self.step.outgoing if self.step else ()


class Handler:
    """Runs the pure functions of the actors of one node."""

    def __init__(self, node: str, actors: Mapping[str, Actor[Any, Any, Any]], trail: Trail) -> None:
        self.actors = actors
        self.peers: frozenset[str] = frozenset()
        self.rights = Rights(node)
        self._node = node
        self._trail = trail
        self._decoders = {
            (actor.kind, tag(command).partition(".")[2]): msgspec.json.Decoder(command)
            for actor in actors.values()
            for command in actor.commands
        }
        self._families = {
            actor.kind: [
                one.kind for one in actors.values() if one.family == actor.family and one is not actor
            ]
            for actor in actors.values()
            if actor.family
        }
        self._alarms = msgspec.json.Decoder(Alarm)

    def open(self, envelope: Envelope) -> Job:
        """Read the body of a message and say what its decision needs to know."""
        key = (envelope.to.kind, envelope.to.id)
        actor = self.actors.get(envelope.to.kind)
        if envelope.fault is not None:
            return Job(envelope, key, fault=(*envelope.fault, ""))
        if actor is None:
            known = ", ".join(sorted(self.actors))
            return Job(envelope, key, fault=("unknown_kind", f"no {envelope.to.kind}; there are {known}", ""))
        decoder = self._decoders.get((actor.kind, envelope.verb))
        if envelope.verb == "alarm" and envelope.sender == ALARM:
            decoder = self._alarms
        if decoder is None:
            verbs = ", ".join(sorted(verb for kind, verb in self._decoders if kind == actor.kind))
            detail = f"{actor.kind} has no verb {envelope.verb}; it has {verbs}"
            return Job(envelope, key, fault=("unknown_verb", detail, ""))
        return self._decode(Job(envelope, key, actor), actor, decoder)

    def _decode(self, job: Job, actor: Actor[Any, Any, Any], decoder: msgspec.json.Decoder[Any]) -> Job:
        envelope = job.envelope
        try:
            command = decoder.decode(envelope.body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail, _, at = worded(error, decoder.type).partition(" - at `")
            return Job(envelope, job.key, fault=("invalid_message", detail, _pointer(at.rstrip("`"))))
        relatives = self.relatives(job.key)
        if actor.needs is no_needs:
            return Job(envelope, job.key, actor, command, relatives=relatives)
        try:
            needs = actor.needs(command, self._turn(envelope))
        except Exception:
            needs = ()  # the decision will meet the same bug, and tell it with its traceback
        return Job(envelope, job.key, actor, command, needs, relatives)

    def relatives(self, key: Key) -> Sequence[Key]:
        """Return what the other kinds of its family would have under the id of an entity."""
        others = self._families.get(key[0])
        return [(other, key[1]) for other in others] if others else ()

    def run(self, batch: Batch) -> list[Result]:
        """Handle every job in order."""
        return [self._one(batch, self.identified(job)) for job in batch.jobs]

    def identified(self, job: Job) -> Job:
        """Say who has proved to say a message, as it is known when its turn comes."""
        if not job.envelope.proof:
            return job
        said = job.envelope
        sender = self.rights.sender(said.proof)
        return dataclasses.replace(job, envelope=msgspec.structs.replace(said, sender=sender))

    def notice_peers(self, batch: Batch) -> None:
        """Remember which peers copies are exchanged with, as the batch has left them."""
        for (kind, id), live in batch.changed.items():
            if kind == "peer":
                is_partner = live.summary is not None and live.summary.status in ("partner", "paused")
                self.peers = self.peers | {id} if is_partner else self.peers - {id}

    def bury(self, envelope: Envelope, error: Exception) -> Result:
        """Give up on a message that keeps failing."""
        reason = f"{type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        step = dead_step(self._trail, envelope, ("failed", reason, ""), trace)
        return Result(envelope, step.handled.outcome, step)

    def outrun(self, batch: Batch, expected: int) -> Result:
        """Refuse the one message of a batch: others were faster, each time."""
        (job,) = batch.jobs
        assert job.actor is not None  # it came as far as to be written
        no = version_conflict(expected, batch.lives[job.key].version)
        turn = self._turn(job.envelope, batch.lives[job.key].version)
        effects = job.actor.answer(job.command, no, turn)
        step = refused_step(self._trail, job.envelope, no, turn.version, effects)
        return Result(job.envelope, step.handled.outcome, step)

    def _one(self, batch: Batch, job: Job) -> Result:
        envelope = job.envelope
        before = batch.outcomes.get(envelope.id)
        if before is not None:
            is_same = before[0] == envelope.digest
            return Result(envelope, before[1] if is_same else self._reused(envelope))
        try:
            if not has_read(batch, job):
                return Result(envelope, b"")
            step = self._step(batch, job)
        except Exception as error:
            if envelope.attempt < ATTEMPTS:
                return Result(envelope, b"")
            buried = self.bury(envelope, error)
            batch.note(buried.step)
            return buried
        batch.note(step)
        return Result(envelope, step.handled.outcome, step)

    def _reused(self, envelope: Envelope) -> bytes:
        return encode(
            Outcome(
                status="rejected",
                kind=envelope.to.kind,
                id=envelope.to.id,
                version=0,
                code="id_reused",
                detail="another message with this id was handled before; give each message an id of its own",
                message=envelope.id,
            )
        )

    def _step(self, batch: Batch, job: Job) -> Step:
        envelope, actor = job.envelope, job.actor
        if actor is None or job.fault is not None:
            fault = job.fault or ("unknown_kind", "", "")
            if envelope.is_call:
                no = Rejected(fault[0], fault[1], at=fault[2])
                return refused_step(self._trail, envelope, no, 0)
            return dead_step(self._trail, envelope, fault)
        live = batch.changed.get(job.key) or batch.lives[job.key]
        turn = self._informed(batch, job, live)
        try:
            self._admit(job, live)
            if job.relatives and not live.version:
                check_kind(job.key, batch.relative(job))
            check_version(envelope, live.version)
            if envelope.verb == "alarm" and live.alarms.get(job.command.name) != job.command.due:
                events: Sequence[Any] = ()  # the entity no longer wants it
            elif envelope.verb == "alarm" and job.command.name in OWN:
                return self._shed(batch, job, actor, live)
            else:
                events = actor.decide(live.state, job.command, turn)
        except Rejected as no:
            effects = actor.answer(job.command, no, turn)
            return refused_step(self._trail, envelope, no, live.version, effects)
        return self._advance(batch, job, live, (events, turn))

    def admits(self, job: Job, live: Live) -> bool:
        """Say whether the sender of a message may say it to an entity as it is."""
        return job.fault is None and self._forbidden(job, live) is None

    def _admit(self, job: Job, live: Live) -> None:
        refusal = self._forbidden(job, live)
        if refusal is not None:
            raise refusal

    def _forbidden(self, job: Job, live: Live) -> Rejected | None:
        said = job.envelope
        asked = Asked(said.sender, *job.key, said.verb, job.command, live.summary)
        return None if said.sender == ACTOR else forbidden(self.rights, job.actor, asked)

    def _advance(self, batch: Batch, job: Job, live: Live, decision: tuple[Sequence[Any], Turn]) -> Step:
        actor, envelope = job.actor, job.envelope
        assert actor is not None
        events, turn = decision
        if not events:
            told = actor.tells(live.state, job.command, turn)
            passed = actor.passes(live.state, job.command, turn)
            return done_step(self._trail, envelope, live, live, ((), passed), told=told)[0]
        versions = enumerate(events, live.version + 1)
        recorded = [Recorded(version, tag(event), encode(event)) for version, event in versions]
        state = events.state if isinstance(events, Folded) else reduce(actor.evolve, events, live.state)
        effects: list[Effect] = [effect for event in events for effect in actor.react(state, event, turn)]
        summary, deleted_at = actor.summary(state), None
        if summary is None:
            happened = [(event, envelope.at) for event in events]
            deleted_at = deleted_since(actor, (live.state, live.deleted_at), happened)
        after = Live(
            state=state,
            version=recorded[-1].version,
            summary=summary,
            alarms=alarms(actor, state, deleted_at),
            uses=actor.uses(state),
            events_since=live.events_since + len(events),
            bytes_since=live.bytes_since + sum(len(event.body) for event in recorded),
            snapshot_bytes=live.snapshot_bytes,
            deleted_at=deleted_at,
        )
        step, after = done_step(self._trail, envelope, live, after, (recorded, effects))
        batch.changed[job.key] = after
        if actor.kind in KINDS or _names_perimeters(live.summary) or _names_perimeters(summary):
            self.note_rights(job.key, summary)
        return step

    def _informed(self, batch: Batch, job: Job, live: Live) -> Turn:
        needs = [need for need in job.needs if not isinstance(need, Users)]
        known = {need: batch.known(need) for need in (*needs, *pointers(batch, job, live))}
        users = {need: batch.users(need) for need in job.needs if isinstance(need, Users)}
        turn = self._turn(job.envelope, live.version, known)
        return msgspec.structs.replace(turn, users=users) if users else turn

    def note_rights(self, key: Key, summary: Summary | None) -> None:
        """Judge by a change of an entity from the next message on."""
        self.rights = self.rights.note(*key, None if summary is None else summary.fields)

    def _shed(self, batch: Batch, job: Job, actor: Actor[Any, Any, Any], live: Live) -> Step:
        """Forget the events of a deleted entity, or all of it: no actor decides on that."""
        if job.command.name == FREE:
            batch.changed[job.key] = blank(actor)
            return forget_step(job.envelope)
        step, batch.changed[job.key] = done_step(self._trail, job.envelope, live, live, ((), (Trim(),)))
        return step

    def _turn(self, envelope: Envelope, version: int = 0, known: Mapping[Any, Any] | None = None) -> Turn:
        return Turn(
            me=envelope.to,
            node=self._node,
            message=envelope.id,
            at=instant(envelope.at),
            sender=envelope.sender,
            cause=envelope.cause,
            correlation=envelope.correlation or envelope.id,
            version=version,
            peers=self.peers,
            known=known or {},
            rights=self.rights,
            unread=envelope.unread,
        )


def _names_perimeters(summary: Summary | None) -> bool:
    return summary is not None and PERIMETERS in summary.fields and not summary.owner


def _pointer(path: str) -> str:
    """Turn msgspec's ``$.graph.items[...]`` into a JSON pointer, as far as it says where."""
    path = path.removeprefix("key` in `").removeprefix("$").replace("[...]", "")
    return path.replace("[", ".").replace("]", "").replace(".", "/")
