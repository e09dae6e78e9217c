"""Rows of actions: a definition becomes rows, and the rows that definition again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.definition.rows import Row, document, rows
from cli.documents import parse
from tests.conformance.suites import files, is_there
from tests.definition import kinds
from tests.flow.made import definitions


def through_json(found: list[Row]) -> list[Row]:
    return msgspec.json.decode(msgspec.json.encode(found), type=list[Row])


@pytest.mark.parametrize("kind", kinds.tasks())
def test_a_task_of_each_kind_comes_back(kind: str) -> None:
    definition = kinds.document(kinds.tasks()[kind])

    assert document(through_json(rows(definition))) == definition


@is_there
@pytest.mark.parametrize("path", files("examples"), ids=lambda path: path.stem)
def test_an_example_comes_back(path: Path) -> None:
    (definition,) = parse(path.read_text())

    assert document(through_json(rows(definition))) == definition


@settings(max_examples=100, deadline=None)
@given(definitions(), st.randoms(use_true_random=False))
def test_a_definition_comes_back_from_its_rows_in_any_order(definition: Any, order: random.Random) -> None:
    found = through_json(rows(definition))
    order.shuffle(found)

    assert document(found) == definition


def test_more_than_ten_tasks_come_back_in_their_order() -> None:
    definition = kinds.document(*({"set": {"n": n}} for n in range(12)))

    assert document(sorted(rows(definition), key=lambda row: row.id)) == definition


def test_a_row_says_where_its_action_stands_and_what_it_does() -> None:
    definition = kinds.document({"do": [{"a/b": {"if": ".x", "set": {"n": 1}, "then": "end"}}]})

    _, outer, inner = rows(definition)

    assert (outer.id, outer.type, outer.parent, outer.payload) == ("/do/0/t0", "do", "", {"do": []})
    assert inner == Row(
        id="/do/0/t0/do/0/a~1b",
        type="set",
        parent="/do/0/t0",
        name="a/b",
        condition=".x",
        payload={"set": {"n": 1}},
        then="end",
    )


def test_the_rows_of_a_definition_do_not_change_it() -> None:
    definition = kinds.document(kinds.tasks()["try"])
    before = msgspec.json.encode(definition)
    document(rows(definition))["do"].clear()

    assert msgspec.json.encode(definition) == before


@pytest.mark.parametrize("missing", ["", "/do/0/t0"])
def test_a_row_that_stands_nowhere_is_named(missing: str) -> None:
    found = rows(kinds.document(kinds.tasks()["do"]))

    with pytest.raises(ValueError, match="row"):
        document([row for row in found if row.id != missing])
