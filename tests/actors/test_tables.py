"""What holds of every table, of those that there are."""

import pytest

from actors import ACTORS, TABLES
from actors.ephemeral.table import Table
from tests.actors.derived import Case, cases, holds, speaks


@pytest.mark.parametrize("case", cases(*TABLES), ids=str)
def test_a_cell_is_as_the_table_says(case: Case) -> None:
    holds(case)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_participants_understand_what_plans_say(table: Table) -> None:
    speaks(table, ACTORS)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_every_table_has_its_actor(table: Table) -> None:
    assert [actor.family for actor in ACTORS if actor.kind == table.kind] == ["ephemeral"]
