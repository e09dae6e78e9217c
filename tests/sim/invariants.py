"""What must hold when the federation has come to rest, each in a function that yields what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import json

from messages.copies import copy_id
from messages.copy_events import Dropped, Stored
from messages.envelope import instant, micros
from messages.peer_events import Received, Refused
from node.live import freeze, thaw
from node.trail import CMD, EVT
from tests.sim import booked, flows
from tests.sim.seen import Key, Seen, Sight, look, read
from tests.sim.world import World

Invariant = Callable[[Seen], Iterator[str]]


def nothing_acknowledged_is_lost(seen: Seen) -> Iterator[str]:
    """What the broker took is handled, and every outcome that was told stands with its events."""
    for sight in seen.nodes.values():
        for message in sight.node.streams[CMD].messages:
            if message.id and message.id not in sight.inbox:
                yield f"{sight.name}: {message.subject} ({message.id}) was accepted and never handled"
        for id, outcome in sight.node.acknowledged.items():
            if id not in sight.inbox:
                yield f"{sight.name}: {id} was acknowledged and is not there"
            elif not _is_refused_repeat(outcome) and sight.inbox[id].outcome != outcome:
                yield f"{sight.name}: {id} was told another outcome than what is kept"


def _is_refused_repeat(outcome: bytes) -> bool:
    return read(outcome).code == "id_reused"


def effects_happen_once(seen: Seen) -> Iterator[str]:
    """Each message has the events of its outcome, once and together; each word of a task is said once."""
    for sight in seen.nodes.values():
        events = Counter(row.message for row in sight.journal)
        for id, handled in sight.inbox.items():
            told = len(read(handled.outcome).events)
            if events.pop(id, 0) != told:
                place = f"{sight.name}: {handled.kind}.{handled.entity}.{handled.verb} ({id})"
                yield f"{place} has not its {told} events once"
        for id in events:
            yield f"{sight.name}: there are events of {id}, which has no outcome"
        yield from _said_twice(sight)
        yield from _operators_heard_twice(sight)


def _said_twice(sight: Sight) -> Iterator[str]:
    tasks = {message.id for message in sight.node.streams["TASK"].messages}
    sends = Counter(one.cause for one in sight.inbox.values() if one.verb == "send" and one.cause in tasks)
    for task, count in sends.items():
        if count > 1:
            yield f"{sight.name}: the task {task} said its word {count} times"


def _operators_heard_twice(sight: Sight) -> Iterator[str]:
    nameless = [one for one in sight.node.streams[CMD].messages if not one.id]
    named = {one.id for one in sight.node.streams[CMD].messages} | set(sight.node.called)
    handled = sum(one.sender == "operator" and one.id not in named for one in sight.inbox.values())
    if handled != len(nameless):
        yield f"{sight.name}: {len(nameless)} messages without an id were handled {handled} times"


def versions_increase_by_one(seen: Seen) -> Iterator[str]:
    """Each entity has the versions 1, 2, … in its journal, and tells them in that order."""
    for sight in seen.nodes.values():
        last: dict[tuple[str, str], int] = defaultdict(int)
        for row in sight.journal:
            last[row.kind, row.id] += 1
            if row.version != last[row.kind, row.id]:
                due = last[row.kind, row.id]
                yield f"{sight.name}: {row.kind}.{row.id} has version {row.version} where {due} is due"
        told = {message.id for message in sight.node.streams[EVT].messages}
        missing = [row for row in sight.journal if f"{row.kind}.{row.id}.{row.version}" not in told]
        for row in missing:
            yield f"{sight.name}: {row.kind}.{row.id} never told its version {row.version}"


def all_is_said_and_heard(seen: Seen) -> Iterator[str]:
    """Nothing waits: every outgoing message is with the broker, every peer has acknowledged all."""
    for sight in seen.nodes.values():
        if sight.unsent:
            yield f"{sight.name}: {sight.unsent} messages were never sent"
        for message, code, reason in sight.dead:
            yield f"{sight.name}: {message} is a dead letter, {code}: {reason}"
        for name, peer in sight.of("peer").items():
            if peer.unacknowledged:
                yield f"{sight.name}: {name} has not acknowledged {peer.unacknowledged} messages"
            said = seen.nodes[name].states["peer", sight.name].ours.said
            if peer.theirs.received != said:
                yield f"{sight.name}: {name} said {said} messages, {peer.theirs.received} were received"


def peers_are_heard_in_order(seen: Seen) -> Iterator[str]:
    """What a peer says is taken in the order in which it was said, without gaps, once."""
    for sight in seen.nodes.values():
        last: Counter[str] = Counter()
        for row in sight.journal:
            if row.type == "peer.received":
                sequence = json.decode(row.body, type=Received).message.sequence
                if sequence != last[row.id] + 1:
                    yield f"{sight.name}: heard {sequence} of {row.id} after {last[row.id]}"
                last[row.id] = sequence
            elif row.type == "peer.refused":
                refused = json.decode(row.body, type=Refused)
                last[row.id] += refused.is_next


def alarms_are_set(seen: Seen) -> Iterator[str]:
    """What an entity waits for is in the table, and nothing that it does not wait for."""
    for sight in seen.nodes.values():
        for (kind, id, name), at in sight.alarms.items():
            wanted = _wanted(seen, sight, (kind, id)).get(name)
            if wanted is None or micros(wanted) != at:
                yield f"{sight.name}: {kind}.{id} does not want the alarm {name} that is set"
        for kind, id in sight.states:
            for name, wanted in _wanted(seen, sight, (kind, id)).items():
                if (kind, id, name) not in sight.alarms:
                    yield f"{sight.name}: {kind}.{id} waits in vain for its alarm {name} of {wanted}"


def _wanted(seen: Seen, sight: Sight, key: Key) -> Mapping[str, datetime]:
    wanted = seen.actors[key[0]].alarms(sight.states[key])
    since = sight.deleted.get(key)
    return wanted if since is None else {**wanted, "~purge": instant(since) + timedelta(days=15)}


def alarms_are_rung(seen: Seen) -> Iterator[str]:
    """No alarm is overdue."""
    for sight in seen.nodes.values():
        for (kind, id, name), at in sight.alarms.items():
            if at <= micros(seen.at):
                yield f"{sight.name}: {kind}.{id} never got its alarm {name} of {instant(at)}"


def copies_converge(seen: Seen) -> Iterator[str]:
    """Each peer holds what the owner shares with it, as the owner has it, and nothing else."""
    for owner in seen.nodes.values():
        for kind, id in owner.states:
            for peer in owner.node.peers:
                held = seen.nodes[peer].states.get(("copy", copy_id(owner.name, kind, id)))
                yield from _differs(seen, (owner, peer), (kind, id), held)


def _differs(seen: Seen, way: tuple[Sight, str], key: tuple[str, str], held: object) -> Iterator[str]:
    owner, peer = way
    state, place = owner.states[key], f"{owner.name}/{key[0]}/{key[1]} at {peer}"
    wanted = flows.shared_with(seen, owner, key, peer)
    is_held = getattr(held, "is_held", False)
    if (wanted is not None) != is_held:
        yield f"{place}: {'is missing' if wanted else 'is held and should not be'}"
    elif wanted is not None:
        found = (getattr(held, "generation", 0), getattr(held, "version", 0))
        if found != wanted:
            yield f"{place}: is {found}, the owner has {wanted}"
        body = flows.content(key[0], state)
        if body is not None and getattr(held, "body", None) != body:
            yield f"{place}: has another content than the owner's"


def copies_never_grow_younger(seen: Seen) -> Iterator[str]:
    """What an owner said earlier never replaces what it said later."""
    for sight in seen.nodes.values():
        ages: dict[str, tuple[int, int]] = {}
        for row in sight.journal:
            if row.type in ("copy.stored", "copy.dropped"):
                event = json.decode(row.body, type=Stored | Dropped)
                age = (event.generation, event.version)
                if age < ages.get(row.id, (0, 0)):
                    yield f"{sight.name}: the copy {row.id} became {age} after {ages[row.id]}"
                ages[row.id] = age


def copies_vanish_by_their_owner_only(seen: Seen) -> Iterator[str]:
    """An update is never seen as a deletion: a copy that is dropped is dropped by a word of its owner."""
    for sight in seen.nodes.values():
        heard = {one.id for one in sight.node.streams[CMD].messages if one.subject.endswith(".drop")}
        for row in sight.journal:
            if row.type == "copy.dropped" and row.message not in heard:
                yield f"{sight.name}: the copy {row.id} vanished without a word of its owner"


def nothing_is_overdue(seen: Seen) -> Iterator[str]:
    """An execution that was not started in time is forgotten."""
    for sight in seen.nodes.values():
        for id, run in sight.of("execution").items():
            if run.plan is None or run.state not in ("scheduled", "delayed"):
                continue
            latest = run.plan.start if run.state == "scheduled" else run.plan.end
            if latest + timedelta(seconds=run.plan.grace_seconds) < seen.at:
                yield f"{sight.name}: the execution {id} should be forgotten"


def snapshots_are_the_journal(seen: Seen) -> Iterator[str]:
    """What is summarised of an entity in listings is what its journal leads to."""
    for sight in seen.nodes.values():
        for (kind, id), state in sight.states.items():
            try:
                kept = thaw(seen.actors[kind], freeze(state))
            except msgspec.MsgspecError as error:
                yield f"{sight.name}: {kind}.{id} does not survive a snapshot: {error}"
            else:
                if kept != state:
                    yield f"{sight.name}: {kind}.{id} is another one after a snapshot"


INVARIANTS: tuple[Invariant, ...] = (
    nothing_acknowledged_is_lost,
    effects_happen_once,
    versions_increase_by_one,
    all_is_said_and_heard,
    peers_are_heard_in_order,
    alarms_are_set,
    alarms_are_rung,
    copies_converge,
    copies_never_grow_younger,
    copies_vanish_by_their_owner_only,
    nothing_is_overdue,
    snapshots_are_the_journal,
    booked.no_slot_has_two_holders,
    booked.no_confirmation_is_late,
    booked.no_booking_is_orphaned,
    booked.no_execution_lacks_a_slot,
    flows.executions_are_the_schedule,
    flows.workspaces_follow_workflows,
    flows.members_know_where_they_are,
)


ALWAYS: tuple[Invariant, ...] = (alarms_are_set, booked.no_slot_has_two_holders)
"""What holds between any two transactions, too."""


def broken(world: World, invariants: Sequence[Invariant] = INVARIANTS) -> list[str]:
    """Return what does not hold, each with the name of the invariant."""
    seen = look(world)
    return [f"{check.__name__}: {wrong}" for check in invariants for wrong in check(seen)]
