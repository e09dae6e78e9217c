"""How data flow through a run: transformations, schemas, and the names that expressions may use."""

from typing import Any

import pytest

from tests.flow.driver import play


def test_the_output_of_a_task_is_the_input_of_the_next_one() -> None:
    found = play("""
        - first: {set: {a: "${ .given }"}}
        - second: {set: {b: "${ .a + 1 }"}}
    """, {"given": 1})  # fmt: skip

    assert found.output == {"b": 2}


def test_the_input_of_the_workflow_is_transformed_before_its_first_task() -> None:
    found = play("""
        input: {from: .order}
        do:
          - read: {set: {id: "${ .id }", input: "${ $input.id }", raw: "${ $workflow.input.order.id }"}}
    """, {"order": {"id": 7}})  # fmt: skip

    assert found.output == {"id": 7, "input": 7, "raw": 7}


def test_the_output_of_the_workflow_is_transformed_at_its_end() -> None:
    found = play("""
        output: {as: {sum: "${ .a + .b }"}}
        do:
          - both: {set: {a: 1, b: 2}}
    """)  # fmt: skip

    assert found.output == {"sum": 3}


def test_a_task_sees_its_transformed_input_and_knows_what_came_in() -> None:
    found = play("""
        - read:
            input: {from: "${ .inner }"}
            set: {dot: "${ . }", input: "${ $input }", raw: "${ $task.input }"}
    """, {"inner": 5})  # fmt: skip

    assert found.output == {"dot": 5, "input": 5, "raw": {"inner": 5}}


def test_an_input_may_be_an_object_with_expressions_in_it() -> None:
    found = play("""
        - read:
            input: {from: {x: "${ .a }", deep: [1, {y: "${ .a + 1 }"}]}}
            set: "${ . }"
    """, {"a": 1})  # fmt: skip

    assert found.output == {"x": 1, "deep": [1, {"y": 2}]}


def test_an_output_is_transformed_with_the_raw_output_at_hand() -> None:
    found = play("""
        - write:
            set: {a: 1}
            output: {as: "{ as: .a, raw: $task.output.a, input: $input.given }"}
    """, {"given": 9})  # fmt: skip

    assert found.output == {"as": 1, "raw": 1, "input": 9}


def test_the_context_is_what_was_exported_last_and_begins_as_null() -> None:
    found = play("""
        - before: {set: {seen: "${ $context }"}, export: {as: "$context + {first: $output}"}}
        - between: {set: {b: 2}, export: {as: "$context + {second: .b}"}}
        - after: {set: {context: "${ $context }", dot: "${ . }"}}
    """)  # fmt: skip

    assert found.output == {"context": {"first": {"seen": None}, "second": 2}, "dot": {"b": 2}}


def test_an_export_sees_the_transformed_output() -> None:
    found = play("""
        - write:
            set: {a: {b: 1}}
            output: {as: .a}
            export: {as: {dot: "${ . }", output: "${ $output }", raw: "${ $task.output }"}}
        - read: {set: "${ $context }"}
    """)  # fmt: skip

    assert found.output == {"dot": {"b": 1}, "output": {"b": 1}, "raw": {"a": {"b": 1}}}


def test_the_descriptors_tell_of_task_workflow_and_runtime() -> None:
    found = play("""
        - outer:
            do:
              - named:
                  set:
                    name: ${ $task.name }
                    at: ${ $task.reference }
                    set: ${ $task.definition.set.name }
                    id: ${ $workflow.id }
                    of: ${ $workflow.definition.document.name }
                    runtime: ${ $runtime.name }
                    at_ms: ${ $workflow.startedAt.epoch.milliseconds }
                    iso: ${ $task.startedAt.iso8601 }
    """)  # fmt: skip

    output = found.output
    assert output.pop("iso").startswith("2026-01-01T00:00:00")
    assert output == {
        "name": "named",
        "at": "/do/0/outer/do/0/named",
        "set": "${ $task.name }",
        "id": "dry",
        "of": "test",
        "runtime": "covey",
        "at_ms": 1767225600000,
    }


def test_the_input_is_no_name_before_it_is_there() -> None:
    found = play("- never: {if: $input.a, set: {a: 1}}", {"a": True})

    assert (found.word, found.problem.instance) == ("expression", "/do/0/never")


@pytest.mark.parametrize(
    ("slot", "given", "detail"),
    [
        ("input", {"a": "text"}, "input: $.a: 'text' is not of type 'integer'"),
        ("output", {"a": 1}, "output: $.a: 1 is not of type 'boolean'"),
        ("export", {"a": 1}, "export: $.a: 1 is not of type 'string'"),
    ],
)
def test_data_that_do_not_fit_their_schema_are_a_validation_error(slot: str, given: Any, detail: str) -> None:
    schemas = {"input": "integer", "output": "integer", "export": "integer"}
    schemas |= {"output": "boolean"} if slot == "output" else {}
    schemas |= {"export": "string"} if slot == "export" else {}
    schema = "schema: {format: json, document: {properties: {a: {type: %s}}}}"
    found = play(f"""
        - checked:
            input: {{{schema % schemas["input"]}}}
            set: {{a: 1}}
            output: {{{schema % schemas["output"]}}}
            export: {{as: ., {schema % schemas["export"]}}}
    """, given)  # fmt: skip

    assert (found.word, found.problem.status, found.problem.detail) == ("validation", 400, detail)
    assert found.problem.instance == "/do/0/checked"


def test_the_raw_input_is_validated_before_it_is_transformed() -> None:
    found = play("""
        - checked:
            input: {from: .a, schema: {document: {required: [a]}}}
            set: "${ . }"
    """, {"a": 1})  # fmt: skip

    assert found.output == 1


def test_the_input_and_the_output_of_the_workflow_are_validated() -> None:
    text = """
        input: {schema: {document: {required: [a]}}}
        output: {schema: {document: {required: [b]}}}
        do:
          - write: {set: {b: 1}}
    """

    assert play(text, {"a": 1}).output == {"b": 1}
    assert play(text, {}).problem.instance == ""
    assert play(text.replace("b: 1", "c: 1"), {"a": 1}).word == "validation"


def test_what_comes_in_as_data_is_never_evaluated() -> None:
    hostile = {"a": "${ 1 + 1 }", "b": ["${ env }"]}
    found = play("""
        - keep: {set: {kept: "${ . }"}, output: {as: "${ .kept }"}}
        - again: {set: {kept: "${ .a }", more: "${ [.b[]] }"}}
    """, hostile)  # fmt: skip

    assert found.output == {"kept": "${ 1 + 1 }", "more": ["${ env }"]}


def test_an_expression_that_fails_is_an_expression_error_of_its_task() -> None:
    found = play('- broken: {set: {a: "${ error(\\"no\\") }"}}')

    assert (found.word, found.problem.status, found.problem.instance) == ("expression", 400, "/do/0/broken")
    assert "no" in found.problem.detail


def test_an_expression_that_gives_nothing_is_an_error() -> None:
    assert play('- broken: {set: {a: "${ empty }"}}').word == "expression"


def test_only_the_first_value_of_an_expression_counts() -> None:
    assert play('- many: {set: {a: "${ 1, 2, 3 }"}}').output == {"a": 1}


def test_text_around_an_expression_keeps_it_a_text() -> None:
    found = play('- text: {set: {a: "is ${ .a }", b: "${ .a"}}', {"a": 1})

    assert found.output == {"a": "is ${ .a }", "b": "${ .a"}
