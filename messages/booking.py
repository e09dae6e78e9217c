"""What may be said to and by the book of a compute resource: who has how much of it, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token
from messages.envelope import Address
from messages.job_run import Work
from messages.states import State

Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Generation = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""The workflow's count of its plans; a later one replaces an earlier one."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
WITHOUT_MAX = 500
"""The most workflows whose slots one question leaves out."""


class Interval(base.Value, frozen=True, kw_only=True):
    """The time from ``start`` until just before ``end``."""

    start: Instant
    end: Instant


class Slot(Interval, frozen=True, kw_only=True):
    """What one execution needs."""

    execution: Token
    units: Units = 1


class BookedSlot(Slot, frozen=True, kw_only=True):
    """What one execution has; ``booking`` is the id of the slot."""

    booking: str


class Conflict(Interval, frozen=True, kw_only=True):
    """A slot that cannot be had, and the first stretch of it that is taken or closed."""

    execution: str
    busy_start: datetime
    busy_end: datetime


class FreeBusy(base.Value, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The question when so many units are free."""

    from_: Instant
    """``from`` on the wire."""
    to: Instant
    units: Units = 1
    without: Annotated[tuple[Token, ...], msgspec.Meta(max_length=WITHOUT_MAX)] = ()
    """Workflows of whoever asks: what they have booked or hold is left out, but for what runs."""


class Open(base.Command, tag="booking.open"):
    """Take bookings from now on, under these terms; what is booked stays (said by the resource)."""

    generation: int
    capacity: Units
    availability: tuple[Interval, ...] | None = None
    """When it can be booked; None = always."""
    public: bool = False
    """Whether peers may book it too; to them another is unknown."""


class Close(base.Command, tag="booking.close"):
    """Take no more bookings and cancel those there are (said by the resource)."""

    generation: int
    reason: Text = "the resource was deleted"


class Hold(base.Command, tag="booking.hold", kw_only=True):
    """Keep slots free for a plan until it is confirmed, beside what an earlier plan has."""

    workflow: Token
    generation: Generation
    slots: Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=500)]
    until: Instant
    """When the hold expires; the owner may hold for less long: a confirmation after that is ``expired``."""
    on_conflict: Literal["refuse", "skip"] = "refuse"
    """When some slots cannot be had: hold none, or hold the others."""
    reply_to: Address | None = None
    """Who is told; the node is always that of the sender."""


class Confirm(base.Command, tag="booking.confirm"):
    """Book what is held, in place of what an earlier plan had."""

    workflow: Token
    generation: Generation
    drop: tuple[Token, ...] = ()
    """Executions that are held and not wanted after all."""
    reply_to: Address | None = None


class Abort(base.Command, tag="booking.abort"):
    """Let go what this plan holds or has booked, and put back what it replaced where that still fits."""

    workflow: Token
    generation: Generation
    reply_to: Address | None = None


class Release(base.Command, tag="booking.release"):
    """Free slots of a workflow: those of the executions named, or all that have not started."""

    workflow: Token
    generation: Generation | None = None
    """Only what this plan and earlier ones have; None = whatever there is."""
    executions: Annotated[tuple[Token, ...], msgspec.Meta(max_length=1000)] | None = None
    reply_to: Address | None = None


class Mark(base.Command, tag="booking.mark"):
    """Know what became of an execution; a cancelled one frees its slot."""

    workflow: Token
    execution: Token
    state: State


class Cancel(base.Command, tag="booking.cancel"):
    """Take a slot back from whoever has it."""

    booking: Token
    reason: Text


class Admit(base.Command, tag="booking.admit"):
    """Run a job inside a slot of who asks, which is now."""

    run: Token
    """The run there that waits for the end."""
    work: Work
    execution: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")] = ""
    """Whose slot; empty: any that is now."""


class Opened(base.Event, tag="booking.opened"):
    """Bookings are taken under these terms."""

    resource: str
    generation: int
    capacity: int
    availability: tuple[Interval, ...] | None
    public: bool = True
    """Whether peers may book it too; before it was told, they could."""


class Closed(base.Event, tag="booking.closed"):
    """No bookings are taken any more; all slots are cancelled."""

    generation: int
    reason: str


class Held(base.Event, tag="booking.held", kw_only=True):
    """The slots are kept free for the plan."""

    node: str
    workflow: str
    generation: int
    slots: tuple[BookedSlot, ...]
    skipped: tuple[str, ...] = ()
    """Executions whose slot could not be had."""
    until: datetime
    reply_to: Address | None = None
    forget_before: datetime | None = None
    """Slots that ended earlier leave the book."""


class Confirmed(base.Event, tag="booking.confirmed"):
    """The slots are booked, in place of those of the plan before."""

    node: str
    workflow: str
    generation: int
    dropped: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Executions whose slot overlaps one of the workflow that has started since it was held."""
    reply_to: Address | None = None


class Aborted(base.Event, tag="booking.aborted"):
    """The plan has no slots any more."""

    node: str
    workflow: str
    generation: int
    restored: bool = False
    """Whether all that the plan had replaced is booked again."""
    stands: int = 0
    """The plan that is booked now; 0: none."""
    slots: tuple[BookedSlot, ...] = ()
    """What is booked again."""
    lost: tuple[str, ...] = ()
    """Executions whose slot was taken meanwhile."""
    reply_to: Address | None = None


class Released(base.Event, tag="booking.released"):
    """The slots are free."""

    node: str
    workflow: str
    executions: tuple[str, ...]
    generation: int = 0
    """The latest plan that is given up; 0: none, only these executions."""
    reply_to: Address | None = None


class Marked(base.Event, tag="booking.marked"):
    """The execution is in this state."""

    node: str
    workflow: str
    execution: str
    state: State


class Cancelled(base.Event, tag="booking.cancelled"):
    """The owner took the slot back."""

    node: str
    workflow: str
    booking: str
    execution: str
    reason: str
    generation: int = 0
    """The plan that had the slot."""


class HoldExpired(base.Event, tag="booking.hold_expired"):
    """The plan was not confirmed in time; its slots are free."""

    node: str
    workflow: str
    generation: int


class Admitted(base.Event, tag="booking.admitted", kw_only=True):
    """A job is let in until the slot ends."""

    node: str
    workflow: str
    run: str
    execution: str
    booking: str
    until: datetime
    at: datetime
    work: Work


Command: TypeAlias = Open | Close | Hold | Confirm | Abort | Release | Mark | Cancel | Admit | base.Alarm
Event: TypeAlias = (
    Opened | Closed | Held | Confirmed | Aborted | Released | Marked | Cancelled | HoldExpired | Admitted
)
