"""A run of a job as a pure entity: begun, started once, ended once, whoever says so and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actors.actor import ById, Summary
from actors.jobs import job_run
from actors.jobs.job_effects import there
from actors.jobs.job_state import GIVE_UP_AFTER
from messages import job_run as said
from messages.booking import Admit
from messages.envelope import Address
from messages.job import Input, Pinned
from messages.job_run import Place, Result, Work
from messages.run import Answered, Faulted
from tests.actors.entity import AT, Entity

PINNED = Pinned(
    job="work",
    job_generation=1,
    command="go",
    command_generation=1,
    executable="tool-1",
    executable_generation=1,
    argv=("/usr/bin/tool", "-a"),
)
WORK = Work(executable="tool-1", tag="tool - 1", flags=("-a",))
DONE = Result(state="success", code=0)
PEER = {ById("peer", "centre"): Summary(status="partner")}
TOOL = {
    "tag": "tool - 1",
    "path": "/usr/bin/tool",
    "parameters": [{"flag": "-a"}],
    "offered_to": ["centre"],
    "generation": 1,
}


def begun(place: Place | None = None, **more: object) -> Entity:
    run = Entity(job_run.ACTOR, "r-1", known=PEER)
    run.say(said.Begin(pinned=PINNED, work=WORK, place=place, **more))  # type: ignore[arg-type]  # as tests say
    return run


def taken(node: str = "centre", **more: object) -> Entity:
    known = {ById("executable", "tool-1"): Summary(name="tool - 1", fields=TOOL | more)}
    run = Entity(job_run.ACTOR, there(node, "r-1"), known=known)
    until = AT + timedelta(hours=1)
    run.say(
        said.Take(node=node, run="r-1", work=WORK, compute="hpc", execution="e", booking="b", until=until)
    )
    return run


def start(token: str = "t-1") -> said.Start:
    return said.Start(token=token, worker="w")


def test_it_is_a_task_started_and_ended_once() -> None:
    run = begun()

    assert run.say(start()).names == ["started"]
    assert run.say(said.Append(token="t-1", number=1, stdout="x")).names == ["wrote"]
    assert run.say(said.End(token="t-1", result=DONE)).names == ["ended"]
    assert run.say(start("t-2")).names == []
    assert run.view["status"] == "success"


def test_who_finds_it_running_says_that_it_is_lost() -> None:
    run = begun()
    run.say(start())

    assert run.say(start("t-2")).names == ["ended"]

    assert run.view["result"]["state"] == "lost"
    assert run.say(said.End(token="t-1", result=DONE)).names == []


def test_one_that_may_be_repeated_is_started_again_and_the_first_attempt_says_nothing_more() -> None:
    run = begun(may_repeat=True)
    run.say(start())

    assert run.say(start("t-2")).names == ["started"]

    assert run.say(said.End(token="t-1", result=DONE)).names == []
    assert run.say(said.End(token="t-2", result=DONE)).names == ["ended"]
    assert run.view["attempt"] == 2


def test_one_that_waits_is_cancelled_at_once_and_one_that_runs_when_its_worker_says_so() -> None:
    waits, runs = begun(), begun()
    runs.say(start())

    assert waits.say(said.Cancel(reason="no")).names == ["ended"]
    assert runs.say(said.Cancel(reason="no")).names == ["stopping"]
    runs.say(said.End(token="t-1", result=Result(state="cancelled", reason="cancelled", stdout="x")))

    result = runs.view["result"]
    assert (result["state"], result["detail"], result["stdout"]) == ("cancelled", "no", "x")


def test_one_that_ended_well_before_it_could_be_stopped_has_ended_well() -> None:
    run = begun()
    run.say(start())
    run.say(said.Cancel())

    run.say(said.End(token="t-1", result=DONE))

    assert run.view["status"] == "success"


def test_a_worker_that_never_says_that_it_stopped_is_given_up() -> None:
    run = begun()
    run.say(start())
    run.say(said.Cancel())

    run.ring("give_up")

    assert run.at == AT + GIVE_UP_AFTER
    assert run.view["result"]["state"] == "lost"


def test_what_was_interrupted_while_it_was_stopped_is_stopped() -> None:
    run = begun(may_repeat=True)
    run.say(start())
    run.say(said.Cancel())

    run.say(start("t-2"))

    assert run.view["status"] == "cancelled"


def test_one_on_a_partner_s_compute_asks_its_owner() -> None:
    run = Entity(job_run.ACTOR, "r-1", known=PEER)
    place = Place(compute="centre/hpc", execution="e")

    effects = run.say(said.Begin(pinned=PINNED, work=WORK, place=place))

    assert effects.orders(Admit) == [("centre/booking.hpc", Admit(run="r-1", work=WORK, execution="e"))]
    assert effects.tasks == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("blocked", "peer_blocked"),
        ("paused", "peer_paused"),
        ("x", "unknown_peer"),
        ("", "unknown_peer"),
    ],
)
def test_one_on_the_compute_of_no_partner_is_refused(status: str, code: str) -> None:
    known = {ById("peer", "centre"): Summary(status=status)} if status else {}
    run = Entity(job_run.ACTOR, "r-1", known=known)
    begin = said.Begin(pinned=PINNED, work=WORK, place=Place(compute="centre/hpc"))

    run.refuses(begin, code)


@pytest.mark.parametrize("peer", ["observatory", ""])
def test_only_the_owner_says_how_it_goes(peer: str) -> None:
    run = begun(Place(compute="centre/hpc"))
    sender = f"peer/{peer}" if peer else "actor"

    for word in (said.Accepted(until=AT), said.Denied(code="x"), said.Reported(result=DONE)):
        run.refuses(word, "not_owner", sender)

    assert run.by_peer("centre", said.Reported(result=DONE)).names == ["ended"]


def test_an_owner_that_never_answers_is_given_up_and_heard_no_more() -> None:
    run = begun(Place(compute="centre/hpc"))

    run.ring("answer")

    assert run.view["result"]["reason"] == "unreachable"
    assert run.by_peer("centre", said.Reported(result=DONE)).names == []


def test_what_is_taken_for_a_partner_is_our_own_program_and_its_end_is_told() -> None:
    run = taken()

    assert run.view["argv"] == ("/usr/bin/tool", "-a")
    run.say(start())
    told = run.say(said.End(token="t-1", result=DONE))

    assert told.orders(said.Reported) == [("centre/job_run.r-1", said.Reported(result=DONE))]


@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("network_to", [[], ["centre"], ["observatory"]])
@pytest.mark.parametrize("node", ["centre", "lab"])
def test_a_partner_s_job_has_the_network_where_the_offer_says_so_and_our_own_where_the_program_has_it(
    node: str, network_to: list[str], network: bool
) -> None:
    run = taken(node, network=network, network_to=network_to)

    has_network = network and (node == "lab" or "centre" in network_to)
    assert run.state.pinned.network is has_network


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("unknown_executable", {}),
        ("not_offered", {"offered_to": []}),
        ("unknown_flag", {"parameters": []}),
        ("missing_value", {"parameters": [{"flag": "-a", "requires_value": True, "value_type": "int"}]}),
    ],
)
def test_what_is_not_ours_to_run_is_denied(code: str, more: dict[str, object]) -> None:
    known = {ById("executable", "tool-1"): Summary(name="tool - 1", fields=TOOL | more)} if more else {}
    run = Entity(job_run.ACTOR, there("centre", "r-1"), known=known)
    take = said.Take(node="centre", run="r-1", work=WORK, compute="hpc", execution="e", booking="b", until=AT)

    run.refuses(take, code)

    ((to, denied),) = run.answered.orders(said.Denied)
    assert (to, denied.code) == ("centre/job_run.r-1", code)


@pytest.mark.parametrize(
    "more",
    [
        {"environment": {"LD_PRELOAD": "x"}},
        {"inputs": (Input(path="in", sha256="0" * 64, size=1, run="r-7"),)},
    ],
)
def test_an_environment_and_files_of_runs_are_taken_from_ourselves_alone(more: dict[str, Any]) -> None:
    known = {ById("executable", "tool-1"): Summary(name="tool - 1", fields=TOOL)}
    run = Entity(job_run.ACTOR, there("centre", "r-1"), known=known)
    work = Work(executable="tool-1", tag="tool - 1", **more)

    run.refuses(
        said.Take(node="centre", run="r-1", work=work, compute="hpc", execution="e", booking="b", until=AT),
        "not_offered",
    )


def test_the_end_of_the_slot_ends_it() -> None:
    run = taken()
    run.say(start())

    run.ring("slot")

    assert run.view["stopping"] == "slot_ended"
    run.say(said.End(token="t-1", result=Result(state="cancelled", reason="cancelled")))
    assert run.view["status"] == "timeout"


def test_only_who_asked_for_it_stops_it() -> None:
    run = taken()

    run.refuses(said.Stop(run="r-1"), "not_owner", "peer/observatory")

    assert run.by_peer("centre", said.Stop(run="r-1")).names == ["ended"]


def test_a_word_that_overtakes_the_run_is_not_forgotten() -> None:
    run = Entity(job_run.ACTOR, there("centre", "r-1"))

    assert run.by_peer("centre", said.Stop(run="r-1", reason="no")).names == ["forestalled"]

    take = said.Take(node="centre", run="r-1", work=WORK, compute="hpc", execution="e", booking="b", until=AT)
    assert run.say(take).names == []
    (order,) = job_run.ACTOR.passes(run.state, take, run.turn(take, "actor"))
    assert (order.to, order.command.result.state) == (Address("job_run", "r-1", "centre"), "cancelled")


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (DONE, Answered),
        (Result(state="failure", code=3, stderr="a\nno disk"), Faulted),
        (Result(state="refused", reason="not_offered", detail="it is not"), Faulted),
    ],
)
def test_a_workflow_that_waits_is_told(result: Result, told: type[Answered | Faulted]) -> None:
    run = begun(reply_to=Address("run", "w-1"), reply_mark="4.2")
    run.say(start())

    ((to, command),) = run.say(said.End(token="t-1", result=result)).orders()

    assert (to, type(command), command.frame, command.call) == ("run.w-1", told, 4, 2)
