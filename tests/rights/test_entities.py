"""Users, groups, perimeters, grants and terms: what may be written, and that twice is once."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import Actor, ById, Known
from actors.rights.grant import ACTOR as GRANT
from actors.rights.grant import NODE_ACTIONS
from actors.rights.group import ACTOR as GROUP
from actors.rights.judging import NODE, OPEN
from actors.rights.metadata_term import ACTOR as TERM
from actors.rights.perimeter import ACTOR as PERIMETER
from actors.rights.rights import DEPTH_MAX, Rights
from actors.rights.user import ACTOR as USER
from actors.workflow.workflow import ACTOR as WORKFLOW
from cli.matrix import rows
from messages import grant, group, metadata_term, perimeter, user, workflow
from tests.rights.made import grant as granted
from tests.rights.made import group as grouped
from tests.rights.made import perimeter as fenced
from tests.rights.made import public_key, users
from tests.spec import Given, Result, given

BOB = user.Save(public_key=public_key(1))
LAB = users("bob", "eve")
LAB = fenced(fenced(grouped(LAB, "crew", "user/bob"), "storms"), "coast", within="storms")
READ = grant.Save(to="user/bob", perimeter="lab.storms", actions=("read",))
GRID = metadata_term.Save(term_type="number", accepted=(1, 2), default=2)
EACH = [
    (USER, BOB, user.Delete()),
    (GROUP, group.Save(members=("user/bob", "group/crew")), group.Delete()),
    (PERIMETER, perimeter.Save(within="storms", members=("workflow/w",)), perimeter.Delete()),
    (GRANT, READ, grant.Delete()),
    (TERM, GRID, metadata_term.Delete()),
]
each = pytest.mark.parametrize(("actor", "save", "delete"), EACH, ids=lambda one: getattr(one, "kind", ""))


def when(past: Given, command: Any, rights: Rights = LAB) -> Result:
    return past.when(command, rights=rights, node="lab")


def after(past: Given, command: Any, rights: Rights = LAB) -> Given:
    return past.after(command, rights=rights, node="lab")


@each
def test_saved_again_changes_nothing(actor: Actor[Any, Any, Any], save: Any, delete: Any) -> None:
    first = when(given(actor), save)

    assert len(first.events) == 1
    assert actor.summary(first.state) is not None
    assert actor.view(first.state) is not None
    when(Given(actor, first.state, "hpc"), save).then_nothing()


@each
def test_deleted_again_changes_nothing(actor: Actor[Any, Any, Any], save: Any, delete: Any) -> None:
    gone = after(after(given(actor), save), delete)

    when(gone, delete).then_nothing()
    assert actor.summary(gone.state) is None
    assert actor.view(gone.state) is None
    when(given(actor), delete).then_rejected("not_found")


@pytest.mark.parametrize(("actor", "save", "delete"), EACH[:3], ids=("user", "group", "perimeter"))
def test_nobody_comes_into_the_rights_of_one_that_is_gone(
    actor: Actor[Any, Any, Any], save: Any, delete: Any
) -> None:
    when(after(after(given(actor), save), delete), save).then_rejected("deleted")


def test_a_key_is_whole_and_belongs_to_one_user() -> None:
    key = public_key(1)
    taken = LAB.note("user", "eve", {"public_key": key, "user_type": "person", "active": True})

    when(given(USER), BOB, taken).then_rejected("already_exists")
    when(given(USER, id="eve"), BOB, taken).then(user.Saved(public_key=key))
    wrong = user.Save(public_key=key[:-1] + ("A" if key[-1] != "A" else "Q"))
    when(given(USER), wrong).then_rejected("invalid_key")
    when(given(USER), user.Save(public_key="U" + "A" * 55)).then_rejected("invalid_key")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        (("user/nobody",), "unknown_member"),
        (("group/nobody",), "unknown_member"),
        (("group/hpc",), "group_cycle"),
        (("user/bob", "group/outer"), "group_cycle"),
    ],
)
def test_a_group_has_members_that_there_are_and_is_not_within_itself(
    members: tuple[str, ...], code: str
) -> None:
    rights = grouped(grouped(grouped(LAB, "hpc"), "inner", "group/hpc"), "outer", "group/inner")

    when(given(GROUP), group.Save(members=members), rights).then_rejected(code)


def test_groups_are_nested_so_deep_and_no_deeper() -> None:
    rights = grouped(LAB, "g0", "user/bob")
    for number in range(1, DEPTH_MAX - 2):
        rights = grouped(rights, f"g{number}", f"group/g{number - 1}")
    top = f"group/g{DEPTH_MAX - 3}"

    assert when(given(GROUP), group.Save(members=(top,)), rights).events
    assert rights.holders("bob") == {"user/bob", "group/crew", *(f"group/{id}" for id in rights.groups)}
    deeper = grouped(grouped(rights, "more", top), "hpc", "group/more")
    when(given(GROUP, id="x"), group.Save(members=("group/hpc",)), deeper).then_rejected("too_deep")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (perimeter.Save(within="nowhere"), "unknown_perimeter"),
        (perimeter.Save(members=("nothing/w",)), "unknown_kind"),
        (perimeter.Save(members=("du_root/d",)), "invalid_perimeter"),
    ],
)
def test_a_perimeter_is_where_there_is_one_and_holds_what_there_is(command: Any, code: str) -> None:
    when(given(PERIMETER), command).then_rejected(code)


def test_a_perimeter_stays_where_it_is_and_has_no_name_of_a_kind() -> None:
    saved = after(given(PERIMETER), perimeter.Save(within="storms"))

    when(saved, perimeter.Save()).then_rejected("perimeter_fixed")
    when(given(PERIMETER, id="workflow"), perimeter.Save()).then_rejected("already_exists")


def test_a_perimeter_that_is_named_cannot_go() -> None:
    coast = after(given(PERIMETER, id="coast"), perimeter.Save(within="storms"))
    storms = after(given(PERIMETER, id="storms"), perimeter.Save())
    about = granted(LAB, "user/bob", "lab.storms.coast", "read")

    when(storms, perimeter.Delete()).then_rejected("in_use")
    when(coast, perimeter.Delete(), about).then_rejected("in_use")
    when(coast, perimeter.Delete()).then(perimeter.Deleted())


@pytest.mark.parametrize(
    ("to", "place", "code"),
    [
        ("user/nobody", "lab.storms", "unknown_holder"),
        ("group/nobody", "lab.storms", "unknown_holder"),
        ("user/bob", "other", "unknown_perimeter"),
        ("user/bob", "lab.coast", "unknown_perimeter"),
        ("user/bob", "lab.storms.nowhere", "unknown_perimeter"),
        ("user/bob", "lab.nothing", "unknown_perimeter"),
        ("user/bob", "lab.nothing.w", "unknown_kind"),
        ("user/bob", "lab.du_root.d", "invalid_perimeter"),
        ("user/bob", "lab.storms.coast", ""),
        ("user/bob", "lab.du_root", ""),
        ("user/bob", "lab.workflow.w", ""),
        ("user/bob", "lab.node", ""),
        ("group/crew", "lab", ""),
    ],
)
def test_a_grant_is_to_somebody_and_about_something_that_there_is(to: str, place: str, code: str) -> None:
    result = when(given(GRANT), grant.Save(to=to, perimeter=place, actions=("read",)))

    assert (result.refusal.code if result.refusal else "") == code


def granting(*actions: str) -> str:
    """Return why a grant of these actions is refused, with the place."""
    no = when(given(GRANT), grant.Save(to="user/bob", perimeter="lab", actions=actions)).refusal
    return f"{no.code} {no.at} {no.detail}" if no else ""


def test_every_action_of_the_table_can_be_given_alone_and_of_its_kind() -> None:
    found = {(row.kind, row.action) for row in rows() if row.action and row.verb not in OPEN}

    assert [one for kind, action in found for one in (action, f"{kind}.{action}") if granting(one)] == []
    assert {action for kind, action in found if kind == NODE} == NODE_ACTIONS | {"read"}


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("reed", "unknown_action /actions/1 there is no action reed; did you mean read?"),
        ("workflow.lunch", "unknown_action /actions/1 workflow has no action lunch; did you mean launch?"),
        ("unicorn.save", "unknown_action /actions/1 there is no kind unicorn"),
        ("execution.plan", "unknown_action /actions/1 execution has no action plan; "),
        ("zzz", "unknown_action /actions/1 there is no action zzz; there are "),
    ],
)
def test_an_action_that_nothing_knows_is_refused_with_its_place(action: str, told: str) -> None:
    assert granting("read", action).startswith(told)


@pytest.mark.parametrize(
    ("given_type", "value", "is_one"),
    [
        *(("text", "a", True), ("text", 1, False), ("number", 1.5, True), ("number", True, False)),
        *(("boolean", False, True), ("boolean", 0, False), ("instant", "2026-11-28T12:00:00Z", True)),
        *(("instant", "noon", False), ("number", "1", False), ("instant", 5, False)),
    ],
)
def test_what_a_term_accepts_is_of_its_type(given_type: Any, value: Any, is_one: bool) -> None:
    for command in (
        metadata_term.Save(term_type=given_type, accepted=(value,)),
        metadata_term.Save(term_type=given_type, default=value),
    ):
        assert (when(given(TERM), command).refusal is None) == is_one


def test_a_default_is_one_of_the_accepted_values() -> None:
    when(given(TERM), metadata_term.Save(accepted=("a",), default="b")).then_rejected("invalid_metadata")


@pytest.mark.parametrize(
    ("metadata", "at"),
    [
        *(({"grid": value}, "/metadata/grid") for value in (3, "2", True)),
        *(({"grid": 2}, None), ({"grid": 2.0, "free": [1]}, None), ({"free": {}}, None), ({}, None)),
    ],
)
def test_metadata_of_a_workflow_are_checked_against_their_terms(
    metadata: dict[str, Any], at: str | None
) -> None:
    term = TERM.summary(when(given(TERM), GRID).state)
    assert term is not None
    known = {ById("metadata_term", "grid"): Known("grid", term)}

    result = given(WORKFLOW).when(workflow.Save(name="W", metadata=metadata), known=known, rights=LAB)
    assert (result.refusal.at if result.refusal else None) == at


def test_a_workflow_that_is_saved_without_a_term_gets_its_default() -> None:
    rights = LAB.note("metadata_term", "grid", {"default": 2})

    bare = given(WORKFLOW).when(workflow.Save(name="W", metadata={"a": "b"}), rights=rights)
    own = given(WORKFLOW).when(workflow.Save(name="W", metadata={"grid": 1}), rights=rights)
    assert WORKFLOW.view(bare.state)["metadata"] == {"a": "b", "grid": 2}
    assert WORKFLOW.view(own.state)["metadata"] == {"grid": 1}
    gone = rights.note("metadata_term", "grid", None)
    assert given(WORKFLOW).when(workflow.Save(name="W"), rights=gone).state.definition.metadata == {}


def test_a_listing_finds_a_workflow_by_what_is_short_of_its_metadata() -> None:
    metadata = {"grid": 2, "unit": "GiB", "long": "x" * 300, "deep": {"a": 1}, "list": [1], "on": True}
    state = given(WORKFLOW).when(workflow.Save(name="W", metadata=metadata), rights=LAB).state
    summary = WORKFLOW.summary(state)

    assert summary is not None
    assert summary.fields["metadata"] == {"grid": 2, "unit": "GiB", "on": True}
