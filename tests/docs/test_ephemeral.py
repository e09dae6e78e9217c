"""The page of ephemeral workflows: its tables are those of the code, and its examples hold as those do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from actors import TABLES
from actors.actor import Task
from actors.ephemeral import du_root, ephemeral, freeze_repo, unfreeze_repo
from actors.ephemeral.table import Table
from cli.schema import workflow_tables
from cli.tables import transitions
from messages.base import Alarm
from tests.actors.derived import Case, cases, holds, says, way
from tests.actors.spec_tables import DU_ROOT, UNFREEZE_REPO, Wanted, cells
from tests.actors.workflows import Workflow
from tests.docs.story import ROOT, blocks
from tests.spec import NOON

PAGE = ROOT / "docs" / "ephemeral.md"
MARK = "<!-- What follows is written by covey schema --tables; do not edit. -->\n\n"
WORKED = {"check_repo", "archive_repo", "unarchive_repo", "split_root", "move_repo"}


def examples() -> Iterator[Table]:
    """Yield the tables that the page has as examples."""
    for block in blocks(PAGE.read_text()):
        if block.language == "python" and not block.text.startswith("# wrong.py"):
            names: dict[str, object] = {"__name__": "example"}
            exec(compile(block.text, str(PAGE), "exec"), names)
            yield from (value for value in names.values() if isinstance(value, Table))


DAY = timedelta(days=1)
EXAMPLES = list(examples())


def test_the_tables_of_the_page_are_up_to_date() -> None:
    assert PAGE.read_text().partition(MARK)[2] == workflow_tables(), "say: make docs"


def test_the_page_has_each_worked_example() -> None:
    assert {table.kind for table in EXAMPLES} == WORKED
    assert not WORKED & {table.kind for table in TABLES}


@pytest.mark.parametrize("case", cases(*EXAMPLES), ids=str)
def test_a_cell_of_an_example_is_as_its_table_says(case: Case) -> None:
    holds(case)


def example(kind: str) -> Workflow:
    table = next(table for table in EXAMPLES if table.kind == kind)
    actor = ephemeral.actor(table)
    bodies = {row.verb: msgspec.structs.asdict(says(actor, row.verb)) for row in table.rows}
    return Workflow(actor, bodies, {state: way(table, state) for state in table.states})


def test_what_is_left_behind_goes_a_week_after_the_files_were_archived() -> None:
    archive = example("archive_repo")
    archived = archive.come_to("files").after(archive.says("commit_files"), at=NOON + 2 * DAY)

    assert archive.actor.alarms(archived.state)["clean"] == NOON + 9 * DAY
    ring = Alarm(name="clean", due=NOON + 9 * DAY)
    archived.when(ring, at=NOON + 9 * DAY).then(archive.event("garbage_started", at=NOON + 9 * DAY))
    assert archived.after(archive.says("abort")).state.state == "failed"
    assert "clean" not in archive.actor.alarms(archived.after(ring).state)


def test_each_phase_counts_its_own_attempts() -> None:
    archive = example("archive_repo")
    phase = archive.come_to("files")
    for _ in range(4):
        phase = phase.after(archive.says("retry_files"))

    phase = phase.after(archive.says("commit_files")).after(archive.says("begin_garbage"))

    phase.when(archive.says("retry_garbage")).then(
        archive.event("garbage_retried", attempt=1, message=archive.bodies["retry_garbage"]["message"])
    )


def test_a_person_decides_on_candidates_alone_and_lists_are_bounded() -> None:
    split = example("split_root")
    looking = split.come_to("analysis")
    for number in range(300):
        looking = looking.after(split.says("suggest", path=f"d-{number}"))
    looking.when(split.says("suggest", path="one-more")).then_rejected("too_many")

    choosing = looking.after(split.says("commit_analysis")).after(split.says("begin_choice"))
    decided = choosing.after(split.says("decide", path="d-7")).after(
        split.says("decide", path="d-7", decision="never")
    )

    choosing.when(split.says("decide", path="else")).then_rejected("unknown_key")
    assert decided.state.gathered["decisions"] == {"d-7": "never"}


@pytest.mark.parametrize("order", [("release", "accept"), ("accept", "release")], ids="-".join)
def test_a_repository_moves_once_both_sides_have_accepted(order: tuple[str, str]) -> None:
    move = example("move_repo")
    half = move.come_to("initialized").after(move.says(order[0]))

    half.when(move.says("begin_files")).then_rejected("state_conflict")
    half.when(move.says(order[0])).then_nothing()
    agreed = half.when(move.says(order[1]))

    agreed.then(move.event("agreed"))
    assert [effect.queue for effect in agreed.effects if isinstance(effect, Task)] == ["registry"]


def shown(table: Table) -> list[Wanted]:
    """Read what the page shows of a table as the specification is read."""
    plain = "\n".join(transitions(table)).replace("**", "")
    return [cell for cell in cells(plain) if cell.verb != "retry_files"]


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (du_root.TABLE, DU_ROOT),
        (unfreeze_repo.TABLE, UNFREEZE_REPO),
        (freeze_repo.TABLE, UNFREEZE_REPO),
    ],
    ids=["du_root", "unfreeze_repo", "freeze_repo"],
)
def test_what_is_shown_reads_as_the_specification(table: Table, wanted: str) -> None:
    assert sorted(shown(table)) == sorted(cells(wanted))
