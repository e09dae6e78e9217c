"""What each kind of task does."""

from datetime import datetime
from typing import Any

import pytest

from messages.task_events import Called, Emitted, Logged, TaskSkipped, Waiting
from tests.flow.driver import play, start


def test_set_is_an_object_or_an_expression() -> None:
    assert play('- one: {set: {a: {b: ["${ .x }", 2]}}}', {"x": 1}).output == {"a": {"b": [1, 2]}}
    assert play('- one: {set: "${ .x }"}', {"x": [1]}).output == [1]


def test_a_task_whose_condition_does_not_hold_is_skipped() -> None:
    found = play("""
        - skipped: {if: .a > 1, set: {b: 1}}
        - after: {set: {seen: "${ . }"}}
    """, {"a": 1})  # fmt: skip

    assert found.output == {"seen": {"a": 1}}
    assert [event.pointer for event in found.of(TaskSkipped)] == ["/do/0/skipped"]


@pytest.mark.parametrize(
    ("condition", "runs"), [("true", True), ("0", True), ('""', True), ("null", False), ("false", False)]
)
def test_a_condition_holds_as_jq_takes_it(condition: str, runs: bool) -> None:
    found = play(f"- maybe: {{if: '${{ {condition} }}', set: {{ran: true}}}}", {})

    assert found.output == ({"ran": True} if runs else {})


def test_the_condition_is_looked_at_before_all_else_of_the_task() -> None:
    found = play("""
        - skipped:
            if: "false"
            input: {schema: {document: {required: [a]}}}
            set: {a: 1}
            export: {as: .}
            then: end
        - after: {set: {context: "${ $context }"}}
    """, {})  # fmt: skip

    assert found.output == {"context": None}


def test_do_does_its_tasks_one_after_the_other() -> None:
    found = play("""
        - outer:
            input: {from: .x}
            do:
              - one: {set: {n: "${ . + 1 }"}}
              - two: {set: {n: "${ .n * 10 }"}}
            output: {as: .n}
    """, {"x": 1})  # fmt: skip

    assert found.output == 20
    assert found.ran() == ["outer", "one", "two"]


def test_a_list_without_tasks_puts_out_its_input() -> None:
    assert play("- nothing: {do: []}", {"a": 1}).output == {"a": 1}


def test_wait_waits_for_its_time_and_puts_out_its_input() -> None:
    found = play("- pause: {wait: {minutes: 1, seconds: 30}}", {"a": 1})

    assert (found.output, found.seconds) == ({"a": 1}, 90.0)


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ("PT15S", 15),
        ("P1DT2H", 26 * 3600),
        ("P2W", 14 * 86400),
        ("PT0.5S", 0.5),
        ("{days: 1, milliseconds: 250}", 86400.25),
        ('"${ .for }"', 40),
        ('"${ \\"PT\\" + (.n | tostring) + \\"M\\" }"', 180),
    ],
)
def test_a_duration_is_iso_8601_inline_or_an_expression(wait: str, seconds: float) -> None:
    assert play(f"- pause: {{wait: {wait}}}", {"for": "PT40S", "n": 3}).seconds == seconds


@pytest.mark.parametrize(
    ("begin", "wait", "until"),
    [
        ("2026-01-31T10:00:00Z", "P1M", "2026-02-28T10:00:00Z"),
        ("2024-01-31T10:00:00Z", "P1M", "2024-02-29T10:00:00Z"),
        ("2024-02-29T10:00:00Z", "P1Y", "2025-02-28T10:00:00Z"),
        ("2026-03-31T23:59:59Z", "P1MT1S", "2026-05-01T00:00:00Z"),
        ("2026-08-31T00:00:00Z", "P6M1D", "2027-03-01T00:00:00Z"),
    ],
)
def test_a_month_is_a_month_also_over_the_end_of_a_shorter_one(begin: str, wait: str, until: str) -> None:
    found = start(f"- pause: {{wait: {wait}}}", at=datetime.fromisoformat(begin))

    assert [event.until for event in found.of(Waiting)] == [datetime.fromisoformat(until)]


@pytest.mark.parametrize("wait", ['"${ .none }"', '"${ .text }"', '"${ .much }"', '"${ .half }"'])
def test_what_is_no_duration_is_a_configuration_error(wait: str) -> None:
    given = {"text": "soon", "much": "P99999999999Y", "half": "P0.5M"}

    assert play(f"- pause: {{wait: {wait}}}", given).word == "configuration"


def test_emit_tells_an_event_and_fills_in_what_is_left_out() -> None:
    text = '- tell: {emit: {event: {with: {type: greeted.v1, data: {name: "${ .name }"}}}}}'
    found = play(text, {"name": "Ada"})

    event = found.of(Emitted)[0].event
    assert found.output == event
    assert {**event, "id": ""} == {
        "specversion": "1.0",
        "id": "",
        "source": "/tests/test/0.1.0",
        "type": "greeted.v1",
        "time": "2026-01-01T00:00:00+00:00",
        "data": {"name": "Ada"},
    }


def test_each_event_has_an_id_of_its_own_that_is_the_same_at_a_redelivery() -> None:
    text = """
        - loop: {for: {in: "[1, 2]"}, do: [{tell: {emit: {event: {with: {type: t}}}}}]}
    """
    first, second = ([event.event["id"] for event in play(text).of(Emitted)] for _ in range(2))

    assert first == second
    assert len(set(first)) == 2


def test_what_an_event_says_itself_is_kept() -> None:
    said = "{id: mine, source: 'https://a.b', type: t, time: '2020-01-01T00:00:00Z'}"
    found = play(f"- tell: {{emit: {{event: {{with: {said}}}}}}}")

    assert (found.output["id"], found.output["time"]) == ("mine", "2020-01-01T00:00:00Z")


def test_a_call_is_given_its_arguments_and_puts_out_the_answer() -> None:
    found = play("""
        - fetch:
            call: http
            with: {method: post, endpoint: "https://api.test/{id}/x", body: {n: "${ .id + 1 }"}}
            output: {as: .content}
    """, {"id": 4}, {"fetch": {"content": "ok"}})  # fmt: skip

    arguments = {"method": "post", "endpoint": "https://api.test/4/x", "body": {"n": 5}}
    assert found.output == "ok"
    assert (found.calls[0].kind, found.calls[0].arguments) == ("http", arguments)
    assert [event.arguments for event in found.of(Called)] == [arguments]


@pytest.mark.parametrize(
    ("uri", "filled"),
    [
        ("https://a.test/{text}", "https://a.test/a%2Fb%20c"),
        ("https://a.test/{yes}/{none}/{missing}/{n}", "https://a.test/true///1.5"),
        ("https://a.test/{a.b}", "https://a.test/dotted"),
    ],
)
def test_places_in_an_address_are_filled_with_members_of_the_input(uri: str, filled: str) -> None:
    given = {"text": "a/b c", "yes": True, "none": None, "n": 1.5, "a.b": "dotted", "a": {"b": "deep"}}
    found = play(f'- fetch: {{call: http, with: {{method: get, endpoint: "{uri}"}}}}', given, {"fetch": None})

    assert found.calls[0].arguments["endpoint"] == filled


def test_a_place_in_an_address_that_is_no_single_value_is_an_expression_error() -> None:
    found = play('- fetch: {call: http, with: {method: get, endpoint: "https://a.test/{a}"}}', {"a": [1]})

    assert found.word == "expression"


def test_an_address_that_was_computed_is_left_as_it_is() -> None:
    text = '- fetch: {call: http, with: {method: get, endpoint: "${ .uri }"}}'
    found = play(text, {"uri": "https://a.test/{id}", "id": 1}, {"fetch": None})

    assert found.calls[0].arguments["endpoint"] == "https://a.test/{id}"


@pytest.mark.parametrize(
    ("with_", "place"),
    [
        ("{method: get, endpoint: {uri: 'https://a.test', authentication: {use: mine}}}", ["endpoint"]),
        ("{document: {endpoint: {uri: 'https://a.test', authentication: {use: mine}}}, operationId: x}",
         ["document", "endpoint"]),
        ("{document: {endpoint: 'https://a.test'}, operationId: x, authentication: {use: mine}}", []),
    ],
)  # fmt: skip
def test_a_reusable_authentication_is_put_in_its_place(with_: str, place: list[str]) -> None:
    kind = "openapi" if "operationId" in with_ else "http"
    found = play(f"""
        use: {{authentications: {{mine: {{basic: {{username: ada, password: "${{ .secret }}"}}}}}}}}
        do:
          - fetch: {{call: {kind}, with: {with_}}}
    """, {"secret": "x"}, {"fetch": None})  # fmt: skip

    given: Any = found.calls[0].arguments
    for step in place:
        given = given[step]
    assert given["authentication"] == {"basic": {"username": "ada", "password": "x"}}


def test_a_function_of_the_definition_is_called_with_its_arguments_as_input() -> None:
    found = play("""
        use:
          functions:
            double: {set: {twice: "${ .n * 2 }"}, output: {as: .twice}}
        do:
          - one: {call: double, with: {n: "${ .x }"}}
          - two: {call: double, with: {n: "${ . }"}}
    """, {"x": 3})  # fmt: skip

    assert found.output == 12


def test_a_function_may_be_named_as_a_pointer_would_not_have_it() -> None:
    found = play("""
        use: {functions: {a/b~c: {do: [{in/side: {set: {at: "${ $task.reference }"}}}]}}}
        do:
          - one: {call: a/b~c}
    """)  # fmt: skip

    assert found.output == {"at": "/use/functions/a~1b~0c/do/0/in~1side"}


def test_the_error_of_a_function_names_its_task() -> None:
    found = play("""
        use: {functions: {fail: {raise: {error: {type: a, status: 400}}}}}
        do:
          - one: {call: fail}
    """)  # fmt: skip

    assert found.problem.instance == "/use/functions/fail"


def test_log_notes_a_message_and_passes_its_input_on() -> None:
    found = play('- note: {call: log, with: {message: "${ \\"n is \\\\(.n)\\" }", level: warning}}', {"n": 1})

    assert [(event.level, event.message) for event in found.of(Logged)] == [("warning", "n is 1")]
    assert found.output == {"n": 1}


def test_a_child_run_is_waited_for() -> None:
    text = "- child: {run: {workflow: {namespace: n, name: other, version: 0.1.0, input: {a: '${ .x }'}}}}"
    found = play(text, {"x": 1}, {"other": {"done": True}})

    assert found.output == {"done": True}
    assert found.calls[0].arguments == {"name": "other", "input": {"a": 1}}


def test_a_child_run_that_is_not_awaited_is_begun_and_the_input_goes_on() -> None:
    text = "- child: {run: {await: false, workflow: {namespace: n, name: other, version: 0.1.0}}}"
    found = play(text, {"x": 1}, {"other": {"done": True}})

    assert found.output == {"x": 1}
    assert len(found.calls) == 1


def test_a_command_is_told_what_to_return() -> None:
    text = "- command: {run: {return: all, shell: {command: ls, arguments: ['${ .x }']}}}"
    found = play(text, {"x": "-l"}, {"command": {"code": 0}})

    assert found.calls[0].arguments == {"command": "ls", "arguments": ["-l"], "return": "all"}
    assert found.output == {"code": 0}
