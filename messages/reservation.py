"""What may be said to and by a reservation: time on a compute that one task of a run books."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from messages import base, booking_answers
from messages.base import Reference, Text
from messages.booking import Instant, Units
from messages.envelope import Address
from messages.run import Givers


class Begin(base.Command, tag="reservation.begin", kw_only=True):
    """Book this (said by a run)."""

    resource: Reference
    """``node/id``, also when the node is our own."""
    start: Instant
    end: Instant
    units: Units = 1
    until: Instant
    """When nobody waits for an answer any more; the hold lasts no longer."""
    reply_to: Address
    """The run that waits."""
    reply_mark: str
    """What it knows the task by."""
    behalf: Givers = ()
    """In whose names it is to be done: each needs the right to it (said by a run); empty: in the node's."""


class Cancel(base.Command, tag="reservation.cancel"):
    """Give it up: what is held or booked is free again."""

    reason: Text = ""


class Held(booking_answers.Held, tag="reservation.held"):
    """The time is held (said by the owner of the compute, as all that follows)."""


class HoldRefused(booking_answers.HoldRefused, tag="reservation.hold_refused"):
    """It cannot be had."""


class Confirmed(booking_answers.Confirmed, tag="reservation.confirmed"):
    """It is booked."""


class Expired(booking_answers.Expired, tag="reservation.expired"):
    """There was nothing held to confirm, or no longer."""


class Aborted(booking_answers.Aborted, tag="reservation.aborted"):
    """Nothing is held or booked any more."""


class SlotsCancelled(booking_answers.SlotsCancelled, tag="reservation.slots_cancelled"):
    """The owner took it back."""


class Begun(base.Event, tag="reservation.begun"):
    """The owner is asked to hold it."""

    at: datetime
    resource: str
    start: datetime
    end: datetime
    units: int
    until: datetime
    reply_to: Address
    reply_mark: str


class Kept(base.Event, tag="reservation.kept"):
    """It is held; the owner is asked to confirm it."""


class Booked(base.Event, tag="reservation.booked"):
    """It is ours from ``start`` to ``end``."""

    at: datetime
    booking: str
    """The id of the slot in the book of the owner."""


class Refused(base.Event, tag="reservation.refused"):
    """It cannot be had, and nothing is held."""

    at: datetime
    code: str
    detail: str = ""


class Cancelled(base.Event, tag="reservation.cancelled"):
    """It was given up."""

    at: datetime
    reason: str = ""
    was_booked: bool = False


class Lost(base.Event, tag="reservation.lost"):
    """The owner took it back."""

    at: datetime
    reason: str = ""


Answer: TypeAlias = Held | HoldRefused | Confirmed | Expired | Aborted | SlotsCancelled
Command: TypeAlias = Cancel | Begin | Answer
Event: TypeAlias = Begun | Kept | Booked | Refused | Cancelled | Lost
