from typing import Any

import pytest

from actors.definition.check import check
from actors.flow.schema import mismatch

DOCUMENT = {"dsl": "1.0.3", "namespace": "n", "name": "n", "version": "1.0.0"}


def definition(schema: Any) -> dict[str, Any]:
    task = {"set": {"x": 1}, "output": {"schema": schema}}
    return {"document": DOCUMENT, "do": [{"one": task}]}


@pytest.mark.parametrize(
    ("schema", "place", "why"),
    [
        ({"document": {"type": "string", "pattern": "(a+)+$"}}, "/document/pattern", "not evaluated"),
        (
            {"document": {"properties": {"a": {"patternProperties": {"a": {}}}}}},
            "/document/properties/a/patternProperties",
            "not evaluated",
        ),
        ({"document": {"$ref": "http://127.0.0.1/x"}}, "/document/$ref", "not fetched"),
        ({"document": {"type": "strnig"}}, "/document/type", "strnig"),
        ({"resource": {"endpoint": "http://x"}}, "", "not fetched"),
    ],
)
def test_a_schema_that_a_node_cannot_use_is_refused_by_its_place(schema: Any, place: str, why: str) -> None:
    (wrong,) = check(definition(schema))

    assert wrong.at == f"/do/0/one/output/schema{place}"
    assert why in wrong.detail


def test_a_property_may_be_called_pattern() -> None:
    schema = {"document": {"type": "object", "properties": {"pattern": {"type": "string"}}}}

    assert check(definition(schema)) == []


def test_a_schema_that_points_to_itself_is_a_mismatch() -> None:
    assert "itself" in mismatch({"$ref": "#"}, {"a": 1})


def test_a_schema_that_points_elsewhere_is_fetched_from_nowhere() -> None:
    assert "not in it" in mismatch({"$ref": "http://127.0.0.1:9/x"}, {})
