"""The engine says what the model says: of each rule, each combination, each order."""

from __future__ import annotations

import os
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import flags
from tests.flags.model import LIMIT, Model, Rule

NAMES = [f"-{letter}" for letter in "hgfedcba"]  # declared in another order than that of the alphabet
EXAMPLES = 3_000 if os.environ.get("COVEY_SOAK") else 300

names = st.sampled_from(NAMES)
rules: st.SearchStrategy[list[Rule]] = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["requires", "requires", "interferes", "behind", "in_front_of"]), names, names
        ),
        st.tuples(st.just("position"), names, st.integers(0, 8)),
        st.tuples(st.just("weight"), names, st.integers(0, 10)),
    ),
    max_size=24,
)
asked = st.lists(st.sampled_from([*NAMES, "-unknown"]), max_size=6)


def empty() -> flags.Schema:
    schema = flags.Schema(NAMES)
    schema.scale("load", LIMIT)
    return schema


def add(schema: flags.Schema, rule: Rule) -> str:
    """Add a rule; return the code of the refusal, or nothing."""
    kind, one, two = rule
    try:
        match kind, two:
            case "requires", str():
                schema.require(one, two)
            case "interferes", str():
                schema.interfere(one, two)
            case "behind", str():
                schema.behind(one, two)
            case "in_front_of", str():
                schema.in_front_of(one, two)
            case "position", int():
                schema.position_at(one, two)
            case "weight", int():
                schema.scale_at(one, "load", two)
    except flags.Refused as refused:
        return refused.code
    return ""


def built(rules: list[Rule]) -> tuple[flags.Schema, Model]:
    schema, model = empty(), Model(NAMES)
    for rule in rules:
        if not model.add(rule):
            add(schema, rule)
    return schema, model


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules)
def test_the_same_rules_are_refused_and_leave_the_schema_as_it_was(rules: list[Rule]) -> None:
    schema, model = empty(), Model(NAMES)

    for rule in rules:
        before = flags.to_graphml(schema)
        code = add(schema, rule)

        assert code == model.add(rule), rule
        if code:
            assert flags.to_graphml(schema) == before
    for one, two in product(NAMES, NAMES):
        assert flags.shortest_path(schema, one, two) == model.path([one], two)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules, asked, st.booleans())
def test_a_combination_has_the_same_violations(rules: list[Rule], asked: list[str], complete: bool) -> None:
    schema, model = built(rules)
    if complete:
        asked = asked[:3]  # with all that they require, the orders are still few enough to try

    verdict = flags.check(schema, asked, complete=complete)

    assert [violation[:2] for violation in verdict.violations] == model.violations(asked, complete=complete)
    assert verdict == flags.check(schema, [*reversed(asked), *asked], complete=complete)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules, st.lists(names, max_size=6, unique=True), st.booleans())
def test_the_order_is_the_first_that_keeps_the_rules(
    rules: list[Rule], asked: list[str], given: bool
) -> None:
    schema, model = built(rules)
    expected = model.order(asked if given else sorted(asked, key=NAMES.index))

    if expected is None:
        with pytest.raises(flags.Refused, match="order_impossible"):
            flags.execution_order(schema, asked, as_given=given)
    else:
        assert flags.execution_order(schema, asked, as_given=given) == expected


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules, names)
def test_a_flag_is_explained_by_what_the_rules_lead_to(rules: list[Rule], flag: str) -> None:
    schema, model = built(rules)

    told = flags.explain(schema, flag)

    assert {path: path[-1] for path in told.needs} == {
        model.path([flag], other): other for other in NAMES if other != flag and model.path([flag], other)
    }
    assert set(told.needed_by) == {other for other in NAMES if other != flag and model.path([other], flag)}
    excluded = {other for other in NAMES if _interfere(model, {flag, other}) and other != flag}
    assert {one.flag for one in told.excludes} == excluded
    for one in told.excludes:
        assert frozenset(one.because) in model.foes
        assert model.path([flag], one.because[0])
        assert model.path([one.flag], one.because[1])


def _interfere(model: Model, asked: set[str]) -> bool:
    return any(code == "interference" for code, _ in _judged(model, asked))


def _judged(model: Model, asked: set[str]) -> list[tuple[str, tuple[str, ...]]]:
    needed = [flag for flag in NAMES if any(model.path([one], flag) for one in asked)]
    pairs = [pair for pair in permutations(needed, 2) if frozenset(pair) in model.foes]
    return [("interference", pair) for pair in pairs]
