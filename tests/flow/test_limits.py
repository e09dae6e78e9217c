"""What a run may use: who passes a bound ends, whatever its tasks would catch."""

from itertools import pairwise

import pytest

from actors.flow import decide, limits, reading
from messages.run import Deliver
from messages.run_events import Paced
from messages.task_events import TaskStarted
from tests.flow.driver import Play, play, start


def over(found: Play) -> str:
    assert (found.problem.type.rsplit("/", 1)[-1], found.problem.status) == ("limit_exceeded", 500)
    assert found.state.frames == {}
    return found.problem.detail


@pytest.fixture
def _low(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACTIONS_MAX": 50, "ROUNDS_MAX": 30, "LOG_BYTES_MAX": 100, "HEARD_MAX": 3}.items():
        monkeypatch.setattr(limits, name, value)


@pytest.mark.usefixtures("_low")
def test_a_run_has_only_so_many_actions() -> None:
    found = play("- again: {set: {n: 1}, then: again}")

    assert "actions" in over(found)
    assert found.problem.instance == "/do/0/again"
    assert len(found.of(TaskStarted)) == 50


@pytest.mark.usefixtures("_low")
def test_a_bound_that_is_passed_cannot_be_caught() -> None:
    found = play("- guarded: {try: [{again: {set: {n: 1}, then: again}}], catch: {then: end}}")

    assert "actions" in over(found)


@pytest.mark.usefixtures("_low")
def test_loops_and_retries_have_only_so_many_rounds() -> None:
    assert "rounds" in over(play("- loop: {for: {in: '[range(31)]'}, do: []}", {}))
    assert "rounds" in over(
        play("- t: {try: [{f: {if: error, set: {a: 1}}}], catch: {retry: {limit: {attempt: {count: 99}}}}}")
    )


@pytest.mark.usefixtures("_low")
def test_tasks_that_are_skipped_count_too() -> None:
    found = play("""
        - loop:
            for: {in: "[range(29)]"}
            do: [{a: {if: "false", set: {a: 1}}}, {b: {if: "false", set: {a: 1}}}]
    """, {})  # fmt: skip

    assert "actions" in over(found)


def test_functions_that_call_themselves_end() -> None:
    found = play("""
        use: {functions: {f: {do: [{g: {call: f}}]}}}
        do: [{first: {call: f}}]
    """)  # fmt: skip

    assert over(found) == "tasks are at most 64 deep"


@pytest.mark.usefixtures("_low")
def test_a_run_logs_only_so_much() -> None:
    text = (
        "- loop: {for: {in: '[range(9)]'}, do: [{note: {call: log, with: {message: 0123456789012345678}}}]}"
    )

    assert over(play(text, {})) == "a run logs at most 100 bytes"


@pytest.mark.parametrize(
    "text",
    [
        '- grow: {set: {a: "${ .a + .a }"}, then: grow}',
        '- keep: {set: {n: 1}, export: {as: "[range(100000)]"}}',
        '- loop: {for: {in: "[range(40)]"}, do: [{grow: {set: {a: "${ [.a, .a] }"}}}]}',
    ],
)
def test_the_data_of_a_task_are_bounded(text: str) -> None:
    assert over(play(text, {"a": "x" * 1000})) == "the data of a task have at most 196608 bytes"


def test_the_answer_of_a_call_is_bounded() -> None:
    text = "- get: {call: http, with: {method: get, endpoint: 'https://a.test'}}"

    assert "bytes" in over(play(text, None, {"get": "x" * 200_000}))


def test_all_tasks_together_put_out_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOTAL_BYTES_MAX", 1_000_000)

    assert "together" in over(play("- keep: {set: {a: '${ .a }'}, then: keep}", {"a": "x" * 100_000}))


@pytest.mark.usefixtures("_low")
def test_a_task_gathers_only_so_many_events() -> None:
    found = start("- hear: {listen: {to: {any: [], until: {one: {with: {type: stop}}}}}}")
    for number in range(4):
        found.say(Deliver(event={"type": "a", "data": number}))

    assert over(found) == "a task gathers at most 3 events"


def test_what_is_asked_for_is_asked_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ASK_BYTES_MAX", 3_000)
    wanted = {f"m{n}": f'${{ .a + "{n}" }}' for n in range(5)}
    found = play(f"- many: {{set: {wanted}}}", {"a": "x" * 1_000})

    assert [len(ask.expressions) for ask in found.asks] == [2, 2, 1]
    assert sorted(len(value) for value in found.output.values()) == [1_001] * 5


def test_an_expression_on_more_than_a_message_takes_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ASK_BYTES_MAX", 500)

    assert "an expression" in over(play("- big: {set: '${ .a + .a }'}", {"a": "x" * 1_000}))


def test_one_message_leads_to_a_bounded_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "STEPS_MAX", 20)
    found = play("- loop: {for: {in: .n}, do: [{keep: {set: {n: '${ $index }'}}}]}", {"n": list(range(40))})

    assert found.output == {"n": 39}
    places = [place for place, event in enumerate(found.dry.events) if isinstance(event, Paced)]
    assert len(places) > 5
    assert all(later - sooner <= 22 for sooner, later in pairwise(places))


def test_one_message_leads_to_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "STEP_BYTES_MAX", 10_000)

    assert play("- one: {set: {a: '${ .a }'}}", {"a": "x" * 5_000}).of(Paced)


def test_who_is_told_to_go_on_twice_goes_on_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "STEPS_MAX", 3)
    found = start("- one: {set: {n: 1}}")
    (go,) = found.dry.work
    while not found.state.is_over:
        found.say(go)

    assert found.say(go) == []
    assert found.output == {"n": 1}
