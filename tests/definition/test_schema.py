"""The schema applied task by task says what the published one says as a whole, in less time."""

from copy import deepcopy
from typing import Any

import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.definition.check import check
from actors.definition.schema import faults, published, tasks
from actors.flow.program import kind_of
from tests.definition.kinds import document
from tests.definition.kinds import tasks as kinds
from tests.effort import cpu_seconds

WHOLE = jsonschema.Draft202012Validator(published(), registry=referencing.Registry())
SECONDS = 5.0


def fits(definition: Any) -> bool:
    """Say whether a definition fits as it is held against the schema here."""
    return not list(faults(definition)) and all(kind_of(task) for _, task in tasks(definition))


@pytest.mark.parametrize("kind", kinds())
def test_a_task_of_each_kind_fits(kind: str) -> None:
    definition = document(kinds()[kind])

    assert fits(definition)
    assert WHOLE.is_valid(definition)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all that stands in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in places(inner, (*path, key)))]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Return a definition of one task with something taken out, put in, or replaced."""
    body = deepcopy(draw(st.sampled_from(list(kinds().values()))))
    for _ in range(draw(st.integers(1, 2))):
        *path, last = draw(st.sampled_from([path for path in places(body) if path]))
        within = body
        for step in path:
            within = within[step]
        values = st.sampled_from(
            [None, 7, "text", "${ .x }", True, [], {}, {"a": {}}, [{"a": {"set": {"b": 1}}}]]
        )
        match draw(st.integers(0, 2)):
            case 0:
                del within[last]
            case 1:
                within[last] = draw(values)
            case _ if isinstance(within, dict):
                names = ["do", "for", "set", "use", "one", "until", "call", "shell", "basic", "nonsense"]
                within[draw(st.sampled_from(names))] = draw(values)
        if not places(body)[1:]:
            break
    return document(body)


@settings(max_examples=60, deadline=None)
@given(damaged())
def test_what_fits_here_is_what_fits_the_published_schema(definition: dict[str, Any]) -> None:
    assert fits(definition) is WHOLE.is_valid(definition)


@settings(max_examples=150, deadline=None)
@given(damaged())
def test_what_does_not_fit_is_told_once_and_where_it_is(definition: dict[str, Any]) -> None:
    wrong = check(definition)

    assert wrong or fits(definition)
    assert len(set(wrong)) == len(wrong)
    for at, _ in wrong:
        assert is_there(definition, at)


def is_there(value: Any, pointer: str) -> bool:
    """Say whether a pointer leads to something."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return False
    return True


def test_tasks_in_tasks_cost_no_more_than_tasks_beside_each_other() -> None:
    body: dict[str, Any] = {"set": {"a": 1}}
    for _ in range(7):
        body = {"do": [{"inner": body}]}
    began = cpu_seconds()

    assert check(document(body)) == []
    assert cpu_seconds() - began < SECONDS
