from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from actors.actor import ById, Known, Order, Summary, Trim
from actors.ephemeral import workflow_index
from actors.ephemeral.workflow_index import ACTOR
from messages.base import Alarm, Message, encode
from messages.envelope import Address
from messages.workflow_index import (
    Begin,
    Commit,
    Delete,
    Snapshot,
    SnapshotTaken,
    WorkflowCompleted,
    WorkflowDeleted,
    WorkflowStarted,
)
from tests.spec import NOON, given

BEGIN = Begin(workflow="du-1", workflow_kind="du_root")
COMMIT = Commit(workflow="du-1")
DELETE = Delete(workflow="du-1")
STARTED = WorkflowStarted(workflow="du-1", workflow_kind="du_root", at=NOON)
COMPLETED = WorkflowCompleted(workflow="du-1", at=NOON)
DELETED = WorkflowDeleted(workflow="du-1", at=NOON)
COMMIT_OF_KEPT = Commit(workflow="kept-0")
BEGIN_OTHER = Begin(workflow="other", workflow_kind="du_root")

# the workflow is: unknown (U), active (A), completed (C), deleted (D)
PAST: dict[str, list[Message]] = {
    "U": [],
    "A": [STARTED],
    "C": [STARTED, COMPLETED],
    "D": [STARTED, COMPLETED, DELETED],
}
RULES = [
    ("U", BEGIN, STARTED),
    ("A", BEGIN, None),
    ("C", BEGIN, None),
    ("D", BEGIN, STARTED),
    ("U", COMMIT, "unknown_workflow"),
    ("A", COMMIT, COMPLETED),
    ("C", COMMIT, None),
    ("D", COMMIT, "unknown_workflow"),
    ("U", DELETE, "unknown_workflow"),
    ("A", DELETE, "unknown_workflow"),
    ("C", DELETE, DELETED),
    ("D", DELETE, "unknown_workflow"),
]


@pytest.mark.parametrize(("past", "command", "becomes"), RULES)
def test_the_index_follows_its_rules(past: str, command: Message, becomes: Message | str | None) -> None:
    result = given(ACTOR, *PAST[past], id="main").when(command)

    if isinstance(becomes, str):
        result.then_rejected(becomes)
    elif becomes is None:
        result.then_nothing()
    else:
        result.then(becomes)


@pytest.mark.parametrize(("past", "command"), [("U", BEGIN), ("A", COMMIT), ("D", BEGIN)])
def test_a_word_heard_again_changes_nothing(past: str, command: Message) -> None:
    given(ACTOR, *PAST[past]).after(command).when(command).then_nothing()


@pytest.mark.parametrize(
    ("status", "is_over"), [("initialized", False), ("failed", True), ("terminated", True)]
)
def test_a_workflow_that_is_over_when_its_begin_comes_is_completed_at_once(
    status: str, is_over: bool
) -> None:
    need = ById("du_root", "du-1")
    known = {"known": {need: Known("du-1", Summary(status=status))}}
    assert ACTOR.needs(BEGIN, None) == [need]  # type: ignore[arg-type]  # it is not looked at

    given(ACTOR).when(BEGIN, **known).then(*([STARTED, COMPLETED] if is_over else [STARTED]))
    given(ACTOR).after(BEGIN, **known).when(COMMIT).then(*([] if is_over else [COMPLETED]))


def test_a_workflow_that_is_completed_is_ended() -> None:
    (order,) = given(ACTOR, STARTED).when(COMMIT).then(COMPLETED).orders

    assert isinstance(order, Order)
    assert order.to == Address("du_root", "du-1")
    assert encode(order.command) == b'{"type":"du_root.end"}'


def since(workflows: int, events: int) -> Iterator[Message]:
    """Return so many events after a snapshot, with so many workflows on the list at the end."""
    for number in range(workflows):
        yield WorkflowStarted(workflow=f"kept-{number}", workflow_kind="du_root", at=NOON)
    yield SnapshotTaken()
    assert events % 3 <= workflows
    for number in range(events % 3):
        yield WorkflowCompleted(workflow=f"kept-{number}", at=NOON)
    for number in range(events // 3):
        yield WorkflowStarted(workflow=f"passing-{number}", workflow_kind="du_root", at=NOON)
        yield WorkflowCompleted(workflow=f"passing-{number}", at=NOON)
        yield WorkflowDeleted(workflow=f"passing-{number}", at=NOON)


@pytest.mark.parametrize(
    ("workflows", "events", "code"),
    [
        (0, 0, "nothing"),
        (150, 0, "nothing"),
        (300, 0, "nothing"),
        (0, 999, "not_worth_it"),
        (0, 1002, ""),
        (1, 999, "not_worth_it"),
        (1, 1000, ""),
        (2, 999, "not_worth_it"),  # 300 + 300 · 2 = 900, and 1000 are needed anyway
        (2, 1000, ""),
        (3, 1000, "not_worth_it"),
        (3, 1200, "not_worth_it"),  # 300 + 300 · 3 = 1200 must be exceeded
        (3, 1201, ""),
        (50, 15_300, "not_worth_it"),
        (50, 15_301, ""),
        (200, 60_300, "not_worth_it"),
        (200, 60_301, ""),
        (201, 60_601, "too_many_workflows"),
        (201, 2, "too_many_workflows"),
    ],
)
def test_a_snapshot_is_taken_when_it_saves_enough(workflows: int, events: int, code: str) -> None:
    entity = given(ACTOR, *since(workflows, events), id="main")

    result = entity.when(Snapshot())

    if code == "nothing":
        result.then_nothing()
    elif code:
        result.then_rejected(code)
    else:
        assert list(result.then(SnapshotTaken()).effects) == [Trim()]
    assert bool(ACTOR.alarms(entity.state)) == (code == "")


def test_a_snapshot_is_taken_by_itself_as_soon_as_it_pays() -> None:
    entity = given(ACTOR, *since(1, 999), id="main")
    assert ACTOR.alarms(entity.state) == {}

    due = entity.after(COMMIT_OF_KEPT, at=NOON + timedelta(hours=1))
    assert ACTOR.alarms(due.state) == {"snapshot": NOON + timedelta(hours=1)}

    later = due.after(BEGIN_OTHER, at=NOON + timedelta(hours=2))
    rung = Alarm(name="snapshot", due=NOON + timedelta(hours=1))
    assert ACTOR.alarms(later.state) == {"snapshot": rung.due}
    taken = later.when(rung)
    assert list(taken.then(SnapshotTaken()).effects) == [Trim()]
    assert ACTOR.alarms(taken.state) == {}


def test_an_alarm_that_is_no_longer_wanted_takes_no_snapshot() -> None:
    given(ACTOR, *since(0, 999)).when(Alarm(name="snapshot", due=NOON)).then_nothing()


def test_a_snapshot_keeps_the_list() -> None:
    entity = given(ACTOR, *since(3, 1201), id="main")
    before = ACTOR.view(entity.state)

    after = ACTOR.view(entity.when(Snapshot()).state)

    assert after == {**before, "events_since_snapshot": 0}
    given(ACTOR, *since(3, 1201)).after(Snapshot()).when(Snapshot()).then_nothing()


def test_an_index_that_has_become_empty_is_still_there() -> None:
    assert (ACTOR.summary(ACTOR.initial), ACTOR.view(ACTOR.initial)) == (None, None)

    state = given(ACTOR, *since(0, 1002)).when(Snapshot()).state

    assert ACTOR.summary(state) is not None
    assert ACTOR.view(state)["active"] == []


def test_the_view_shows_what_is_active_and_completed() -> None:
    other = WorkflowStarted(workflow="thaw-1", workflow_kind="unfreeze_repo", at=NOON)

    view = ACTOR.view(ACTOR.replay([STARTED, COMPLETED, other]))

    assert view == {
        "active": [{"workflow": "thaw-1", "workflow_kind": "unfreeze_repo", "since": NOON}],
        "active_count": 1,
        "completed": [{"workflow": "du-1", "workflow_kind": "du_root", "since": NOON}],
        "completed_count": 1,
        "events_since_snapshot": 3,
    }


def test_a_begin_is_never_refused_and_lets_go_of_what_was_completed_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflow_index, "WORKFLOWS_MAX", 2)
    other = WorkflowStarted(workflow="thaw-1", workflow_kind="unfreeze_repo", at=NOON)
    begin = Begin(workflow="du-3", workflow_kind="du_root")
    started = WorkflowStarted(workflow="du-3", workflow_kind="du_root", at=NOON)

    given(ACTOR, STARTED, COMPLETED, other).when(begin).then(DELETED, started)
    given(ACTOR, STARTED, other).when(begin).then(started)


def test_only_workflows_themselves_are_listed() -> None:
    assert ACTOR.internal == {"begin", "commit", "delete"}
