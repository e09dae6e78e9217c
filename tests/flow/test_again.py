"""Running again what has ended: from where it failed, from its start, or from an action."""

from typing import Any

import pytest

from actors.actor import Rejected
from actors.flow.actor import status
from messages.run import Cancel, Retry, Rewound, Terminate
from messages.run_events import Restarted, Unmoved
from tests.flow.driver import Play, answered, problem, start, workflow

GET = "{call: http, with: {method: get, endpoint: 'https://a.test', body: '${ . }'}}"
THREE = f"""
- one: {GET}
- two: {GET}
- three: {{set: {{seen: "${{ . }}", given: "${{ $workflow.input }}", context: "${{ $context }}"}}}}
"""


class World:
    """Answers calls; those that are named fail as often as it is told."""

    def __init__(self, **fails: int) -> None:
        self.fails = fails
        self.made: list[str] = []

    def __call__(self, call: Any) -> Any:
        name = call.pointer.rsplit("/", 1)[-1]
        self.made.append(name)
        self.fails[name] = self.fails.get(name, 0) - 1
        return problem() if self.fails[name] >= 0 else {"by": name, "n": len(self.made)}


async def ended(text: str, world: World, given: Any = None) -> Play:
    return await start(text, given, world).go_on()


async def again(found: Play, from_: str, text: str = "") -> Play:
    found.say(Retry(start=from_, definition=workflow(text) if text else None))
    return await found.go_on()


async def test_from_where_it_failed_what_has_ended_is_not_done_again() -> None:
    world = World(two=1)
    found = await ended(THREE, world, {"x": 1})

    await again(found, "failed")

    assert found.output == {"seen": {"by": "two", "n": 3}, "given": {"x": 1}, "context": None}
    assert world.made == ["one", "two", "two"]
    assert found.calls[2].arguments["body"] == {"by": "one", "n": 1}


async def test_from_its_start_all_is_done_again_with_the_same_input() -> None:
    world = World(two=1)
    found = await ended(THREE, world, {"x": 1})

    await again(found, "start")

    assert world.made == ["one", "two", "one", "two"]
    assert found.output["given"] == {"x": 1}


async def test_from_an_action_what_was_before_it_stays() -> None:
    world = World()
    found = await ended(THREE, world, {"x": 1})

    await again(found, "/do/1/two")

    assert world.made == ["one", "two", "two"]
    assert found.calls[2].arguments["body"] == {"by": "one", "n": 1}
    assert (found.output["seen"]["n"], found.state.restarts) == (3, 1)


async def test_what_runs_again_has_keys_of_its_own_and_hears_no_late_answers() -> None:
    found = await ended(THREE, World(two=1))
    late = found.calls[1]
    found.say(Retry())
    await found.dry.serve()

    assert found.say(answered(late)) == []
    await found.go_on()
    assert len({call.key for call in found.calls}) == 3


async def test_it_goes_on_in_the_round_of_a_loop_where_it_failed() -> None:
    left = {"n": 5}

    def calls(call: Any) -> Any:
        left["n"] -= 1
        return problem() if left["n"] == 1 else {"sum": call.arguments["body"]["sum"]}

    found = start("""
        - loop:
            for: {in: "[1, 2, 3, 4, 5, 6]"}
            do:
              - add: {set: {sum: "${ .sum + $item }"}}
              - get: {call: http, with: {method: get, endpoint: "https://a.test", body: "${ . }"}}
    """, {"sum": 0}, calls)  # fmt: skip
    await found.go_on()

    await again(found, "failed")

    assert (found.output, len(found.calls)) == ({"sum": 21}, 7)


async def test_it_goes_on_in_a_try_with_the_context_of_then() -> None:
    world = World(two=2)
    found = await ended(f"""
        - first: {{set: {{a: 1}}, export: {{as: "{{kept: .a}}"}}}}
        - guarded:
            try: [{{one: {GET}}}, {{two: {GET}}}]
            catch: {{retry: {{limit: {{attempt: {{count: 0}}}}}}}}
        - last: {{set: {{context: "${{ $context }}"}}}}
    """, world)  # fmt: skip

    await again(found, "failed")
    await again(found, "failed")

    assert world.made == ["one", "two", "two", "two"]
    assert found.output == {"context": {"kept": 1}}


async def test_branches_that_were_given_up_go_on_beside_the_one_that_failed() -> None:
    world = World(fails=1)
    found = await ended(f"""
        - both:
            fork:
              branches:
                - fine: {{do: [{{one: {GET}}}, {{sleep: {{wait: PT1H}}}}, {{write: {{set: {{a: 1}}}}}}]}}
                - broken: {{do: [{{nap: {{wait: PT1M}}}}, {{fails: {GET}}}]}}
    """, world)  # fmt: skip

    await again(found, "failed")

    assert found.output == [{"a": 1}, {"by": "fails", "n": 3}]
    assert world.made == ["one", "fails", "fails"]


async def test_a_task_that_took_too_long_has_its_whole_time_again() -> None:
    found = await ended(
        "- slow: {do: [{nap: {wait: PT4S}}, {long: {wait: PT4S}}], timeout: {after: PT7S}}", World()
    )

    await again(found, "failed")

    assert (found.state.status, found.seconds) == ("success", 8.0)


@pytest.mark.parametrize("stop", [Cancel(), Terminate()])
async def test_what_was_cancelled_goes_on_where_it_was(stop: Any) -> None:
    world = World()
    found = start(f"- one: {GET}\n- sleep: {{wait: PT1H}}\n- two: {GET}", None, world)
    await found.settle()
    found.say(stop)

    await again(found, "failed")

    assert (world.made, found.state.status) == (["one", "two"], "success")


async def test_another_definition_takes_the_place_of_the_one_that_failed() -> None:
    world = World(two=9)
    found = await ended(THREE, world)

    await again(
        found,
        "failed",
        THREE.replace(f"- two: {GET}", "- two: {call: http, with: {method: get, endpoint: b}}"),
    )
    assert found.calls[-1].arguments["endpoint"] == "b"
    world.fails.clear()
    await again(found, "failed")

    assert world.made == ["one", "two", "two", "two"]


async def test_another_definition_that_lacks_what_was_under_way_is_not_taken() -> None:
    found = await ended(THREE, World(two=9))

    await again(found, "failed", f"- one: {GET}")

    (refused,) = found.of(Unmoved)
    assert (refused.code, "/do/1/two" in refused.detail) == ("definition_conflict", True)
    assert (found.state.status, found.problem.status) == ("failure", 503)


async def test_with_another_definition_it_may_begin_anew() -> None:
    found = await ended(THREE, World(two=9))

    await again(found, "start", "- only: {set: {a: 1}}")

    assert found.output == {"a": 1}


async def test_while_its_history_is_read_it_is_pending_and_to_ask_twice_changes_nothing() -> None:
    found = await ended(THREE, World(two=1))
    found.say(Retry())

    assert status(found.state) == "pending"
    assert found.say(Retry()) == []
    (ask,) = found.dry.work
    await found.settle()
    assert found.say(Rewound(version=ask.version)) == []
    assert len(found.of(Restarted)) == 1


@pytest.mark.parametrize(
    ("text", "from_", "code"),
    [
        ("- one: {set: {a: 1}}", "failed", "state_conflict"),
        ("- one: {set: {a: 1}}", "/do/9/none", "not_found"),
        ("- one: {set: {a: 1}}", "/do", "not_found"),
        ("- one: {set: {a: 1}}", "", "not_found"),
        ("- one: {fork: {branches: [{a: {set: {a: 1}}}]}}", "/do/0/one/fork/branches/0/a", "in_a_branch"),
    ],
)
async def test_what_cannot_be_gone_back_to_is_refused(text: str, from_: str, code: str) -> None:
    found = await ended(text, World())

    with pytest.raises(Rejected) as refused:
        found.say(Retry(start=from_))

    assert refused.value.code == code


async def test_an_action_that_it_never_came_to_cannot_be_gone_back_to() -> None:
    found = await ended("- one: {set: {a: 1}, then: end}\n- two: {set: {a: 2}}", World())

    await again(found, "/do/1/two")

    assert [event.code for event in found.of(Unmoved)] == ["not_found"]
    assert found.output == {"a": 1}


async def test_a_definition_that_cannot_be_run_is_refused() -> None:
    found = await ended("- one: {set: {a: 1}}", World())

    with pytest.raises(Rejected, match="invalid_definition") as refused:
        found.say(Retry(start="start", definition={**workflow("- a: {do: []}"), "do": 7}))

    assert refused.value.at == "/definition/do"


async def test_what_runs_is_not_run_again() -> None:
    found = start("- slow: {wait: PT1H}")

    with pytest.raises(Rejected, match="state_conflict"):
        found.say(Retry())


async def test_a_run_that_passed_a_bound_has_a_new_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    from actors.flow import limits  # noqa: PLC0415

    monkeypatch.setattr(limits, "ACTIONS_MAX", 4)
    found = await ended(
        "- a: {set: {n: 1}}\n- b: {set: {n: 2}}\n- c: {set: {n: 3}}\n- d: {set: {n: 4}}", World()
    )
    assert found.state.status == "failure"

    await again(found, "failed")

    assert found.output == {"n": 4}
