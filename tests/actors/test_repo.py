from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.actor import ById, Known, Summary
from actors.ephemeral.repo import ACTOR
from messages.base import Message, tag
from messages.repo import (
    AbortFreeze,
    AbortUnfreeze,
    BeginFreeze,
    BeginUnfreeze,
    ClearError,
    ErrorCleared,
    ErrorStored,
    Init,
    Initialized,
    TierChanged,
)
from tests.actors.tiers_table import VERBS, cells
from tests.spec import Given, Result, given

MADE = Initialized(registry_id="main", registry_name="Main", global_path="/org/data/grib")
ERROR = ErrorStored(code=108, message="the disk is read-only")
COMMANDS = {tag(command).partition(".")[2]: command for command in ACTOR.commands}


def held(tier: str, workflow: str, *past: Message) -> Given:
    moved = [] if (tier, workflow) == ("online", "") else [changed(tier, workflow)]
    return given(ACTOR, MADE, *moved, *past, id="grib")


def changed(tier: Any, workflow: str) -> TierChanged:
    return TierChanged(tier=tier, workflow=workflow)


def workflows(status: str = "initialized", code: int = 100) -> dict[str, Any]:
    summary = Summary(status=status, fields={"code": code})
    kinds = ("unfreeze_repo", "freeze_repo")
    return {"known": {ById(kind, "w-1"): Known("w-1", summary) for kind in kinds}}


def say(entity: Given, verb: str, **fields: Any) -> Result:
    why = {"code": ERROR.code, "message": ERROR.message} if verb.startswith("abort") else {}
    return entity.when(COMMANDS[verb](**{"workflow": "w-1"} | why | fields), **workflows())


@pytest.mark.parametrize(("tier", "holder", "verb", "becomes"), list(cells()))
def test_a_repository_moves_as_the_table_says(tier: str, holder: str, verb: str, becomes: str) -> None:
    result = say(held(tier, holder), verb)

    if becomes.startswith(">"):
        errors = [ERROR] if verb.startswith("abort") else []
        result.then(changed(becomes[1:], "w-1"), *errors).ordering()
    elif becomes:
        result.then_rejected(becomes)
    else:
        result.then_nothing()


@pytest.mark.parametrize(("tier", "holder", "verb", "becomes"), list(cells()))
def test_a_word_heard_again_changes_nothing(tier: str, holder: str, verb: str, becomes: str) -> None:
    first = say(held(tier, holder), verb)

    again = say(Given(ACTOR, first.state, "grib"), verb)

    assert not again.events
    assert (again.refusal and again.refusal.code) == (first.refusal and first.refusal.code)


# tier             begin_unfreeze  begin_freeze, while there is an error
ERRORS = """
  online           repo_has_error  repo_has_error
  freezing         repo_has_error  repo_has_error
  frozen           repo_has_error  repo_has_error
  freeze_failed    repo_has_error  repo_has_error
  unfreezing       repo_has_error  repo_has_error
  unfreeze_failed  repo_has_error  repo_has_error
  archived         repo_has_error  repo_has_error
"""


@pytest.mark.parametrize("row", ERRORS.strip().splitlines(), ids=lambda row: row.split()[0])
@pytest.mark.parametrize("holder", ["w-1", "w-2"])
def test_nothing_begins_while_there_is_an_error(row: str, holder: str) -> None:
    tier, unfreeze, freeze = row.split()

    say(held(tier, holder, ERROR), "begin_unfreeze").then_rejected(unfreeze)
    say(held(tier, holder, ERROR), "begin_freeze").then_rejected(freeze)


@pytest.mark.parametrize(("verb", "tier"), [("begin_unfreeze", "unfreezing"), ("begin_freeze", "freezing")])
def test_it_begins_again_once_the_error_is_cleared(verb: str, tier: str) -> None:
    failed = "unfreeze_failed" if tier == "unfreezing" else "freeze_failed"
    entity = held(failed, "w-2", ERROR).after(ClearError())

    say(entity, verb).then(changed(tier, "w-1"))


def test_an_error_is_cleared_once() -> None:
    held("unfreeze_failed", "w-2", ERROR).when(ClearError()).then(ErrorCleared())
    held("unfreeze_failed", "w-2", ERROR, ErrorCleared()).when(ClearError()).then_nothing()
    held("online", "").when(ClearError()).then_nothing()


def test_the_first_error_of_a_workflow_is_kept() -> None:
    entity = held("unfreeze_failed", "w-1", ERROR)

    say(entity, "abort_unfreeze", message="something else").then_nothing()
    assert ACTOR.view(entity.state)["error"] == {"code": 108, "message": ERROR.message}


@pytest.mark.parametrize("command", [AbortUnfreeze, AbortFreeze])
@pytest.mark.parametrize("message", ["", "x" * 151])
def test_an_abort_tells_why_in_at_most_150_characters(command: Any, message: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"workflow": "w-1", "code": 108, "message": message}, command)
    assert msgspec.convert({"workflow": "w-1", "code": 108, "message": "x" * 150}, command)


def test_an_abort_needs_a_code() -> None:
    say(held("freezing", "w-1"), "abort_freeze", code=0).then_rejected("invalid_status_code")


def test_its_registry_makes_it_once() -> None:
    init = Init(registry_id="main", registry_name="Main", global_path="/org/data/grib")

    given(ACTOR).when(init).then(MADE)
    given(ACTOR, MADE).when(init).then_nothing()
    given(ACTOR, MADE).when(msgspec.structs.replace(init, registry_id="other")).then_rejected(
        "not_idempotent"
    )
    assert ACTOR.internal == {"init"}


@pytest.mark.parametrize("verb", [*VERBS, "clear_error"])
def test_what_was_never_made_is_not_found(verb: str) -> None:
    if verb == "clear_error":
        given(ACTOR).when(ClearError()).then_rejected("not_found")
    else:
        say(given(ACTOR), verb).then_rejected("not_found")


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, "unknown_workflow"),
        (workflows("files"), "state_conflict"),
        (workflows("failed", 104), "state_conflict"),
    ],
)
def test_only_a_workflow_that_is_about_to_begin_takes_it(known: dict[str, Any], code: str) -> None:
    held("frozen", "w-2").when(BeginUnfreeze(workflow="w-1"), **known).then_rejected(code)
    held("unfreezing", "w-1").when(BeginUnfreeze(workflow="w-1"), **known).then_nothing()


def test_what_a_workflow_that_succeeded_did_is_not_undone() -> None:
    abort = AbortUnfreeze(workflow="w-1", code=ERROR.code, message=ERROR.message)

    held("online", "w-1").when(abort, **workflows("terminated", 0)).then_rejected("conflict_workflow")
    held("online", "w-1").when(abort, **workflows("failed", 104)).then(
        changed("unfreeze_failed", "w-1"), ERROR
    )


def test_the_start_version_is_compared_unless_it_has_begun() -> None:
    begin = BeginFreeze(workflow="w-1", start_version=1)

    held("online", "").when(begin, version=2, **workflows()).then_rejected("version_conflict")
    held("online", "").when(begin, version=1, **workflows()).then(changed("freezing", "w-1"))
    held("freezing", "w-1").when(begin, version=2, **workflows()).then_nothing()
    held("frozen", "w-1").when(begin, version=3, **workflows()).then_nothing()


def test_a_listing_shows_what_a_workflow_must_know() -> None:
    summary = ACTOR.summary(held("unfreezing", "w-1").state)

    place = {"registry_id": "main", "registry_name": "Main", "global_path": "/org/data/grib"}
    assert summary == Summary(
        status="unfreezing",
        name="/org/data/grib",
        parent="main",
        fields={**place, "tier": "unfreezing", "workflow": "w-1"},
    )
    assert (ACTOR.summary(ACTOR.initial), ACTOR.view(ACTOR.initial)) == (None, None)
