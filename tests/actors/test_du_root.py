"""du-root: every cell of the specification's table, and what is said around it."""

from __future__ import annotations

import pytest

from actors.actor import Task
from actors.ephemeral.du_root import ACTOR, PATHS_MAX
from bus.config import PAYLOAD_BYTES_MAX
from messages import workflow_index
from messages.base import encode
from messages.ephemeral import Advance
from tests.actors.spec_tables import DU_ROOT, Wanted, cells
from tests.actors.workflows import LATE, Workflow
from tests.spec import NOON, given

ARGUMENTS = {"registry_id": "r-1", "global_root": "/a", "host": "files-1", "host_root": "/srv/a"}
FAILURE = {"code": 1, "message": "du failed: it is not there"}
INDEX = workflow_index.Begin(workflow="w-1", workflow_kind="du_root")

WORKFLOW = Workflow(
    ACTOR,
    bodies={"init": ARGUMENTS, "append": {"path": "x", "usage": 1024}, "fail": FAILURE},
    ways={
        "uninitialized": (),
        "initialized": ("init",),
        "appending": ("init", "append"),
        "completed": ("init", "append", "commit"),
        "terminated": ("init", "append", "commit", "end"),
    },
)
says, come_to = WORKFLOW.says, WORKFLOW.come_to
STATUS = {
    "initialized": (100, False),
    "appending": (100, False),
    "completed": (0, True),
    "terminated": (0, True),
}


def test_the_table_has_every_command_and_state() -> None:
    wanted = cells(DU_ROOT)

    assert {cell.state for cell in wanted} == set(WORKFLOW.ways)
    assert [f"du_root.{verb}" for verb in dict.fromkeys(cell.verb for cell in wanted)] == [
        command.__struct_config__.tag for command in ACTOR.commands
    ]


@pytest.mark.parametrize("wanted", cells(DU_ROOT), ids=str)
def test_a_cell_is_as_the_specification_says(wanted: Wanted) -> None:
    WORKFLOW.check(wanted)


@pytest.mark.parametrize("wanted", cells(DU_ROOT), ids=str)
def test_every_command_is_safe_to_hear_twice(wanted: Wanted) -> None:
    before = come_to(wanted.state)
    command = says(wanted.verb)

    first = before.when(command, at=LATE)
    second = before.after(command, at=LATE).when(command, at=LATE)

    if first.refusal is not None:
        assert second.refusal is not None
        assert second.refusal.code == first.refusal.code
    elif wanted.verb == "append":
        assert second.state.gathered == first.state.gathered
    else:
        assert second.state == first.state


@pytest.mark.parametrize("field", ARGUMENTS)
def test_it_cannot_be_begun_again_with_another(field: str) -> None:
    other = come_to("initialized").when(says("init", **{field: "/other" if "root" in field else "other"}))

    other.then_rejected("init_conflict")
    assert other.refusal is not None
    assert other.refusal.at == f"/{field}"


def test_it_is_begun_and_listed_in_one_step() -> None:
    begun = given(ACTOR, id="w-1").when(says("init"))

    begun.then(WORKFLOW.event("started", **ARGUMENTS, at=NOON)).ordering(INDEX)
    work = Advance(workflow_kind="du_root", id="w-1", state="initialized", arguments=ARGUMENTS)
    assert [effect for effect in begun.effects if isinstance(effect, Task)] == [Task("files", work)]


def test_what_is_appended_asks_nobody_for_work() -> None:
    assert come_to("initialized").when(says("append")).effects == []


@pytest.mark.parametrize("state", ["uninitialized", "initialized", "appending", "completed", "terminated"])
def test_a_failure_needs_a_code(state: str) -> None:
    come_to(state).when(says("fail", code=0)).then_rejected("invalid_status_code")


@pytest.mark.parametrize("again", [says("commit"), says("fail", code=2, message="another reason")])
def test_a_failure_keeps_its_first_code_and_message_and_tells_them(again: object) -> None:
    failed = come_to("appending").after(says("fail"))

    failed.when(again).then_nothing()  # type: ignore[arg-type]
    assert ACTOR.tells(failed.state, None, None) == FAILURE


def test_the_outcome_of_a_commit_said_again_tells_that_all_is_well() -> None:
    assert ACTOR.tells(come_to("completed").state, None, None) == {"code": 0, "message": ""}


def test_it_does_not_expire_before_its_time() -> None:
    come_to("appending").when(says("abort_expired"), at=NOON).then_rejected("not_expired")


def test_one_that_is_completed_is_committed_in_the_index_and_one_that_is_deleted_leaves_it() -> None:
    commit, delete = workflow_index.Commit(workflow="w-1"), workflow_index.Delete(workflow="w-1")

    come_to("appending").when(says("commit")).ordering(commit)
    come_to("terminated").when(says("delete")).ordering(commit, delete)
    come_to("completed").when(says("end")).ordering()


def test_nothing_can_be_said_to_one_that_is_deleted() -> None:
    deleted = come_to("completed").after(says("delete"))

    deleted.when(says("init")).then_rejected("deleted")
    deleted.when(says("delete")).then_nothing()
    assert ACTOR.view(deleted.state) is None
    assert WORKFLOW.refuses("status", deleted).code == "not_found"


@pytest.mark.parametrize("state", STATUS)
def test_the_status_is_told_in_every_state(state: str) -> None:
    told = WORKFLOW.ask("status", come_to(state))

    assert (told["state"], told["code"], told["is_final"]) == (state, *STATUS[state])


def test_the_status_of_a_failure_is_what_was_stored() -> None:
    told = WORKFLOW.ask("status", come_to("appending").after(says("fail")))

    assert (told["code"], told["message"], told["is_final"]) == (1, FAILURE["message"], True)


@pytest.mark.parametrize("state", ["initialized", "appending"])
def test_a_result_that_is_not_whole_is_not_told(state: str) -> None:
    assert WORKFLOW.refuses("result", come_to(state)).code == "partial_result"


@pytest.mark.parametrize("state", ["completed", "terminated"])
def test_the_result_is_the_usage_of_the_paths(state: str) -> None:
    assert WORKFLOW.ask("result", come_to(state))["usage"] == {"x": 1024}


def test_the_result_of_a_failure_is_its_reason() -> None:
    refused = WORKFLOW.refuses("result", come_to("appending").after(says("fail")))

    assert (refused.code, refused.detail, refused.extra) == ("failed", FAILURE["message"], {"code": 1})


def test_nothing_is_known_of_one_that_was_never_begun() -> None:
    for question in ("status", "result"):
        assert WORKFLOW.refuses(question, come_to("uninitialized")).code == "not_found"


def test_a_path_that_is_told_again_has_its_last_usage() -> None:
    twice = come_to("appending").after(says("append", path="y")).after(says("append", usage=7))

    assert WORKFLOW.ask("result", twice.after(says("commit")))["usage"] == {"x": 7, "y": 1024}


def test_no_more_paths_are_kept_than_can_be_told() -> None:
    told = [WORKFLOW.event("updated", path=str(number), usage=0) for number in range(PATHS_MAX)]
    full = given(ACTOR, WORKFLOW.event("started", **ARGUMENTS, at=NOON), *told)

    full.when(says("append")).then_rejected("too_many")
    full.when(says("append", path="0", usage=5)).then(WORKFLOW.event("updated", path="0", usage=5))


def test_a_long_result_is_told_in_parts_that_fit_into_a_message() -> None:
    paths = [f"{number:05}-{'x' * 90}" for number in range(PATHS_MAX)]
    told = [WORKFLOW.event("updated", path=path, usage=2**40) for path in paths]
    done = WORKFLOW.event("completed", code=0, at=NOON)
    full = given(ACTOR, WORKFLOW.event("started", **ARGUMENTS, at=NOON), *told, done)

    parts = [WORKFLOW.ask("result", full)]
    while parts[-1]["next"] is not None:
        parts.append(WORKFLOW.ask("result", full, after=parts[-1]["next"]))

    assert [path for part in parts for path in part["usage"]] == paths
    assert {len(encode(part)) <= PAYLOAD_BYTES_MAX for part in parts} == {True}
    assert len(parts) == 3
