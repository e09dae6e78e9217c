"""Who saves a definition needs, for all that it names, the right that doing it by hand would need."""

from __future__ import annotations

from typing import Any

import pytest

from actors import ACTORS
from actors.actor import ById, Known, Order, Summary
from actors.booking.reservation import ACTOR as RESERVATION
from actors.environments.promoting import checks
from actors.flow.actor import ACTOR as RUN
from actors.flow.naming import ARGUMENTS
from actors.flow.programs import ORDERED
from actors.jobs.job import ACTOR as JOB
from actors.rights import behalf
from actors.rights.behalf import PEERS_DO, VERBS, Act, acts, lacking
from actors.rights.judging import is_free
from actors.rights.rights import Rights
from actors.routines.routine import ACTOR as ROUTINE
from actors.workflow.workflow import ACTOR as WORKFLOW
from messages import job, reservation, routine, run, workflow
from messages.envelope import Address
from messages.promotion import Begun, Facts
from messages.run import GIVERS_MAX
from messages.schedule import Schedule
from messages.triggers import ManualTrigger
from messages.workflow import Graph, Item
from messages.workflow_events import Saved
from tests.flow.driver import workflow as definition
from tests.rights.made import grant, group, perimeter, users
from tests.spec import NOON, Given, Result, given

CHILD = "run: {workflow: {namespace: a, name: NAME, version: '1.0.0'}}"
DOES = {
    "workflow": (CHILD, "/run/workflow/name"),
    "job": ("call: job, with: {job: NAME}", "/with/job"),
    "routine": ("call: routine, with: {routine: NAME}", "/with/routine"),
    "booking": ("call: book, with: {resource: NAME, duration: PT1H}", "/with/resource"),
}
"""What a task does to what kind, and where it names it."""
AROUND = {
    "alone": "- one: {TASK}",
    "loop": "- all: {for: {in: '${ .all }'}, do: [{one: {TASK}}]}",
    "branch": "- both: {fork: {branches: [{one: {TASK}}]}}",
    "tried": "- safe: {try: [{one: {TASK}}], catch: {}}",
    "caught": "- safe: {try: [{none: {set: {a: 1}}}], catch: {do: [{one: {TASK}}]}}",
    "nested": "- deep: {do: [{one: {TASK}}]}",
    "function": "use: {functions: {one: {TASK}}}\ndo:\n- go: {call: one}",
}
"""Where a task may stand."""
LAB = perimeter(users("bob", "eve"), "near", "workflow/x", "job/x", "routine/x", "booking/x")
ROLES: dict[str, tuple[Rights, str, bool]] = {
    "operator": (LAB, "operator", True),
    "closed": (Rights("lab", is_open=False, users=LAB.users), "operator", False),
    "admin": (grant(LAB, "user/bob", "lab", "admin"), "user/bob", True),
    "near": (grant(LAB, "user/bob", "lab.near", *VERBS.values()), "user/bob", True),
    "saver": (grant(LAB, "user/bob", "lab", "save", "read"), "user/bob", False),
    "elsewhere": (grant(perimeter(LAB, "far"), "user/bob", "lab.far", "admin"), "user/bob", False),
    "another": (grant(LAB, "user/eve", "lab", "admin"), "user/bob", False),
    "gone": (grant(LAB, "user/ann", "lab", "admin"), "user/ann", False),
    "inactive": (
        grant(LAB, "user/bob", "lab", "admin").note("user", "bob", {**LAB.users["bob"], "active": False}),
        "user/bob",
        False,
    ),
    "nobody": (LAB, "nobody", False),
    "node": (LAB, "actor", True),
}
"""Who saves, and whether he may have everything done in ``near``."""


def doing(kind: str, name: str = "x", around: str = "alone") -> dict[str, Any]:
    """Return the definition with one task that has something done."""
    return definition(AROUND[around].replace("TASK", DOES[kind][0].replace("NAME", name)))


def save(kind: str, name: str = "x", **more: Any) -> workflow.Save:
    return workflow.Save(name="W", definition=doing(kind, name), **more)


def say(past: Given, command: Any, rights: Rights, sender: str, **more: Any) -> Result:
    return past.when(command, rights=rights, sender=sender, node="lab", **more)


@pytest.mark.parametrize("kind", DOES)
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("role", ROLES)
def test_what_is_named_anywhere_is_saved_by_who_may_do_it_by_hand(kind: str, around: str, role: str) -> None:
    rights, sender, may = ROLES[role]

    result = say(
        given(WORKFLOW), workflow.Save(name="W", definition=doing(kind, "x", around)), rights, sender
    )

    assert (result.refusal is None) == may
    if result.refusal is not None:
        assert result.refusal.code == "not_granted"
        assert result.refusal.at.endswith(f"/one{DOES[kind][1]}")
        (fault,) = result.refusal.extra["faults"]
        assert fault["at"] == result.refusal.at


@pytest.mark.parametrize("kind", DOES)
def test_the_refusal_tells_the_grant_that_is_lacking(kind: str) -> None:
    result = say(given(WORKFLOW), save(kind), LAB, "user/bob").then_rejected("not_granted")

    assert result.refusal is not None
    assert f"covey grant give bob lab.{kind}.x {VERBS[kind]}" in result.refusal.detail
    given_it = grant(LAB, "user/bob", f"lab.{kind}.x", VERBS[kind])
    assert say(given(WORKFLOW), save(kind), given_it, "user/bob").events


def test_all_that_is_lacking_is_told_at_once() -> None:
    text = "\n".join(f"- do_{kind}: {{{DOES[kind][0].replace('NAME', 'x')}}}" for kind in DOES)
    command = workflow.Save(name="W", definition=definition(text))

    result = say(given(WORKFLOW), command, LAB, "user/bob").then_rejected("not_granted")

    assert result.refusal is not None
    assert "(and 3 more)" in result.refusal.detail
    assert [one["at"] for one in result.refusal.extra["faults"]] == [
        f"/definition/do/{place}/do_{kind}{at}" for place, (kind, (_, at)) in enumerate(DOES.items())
    ]


@pytest.mark.parametrize("kind", DOES)
def test_what_is_computed_is_not_judged_before_it_is_known(kind: str) -> None:
    assert say(given(WORKFLOW), save(kind, "'${ .it }'"), LAB, "user/bob").events


def test_a_function_of_the_definition_may_have_the_name_of_a_call() -> None:
    own = definition("use: {functions: {job: {set: {a: 1}}}}\ndo:\n- go: {call: job, with: {job: x}}")

    assert acts(own) == []


@pytest.mark.parametrize(
    ("place", "action", "may"),
    [
        *(("lab.peer.centre", "hold", True), ("lab.peer.centre", "booking.hold", True)),
        *(("lab.booking", "hold", True), ("lab", "hold", True), ("lab.peer.other", "hold", False)),
        *(("lab.booking.x", "hold", False), ("lab.peer.centre", "save", False)),
    ],
)
def test_what_a_partner_has_is_booked_by_who_may_with_that_partner(
    place: str, action: str, may: bool
) -> None:
    rights = grant(LAB, "user/bob", place, action)

    assert (lacking(rights, "user/bob", Act("booking", "centre/x")) is None) == may


@pytest.mark.parametrize(
    ("act", "may"),
    [
        *((Act(kind, "x"), kind == "booking") for kind in VERBS),
        *((Act("booking", "centre/x"), True), (Act("booking", "other/x"), False)),
    ],
)
def test_a_peer_that_saves_a_shared_workflow_has_done_what_peers_may(act: Act, may: bool) -> None:
    assert (lacking(LAB, "peer/centre", act) is None) == may


def test_the_table_of_what_is_done_is_that_of_the_actors() -> None:
    commands = {kind: actor for actor in ACTORS if (kind := actor.kind) in VERBS}

    assert set(DOES) == set(VERBS) == set(commands)
    assert {kind for kind, actor in commands.items() if VERBS[kind] in actor.peers_may} == PEERS_DO
    assert not any(VERBS[kind] in actor.internal for kind, actor in commands.items())
    assert set(ARGUMENTS) == set(ORDERED)


MAY = grant(LAB, "user/bob", "lab.near", *VERBS.values())


@pytest.mark.parametrize("kind", DOES)
def test_only_who_makes_a_version_answers_for_what_it_names(kind: str) -> None:
    saved = given(WORKFLOW).after(save(kind), rights=MAY, sender="user/bob", node="lab")

    say(saved, save(kind), LAB, "user/eve").then_nothing()
    described = say(saved, save(kind, description="more"), MAY, "user/eve")
    assert [one.author for one in described.state.versions] == ["user/bob"]
    task = DOES[kind][0].replace("NAME", "x")
    other = workflow.Save(name="W", definition=definition(f"- one: {{{task}}}\n- two: {{set: {{a: 1}}}}"))
    say(saved, other, MAY, "user/eve").then_rejected("not_granted")
    assert say(saved, other, MAY, "user/bob").events


@pytest.mark.parametrize("kind", DOES)
def test_to_go_back_to_a_version_is_to_save_it(kind: str) -> None:
    saved = given(WORKFLOW).after(save(kind), rights=MAY, sender="user/bob", node="lab")
    emptied = saved.after(workflow.Save(name="W", definition=definition("- two: {set: {a: 1}}")))
    back = workflow.RollBack(version=1)

    say(emptied, back, MAY, "user/eve").then_rejected("not_granted")
    assert say(emptied, back, MAY, "user/bob").state.versions[-1].author == "user/bob"
    say(emptied, back, LAB, "user/bob").then_rejected("not_granted")


@pytest.mark.parametrize("kind", DOES)
def test_to_fork_is_to_save_in_one_s_own_name(kind: str) -> None:
    saved = given(WORKFLOW).after(save(kind), rights=MAY, sender="user/bob", node="lab")
    fork = workflow.Fork(into="v", name="V")

    say(saved, fork, MAY, "user/eve").then_rejected("not_granted")
    (order,) = say(saved, fork, MAY, "user/bob").orders
    assert (order.to, order.sender) == (Address("workflow", "v"), "user/bob")


@pytest.mark.parametrize("kind", DOES)
@pytest.mark.parametrize(("by", "may"), [("user/bob", True), ("user/eve", False)])
def test_to_promote_is_to_save_there(kind: str, by: str, may: bool) -> None:
    rights = grant(MAY, "user/eve", "lab", "promote")
    said = save(kind)
    begun = Begun(
        workflow="w",
        origin="w",
        workflow_version=1,
        environment="main",
        to="prod",
        into="w-prod",
        definition=workflow.Definition(name="W", definition=said.definition),
        is_plan=False,
        by=by,
        at=NOON,
    )
    wrong = [one.at for one in checks(begun, Facts(follows={}), rights) if one.what == "right" and one.at]
    deploy = workflow.Deploy(
        promotion="p",
        origin="w",
        environment="main",
        definition=begun.definition,
        generation=0,
        by=by,
    )

    deployed = say(given(WORKFLOW), deploy, rights, "actor")

    assert (f"/definition/do/0/one{DOES[kind][1]}" not in wrong) == may
    assert (deployed.refusal is None) == may
    if may:
        assert deployed.state.versions[-1].author == by


@pytest.mark.parametrize("kind", DOES)
def test_what_its_saver_may_not_any_more_is_saved_again_by_who_may(kind: str) -> None:
    saved = given(WORKFLOW).after(save(kind), rights=MAY, sender="user/bob", node="lab")
    taken = grant(LAB, "user/eve", "lab.near", VERBS[kind])

    again = say(saved, save(kind), taken, "user/eve")

    assert [(one.number, one.author) for one in again.state.versions] == [(1, "user/bob"), (2, "user/eve")]
    say(saved, save(kind), LAB, "user/eve").then_nothing()
    say(Given(WORKFLOW, again.state, "hpc"), save(kind), taken, "user/eve").then_nothing()


def orders(name: str, author: str, *givers: str, work: Any = None, kind: str = "workflow") -> list[Order]:
    """Return what a run orders whose definition names something."""
    begin = run.Begin(
        workflow="w", definition=doing(kind, name), input=work, author=author, given_by=tuple(givers)
    )
    return [one for one in given(RUN, id="r").when(begin).orders if one.to.kind != "execution"]


@pytest.mark.parametrize("kind", DOES)
def test_a_run_does_what_is_written_in_the_name_of_its_saver(kind: str) -> None:
    (order,) = orders("x", "user/bob", "user/eve", kind=kind)

    assert order.command.behalf == ("user/bob",)  # type: ignore[attr-defined]  # each that is ordered has it


@pytest.mark.parametrize("kind", DOES)
def test_a_run_does_what_is_computed_in_the_names_of_all_who_gave(kind: str) -> None:
    (order,) = orders("'${ .it }'", "user/bob", "user/eve", "user/bob", work={"it": "x"}, kind=kind)

    assert order.command.behalf == ("user/bob", "user/eve")  # type: ignore[attr-defined]  # each has it


@pytest.mark.parametrize("kind", DOES)
def test_a_run_that_began_before_there_were_savers_goes_on_in_the_name_of_the_node(kind: str) -> None:
    (order,) = orders("x", "", kind=kind)

    assert order.command.behalf == ()  # type: ignore[attr-defined]  # each has it


def test_who_has_given_goes_down_to_the_children_and_too_many_are_nobody() -> None:
    (order,) = orders("x", "user/bob", "user/eve")
    assert order.command.given_by == ("user/bob", "user/eve")  # type: ignore[attr-defined]

    crowd = [f"user/u{number}" for number in range(GIVERS_MAX)]
    (order,) = orders("'${ .it }'", "user/bob", *crowd, work={"it": "x"})
    assert order.command.behalf == order.command.given_by == ("nobody",)  # type: ignore[attr-defined]


def judged(kind: str, by: tuple[str, ...], rights: Rights, sender: str = "actor") -> Result:
    """Say what a run has ordered to what it has named."""
    me = Address("run", "r")
    match kind:
        case "workflow":
            past = given(WORKFLOW, id="x").after(
                workflow.Save(name="X", definition=definition("- a: {set: {b: 1}}"))
            )
            command: Any = workflow.Launch(parent="r.1.1", behalf=by)
        case "job":
            past, command = given(JOB, id="x"), job.Run(reply_to=me, reply_mark="1.1", behalf=by)
        case "routine":
            step = {ById("job", "j"): Known("j", Summary())}
            content = routine.Save(name="x", steps=(routine.Step(job="j"),))
            past = given(ROUTINE, id="x").after(content, known=step)
            command = routine.Run(reply_to=me, reply_mark="1.1", behalf=by)
        case _:
            past = given(RESERVATION, id="b")
            command = reservation.Begin(
                resource="lab/x", start=NOON, end=NOON, until=NOON, reply_to=me, reply_mark="1.1", behalf=by
            )
    return say(past, command, rights, sender)


@pytest.mark.parametrize("kind", DOES)
@pytest.mark.parametrize("role", ROLES)
def test_what_a_run_orders_is_judged_by_the_rights_of_that_moment(kind: str, role: str) -> None:
    rights, who, may = ROLES[role]

    result = judged(kind, (who,), rights)

    is_refused = result.refusal is not None and result.refusal.code == "not_granted"
    assert is_refused != may
    if not may:
        (told,) = result.orders
        assert (told.to, told.command.problem.type.rsplit("/")[-1]) == (Address("run", "r"), "authorization")  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", DOES)
def test_all_in_whose_names_it_is_must_have_the_right(kind: str) -> None:
    both = grant(MAY, "user/eve", "lab.near", VERBS[kind])

    for by, rights, may in (
        (("user/bob", "user/eve"), both, True),
        (("user/bob", "user/eve"), MAY, False),
        (("user/eve", "user/bob"), MAY, False),
        (("user/bob", "operator"), MAY, True),
        ((), LAB, True),
    ):
        refusal = judged(kind, by, rights).refusal
        assert (refusal is None or refusal.code != "not_granted") == may


GUARDED = workflow.Save(
    name="X", definition=definition("- a: {set: {b: 1}}"), triggers=(ManualTrigger(id="door", access="crew"),)
)


@pytest.mark.parametrize(("is_member", "may"), [(True, True), (False, False)])
def test_a_door_that_is_for_a_group_is_for_it_in_a_run_too(is_member: bool, may: bool) -> None:
    rights = group(MAY, "crew", *(["user/bob"] if is_member else []))
    guarded = given(WORKFLOW, id="x").after(GUARDED, rights=rights, node="lab")

    result = say(guarded, workflow.Launch(parent="r.1.1", behalf=("user/bob",)), rights, "actor")

    assert (result.refusal is None) == may


def test_what_runs_in_another_environment_is_judged_there() -> None:
    there = workflow.NoteDeployment(environment="prod", workflow="x-prod")
    here = given(WORKFLOW, id="x").after(workflow.Save(name="X", definition=definition("- a: {set: {b: 1}}")))
    command = workflow.Launch(
        parent="r.1.1", environment="prod", behalf=("user/bob",), given_by=("user/eve",)
    )

    (order,) = _passed(here.after(there), command, {"rights": MAY, "node": "lab", "sender": "actor"})

    assert (order.to, order.sender) == (Address("workflow", "x-prod"), "actor")
    assert (order.command.behalf, order.command.given_by) == (("user/bob",), ("user/eve",))


@pytest.mark.parametrize("kind", ["workflow", "job", "routine"])
def test_nobody_from_outside_says_in_whose_name_it_is(kind: str) -> None:
    admin = grant(LAB, "user/bob", "lab", "admin")

    judged(kind, ("user/eve",), admin, "user/bob").then_rejected("not_granted")


def launched(past: Given, sender: str, **more: Any) -> run.Begin:
    turn = {"rights": LAB, "node": "lab", "sender": sender}
    past.when(workflow.Launch(**more), **turn).then()
    (order,) = _passed(past, workflow.Launch(**more), turn)
    assert isinstance(order.command, run.Begin)
    return order.command


def _passed(past: Given, command: Any, turn: dict[str, Any]) -> list[Any]:
    from actors.actor import Turn  # noqa: PLC0415

    moment = Turn(me=Address("workflow", past.id), message="m", at=NOON, **turn)
    return list(WORKFLOW.passes(past.state, command, moment))


@pytest.mark.parametrize(
    ("sender", "expected"), [("user/eve", "user/eve"), ("operator", "operator"), ("actor", "")]
)
def test_a_run_has_the_saver_of_its_version_and_who_launched_it(sender: str, expected: str) -> None:
    saved = given(WORKFLOW).after(save("job"), rights=MAY, sender="user/bob", node="lab")

    begin = launched(saved, sender)

    assert (begin.author, begin.by, begin.given_by) == ("user/bob", expected, ())


def test_who_runs_again_with_a_definition_of_his_own_does_so_in_his_own_name() -> None:
    begin = run.Begin(workflow="w", definition=definition("- one: {set: {a: 1}}"), author="user/bob")
    ended = given(RUN, id="r").after(begin)
    assert ended.state.is_over

    same = ended.when(run.Retry(start="start"), sender="user/eve").state
    other = ended.when(run.Retry(start="start", definition=doing("job")), sender="user/eve")
    (order,) = other.orders
    assert (same.author, other.state.author) == ("user/bob", "user/eve")
    assert order.command.behalf == ("user/eve",)  # type: ignore[attr-defined]
    back = ended.when(run.Retry(start="/do/0/one", definition=doing("job")), sender="user/eve").state
    assert back.returning.author == "user/eve"


def test_a_routine_runs_its_jobs_in_the_name_of_its_saver() -> None:
    known = {ById("job", one): Known(one, Summary()) for one in "xy"}
    content = routine.Save(name="R", steps=(routine.Step(job="x"), routine.Step(job="y")))

    refused = say(given(ROUTINE), content, MAY, "user/bob", known=known).then_rejected("not_granted")
    assert refused.refusal is not None
    assert refused.refusal.at == "/steps/1/job"
    assert "covey grant give bob lab.job.y run" in refused.refusal.detail
    both = grant(MAY, "user/bob", "lab.job.y", "run")
    saved = given(ROUTINE).after(content, rights=both, sender="user/bob", node="lab", known=known)
    say(saved, routine.Run(), both, "user/eve").then()
    say(saved, routine.Run(), MAY, "user/eve").then_rejected("not_granted")
    say(saved, content, both, "user/eve", known=known).then_nothing()
    eve = grant(LAB, "user/eve", "lab.job", "run")
    again = say(saved, content, eve, "user/eve", known=known)
    assert again.state.author == "user/eve"


COMPUTE = {ById("resource", "x"): Known("x", Summary(fields={"type": "compute"}))}
GRAPH = Graph(items={"a": Item(resource="x")})
DAILY = Schedule(start="2026-11-01T06:00:00Z", cron="0 6 * * *", window_days=2)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_plan_books_is_planned_by_who_may_book_it_by_hand(role: str) -> None:
    rights, sender, may = ROLES[role]
    drawn = workflow.Save(name="W", graph=GRAPH, schedule=DAILY)
    planned = workflow.Save(name="W", graph=GRAPH, schedule=DAILY, schedule_active=True)

    first = say(given(WORKFLOW), drawn, rights, sender, known=COMPUTE)
    assert first.refusal is None
    result = say(Given(WORKFLOW, first.state, "hpc"), planned, rights, sender, known=COMPUTE)

    assert (result.refusal is None) == may
    if result.refusal is not None:
        assert (result.refusal.code, result.refusal.at) == ("not_granted", "/graph/items/a/resource")


def test_old_histories_have_no_saver_and_fold_as_they_did() -> None:
    saved = Saved(
        name="W",
        generation=1,
        workspace="w",
        demands={},
        workflow_version=1,
        definition=doing("job"),
        at=NOON,
    )
    past = given(WORKFLOW, saved)

    assert launched(past, "user/eve").author == ""
    assert is_free(LAB, "actor")
    assert behalf.all_lacking(LAB, "actor", acts(doing("job"))) == []
