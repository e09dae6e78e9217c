"""What has changed from one definition to another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.definition.difference import Change, difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


def task(name: str, value: Any) -> dict[str, Any]:
    return {name: {"set": value}}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [Change("/a", "changed", 1, True)]),
        ({"a": {"b/c": 1}}, {"a": {}}, [Change("/a/b~1c", "removed", 1)]),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, [Change("/a/2", "added", None, 3)]),
        ([task("x", 1), task("y", 2)], [task("y", 2)], [Change("/0/x", "removed", {"set": 1})]),
        (
            [task("x", 1), task("y", 2)],
            [task("y", 3)],
            [
                Change("/0/x", "removed", {"set": 1}),
                Change("/0/y/set", "changed", 2, 3),
            ],
        ),
        (
            [task("x", 1), task("y", 2)],
            [task("y", 2), task("x", 1)],
            [Change("", "moved", ["x", "y"], ["y", "x"])],
        ),
        (None, {"do": []}, [Change("", "changed", None, {"do": []})]),
    ],
)
def test_each_change_has_its_place(old: Any, new: Any, changes: list[Change]) -> None:
    assert list(difference(old, new)) == changes


@given(JSON, JSON)
def test_there_are_changes_where_two_values_are_not_the_same(old: Any, new: Any) -> None:
    assert not list(difference(old, old))
    if old != new:
        assert list(difference(old, new))
