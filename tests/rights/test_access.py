"""Who may fire a trigger that names a group: the whole table, as pure decisions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.actor import ById, Known, Order, Rejected, Summary, Turn
from actors.execution.execution import ACTOR as EXECUTION
from actors.rights.rights import Rights
from actors.workflow.access import ACCESS
from actors.workflow.workflow import ACTOR as WORKFLOW
from messages import execution
from messages.base import encode
from messages.copies import Rule
from messages.envelope import ACTOR, NOBODY, OPERATOR, Address
from messages.run import Begin
from messages.starting import Backfill
from messages.workflow import Deploy, Join, Launch, NoteDeployment, Propose, RollBack, Save
from tests.rights.made import grant, group, perimeter, users

AT = datetime(2026, 10, 20, tzinfo=UTC)
DO = {
    "document": {"dsl": "1.0.3", "namespace": "test", "name": "one", "version": "1.0.0"},
    "do": [{"one": {"set": {"a": 1}}}],
}
GUARDED: dict[str, dict[str, Any]] = {
    "web": {"type": "http", "method": "POST", "path": "/orders"},
    "paid": {"type": "event", "with": {"type": "paid"}},
    "desk": {"type": "manual"},
    "nightly": {"type": "cron", "cron": "30 2 * * *"},
}
TIMES: tuple[dict[str, Any], ...] = (
    {"type": "date", "start": "2040-10-24T00:00:00Z"},
    {"type": "rrule", "rrule": "RRULE:FREQ=DAILY"},
)


def people(*, is_open: bool = True, has_crew: bool = True) -> Rights:
    rights = users("bob", "kim", "eve", "ann", "cat", "off", "mo", rights=Rights("lab", is_open=is_open))
    rights = rights.note("user", "off", {**rights.users["off"], "active": False})
    rights = rights.note("user", "mo", {**rights.users["mo"], "user_type": "machine"})
    rights = grant(perimeter(rights, "shop", "workflow/orders"), "user/ann", "lab.shop", "workflow.admin")
    rights = grant(rights, "user/cat", "lab.workflow.orders", "launch", "save", "read", "backfill")
    inner = group(
        group(rights, "inner", "user/kim"), "crew", "user/bob", "user/off", "user/mo", "group/inner"
    )
    return inner if has_crew else inner.note("group", "crew", None)


def turn(sender: str = OPERATOR, rights: Rights | None = None, **more: Any) -> Turn:
    here = {"me": Address("workflow", "orders"), "node": "lab", "message": "m-1", "at": AT, **more}
    return Turn(**here, sender=sender, rights=people() if rights is None else rights)


def triggers(access: str | None = "crew", *names: str) -> list[dict[str, Any]]:
    return [{"id": name, "access": access, **GUARDED[name]} for name in names or GUARDED]


def save(*written: dict[str, Any], **more: Any) -> Save:
    return msgspec.convert({"name": "O", "definition": DO, "triggers": list(written), **more}, Save)


def after(*commands: Any, state: Any = WORKFLOW.initial) -> Any:
    for command in commands:
        for event in WORKFLOW.decide(state, command, turn()):
            state = WORKFLOW.evolve(state, event)
    return state


STATE = after(save(*triggers()))
RANGE = {"start": datetime(2040, 1, 1, tzinfo=UTC), "end": datetime(2040, 1, 3, tzinfo=UTC)}


class Way(NamedTuple):
    """How a trigger is fired, and whether somebody says so himself."""

    command: Callable[[str], Any]
    is_said: bool = True


WAYS = {
    "http": Way(lambda who: Launch(trigger="http", fired="web", by=who), is_said=False),
    "event": Way(lambda who: Launch(trigger="event", fired="paid", by=who), is_said=False),
    "manual": Way(lambda _: Launch(trigger="desk")),
    "by hand": Way(lambda _: Launch()),
    "http by hand": Way(lambda _: Launch(trigger="web")),
    "event by hand": Way(lambda _: Launch(trigger="paid")),
    "time by hand": Way(lambda _: Launch(trigger="nightly")),
    "backfill": Way(lambda _: Backfill(**RANGE)),
}


class Who(NamedTuple):
    """Somebody, and what he is told while the group is there, and when it is gone."""

    sender: str
    code: str
    gone: str = "not_granted"
    is_open: bool = True


WHO = {
    "a member": Who("user/bob", ""),
    "a member of a group in it": Who("user/kim", ""),
    "a machine in it": Who("machine/mo", ""),
    "an admin of the workflow": Who("user/ann", ""),
    "who may launch and save": Who("user/cat", "not_granted"),
    "another": Who("user/eve", "not_granted"),
    "a member that is switched off": Who("user/off", "inactive_user", "inactive_user"),
    "a stranger": Who(NOBODY, "unknown_signer", "unknown_signer"),
    "nobody": Who("", "not_signed", "not_signed"),
    "the operator": Who(OPERATOR, ""),
    "the operator, not heeded": Who(OPERATOR, "not_granted", is_open=False),
}


def told(state: Any, command: Any, at: Turn) -> str:
    try:
        WORKFLOW.decide(state, command, at)
    except Rejected as no:
        return no.code
    return ""


@pytest.mark.parametrize("has_crew", [True, False], ids=["there", "deleted"])
@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_only_a_member_or_an_admin_fires_it_and_nobody_when_the_group_is_gone(
    way: Way, who: Who, has_crew: bool
) -> None:
    rights = people(is_open=who.is_open, has_crew=has_crew)
    sender = who.sender if way.is_said else ACTOR

    assert told(STATE, way.command(who.sender), turn(sender, rights)) == (who.code if has_crew else who.gone)


@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_without_access_it_is_as_it_was(way: Way, who: Who) -> None:
    sender = who.sender if way.is_said else ACTOR

    assert told(after(save(*triggers(None))), way.command(who.sender), turn(sender)) == ""


@pytest.mark.parametrize("has_crew", [True, False], ids=["there", "deleted"])
def test_the_node_itself_begins_what_is_planned_and_what_runs_ask_for(has_crew: bool) -> None:
    at = turn(ACTOR, people(has_crew=has_crew))

    for word, more in (
        ("schedule", {"execution": "e"}),
        ("backfill", {"execution": "e"}),
        ("workflow", {"parent": "r.1.1"}),
    ):
        assert told(STATE, Launch(trigger=word, **more), at) == ""


@pytest.mark.parametrize("has_crew", [True, False], ids=["there", "deleted"])
@pytest.mark.parametrize("who", WHO.values(), ids=WHO)
def test_what_is_planned_is_started_before_its_time_by_a_member_alone(who: Who, has_crew: bool) -> None:
    planned = execution.Schedule(
        workflow="orders", workflow_version=1, generation=1, start=AT, end=AT, starts_itself=True
    )
    me, rights = Address("execution", "e"), people(is_open=who.is_open, has_crew=has_crew)
    state = EXECUTION.evolve(EXECUTION.initial, EXECUTION.decide(EXECUTION.initial, planned, turn(ACTOR))[0])
    summary = WORKFLOW.summary(STATE)
    assert summary is not None
    known = {ById("workflow", "orders"): Known("orders", summary)}
    at = turn(who.sender, rights, me=me, known=known)

    assert EXECUTION.points_at(state, execution.Start()) == list(known)
    expected = who.code if has_crew else who.gone
    if not expected:
        assert EXECUTION.decide(state, execution.Start(), at)
        return
    with pytest.raises(Rejected, match=expected):
        EXECUTION.decide(state, execution.Start(), at)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ([], ""),
        ([{"id": "web", "access": "crew", **GUARDED["web"]}], ""),
        ([{"id": "desk", "type": "manual"}], ""),
        ([{"id": "desk", "type": "manual", "access": "crew"}], "not_granted"),
        ([{"id": "desk", "type": "manual", "access": "crew"}, {"id": "all", "type": "manual"}], ""),
        (
            [
                {"id": "desk", "type": "manual", "access": "crew"},
                {"id": "b", "type": "manual", "access": "z"},
            ],
            "",
        ),
        ([{"id": "manual", "access": "crew", **GUARDED["web"]}], "not_granted"),
    ],
)
def test_who_names_no_trigger_fires_whichever_manual_one_lets_him_in(written: Any, code: str) -> None:
    rights = group(people(), "z", "user/cat")
    (saved, *_) = WORKFLOW.decide(WORKFLOW.initial, save(*written), turn(rights=rights))

    assert told(WORKFLOW.evolve(WORKFLOW.initial, saved), Launch(), turn("user/cat", rights)) == code


@pytest.mark.parametrize("word", ["http", "event", "schedule", "backfill", "workflow", "Desk", "crew"])
def test_a_launch_names_a_trigger_of_the_version_or_is_manual(word: str) -> None:
    with pytest.raises(Rejected, match="it has web, paid, desk, nightly; name one of them") as no:
        WORKFLOW.decide(STATE, Launch(trigger=word), turn())

    assert (no.value.code, no.value.at) == ("unknown_trigger", "/trigger")


def test_a_trigger_of_an_earlier_version_is_none_of_this_one() -> None:
    state = after(save(*triggers(None, "desk")), save(*triggers(None, "web")))

    assert told(state, Launch(trigger="desk"), turn()) == "unknown_trigger"
    assert told(state, Launch(trigger="event", fired="paid"), turn(ACTOR)) == "unknown_trigger"


@pytest.mark.parametrize(
    "said", [{"fired": "web"}, {"by": "user/bob"}, {"execution": "e"}, {"parent": "r.1.1"}]
)
def test_nobody_says_in_whose_name_it_is_but_the_node(said: dict[str, str]) -> None:
    assert told(STATE, Launch(**said), turn("user/bob")) == "not_granted"


@pytest.mark.parametrize(
    ("command", "sender", "word", "by"),
    [
        (Launch(), "user/bob", "manual", "user/bob"),
        (Launch(trigger="nightly"), "user/bob", "manual", "user/bob"),
        (Launch(trigger="http", fired="web", by="user/kim"), ACTOR, "http", "user/kim"),
        (Launch(trigger="schedule", execution="e"), ACTOR, "schedule", ""),
    ],
)
def test_a_run_knows_what_began_it_and_who(command: Launch, sender: str, word: str, by: str) -> None:
    (order,) = WORKFLOW.passes(STATE, command, turn(sender))

    assert isinstance(order, Order)
    assert isinstance(order.command, Begin)
    assert (order.command.trigger, order.command.by) == (word, by)


@pytest.mark.parametrize("written", [*GUARDED.values(), *TIMES], ids=lambda one: one["type"])
def test_the_group_is_there_when_it_is_saved(written: dict[str, Any]) -> None:
    first = {"id": "a", "type": "manual"}
    with pytest.raises(Rejected, match="there is no group gone: covey group add gone USER") as no:
        after(save(first, {"id": "b", "access": "gone", **written}))

    assert (no.value.code, no.value.at) == ("unknown_group", "/triggers/1/access")
    assert (
        after(save(first, {"id": "b", "access": "crew", **written})).definition.triggers[1].access == "crew"
    )


def test_what_is_saved_again_rolled_back_or_promoted_is_checked_too() -> None:
    gone = people(has_crew=False)
    state = after(save(*triggers("crew", "desk")), save(*triggers(None, "desk")))

    assert told(state, save(*triggers("crew", "desk")), turn(rights=gone)) == "unknown_group"
    assert told(state, RollBack(version=1), turn(rights=gone)) == "unknown_group"
    assert told(state, RollBack(version=1), turn()) == ""
    promoted = after(save(*triggers("crew", "desk"))).definition
    deploy = Deploy(promotion="p", origin="o", environment="main", definition=promoted, generation=0)
    assert told(WORKFLOW.initial, deploy, turn(rights=gone)) == "unknown_group"


def test_a_change_of_access_plans_nothing_anew() -> None:
    state = after(save(*triggers(None, "nightly")))

    (saved,) = WORKFLOW.decide(state, save(*triggers("crew", "nightly")), turn(at=AT.replace(hour=9)))
    assert not saved.is_planned_anew
    assert saved.schedule == state.definition.schedule


def proposed(state: Any, *written: dict[str, Any]) -> str:
    body = {"name": "Theirs", "definition": DO, "triggers": list(written)}
    propose = Propose(generation=state.generation, body=body, reply_to=Address("copy", "c", "centre"))
    return told(state, propose, turn("peer/centre"))


def test_who_may_fire_what_is_not_for_a_peer_to_change() -> None:
    rules = (Rule(peer="centre", can=("read", "write")),)
    join = Join(shared_workspace="s", generation=1, peers=("centre",), rules=rules)
    state = after(join, state=after(save(*triggers("crew", "desk", "web"))))
    kept, more = triggers("crew", "desk", "web"), {"id": "more", "type": "manual"}

    for written in (triggers(None, "desk", "web"), kept[:1], triggers("inner", "desk", "web"), []):
        assert proposed(state, *written) == "not_granted"
    assert proposed(state, *kept, {**more, "access": "crew"}) == "not_granted"
    assert proposed(state, *kept, more) == ""


PROD = NoteDeployment(environment="prod", workflow="orders-prod")
LAUNCH = Launch(environment="prod")


def there(*, active: bool = True, access: dict[str, list[str]] | None = None) -> dict[Any, Known]:
    fields = {"active": active, **({ACCESS: access} if access else {})}
    return {ById("workflow", "orders-prod"): Known("orders-prod", Summary(fields=fields))}


@pytest.mark.parametrize(
    ("sender", "command", "known", "code"),
    [
        (OPERATOR, LAUNCH, there(), ""),
        (OPERATOR, LAUNCH, there(access={"manual": ["crew"]}), ""),
        (OPERATOR, LAUNCH, there(access={"manual": ["gone"]}), "not_granted"),
        (OPERATOR, LAUNCH, there(active=False), "inactive"),
        (OPERATOR, Launch(environment="dev"), {}, "not_in_environment"),
        (OPERATOR, Launch(environment="prod", trigger="desk"), there(), "unknown_trigger"),
        ("user/eve", LAUNCH, there(), "not_granted"),
        ("user/cat", LAUNCH, there(), "not_granted"),
        ("user/mel", LAUNCH, there(), ""),
        ("user/mel", LAUNCH, there(access={"schedule": ["crew"]}), ""),
        ("user/mel", LAUNCH, there(access={"manual": ["crew"]}), "not_granted"),
        (ACTOR, LAUNCH, there(active=False), ""),
    ],
)
def test_who_launches_it_in_another_environment_may_do_so_there(
    sender: str, command: Launch, known: dict[Any, Known], code: str
) -> None:
    rights = grant(users("mel", rights=people()), "user/mel", "lab.workflow", "launch")
    state = after(PROD, state=after(save()))
    at = turn(sender, rights, known=known)

    assert list(WORKFLOW.points_at(state, command)) == list(known)
    assert told(state, command, at) == code
    if not code:
        (order,) = WORKFLOW.passes(state, command, at)
        assert isinstance(order, Order)
        assert (str(order.to), order.sender) == ("workflow.orders-prod", sender)


def test_what_was_saved_before_there_was_access_lets_everybody_in() -> None:
    (saved, *_) = WORKFLOW.decide(WORKFLOW.initial, save(*triggers(None)), turn())
    stored = msgspec.json.decode(encode(saved))
    for trigger in stored["triggers"]:
        del trigger["access"]
    old = WORKFLOW.evolve(WORKFLOW.initial, msgspec.convert(stored, type(saved)))

    assert old == WORKFLOW.evolve(WORKFLOW.initial, saved)
