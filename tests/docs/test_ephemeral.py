"""The page of ephemeral workflows: its tables are those of the code, and its examples hold as those do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors import TABLES, du_root, freeze_repo, unfreeze_repo
from actors.table import Table
from cli.schema import workflow_tables
from cli.tables import transitions
from tests.actors.derived import Case, cases, holds
from tests.actors.spec_tables import DU_ROOT, UNFREEZE_REPO, Wanted, cells
from tests.docs.story import ROOT, blocks

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


EXAMPLES = list(examples())


def test_the_tables_of_the_page_are_up_to_date() -> None:
    assert PAGE.read_text().partition(MARK)[2] == workflow_tables(), "say: make docs"


def test_the_page_has_each_worked_example() -> None:
    assert {table.kind for table in EXAMPLES} == WORKED
    assert not WORKED & {table.kind for table in TABLES}


@pytest.mark.parametrize("case", cases(*EXAMPLES), ids=str)
def test_a_cell_of_an_example_is_as_its_table_says(case: Case) -> None:
    holds(case)


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
