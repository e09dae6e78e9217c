"""Small definitions, made at random: all that a run may meet, but nothing without end."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from messages.problem import Problem
from messages.run import Call
from tests.definition.kinds import document
from tests.flow.driver import problem

EXPRESSIONS = (
    *("${ . }", "${ .n }", "${ $input.n }", "${ .n + 1 }", "${ $context.n }", "${ [.[]?] }", "text", 7),
    *("${ {n: (.n // 0 | tonumber? // 1)} }", "${ .x.y }", "${ $item }", "${ $error.status }"),
)
CONDITIONS = (".n", ".n > 2", "${ true }", "${ false }", "$context != null", ".n | not")
DURATIONS = ("PT1S", "PT5S", {"seconds": 2}, "P1D", "${ .for }")
ENDS = ("continue", "exit", "end")


def definitions() -> st.SearchStrategy[dict[str, Any]]:
    """Make definitions; ``/use/functions/f`` is one that they may call."""
    functions = {"f": {"do": [{"inner": {"set": {"n": "${ .n + 10 }"}}}], "output": {"as": "${ . }"}}}
    more = st.fixed_dictionaries(
        {}, optional={"timeout": st.just({"after": "PT20S"}), "output": st.just({"as": "${ . }"})}
    )
    return st.builds(
        lambda items, more: {**document(), "use": {"functions": functions}, **more, "do": items},
        lists(st.deferred(tasks), least=2, most=5),
        more,
    )


def lists(
    task: st.SearchStrategy[Any], least: int = 1, most: int = 3
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Make lists of tasks; a task may go on with a later one."""
    return st.lists(st.tuples(task, st.integers(0, 19)), min_size=least, max_size=most).map(_named)


def _named(drawn: list[tuple[dict[str, Any], int]]) -> list[dict[str, Any]]:
    items = []
    for place, (body, choice) in enumerate(drawn):
        later = [f"t{number}" for number in range(place + 1, len(drawn))]
        thens = [*ENDS, *later]
        then = {"then": thens[choice % len(thens)]} if choice < 4 else {}
        items.append({f"t{place}": {**body, **then}})
    return items


def tasks() -> st.SearchStrategy[dict[str, Any]]:
    """Make tasks with tasks in them."""
    composed = _composed(st.recursive(_plain(), _composed, max_leaves=12))
    return st.builds(lambda body, more: {**body, **more}, composed | composed | _plain(), _around())


def _around() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "if": st.sampled_from(CONDITIONS),
            "input": st.sampled_from([{"from": "${ . }"}, {"from": {"n": "${ .n }"}}]),
            "output": st.sampled_from([{"as": "${ . }"}, {"as": {"n": "${ .n }"}}, {"as": ".n"}]),
            "export": st.sampled_from([{"as": {"n": "${ .n }"}}, {"as": "$context"}]),
            "timeout": st.sampled_from([{"after": "PT3S"}, {"after": {"hours": 1}}]),
        },
    ) | st.just({})


GET = {"call": "http", "with": {"method": "get", "endpoint": "https://a.test", "body": "${ . }"}}
RARE = (
    {"call": "f", "with": {"n": "${ .n }"}},
    {"call": "log", "with": {"message": "${ .n }"}},
    {"emit": {"event": {"with": {"type": "t", "data": "${ . }"}}}},
    {"raise": {"error": {"type": "https://a.test/own", "status": 409}}},
    {"run": {"workflow": {"namespace": "n", "name": "child", "version": "1.0.0"}}},
    {"run": {"await": False, "shell": {"command": "ls"}}},
    {"switch": [{"one": {"when": ".n > 2", "then": "exit"}}, {"other": {"then": "continue"}}]},
)


def _plain() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.just(GET),
        st.just(GET),
        st.builds(lambda value: {"set": {"n": value}}, st.sampled_from(EXPRESSIONS)),
        st.sampled_from(DURATIONS).map(lambda wait: {"wait": wait}),
        st.sampled_from(RARE),
    )


def _composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    items = lists(inner)
    branches = st.lists(inner, max_size=3).map(lambda found: [{f"b{n}": one} for n, one in enumerate(found)])
    retry = st.sampled_from(
        [
            {"retry": {"limit": {"attempt": {"count": 1}}}},
            {},
            {"retry": {"delay": "PT1S", "limit": {"attempt": {"count": 2}}}},
        ]
    )
    handler = st.one_of(st.just({}), items.map(lambda found: {"do": found}), st.just({"then": "continue"}))
    filters = st.sampled_from([{}, {"errors": {"with": {"status": 503}}}, {"when": "$error.status < 500"}])
    return st.one_of(
        items.map(lambda found: {"do": found}),
        st.builds(
            lambda found, over, go: {"for": {"in": over}, "do": found, **go},
            items,
            st.sampled_from(["[1, 2, 3]", "${ [.n, 2] }", "[]"]),
            st.sampled_from([{}, {"while": "$index < 2"}]),
        ),
        st.builds(
            lambda found, race: {"fork": {"branches": found, "compete": race}}, branches, st.booleans()
        ),
        st.builds(
            lambda found, *parts: {"try": found, "catch": {key: one[key] for one in parts for key in one}},
            items,
            retry,
            handler,
            filters,
        ),
    )


def world(call: Call) -> Any:
    """Answer a call, always in the same way: one of four fails."""
    number = crc32(call.key.encode())
    return problem() if number % 4 == 0 else {"n": number % 5, "for": "PT1S"}


def healthy(call: Call) -> Any:
    """Answer a call; none fails."""
    found = world(call)
    return {"n": 1} if isinstance(found, Problem) else found
