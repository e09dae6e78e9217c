"""unfreeze-repo and freeze-repo, which are one machine: every cell of the specification's table."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.actor import Task
from actors.ephemeral import freeze_repo, unfreeze_repo
from actors.ephemeral.phased import ATTEMPTS_MAX
from messages import workflow_index
from messages.base import tag
from messages.ephemeral import Advance
from messages.tiers import ErrorMessage
from tests.actors.spec_tables import UNFREEZE_REPO, Wanted, cells
from tests.actors.workflows import LATE, Workflow
from tests.spec import NOON, given

NEEDED = {
    "registry_id": "r-1",
    "registry_name": "Alpha",
    "repo_id": "p-1",
    "repo_global_path": "/a/b",
    "author_name": "Ada",
    "author_email": "ada@example.org",
}
VERSIONS = {"start_registry_version": 3, "start_repo_version": None}
ARGUMENTS = NEEDED | VERSIONS
FILES_FAILURE = {"code": 108, "message": "chattr failed"}
FAILURE = {"code": 107, "message": "the repository has an error"}
OTHERS: dict[str, Any] = {
    "registry_id": "r-2",
    "registry_name": "Beta",
    "repo_id": "p-2",
    "repo_global_path": "/a/c",
}
BEGUN = ("init", "begin_files")
OURS = {"retry_files"}
"""The commands that the specification's table has not: it keeps the counter of the attempts in events too."""


def workflow(actor: Any) -> Workflow:
    return Workflow(
        actor,
        bodies={
            "init": ARGUMENTS,
            "abort_files": FILES_FAILURE,
            "retry_files": {"message": "it is busy"},
            "abort": FAILURE,
        },
        ways={
            "uninitialized": (),
            "initialized": ("init",),
            "files": BEGUN,
            "files_completed": (*BEGUN, "commit_files"),
            "files_failed": (*BEGUN, "abort_files"),
            "completed": (*BEGUN, "commit_files", "commit"),
            "failed": ("init", "abort"),
            "terminated": (*BEGUN, "commit_files", "commit", "end"),
        },
    )


UNFREEZE, FREEZE = workflow(unfreeze_repo.ACTOR), workflow(freeze_repo.ACTOR)
STATES = tuple(UNFREEZE.ways)
BOTH = pytest.mark.parametrize("one", [UNFREEZE, FREEZE], ids=["unfreeze", "freeze"])
DOING = {"unfreeze_repo": "unfreezing", "freeze_repo": "freezing"}


@BOTH
def test_the_table_has_every_command_and_state(one: Workflow) -> None:
    wanted = cells(UNFREEZE_REPO)

    assert {cell.state for cell in wanted} == set(STATES)
    assert {f"{one.actor.kind}.{verb}" for verb in OURS | {cell.verb for cell in wanted}} == {
        tag(command) for command in one.actor.commands
    }


@BOTH
@pytest.mark.parametrize("wanted", cells(UNFREEZE_REPO), ids=str)
def test_a_cell_is_as_the_specification_says(one: Workflow, wanted: Wanted) -> None:
    one.check(wanted)


@BOTH
@pytest.mark.parametrize("wanted", cells(UNFREEZE_REPO), ids=str)
def test_every_command_is_safe_to_hear_twice(one: Workflow, wanted: Wanted) -> None:
    before = one.come_to(wanted.state)
    command = one.says(wanted.verb)

    first = before.when(command, at=LATE)
    second = before.after(command, at=LATE).when(command, at=LATE)

    assert second.state == first.state
    assert [first.refusal and first.refusal.code] == [second.refusal and second.refusal.code]


@BOTH
@pytest.mark.parametrize("field", OTHERS)
def test_it_cannot_be_begun_again_for_another(one: Workflow, field: str) -> None:
    other = one.come_to("initialized").when(one.says("init", **{field: OTHERS[field]}))

    other.then_rejected("not_idempotent")
    assert other.refusal is not None
    assert other.refusal.at == f"/{field}"


@BOTH
@pytest.mark.parametrize(
    "other",
    [
        {"author_name": "Bob"},
        {"author_email": "bob@example.org"},
        {"start_registry_version": 4},
        {"start_registry_version": None},
        {"start_repo_version": 1},
    ],
    ids=str,
)
def test_authors_and_versions_do_not_tell_one_begin_from_another(
    one: Workflow, other: dict[str, Any]
) -> None:
    one.come_to("initialized").when(one.says("init", **other)).then_nothing()


@BOTH
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", ["abort", "abort_files"])
def test_a_failure_needs_a_code(one: Workflow, state: str, verb: str) -> None:
    one.come_to(state).when(one.says(verb, code=0)).then_rejected("invalid_status_code")


@BOTH
@pytest.mark.parametrize(
    ("state", "verb", "kept"), [("files_failed", "abort_files", FILES_FAILURE), ("failed", "abort", FAILURE)]
)
def test_a_replayed_abort_keeps_the_first_code_and_message(
    one: Workflow, state: str, verb: str, kept: dict[str, Any]
) -> None:
    failed = one.come_to(state)

    failed.when(one.says(verb, code=999, message="another reason")).then_nothing()

    assert {"code": failed.state.code, "message": failed.state.message} == kept


@BOTH
@pytest.mark.parametrize(("state", "told"), [("completed", {"code": 0, "message": ""}), ("failed", FAILURE)])
def test_the_outcome_of_what_changes_nothing_tells_how_it_has_ended(
    one: Workflow, state: str, told: dict[str, Any]
) -> None:
    assert one.actor.tells(one.come_to(state).state, None, None) == told


@BOTH
def test_the_status_is_told_in_every_state(one: Workflow) -> None:
    told = {state: one.ask("status", one.come_to(state)) for state in STATES[1:]}
    shown = {state: (it["code"], it["status"], it["is_final"]) for state, it in told.items()}
    doing = DOING[one.actor.kind]

    assert shown == {
        "initialized": (100, "initializing", False),
        "files": (100, f"{doing} files", False),
        "files_completed": (100, f"{doing} files completed", False),
        "files_failed": (101, f"{doing} files failed", False),
        "completed": (0, "completed", True),
        "failed": (107, "failed", True),
        "terminated": (0, "terminated", True),
    }
    assert all(answer["state"] == state for state, answer in told.items())


@BOTH
def test_the_status_of_a_failure_says_why_and_still_does_when_all_is_over(one: Workflow) -> None:
    failed = one.come_to("failed")
    for where in (failed, failed.after(one.says("end"))):
        assert one.ask("status", where)["message"] == FAILURE["message"]
        assert one.ask("status", where)["code"] == FAILURE["code"]


@BOTH
def test_waiting_ends_when_it_is_completed_failed_or_terminated(one: Workflow) -> None:
    waits = one.actor.questions["wait"].waits
    assert waits is not None

    assert {state for state in STATES[1:] if waits(one.come_to(state).state)} == {
        *("completed", "failed", "terminated")
    }


@BOTH
def test_nobody_waits_for_one_that_is_not_there(one: Workflow) -> None:
    waits = one.actor.questions["wait"].waits
    assert waits is not None

    assert waits(one.actor.initial)
    assert waits(one.come_to("failed").after(one.says("delete")).state)
    assert one.refuses("wait", one.come_to("uninitialized")).code == "not_found"


@BOTH
def test_work_on_files_is_tried_so_often_and_the_counter_is_in_the_events(one: Workflow) -> None:
    trying = one.come_to("files")
    for attempt in range(1, ATTEMPTS_MAX):
        retry = trying.when(one.says("retry_files"))
        retry.then(one.event("files_retried", attempt=attempt, message="it is busy")).ordering()
        trying = trying.after(one.says("retry_files"))

    trying.when(one.says("retry_files")).then_rejected("retries_exhausted")
    assert trying.after(one.says("abort_files")).state.attempts == ATTEMPTS_MAX - 1


@BOTH
@pytest.mark.parametrize("state", [state for state in STATES if state != "files"])
def test_only_work_that_is_under_way_is_tried_again(one: Workflow, state: str) -> None:
    one.come_to(state).when(one.says("retry_files")).then_rejected("state_conflict")


@BOTH
def test_a_state_that_others_bring_it_on_from_asks_for_work_with_what_is_known(one: Workflow) -> None:
    asked = {}
    for *before, last in list(one.ways.values())[1:]:
        result = given(one.actor, id="w-1")
        for verb in before:
            result = result.after(one.says(verb))
        for effect in result.when(one.says(last)).effects:
            if isinstance(effect, Task) and isinstance(effect.body, Advance):
                asked[effect.body.state] = effect.queue, effect.body.code
                assert effect.body.arguments == ARGUMENTS

    assert asked == {
        "initialized": ("registry", 0),
        "files": ("files", 0),
        "files_completed": ("registry", 0),
        "files_failed": ("registry", 108),
        "failed": ("registry", 107),
    }


@BOTH
def test_it_is_listed_from_its_begin_to_its_deletion(one: Workflow) -> None:
    commit, delete = workflow_index.Commit(workflow="w-1"), workflow_index.Delete(workflow="w-1")
    begin = workflow_index.Begin(workflow="w-1", workflow_kind=one.actor.kind)

    one.come_to("uninitialized").when(one.says("init")).ordering(begin)
    one.come_to("files_completed").when(one.says("commit")).ordering(commit)
    one.come_to("files_failed").when(one.says("abort")).ordering(commit)
    one.come_to("terminated").when(one.says("delete")).ordering(commit, delete)


@BOTH
def test_it_does_not_expire_before_its_time(one: Workflow) -> None:
    one.come_to("files").when(one.says("abort_expired"), at=NOON).then_rejected("not_expired")


@BOTH
def test_nothing_can_be_said_to_one_that_is_deleted(one: Workflow) -> None:
    deleted = one.come_to("failed").after(one.says("delete"))

    for verb in ("init", "begin_files", "abort", "end", "abort_expired"):
        deleted.when(one.says(verb)).then_rejected("deleted")
    deleted.when(one.says("delete")).then_nothing()


@BOTH
@pytest.mark.parametrize("verb", ["abort", "abort_files"])
def test_a_reason_is_no_longer_than_what_a_repository_keeps(one: Workflow, verb: str) -> None:
    kept = msgspec.convert("x" * 150, ErrorMessage)
    struct = type(one.says(verb))

    assert msgspec.convert({"code": 1, "message": kept}, struct) == one.says(verb, code=1, message=kept)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"code": 1, "message": kept + "x"}, struct)
