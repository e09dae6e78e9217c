"""What the book of a compute resource remembers of each workflow that books it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from actors.booking.book import Book, Entry, change
from messages.envelope import Address, derive, micros
from messages.states import State

HOLD_LONGEST = timedelta(days=30)
"""How long a hold lasts at most, whatever is asked for: then what is wanted is held again, or it is free."""
WORKFLOWS_MAX = 1_000
"""Of how many workflows of one peer a book keeps slots, and of how many of a node what they gave up."""
BUSY = frozenset({State.SCHEDULED, State.STARTED})
"""The states in which a slot takes units; what has ended early is free for others."""
GONE = frozenset({State.CANCELLED, State.FORGOTTEN})
"""The states in which a slot leaves the book."""


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One slot, in microseconds since 1970."""

    booking: str
    execution: str
    generation: int
    start: int
    end: int
    units: int
    state: State


class Pending(msgspec.Struct, frozen=True):
    """What is held for a plan, beside what is booked."""

    generation: int
    until: int
    lines: tuple[Line, ...]


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    """What one workflow of one node has."""

    node: str
    workflow: str
    generation: int = 0
    """The plan that is booked; 0: none."""
    lines: tuple[Line, ...] = ()
    pending: Pending | None = None
    replaced: tuple[Line, ...] = ()
    """What the plan that is booked replaced: an abort puts it back."""
    latest: int = 0
    """The latest plan that was heard of: earlier ones come too late."""
    ended: int = 0
    """The latest plan that was given up: it cannot be held again."""
    reply_to: Address | None = None
    is_idle: bool = False
    """Whether it had nothing already when the book was cleared of the past."""

    @property
    def is_empty(self) -> bool:
        """Whether it has no slots, and none that could come back."""
        return not self.lines and self.pending is None and not self.replaced

    @property
    def key(self) -> str:
        """The name that its entries bear in the book."""
        return key(self.node, self.workflow)


class Guest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A job that was let in, and until when."""

    node: str
    workflow: str
    execution: str
    run: str
    until: int


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The book of one resource, and who is in it."""

    resource: str = ""
    generation: int = 0
    is_open: bool = False
    is_public: bool = True
    """Whether peers may ask for slots; those that have some keep them."""
    book: Book = Book()
    requesters: dict[str, Requester] = {}
    """By key; after closing, those to be told."""
    holds: dict[str, int] = {}
    """When what is held by whom expires."""
    slots: int = 0
    """How many there are."""
    forgotten_before: int = 0
    guests: tuple[Guest, ...] = ()
    """The jobs that run inside the slots."""


def is_open_to(ledger: Ledger, peer: str) -> bool:
    """Say whether a peer, or without a name this node, may ask for slots; to others it is unknown."""
    return ledger.is_open and (ledger.is_public or not peer)


def key(node: str, workflow: str) -> str:
    """Return the name of a workflow of a node."""
    return f"{node}/{workflow}"


def booking_id(holder: str, generation: int, execution: str) -> str:
    """Return the id of a slot, which who has it knows without being told."""
    return derive(f"{holder}/{generation}", execution)


def entries(holder: str, lines: Iterable[Line], is_held: bool) -> list[Entry]:
    """Return what the lines take in the book."""
    busy = (line for line in lines if is_held or line.state in BUSY)
    return [Entry(line.start, line.end, line.units, holder, is_held) for line in busy]


def requester(ledger: Ledger, node: str, workflow: str) -> Requester:
    """Return what a workflow has, which may be nothing."""
    return ledger.requesters.get(key(node, workflow)) or Requester(node=node, workflow=workflow)


def is_released(line: Line, generation: int) -> bool:
    """Say whether a line goes when all plans up to one are given up: what has started stays."""
    return line.state == State.SCHEDULED and line.generation <= generation


def started(one: Requester, replaced: Collection[str] = ()) -> list[Entry]:
    """Return what runs under the plan that is booked, but for executions that the next plan has too."""
    running = (
        line for line in one.lines if line.state == State.STARTED and line.execution not in set(replaced)
    )
    return entries(one.key, running, False)


def forget(ledger: Ledger, before: datetime) -> Ledger:
    """Drop what ended before an instant, of everybody, and whoever had nothing the last time either."""
    at = micros(before)
    gone = [
        entry for one in ledger.requesters.values() for entry in entries(one.key, _past(one.lines, at), False)
    ]
    after = [_without_past(one, at) for one in ledger.requesters.values() if not one.is_idle]
    return replace(
        ledger,
        requesters={one.key: one for one in after},
        book=change(ledger.book, gone, ()),
        slots=sum(_count(one) for one in after),
        forgotten_before=at,
    )


def _without_past(one: Requester, at: int) -> Requester:
    if _past((*one.lines, *one.replaced), at):
        one = replace(one, lines=_later(one.lines, at), replaced=_later(one.replaced, at))
    return replace(one, is_idle=True) if one.is_empty else one


def thin(ledger: Ledger, node: str) -> Ledger:
    """Forget what the workflows of a node gave up that have nothing now, when there are too many of its."""
    ours = [one for one in ledger.requesters.values() if one.node == node]
    empty = {one.key for one in ours if one.is_empty} if len(ours) > WORKFLOWS_MAX else ()
    if not empty:
        return ledger
    kept = {name: one for name, one in ledger.requesters.items() if name not in empty}
    return replace(ledger, requesters=kept)


def has_room_for(ledger: Ledger, one: Requester) -> bool:
    """Say whether a peer may have slots for this workflow beside those that it has some for."""
    if not one.is_empty:
        return True
    others = (other for other in ledger.requesters.values() if other.node == one.node)
    return sum(not other.is_empty for other in others) < WORKFLOWS_MAX


def _past(lines: Iterable[Line], at: int) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.end <= at)


def _later(lines: Iterable[Line], at: int) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.end > at)


def put(ledger: Ledger, after: Requester) -> Ledger:
    """Return the ledger with this in place of what the workflow had."""
    after = replace(after, is_idle=False) if after.is_idle else after
    before = requester(ledger, after.node, after.workflow)
    had, has = Counter(_taken(before)), Counter(_taken(after))
    holds = ledger.holds
    if before.pending is not after.pending:
        holds = {name: until for name, until in holds.items() if name != after.key}
        if after.pending is not None:
            holds[after.key] = after.pending.until
    return replace(
        ledger,
        book=change(ledger.book, (had - has).elements(), (has - had).elements()),
        requesters=ledger.requesters | {after.key: after},
        holds=holds,
        slots=ledger.slots + _count(after) - _count(before),
    )


def _taken(one: Requester) -> list[Entry]:
    held = one.pending.lines if one.pending else ()
    return [*entries(one.key, one.lines, False), *entries(one.key, held, True)]


def _count(one: Requester) -> int:
    return len(one.lines) + (len(one.pending.lines) if one.pending else 0)
