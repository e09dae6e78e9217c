"""Rights flow down: to members of groups, to what perimeters hold, from a workflow to its runs."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import Summary
from actors.rights.judging import Asked, forbidden
from actors.rights.rights import Rights
from messages import grant as grants
from messages import perimeter as perimeters
from messages.workflow import Fork, Save
from tests.rights.made import KINDS, grant, group, may, may_read, perimeter, refusal, users

BOB = users("bob", "eve")
STORMS = perimeter(BOB, "storms", "workflow/w", "resource/hpc")


@pytest.mark.parametrize("place", ["lab", "lab.workflow", "lab.workflow.w", "lab.storms"])
@pytest.mark.parametrize("action", ["launch", "workflow.launch", "admin", "workflow.admin"])
def test_a_right_holds_in_every_perimeter_around(place: str, action: str) -> None:
    rights = grant(STORMS, "user/bob", place, action)

    assert may(rights, "bob", "workflow/w", "launch")
    assert not may(rights, "eve", "workflow/w", "launch")
    assert may(rights, "bob", "workflow/v", "launch") == (place in ("lab", "lab.workflow"))


@pytest.mark.parametrize("action", ["read", "save", "resource.launch", "resource.admin"])
def test_a_right_is_for_its_action_and_kind_alone(action: str) -> None:
    assert not may(grant(STORMS, "user/bob", "lab", action), "bob", "workflow/w", "launch")


def test_rights_flow_down_to_groups_within_groups_and_back_when_one_is_let_go() -> None:
    rights = group(group(STORMS, "inner", "user/bob"), "outer", "group/inner")
    rights = grant(rights, "group/outer", "lab.storms", "launch")

    assert may(rights, "bob", "workflow/w", "launch")
    assert not may(group(rights, "inner"), "bob", "workflow/w", "launch")
    assert not may(rights.note("grant", next(iter(rights.grants)), None), "bob", "workflow/w", "launch")


def test_rights_flow_down_perimeters_within_perimeters() -> None:
    rights = perimeter(BOB, "weather")
    rights = perimeter(rights, "storms", "workflow/w", within="weather")
    rights = grant(rights, "user/bob", "lab.weather", "launch")

    assert may(rights, "bob", "workflow/w", "launch")
    assert not may(grant(rights, "user/eve", "lab.storms", "launch"), "eve", "workflow/v", "launch")


def test_what_belongs_to_a_workflow_is_read_with_it() -> None:
    rights = grant(STORMS, "user/bob", "lab.storms", "read", "run.cancel")
    of_w, of_v = Summary(parent="w"), Summary(parent="v")

    assert may_read(rights, "bob", "run/r", of_w)
    assert may(rights, "bob", "run/r", "cancel", summary=of_w)
    assert not may_read(rights, "bob", "run/r", of_v)
    assert not may(rights, "bob", "run/r", "cancel", summary=of_v)


def test_a_workflow_says_itself_in_which_perimeters_it_is() -> None:
    rights = grant(perimeter(BOB, "storms"), "user/bob", "lab.storms", "launch")
    named = Summary(fields={"perimeters": ["storms"]})

    assert may(rights, "bob", "workflow/w", "launch", summary=named)
    declared = rights.note("workflow", "w", named.fields)
    reader = grant(declared, "user/bob", "lab.storms", "read")
    assert may_read(reader, "bob", "run/r", Summary(parent="w"))
    assert not may(declared.note("workflow", "w", {}), "bob", "workflow/w", "launch")


def test_what_a_peer_says_of_its_own_gives_nobody_rights_here() -> None:
    rights = grant(perimeter(BOB, "storms"), "user/bob", "lab.storms", "admin")
    theirs = Summary(owner="centre", shown_as="workflow", fields={"perimeters": ["storms"]})

    assert not may_read(rights, "bob", "copy/c", theirs)
    assert rights.note("copy", "c", theirs.fields) is rights
    assert may_read(grant(rights, "user/eve", "lab.workflow", "read"), "eve", "copy/c", theirs)


def test_a_refusal_says_what_is_lacking_where_and_how_to_get_it() -> None:
    no = refusal(STORMS, "bob", "workflow/w", "launch")

    assert no is not None
    assert (no.code, no.extra) == ("not_granted", {"perimeter": "lab.workflow.w", "action": "launch"})
    assert "covey grant give bob lab.workflow.w launch" in no.detail


def test_who_is_not_active_may_nothing_whatever_was_given() -> None:
    rights = grant(BOB, "user/bob", "lab", "admin")
    off = rights.note("user", "bob", {**rights.users["bob"], "active": False})

    no = refusal(off, "bob", "workflow/w", "launch")
    assert no is not None
    assert no.code == "inactive_user"


@pytest.mark.parametrize("sender", ["user/bob", "machine/bob", "nobody", "user/", "bob", "", "operators"])
def test_nobody_is_believed_whom_the_node_does_not_know(sender: str) -> None:
    asked = Asked(sender, "workflow", "w", "launch", True)

    assert forbidden(Rights("lab"), KINDS["workflow"], asked) is not None


def save(*names: str) -> Save:
    return Save(name="W", perimeters=names)


def named(*names: str) -> Summary:
    return Summary(fields={"perimeters": list(names)})


TWO = perimeter(perimeter(BOB, "storms"), "floods")
SAVER = grant(TWO, "user/bob", "lab.storms", "save")
ADMIN = grant(TWO, "user/bob", "lab.storms", "admin")


@pytest.mark.parametrize(
    ("rights", "command", "stored", "expected"),
    [
        (SAVER, save("storms"), None, True),
        (SAVER, save("storms", "floods"), None, False),
        (SAVER, save(), None, False),
        (SAVER, save("storms"), named("storms"), True),
        (SAVER, save(), named("storms"), False),
        (SAVER, save("storms"), named("floods"), False),
        (SAVER, save("storms"), named(), False),
        (ADMIN, save(), named("storms"), True),
        (ADMIN, save("storms", "floods"), named("storms"), True),
        (ADMIN, save("storms"), named("floods"), False),
        (grant(TWO, "user/bob", "lab.workflow", "save"), save("storms"), None, True),
        (grant(TWO, "user/bob", "lab.workflow.w", "save"), save("storms"), named(), False),
        (grant(TWO, "user/bob", "lab.workflow.w", "admin"), save("storms"), named(), True),
    ],
)
def test_nobody_moves_a_workflow_to_where_he_may_more(
    rights: Rights, command: Save, stored: Summary | None, expected: bool
) -> None:
    declared = rights.note("workflow", "w", stored.fields if stored else {})

    assert may(declared, "bob", "workflow/w", "save", command, summary=stored) == expected


GIVER = perimeter(perimeter(BOB, "storms", "workflow/w"), "coast", within="storms")
GIVER = grant(GIVER, "user/bob", "lab.storms", "admin")


def given(place: str) -> Any:
    return grants.Save(to="user/eve", perimeter=place, actions=("read",))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        *(("lab.storms", True), ("lab.storms.coast", True), ("lab.workflow.w", True)),
        *(("lab", False), ("lab.workflow", False), ("lab.workflow.v", False), ("lab.grant", False)),
        ("lab.nowhere.at.all", False),
    ],
)
def test_one_gives_only_what_is_within_what_one_is_admin_of(place: str, expected: bool) -> None:
    assert may(GIVER, "bob", "grant/g", "save", given(place)) == expected


def test_a_grant_is_changed_or_taken_back_only_by_an_admin_of_what_it_was_about() -> None:
    root, own = Summary(fields={"perimeter": "lab"}), Summary(fields={"perimeter": "lab.storms"})

    assert not may(GIVER, "bob", "grant/g", "save", given("lab.storms"), summary=root)
    assert not may(GIVER, "bob", "grant/g", "delete", grants.Delete(), summary=root)
    assert may(GIVER, "bob", "grant/g", "delete", grants.Delete(), summary=own)


@pytest.mark.parametrize(
    ("id", "command", "expected"),
    [
        ("storms", perimeters.Save(members=("workflow/w",)), True),
        ("storms", perimeters.Save(members=("workflow/w", "workflow/v")), False),
        ("new", perimeters.Save(within="storms", members=("workflow/w",)), True),
        ("new", perimeters.Save(within="storms", members=("workflow/v",)), False),
        ("new", perimeters.Save(), False),
    ],
)
def test_one_puts_into_a_perimeter_only_what_one_is_admin_of(id: str, command: Any, expected: bool) -> None:
    assert may(GIVER, "bob", f"perimeter/{id}", "save", command) == expected


def test_a_fork_needs_the_right_to_make_the_other_one() -> None:
    forker = grant(TWO, "user/bob", "lab.storms", "fork", "save")
    forker = forker.note("workflow", "w", {"perimeters": ["storms"]})

    assert may(forker, "bob", "workflow/w", "fork", Fork(into="x", name="X"), summary=named("storms"))
    assert not may(forker, "bob", "workflow/v", "fork", Fork(into="x", name="X"))
    only = grant(TWO, "user/bob", "lab.workflow.w", "fork")
    assert not may(only, "bob", "workflow/w", "fork", Fork(into="x", name="X"))


def test_a_perimeter_that_was_saved_goes_before_a_kind_of_its_name() -> None:
    rights = grant(perimeter(BOB, "workflow", "resource/hpc"), "user/bob", "lab.workflow", "admin")

    assert not may(rights, "bob", "workflow/w", "launch")
    assert may(rights, "bob", "resource/hpc", "delete")
