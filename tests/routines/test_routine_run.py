"""How the steps of a routine run: in which order, how often, for how long, and how all of it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.actor import ById, Order
from actors.jobs.job_effects import there
from actors.routines.routine_run import ACTOR
from messages import job_run, run
from messages import routine_run as said
from messages.base import Alarm
from messages.envelope import Address
from tests.routines.play import AT, End, Play, content, left, result, step, well

STUCK = End(None, None)


def failing(*steps: str, tries: int = 100) -> object:
    return lambda id, attempt: End(result("failure" if id in steps and attempt <= tries else "success"))


def play(*steps: object, script: object = well, **more: object) -> Play:
    return Play(content(*steps, **more), script).begin().to_the_end()  # type: ignore[arg-type]


def test_steps_of_mode_seq_wait_for_the_one_before() -> None:
    played = play(step("a", mode="seq"), step("b", mode="seq"), step("c", mode="seq"))

    assert (played.order, played.most_at_once, played.seconds) == (["a", "b", "c"], 1, 3)
    assert played.status == "success"


def test_neighbours_of_mode_conc_run_side_by_side_and_what_is_behind_waits_for_all_of_them() -> None:
    lengths = {"a": 1, "b": 5, "c": 2, "d": 1}
    played = play(
        *(step("a", mode="seq"), step("b"), step("c"), step("d", mode="seq")),
        script=lambda id, _: End(result(), lengths[id]),
    )

    assert (played.order, played.most_at_once) == (["a", "b", "c", "d"], 2)
    assert played.seconds == 1 + 5 + 1


def test_no_more_run_at_once_than_the_routine_allows() -> None:
    played = play(*(step(f"s-{n}") for n in range(9)), at_once=4)

    assert played.most_at_once == 4
    assert played.seconds == 3


def test_a_step_begins_when_what_it_needs_has_succeeded() -> None:
    lengths = {"a": 3, "b": 1, "c": 1, "d": 1}
    played = play(
        *(step("d", "c"), step("c", "a", "b"), step("a"), step("b")),
        script=lambda id, _: End(result(), lengths[id]),
    )

    assert played.order == ["a", "b", "c", "d"]
    assert played.seconds == 5


def test_a_step_takes_files_of_another_and_needs_it_by_that() -> None:
    played = play(
        step("sign", takes={"in/key.pem": "make/key.pem"}),
        step("make"),
        script=lambda id, _: End(left("key.pem") if id == "make" else result()),
    )

    assert played.order == ["make", "sign"]
    (given,) = played.inputs["sign"]
    assert (given.path, given.sha256) == ("in/key.pem", "key.pemkey.pem")
    assert given.run == played.state.steps["make"].run


def test_what_ran_on_a_compute_of_ours_has_left_its_files_there() -> None:
    played = play(
        step("make", on="hpc"),
        step("sign", takes={"k": "make/key.pem"}),
        script=lambda id, _: End(left("key.pem") if id == "make" else result()),
    )

    (given,) = played.inputs["sign"]
    assert given.run == there("lab", played.state.steps["make"].run)


def test_a_file_that_was_not_left_ends_the_step_that_takes_it_and_says_so() -> None:
    played = play(step("make"), step("sign", takes={"k": "make/key.pem"}))

    assert (played.statuses["sign"], played.status) == ("refused", "failure")
    assert played.state.ended is not None
    assert "make has left no such file" in played.state.ended.reason


def test_with_stop_a_failure_ends_what_runs_and_skips_the_rest() -> None:
    def script(id: str, _: int) -> End:
        return End(result("failure", stderr="disk full\n")) if id == "b" else STUCK

    played = play(step("a"), step("b"), step("c", "a"), script=script)

    assert played.statuses == {"a": "cancelled", "b": "failure", "c": "skipped"}
    assert played.status == "failure"
    assert played.state.ended is not None
    assert played.state.ended.reason == "b: the program ended with code 1: disk full"


def test_with_go_on_only_what_needs_the_failed_one_is_skipped() -> None:
    played = play(
        *(step("a"), step("b"), step("c", "a"), step("d", "c"), step("e", mode="seq")),
        script=failing("a"),
        on_failure="go_on",
    )

    assert played.statuses == {
        **{"a": "failure", "b": "success", "c": "skipped"},
        **{"d": "skipped", "e": "success"},
    }
    assert played.status == "failure"


def test_a_step_that_fails_is_tried_again_and_waits_longer_each_time() -> None:
    played = play(step("a", retries=3, backoff_seconds=10), script=failing("a", tries=3))

    assert played.begun == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]
    waits = [one.next_at - one.at for one in played.events if isinstance(one, said.StepRetried)]
    for wait, base in zip(waits, (10, 20, 40), strict=True):
        assert timedelta(seconds=base) <= wait <= timedelta(seconds=1.2 * base)
    assert played.status == "success"


def test_two_runs_do_not_try_again_at_the_same_instant_and_one_run_always_does() -> None:
    first = play(
        step("a", retries=1, backoff_seconds=60),
        step("b", retries=1, backoff_seconds=60),
        script=failing("a", "b"),
        on_failure="go_on",
    )
    again = play(
        step("a", retries=1, backoff_seconds=60),
        step("b", retries=1, backoff_seconds=60),
        script=failing("a", "b"),
        on_failure="go_on",
    )

    times = [one.next_at for one in first.events if isinstance(one, said.StepRetried)]
    assert len(set(times)) == 2
    assert [one.next_at for one in again.events if isinstance(one, said.StepRetried)] == times


def test_after_the_last_try_the_step_has_failed() -> None:
    played = play(step("a", retries=2), script=failing("a"))

    assert (len(played.begun), played.statuses["a"], played.status) == (3, "failure", "failure")


@pytest.mark.parametrize(
    ("state", "once", "tries"),
    [
        *(("failure", False, 3), ("timeout", False, 3), ("lost", False, 3), ("lost", True, 1)),
        *(("failure", True, 3), ("refused", False, 1), ("cancelled", False, 1)),
    ],
)
def test_only_what_another_try_may_mend_is_tried_again(state: job_run.Final, once: bool, tries: int) -> None:
    played = play(step("a", retries=2, once=once), script=lambda *_: End(result(state)))

    assert len(played.begun) == tries
    assert played.statuses["a"] == state


def test_a_step_that_takes_longer_than_its_time_is_killed_and_has_timed_out() -> None:
    played = play(step("a", timeout_seconds=20, retries=5), script=lambda *_: STUCK)

    assert (played.statuses["a"], played.status, played.seconds) == ("timeout", "failure", 20)
    assert len(played.begun) == 1


def test_the_time_of_a_step_counts_its_waits() -> None:
    played = play(step("a", timeout_seconds=20, retries=9, backoff_seconds=15), script=failing("a"))

    assert (played.statuses["a"], len(played.begun), played.seconds) == ("timeout", 2, 20)


def test_a_job_that_succeeds_while_it_is_killed_has_succeeded() -> None:
    played = Play(content(step("a", timeout_seconds=5)), lambda *_: End(result(), 5.0)).begin()
    played.now = AT + timedelta(seconds=5)
    played.say(Alarm(name="timeout.a", due=played.now))
    played.ends = {one: (played.now, result()) for one in played.running}
    played.to_the_end()

    assert played.status == "success"


def test_the_whole_ends_at_its_time() -> None:
    played = play(step("a"), step("b", "a"), script=lambda *_: STUCK, timeout_seconds=60)

    assert played.statuses == {"a": "cancelled", "b": "skipped"}
    assert (played.status, played.seconds) == ("timeout", 60)


def test_a_cancelled_run_kills_what_runs_and_begins_nothing_more() -> None:
    played = Play(content(step("a"), step("b", retries=5), step("c", "a")), failing("b")).begin()
    played.script = lambda *_: STUCK
    while played.statuses["b"] != "waiting":
        played.advance()
    played.say(said.Cancel(reason="not needed"))
    played.to_the_end()

    assert played.status == "cancelled"
    assert played.statuses["b"] == "cancelled"
    assert played.statuses["c"] in ("skipped", "cancelled")
    assert played.running == {}


def test_what_a_run_is_was_pinned_when_it_began() -> None:
    played = Play(content(step("a", mode="seq"), step("b", mode="seq")))
    played.begin()
    played.known = {}
    played.to_the_end()

    begins = [one.command for one in played.effects if isinstance(one, Order)]
    assert all(one.pinned.argv == ("/bin/tool", "-x") for one in begins if isinstance(one, job_run.Begin))
    assert played.status == "success"
    assert played.state.begun is not None
    assert played.state.begun.jobs["b"].pinned.command_generation == 3


def test_a_job_that_is_gone_ends_the_run_and_says_which() -> None:
    played = Play(content(step("a"), step("b")))
    played.known[ById("job", "b")] = None
    played.begin()

    assert (played.status, played.begun) == ("failure", [])
    assert played.state.ended is not None
    assert played.state.ended.reason == "unknown_job: there is no job b"


def test_who_waits_is_told_once_how_it_went() -> None:
    waiting = Address("run", "w-1")
    played = Play(content(step("a"))).begin(reply_to=waiting, reply_mark="4.2").to_the_end()
    failed = Play(content(step("a")), failing("a")).begin(reply_to=waiting, reply_mark="4.2").to_the_end()

    (told,) = [one.command for one in played.effects if isinstance(one, Order) and one.to == waiting]
    (why,) = [one.command for one in failed.effects if isinstance(one, Order) and one.to == waiting]
    assert isinstance(told, run.Answered)
    assert (told.frame, told.call, told.output["steps"]["a"]["code"]) == (4, 2, 0)
    assert isinstance(why, run.Faulted)
    assert why.problem.detail == "a: the program ended with code 1"


def job_fields(played: Play, id: str) -> dict[str, Any]:
    known = played.known[ById("job", id)]
    assert known is not None
    return known.summary.fields


def test_a_job_on_a_compute_is_told_once_with_its_files() -> None:
    played = Play(content(step("a", on="centre/hpc"), step("b")))
    for id in ("a", "b"):
        job_fields(played, id)["working_files"] = [{"path": "note", "content": "x"}]
    played.begin()

    placed, own = (one.command for one in played.effects if isinstance(one, Order))
    assert isinstance(placed, job_run.Begin)
    assert isinstance(own, job_run.Begin)
    assert placed.place == job_run.Place(compute="centre/hpc")
    assert placed.work is not None
    assert (placed.work.may_repeat, len(placed.work.working_files)) == (True, 1)
    assert (placed.pinned.working_files, own.work, len(own.pinned.working_files)) == ((), None, 1)


@pytest.mark.parametrize(
    ("on", "status"), [("centre/hpc", "failure"), ("hpc", "running"), ("lab/hpc", "running")]
)
def test_an_environment_stays_here(on: str, status: str) -> None:
    played = Play(content(step("a"), step("b", on=on)))
    job_fields(played, "b")["environment"] = {"PIN": "1234"}
    played.begin()

    assert played.status == status
    assert not [one for one in played.effects if status == "failure" and isinstance(one, Order)]


def test_more_than_fits_into_a_message_ends_the_run_and_says_so() -> None:
    played = Play(content(*(step(f"s-{number}") for number in range(4))))
    for id in (f"s-{number}" for number in range(4)):
        job_fields(played, id)["working_files"] = [
            {"path": f"f-{number}", "content": "x" * 60_000} for number in range(3)
        ]
    played.begin()

    assert played.state.ended is not None
    assert (played.status, played.state.ended.reason.partition(":")[0]) == ("failure", "too_large")


def begun() -> Play:
    return Play(content(step("a", retries=1, timeout_seconds=60), step("b", "a"), timeout_seconds=90)).begin()


def waiting() -> Play:
    played = Play(begun().content, failing("a")).begin()
    played.advance()
    return played


def stopping() -> Play:
    played = Play(begun().content, lambda *_: STUCK).begin()
    played.say(said.Cancel())
    return played


def over(script: object = well) -> Play:
    return Play(begun().content, script).begin().to_the_end()  # type: ignore[arg-type]


def cancelled() -> Play:
    return stopping().to_the_end()


STATES = {
    "new": lambda: Play(begun().content),
    "running": begun,
    "waiting": waiting,
    "stopping": stopping,
    "success": over,
    "failure": lambda: over(failing("a")),
    "cancelled": cancelled,
}
COMMANDS = {
    "begin": lambda p: said.Begin(routine="nightly", generation=1, content=p.content),
    "begin_other": lambda _: said.Begin(routine="other", generation=1, content=content(step("x"))),
    "heard": lambda _: said.Heard(step="a", attempt=1, result=result()),
    "heard_failure": lambda _: said.Heard(step="a", attempt=1, result=result("failure")),
    "heard_late": lambda _: said.Heard(step="a", attempt=9, result=result()),
    "heard_unknown": lambda _: said.Heard(step="z", attempt=1, result=result()),
    "cancel": lambda _: said.Cancel(),
    "whole": lambda p: alarm(p, "whole"),
    "timeout": lambda p: alarm(p, "timeout.a"),
    "retry": lambda p: alarm(p, "retry.a"),
}


def alarm(played: Play, name: str) -> Alarm:
    return Alarm(name=name, due=ACTOR.alarms(played.state).get(name, AT))


def nothing(*commands: str) -> dict[str, object]:
    return {command: [] for command in commands}


NOT = "!not_found"
STOP = ["stopping"]
SKIPPED = ["step_ended"]
TABLE: dict[str, dict[str, object]] = {
    "new": {"begin": ["begun", "step_started"], "begin_other": ["begun", "stopping", *SKIPPED, "ended"]}
    | dict.fromkeys([*list(COMMANDS)[2:]], NOT),
    "running": {
        "begin": [],
        "begin_other": "!already_exists",
        "heard": ["step_ended", "step_started"],
        "heard_failure": ["step_retried"],
        "heard_late": [],
        "heard_unknown": [],
        "cancel": [*STOP, *SKIPPED],
        "whole": [*STOP, *SKIPPED],
        "timeout": ["step_stopping"],
        "retry": [],
    },
    "waiting": {
        "begin": [],
        "begin_other": "!already_exists",
        "heard": [],
        "heard_failure": [],
        "heard_late": [],
        "heard_unknown": [],
        "cancel": [*STOP, "step_ended", "step_ended", "ended"],
        "whole": [*STOP, "step_ended", "step_ended", "ended"],
        "timeout": ["step_ended", "stopping", "step_ended", "ended"],
        "retry": ["step_woken", "step_started"],
    },
    "stopping": {
        "begin": [],
        "begin_other": "!already_exists",
        "heard": ["step_ended", "ended"],
        "heard_failure": ["step_ended", "ended"],
        "heard_late": [],
        "heard_unknown": [],
        "cancel": [],
        "whole": [],
        "timeout": [],
        "retry": [],
    },
    **{
        ended: {"begin": [], "begin_other": "!already_exists"}
        | nothing("heard", "heard_failure", "heard_late", "heard_unknown")
        | {"cancel": [] if ended == "cancelled" else "!state_conflict"}
        | nothing("whole", "timeout", "retry")
        for ended in ("success", "failure", "cancelled")
    },
}


def test_the_table_is_whole() -> None:
    assert TABLE.keys() == STATES.keys()
    assert all(row.keys() == COMMANDS.keys() for row in TABLE.values())


@pytest.mark.parametrize(("state", "command"), [(one, other) for one in STATES for other in COMMANDS])
def test_what_a_command_does_in_a_state(state: str, command: str) -> None:
    played, wanted = STATES[state](), TABLE[state][command]
    said_ = COMMANDS[command](played)

    if isinstance(wanted, str):
        assert played.refused(said_) == wanted.removeprefix("!")
    else:
        assert played.say(said_) == wanted
