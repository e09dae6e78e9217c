"""When executions come due: what starts, waits, makes way, or does not run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from actors.actor import Rejected, Turn
from actors.workflow.overlap import FULL, WAITING_MAX, deal
from actors.workflow.plans import REMEMBERED_MAX
from actors.workflow.slots import execution_id
from actors.workflow.workflow import ACTOR
from messages.base import Alarm
from messages.envelope import Address
from messages.execution import Cancel, Fail, Start
from messages.schedule import CatchUp, Overlap
from messages.starting import Backfill, Next, Pause, Resume, Slot, Waiting
from messages.workflow import Delete, Save
from tests.actors.clock import Clock

MIDNIGHT = datetime(2026, 10, 20, tzinfo=UTC)
DOCUMENT = {
    "document": {"dsl": "1.0.3", "namespace": "test", "name": "w", "version": "1.0.0"},
    "do": [{"say": {"set": {"said": True}}}],
}
HOURLY = {
    "start": "2026-10-20T00:00:00Z",
    "end": "2026-10-20T09:00:00Z",
    "cron": "0 * * * *",
    "inclusive_start": True,
}
HALF_PAST = timedelta(minutes=90)
"""How long a run takes, when that is longer than from one start to the next."""
SHORT = timedelta(minutes=5)
OVERLAPS: tuple[Overlap, ...] = (
    *("skip", "buffer_one", "buffer_all"),
    *("cancel_other", "terminate_other", "allow_all"),
)


def saved(more: dict[str, Any] | None = None, **schedule: Any) -> Save:
    body = {"name": "W", "definition": DOCUMENT, "schedule": HOURLY | schedule, "schedule_active": True}
    return msgspec.convert(body | (more or {}), Save)


def clock(length: timedelta = SHORT, **schedule: Any) -> Clock:
    made = Clock(MIDNIGHT - timedelta(hours=1), length)
    made.say(saved(**schedule))
    return made


def hour(time: float) -> datetime:
    return MIDNIGHT + timedelta(hours=time)


def shown(found: Clock) -> str:
    """Write each execution by its hour: ``@`` when it started, ``-`` it was cancelled, ``x`` forgotten."""
    began = {_hour(id): f"{_hour(id)}@{at:%H:%M}" for id, at in found.began}
    signs = {id: "x" if why.startswith("missed") else "-" for id, why in found.passed.items()}
    passed = {_hour(id): f"{sign}{_hour(id)}" for id, sign in signs.items()}
    assert (len(began), began.keys() & passed.keys()) == (len(found.began), set())
    return " ".join(text for _, text in sorted((began | passed).items()))


def _hour(id: str) -> int:
    return int(id.partition("T")[2][:2])


def reasons(found: Clock) -> dict[int, str]:
    return {_hour(id): why for id, why in found.passed.items()}


def ask(found: Clock, **asked: Any) -> Any:
    turn = Turn(me=Address("workflow", "w"), node="lab", message="", at=found.now)
    return ACTOR.questions["next"].answer(found.workflow, msgspec.convert(asked, Next), turn)


# starts at each hour from 0 to 8 and runs for 90 minutes; the node is away from 01:15 to 05:30, and what was
# missed at 02:00 is out of the window
AWAY: dict[tuple[Overlap, CatchUp], str] = {
    ("skip", "all"): "0@00:00 -1 x2 3@05:30 -4 -5 -6 7@07:00 -8",
    ("skip", "last"): "0@00:00 -1 x2 x3 x4 5@05:30 -6 7@07:00 -8",
    ("skip", "none"): "0@00:00 -1 x2 x3 x4 x5 6@06:00 -7 8@08:00",
    ("buffer_one", "all"): "0@00:00 1@05:30 x2 3@07:00 -4 -5 -6 7@08:30 -8",
    ("buffer_one", "last"): "0@00:00 1@05:30 x2 x3 x4 5@07:00 -6 7@08:30 -8",
    ("buffer_one", "none"): "0@00:00 1@05:30 x2 x3 x4 x5 6@07:00 7@08:30 -8",
    ("buffer_all", "all"): "0@00:00 1@05:30 x2 3@07:00 4@08:30 5@10:00 6@11:30 7@13:00 8@14:30",
    ("buffer_all", "last"): "0@00:00 1@05:30 x2 x3 x4 5@07:00 6@08:30 7@10:00 8@11:30",
    ("buffer_all", "none"): "0@00:00 1@05:30 x2 x3 x4 x5 6@07:00 7@08:30 8@10:00",
    ("cancel_other", "all"): "0@00:00 1@01:00 x2 -3 -4 5@05:30 6@06:00 7@07:00 8@08:00",
    ("cancel_other", "last"): "0@00:00 1@01:00 x2 x3 x4 5@05:30 6@06:00 7@07:00 8@08:00",
    ("cancel_other", "none"): "0@00:00 1@01:00 x2 x3 x4 x5 6@06:00 7@07:00 8@08:00",
    ("terminate_other", "all"): "0@00:00 1@01:00 x2 -3 -4 5@05:30 6@06:00 7@07:00 8@08:00",
    ("terminate_other", "last"): "0@00:00 1@01:00 x2 x3 x4 5@05:30 6@06:00 7@07:00 8@08:00",
    ("terminate_other", "none"): "0@00:00 1@01:00 x2 x3 x4 x5 6@06:00 7@07:00 8@08:00",
    ("allow_all", "all"): "0@00:00 1@01:00 x2 3@05:30 4@05:30 5@05:30 6@06:00 7@07:00 8@08:00",
    ("allow_all", "last"): "0@00:00 1@01:00 x2 x3 x4 5@05:30 6@06:00 7@07:00 8@08:00",
    ("allow_all", "none"): "0@00:00 1@01:00 x2 x3 x4 x5 6@06:00 7@07:00 8@08:00",
}


@pytest.mark.parametrize("catch_up", ["all", "last", "none"])
@pytest.mark.parametrize("overlap", OVERLAPS)
def test_what_comes_due_beside_a_run_or_was_missed_follows_the_policies(
    overlap: Overlap, catch_up: CatchUp
) -> None:
    found = clock(HALF_PAST, overlap=overlap, catch_up=catch_up, catch_up_window="PT150M")

    found.until(hour(1.25))
    found.down(hour(5.5))
    found.until(hour(20))

    assert shown(found) == AWAY[overlap, catch_up]


def test_the_one_that_displaces_starts_when_the_other_has_ended_and_at_once_when_that_is_terminated() -> None:
    cancelled, terminated = (clock(HALF_PAST, overlap=f"{how}_other") for how in ("cancel", "terminate"))

    for found in (cancelled, terminated):
        found.until(hour(1.5))

    assert cancelled.began[1] == ("w-20261020T010000Z", hour(1) + timedelta(seconds=20))
    assert terminated.began[1] == ("w-20261020T010000Z", hour(1))


def test_what_does_not_run_says_why() -> None:
    found = clock(HALF_PAST, catch_up="last", catch_up_window="PT150M")

    found.until(hour(1.25))
    found.down(hour(5.5))

    assert reasons(found) == {
        1: "w-20261020T000000Z runs",
        2: "missed: it was missed by more than the catch_up_window, 2:30:00",
        3: "missed: it was missed, and w-20261020T040000Z is due, too",
        4: "missed: it was missed, and w-20261020T050000Z is due, too",
    }


def test_what_is_late_by_no_more_than_the_grace_is_not_missed() -> None:
    found = clock(catch_up="none", grace="PT10M")

    found.until(hour(0.5))
    found.down(hour(2) + timedelta(minutes=10))

    assert shown(found) == "0@00:00 x1 2@02:10"


def test_without_a_window_a_missed_one_runs_as_long_as_its_slot_lasts() -> None:
    found = clock(overlap="allow_all", duration="PT30M")

    found.until(hour(0.5))
    found.down(hour(2.5))

    assert shown(found) == "0@00:00 x1 2@02:30"


def test_an_outage_that_outlasts_the_plan_is_caught_up_within_the_window_and_its_bound() -> None:
    each_minute = {"start": "2026-10-20T00:00:00Z", "end": None, "cron": "* * * * *", "overlap": "allow_all"}
    found = clock(catch_up_window="P1D", duration="PT1M", **each_minute)
    found.until(hour(0))

    found.down(hour(24))  # 500 were planned, until 08:20
    found.until(hour(24) + timedelta(seconds=1))

    begun = sorted(id for id, _ in found.began)
    assert len(begun) == 500 + 250 + 1
    assert begun[-2] == execution_id("w", hour(0) + timedelta(minutes=749))
    found.until(hour(24.1))
    assert found.began[-1] == (execution_id("w", hour(24.1)), hour(24.1))


def test_the_last_is_caught_up_when_an_outage_outlasts_the_plan() -> None:
    each_minute = {"start": "2026-10-20T00:00:00Z", "end": None, "cron": "* * * * *", "overlap": "allow_all"}
    found = clock(catch_up="last", catch_up_window="P30D", duration="PT1M", grace="PT1S", **each_minute)
    found.until(hour(0))

    found.down(hour(24) + timedelta(seconds=30))

    assert [at for at in found.began if at[1] > hour(0)] == [(execution_id("w", hour(24)), found.now)]


def test_a_policy_that_is_changed_counts_at_once_and_plans_nothing_anew() -> None:
    found = clock(HALF_PAST)
    events = found.say(saved(overlap="allow_all", catch_up="none", catch_up_window="P1D"))

    assert [type(event).__name__ for event in events] == ["Saved"]
    found.until(hour(1.5))
    assert shown(found) == "0@00:00 1@01:00"


def test_the_run_of_an_execution_is_told_its_times_and_what_began_it() -> None:
    found = clock()
    found.until(hour(0.5))

    (launch,) = found.inputs.values()

    assert launch.input == {"start": "2026-10-20T00:00:00Z", "end": "2026-10-20T01:00:00Z"}
    assert launch.trigger == "schedule"


def test_a_launch_that_is_refused_lets_the_next_one_start() -> None:
    found = clock(HALF_PAST)
    found.until(hour(0))
    found.say(Fail(reason="no"), "execution.w-20261020T000000Z")

    found.until(hour(1.25))

    assert shown(found) == "0@00:00 1@01:00"


def test_what_was_started_by_hand_is_not_started_again_and_counts() -> None:
    found = clock(HALF_PAST)
    found.say(Start(), "execution.w-20261020T010000Z")

    found.until(hour(1.25))

    assert shown(found) == "-0 1@23:00"


def test_one_that_is_cancelled_while_it_waits_does_not_start() -> None:
    found = clock(HALF_PAST, overlap="buffer_all")
    found.until(hour(1.25))
    found.say(Cancel(reason="no need"), "execution.w-20261020T010000Z")

    found.until(hour(3.25))

    assert shown(found) == "0@00:00 -1 2@02:00"
    assert reasons(found)[1] == "no need"


@pytest.mark.parametrize("change", [{"schedule_active": False}, {"active": False}])
def test_what_waits_is_given_up_with_the_schedule(change: dict[str, bool]) -> None:
    found = clock(HALF_PAST, overlap="buffer_all")
    found.until(hour(1.25))

    found.say(saved(change, overlap="buffer_all"))
    found.until(hour(9))

    assert (shown(found), found.workflow.plans.starts.waiting) == ("0@00:00", ())


def test_a_workflow_of_which_one_is_being_started_is_not_deleted() -> None:
    found = clock(HALF_PAST)
    found.until(hour(0))

    with pytest.raises(Rejected, match="started"):
        found.say(Delete())


def test_one_whose_slot_was_taken_back_does_not_start_by_itself() -> None:
    found = clock()
    plans = found.workflow.plans
    lost = msgspec.structs.replace(plans.standing, lost={"lab/hpc": ("w-20261020T000000Z",)})
    plans = msgspec.structs.replace(plans, standing=lost)
    found.states[Address("workflow", "w")] = msgspec.structs.replace(found.workflow, plans=plans)

    found.until(hour(1.25))

    assert shown(found) == "1@01:00"


def test_what_has_booked_compute_does_not_start_when_its_slot_is_over() -> None:
    missed, waited = (clock(HALF_PAST, overlap="buffer_all", catch_up_window="P1D") for _ in range(2))
    for found in (missed, waited):
        plans = found.workflow.plans
        plan = msgspec.structs.replace(plans.standing.plan, demands={"lab/hpc": 1})
        standing = msgspec.structs.replace(plans.standing, plan=plan)
        changed = msgspec.structs.replace(plans, standing=standing)
        found.states[Address("workflow", "w")] = msgspec.structs.replace(found.workflow, plans=changed)

    missed.down(hour(2.5))
    waited.until(hour(4.75))

    assert (shown(missed), shown(waited)) == ("x0 x1 2@02:30", "0@00:00 1@01:30 x2 3@03:00 4@04:30")
    assert reasons(missed)[0] == "missed: it was missed, and its slot is over"
    assert reasons(waited)[2] == "missed: its slot was over when its turn came"


def test_a_pause_cancels_what_comes_due_with_its_note_and_keeps_the_rest() -> None:
    found = clock()
    found.until(hour(0.5))
    found.say(Pause(note="the disk is full"))
    found.until(hour(2.5))
    paused = ACTOR.view(found.workflow)["paused"]
    listed = ACTOR.summary(found.workflow).fields  # type: ignore[union-attr]  # it was saved

    found.say(Resume(note="bought another"))
    found.until(hour(4.5))

    assert (paused["note"], paused["author"]) == ("the disk is full", "operator")
    assert listed["paused"] is True
    assert shown(found) == "0@00:00 -1 -2 3@03:00 4@04:00"
    assert reasons(found)[1] == "the schedule was paused: the disk is full"
    assert ACTOR.view(found.workflow)["paused"] is None


def test_what_came_due_in_a_pause_is_not_caught_up_when_the_node_was_away_then() -> None:
    found = clock(overlap="allow_all", catch_up_window="P1D")
    found.until(hour(0.5))
    found.say(Pause())
    found.now = hour(2.5)  # the alarms of the hours between come after what is said now
    found.say(Resume())

    found.until(hour(3.5))

    assert shown(found) == "0@00:00 -1 -2 3@03:00"


def test_what_waits_does_not_start_in_a_pause() -> None:
    found = clock(HALF_PAST, overlap="buffer_all")
    found.until(hour(1.25))
    found.say(Pause())

    found.until(hour(3.25))

    assert shown(found) == "0@00:00 -1 -2 -3"


def test_a_pause_again_changes_its_note_and_the_same_one_nothing() -> None:
    found = clock()

    assert len(found.say(Pause(note="a"))) == 1
    assert found.say(Pause(note="a")) == []
    assert len(found.say(Pause(note="b"))) == 1
    assert len(found.say(Resume())) == 1
    assert found.say(Resume()) == []


def test_what_has_no_schedule_is_not_paused_backfilled_or_asked_for_times() -> None:
    found = Clock(MIDNIGHT, SHORT)
    with pytest.raises(Rejected, match="not_found"):
        found.say(Pause())
    found.say(msgspec.convert({"name": "W", "definition": DOCUMENT}, Save))

    for command in (Pause(), Backfill(start=hour(0), end=hour(1))):
        with pytest.raises(Rejected, match="no_schedule"):
            found.say(command)
    with pytest.raises(Rejected, match="no_schedule"):
        ask(found)


def test_a_backfill_runs_each_instant_of_the_range_once_one_after_the_other() -> None:
    found = clock(HALF_PAST)
    found.down(hour(30))
    found.began.clear()
    found.passed.clear()

    events = found.say(Backfill(start=hour(1), end=hour(4)))
    shown_at = ACTOR.view(found.workflow)
    again = found.say(Backfill(start=hour(1), end=hour(4)))
    found.until(hour(40))

    assert [type(event).__name__ for event in events] == ["Backfilled", "Fired"]
    assert again == []
    assert shown(found) == "1@06:00 2@07:30 3@09:00"
    assert (len(shown_at["running"]), len(shown_at["buffered"])) == (1, 2)
    starts = [launch.input["start"] for launch in found.inputs.values() if launch.trigger == "backfill"]
    assert starts == [f"2026-10-20T0{number}:00:00Z" for number in (1, 2, 3)]


def test_a_range_runs_again_under_another_id_and_in_the_future_beside_what_is_planned() -> None:
    found = clock()
    for id in ("first", "second"):
        found.say(Backfill(start=hour(3), end=hour(4), backfill=id, overlap="allow_all"))

    found.until(hour(4))

    ids = [id for id, _ in found.began if "T030000Z" in id]
    assert (len(ids), len(set(ids))) == (3, 3)
    assert [at for id, at in found.began if id in ids] == [hour(-1), hour(-1), hour(3)]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", "1@23:00 -2 -3"),
        ("buffer_one", "1@23:00 2@00:30 -3"),
        ("buffer_all", "1@23:00 2@00:30 3@02:00"),
        ("cancel_other", "-1 -2 3@23:00"),
        ("terminate_other", "-1 -2 3@23:00"),
        ("allow_all", "1@23:00 2@23:00 3@23:00"),
    ],
)
def test_a_backfill_has_a_policy_of_its_own_and_runs_in_a_pause(overlap: Overlap, expected: str) -> None:
    found = clock(HALF_PAST)
    found.say(Pause())

    found.say(Backfill(start=hour(1), end=hour(4), overlap=overlap))
    found.until(hour(9))

    ran = {id: at for id, at in found.began if id.count("-") == 2}
    found.passed = {id: why for id, why in found.passed.items() if id.count("-") == 2}
    found.began = list(ran.items())
    assert shown(found) == expected


BACKFILLS = {
    "empty_range": [
        ({}, Backfill(start=hour(1), end=hour(1))),
        ({}, Backfill(start=hour(1.1), end=hour(1.9))),
        ({}, Backfill(start=hour(10), end=hour(12))),
    ],
    "too_many": [({"cron": "* * * * * *"}, Backfill(start=hour(1), end=hour(2)))],
}


@pytest.mark.parametrize("code", BACKFILLS)
def test_a_range_that_cannot_be_run_is_refused(code: str) -> None:
    for schedule, command in BACKFILLS[code]:
        found = clock(**schedule)
        with pytest.raises(Rejected, match=code):
            found.say(command)


def test_a_backfill_needs_a_definition_an_active_workflow_and_no_compute() -> None:
    for more, code in (({"active": False}, "inactive"), ({"definition": None}, "no_definition")):
        found = Clock(MIDNIGHT - timedelta(hours=1), SHORT)
        found.say(saved(more))
        with pytest.raises(Rejected, match=code):
            found.say(Backfill(start=hour(1), end=hour(2)))
    found = clock()
    found.states[Address("workflow", "w")] = msgspec.structs.replace(found.workflow, demands={"lab/hpc": 1})
    with pytest.raises(Rejected, match="books_compute"):
        found.say(Backfill(start=hour(1), end=hour(2)))


def test_the_next_times_are_told_in_both_zones() -> None:
    found = clock(start="2026-10-24T00:00", end=None, cron="30 2 * * *", zone="Europe/Paris")

    told = ask(found, count=3)

    assert [one["local"] for one in told["times"]] == [
        "Sat 2026-10-24 02:30:00 CEST",
        "Sun 2026-10-25 02:30:00 CEST",
        "Mon 2026-10-26 02:30:00 CET",
    ]
    assert told["times"][0]["at"] == datetime(2026, 10, 24, 0, 30, tzinfo=UTC)
    assert (told["zone"], told["schedule_active"], told["paused"]) == ("Europe/Paris", True, None)
    later = ask(found, **{"count": 1, "from": "2027-01-01T00:00:00Z"})
    assert [one["local"] for one in later["times"]] == ["Fri 2027-01-01 02:30:00 CET"]


def test_jitter_delays_each_start_by_an_amount_of_its_own_that_stays() -> None:
    first, second = (clock(jitter="PT20M") for _ in range(2))

    for found in (first, second):
        found.until(hour(9))

    late = [at - hour(_hour(id)) for id, at in first.began]
    assert all(timedelta(0) <= one < timedelta(minutes=20) for one in late)
    assert len(set(late)) == len(late) == 9
    assert first.began == second.began


def test_jitter_never_reaches_the_next_start_and_counts_from_the_grace() -> None:
    found = clock(jitter="PT50M", cron="*/2 * * * *", overlap="allow_all", catch_up="none", grace="PT1S")

    found.until(hour(9))

    assert len(found.began) == 270
    assert [id for id, _ in found.began] == sorted(id for id, _ in found.began)
    assert found.passed == {}


def test_a_jitter_as_long_as_the_slot_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        clock(jitter="PT1H")

    assert (caught.value.code, caught.value.at) == ("invalid_schedule", "/schedule/jitter")


def test_an_alarm_that_is_no_longer_wanted_starts_nothing() -> None:
    found = clock()
    due = ACTOR.alarms(found.workflow)["fire"]

    assert found.say(Alarm(name="fire", due=due + timedelta(seconds=1)), sender="alarm") == []


def waiting(number: int, overlap: Overlap | None = None) -> Waiting:
    start = hour(number)
    return Waiting(slot=Slot(execution=f"e{number}", start=start, end=start + SHORT), overlap=overlap)


def test_no_more_wait_than_there_is_room_for() -> None:
    queue = [(waiting(number), "buffer_all") for number in range(WAITING_MAX + 1)]

    dealt = deal(queue, ["r"])  # type: ignore[arg-type]  # the list is of literals

    assert len(dealt.waiting) == WAITING_MAX
    assert [(one.execution, one.reason) for one in dealt.skipped] == [(f"e{WAITING_MAX}", FULL)]


@given(some.lists(some.sampled_from(OVERLAPS), max_size=12), some.booleans())
def test_each_starts_waits_or_is_skipped_and_nothing_starts_beside_but_what_may(
    overlaps: list[Overlap], is_running: bool
) -> None:
    queue = [(waiting(number), overlap) for number, overlap in enumerate(overlaps)]

    dealt = deal(queue, ["r"] if is_running else [])

    told = [*(one.slot.execution for one in (*dealt.started, *dealt.waiting))]
    told += [one.execution for one in dealt.skipped]
    assert sorted(told) == sorted(one.slot.execution for one, _ in queue)
    policies = {one.slot.execution: overlap for one, overlap in queue}
    alone = [one for one in dealt.started if policies[one.slot.execution] != "allow_all"]
    assert len(alone) <= (0 if is_running else 1)
    assert not any(policies[one.slot.execution] == "skip" for one in dealt.waiting)
    assert dealt.how is None or dealt.waiting


def test_what_has_ended_is_forgotten_in_the_end_however_often_it_starts() -> None:
    found = clock(timedelta(seconds=1), start="2026-10-20T00:00:00Z", end=None, cron="*/30 * * * * *")

    found.until(hour(9) + timedelta(seconds=10))

    plans = found.workflow.plans
    assert len(found.began) == 1081
    assert REMEMBERED_MAX / 2 <= len(plans.noted) < REMEMBERED_MAX
    assert (plans.standing.late, plans.running, plans.starts.starting) == (frozenset(), (), ())


def test_what_ended_long_ago_is_not_taken_for_late_when_the_plan_is_extended() -> None:
    found = clock(start="2026-10-20T00:00:00Z", end=None, cron="0 * * * *")

    found.until(hour(24 * 40))

    assert len(found.began) == 961
    assert found.workflow.plans.standing.late == frozenset()
