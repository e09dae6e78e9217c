"""What the specification says of a schedule, told by walking through its minutes, apart from the code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
MARGIN = timedelta(days=2)
"""How far a local time may be from UTC, and more."""


class Rule(NamedTuple):
    """Local hours and minutes, from a local time on."""

    zone: str
    start: datetime
    hours: frozenset[int]
    minutes: frozenset[int]


class Policy(NamedTuple):
    overlap: str
    catch_up: str
    window: timedelta
    grace: timedelta
    length: timedelta
    """How long each run takes."""


class Change(NamedTuple):
    """What happens at an instant of true time: the node goes, or is back, or its clock is set."""

    at: datetime
    is_up: bool = True
    set_by: timedelta = timedelta(0)


def instants(rule: Rule, days: int) -> list[datetime]:
    """Walk over local time: each instant in UTC, the skipped ones moved, the repeated ones once."""
    zone, local_end = ZoneInfo(rule.zone), rule.start + timedelta(days=days)
    shown: dict[datetime, datetime] = {}
    clock, table = rule.start.replace(tzinfo=UTC) - MARGIN, []
    while clock.replace(tzinfo=None) < local_end + MARGIN:
        local = clock.astimezone(zone).replace(tzinfo=None)
        shown.setdefault(local, clock)
        table.append((local, clock))
        clock += MINUTE
    found, wanted = set(), rule.start + MINUTE
    while wanted < local_end:
        if wanted.hour in rule.hours and wanted.minute in rule.minutes:
            later = (at for local, at in table if local > wanted)
            found.add(shown[wanted] if wanted in shown else next(later))
        wanted += MINUTE
    begin = shown[rule.start] if rule.start in shown else min(found)
    return sorted(at for at in found if at > begin)


class Walk:
    """One node with one workflow; runs are known by the instant that they are of."""

    def __init__(self, schedule: Sequence[datetime], policy: Policy) -> None:
        self.schedule, self.policy = schedule, policy
        self.true = self.offset = self.back = None  # type: ignore[assignment]  # set by walk
        self.unseen = list(schedule)
        self.running: dict[datetime, datetime] = {}
        """The true time at which each ends."""
        self.waiting: list[datetime] = []
        self.told: dict[datetime, tuple[str, datetime | None]] = {}

    def walk(self, begin: datetime, end: datetime, changes: Sequence[Change]) -> None:
        self.true, self.offset, self.back, is_up = begin, timedelta(0), begin, True
        left = sorted(changes)
        while self.true <= end:
            if is_up:
                self._ends()
            while left and left[0].at <= self.true:
                change = left.pop(0)
                self.offset += change.set_by
                self.back = self.true if change.is_up and not is_up else self.back
                is_up = change.is_up
            if is_up:
                self._ends()
                self._due()
                self._ends()
            self.true += MINUTE

    def _ends(self) -> None:
        """End what is over by now; when nothing runs any more, what waits first starts."""
        while self.running:
            over, at = min(self.running.items(), key=lambda one: (one[1], one[0]))
            if at > self.true:
                return
            del self.running[over]
            if self.waiting and not self.running:
                self._start(self.waiting.pop(0), max(at, self.back))

    def _start(self, of: datetime, at: datetime) -> None:
        assert of not in self.told
        self.told[of] = ("started", at + self.offset)
        self.running[of] = at + self.policy.length

    def _due(self) -> None:
        now = self.true + self.offset
        came = []
        while self.unseen and self.unseen[0] <= now:
            came.append(self.unseen.pop(0))
        may = []
        for one in came:
            if self._is_given_up(one, now):
                self.told[one] = ("forgotten", None)
            else:
                may.append(one)
        if self.policy.overlap in ("cancel_other", "terminate_other"):
            self._displace(may)
            return
        for one in may:
            self._beside(one)

    def _is_given_up(self, one: datetime, now: datetime) -> bool:
        late = now - one
        if late <= self.policy.grace:
            return False
        if self.policy.catch_up == "none" or late > self.policy.window:
            return True
        is_last = not any(one < other <= now for other in self.schedule)
        return self.policy.catch_up == "last" and not is_last

    def _beside(self, one: datetime) -> None:
        overlap = self.policy.overlap
        if overlap == "allow_all" or not self.running:
            self._start(one, self.true)
        elif overlap == "buffer_all" or (overlap == "buffer_one" and not self.waiting):
            self.waiting.append(one)
        else:
            self.told[one] = ("cancelled", None)

    def _displace(self, may: list[datetime]) -> None:
        if not may:
            return
        for one in (*self.waiting, *may[:-1]):
            self.told[one] = ("cancelled", None)
        self.waiting = []
        if not self.running:
            self._start(may[-1], self.true)
            return
        self.waiting = [may[-1]]
        takes = timedelta(seconds=20 if self.policy.overlap == "cancel_other" else 0)
        self.running = {of: min(at, self.true + takes) for of, at in self.running.items()}
