"""The fast path gives what jq gives, or nothing: held against the real library."""

import json
import re
from collections.abc import Mapping
from typing import Any

import jq
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.flow.fast import MISS, expression, fast, filled, names, template

EXAMPLES = 400
KEYS = ("a", "b", "and", "not", "A1_", "x y", "é", "😀", '"', "\\", "", "0", "$v", "\u2028", "a.b", "\x7f")
VARIABLES = ("v", "w_2", "and", "input")

numbers = (
    st.integers(-20, 20)
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.1, 1.0, 100.0, 1e22, -0.0, 2**53 + 1, 2**64, 10**30])
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(KEYS)
scalars = st.none() | st.booleans() | numbers | texts
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def paths(draw: st.DrawFn, value: Any) -> str:
    """Write a way that mostly leads somewhere in a value."""
    written = ""
    for _ in range(draw(st.integers(0, 4))):
        step = draw(steps(value))
        written += draw(spelled(step, is_first=not written))
        value = taken(value, step)
    return written


def steps(value: Any) -> st.SearchStrategy[str | int]:
    anything = st.sampled_from(KEYS) | st.integers(-6, 6) | st.just(999_999_999)
    if isinstance(value, dict) and value:
        return st.sampled_from(list(value)) | st.sampled_from(list(value)) | anything
    return st.integers(-6, 6) | st.integers(-6, 6) | anything if isinstance(value, list) else anything


def taken(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (TypeError, KeyError, IndexError):
        return None


@st.composite
def spelled(draw: st.DrawFn, step: str | int, *, is_first: bool) -> str:
    if isinstance(step, int):
        return draw(st.sampled_from([".[{}]", "[{}]"])).format(step) if not is_first else f".[{step}]"
    quoted = json.dumps(step, ensure_ascii=draw(st.booleans()))
    forms = [f".{quoted}", f".[{quoted}]"]
    if not is_first:
        forms.append(f"[{quoted}]")
    if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", step):
        forms.append(f".{step}")
    return draw(st.sampled_from(forms))


@st.composite
def operands(draw: st.DrawFn, data: Any, variables: Mapping[str, Any]) -> str:
    match draw(st.integers(0, 4)):
        case 0:
            name = draw(st.sampled_from([*variables, "unknown"]))
            return f"${name}" + draw(paths(variables.get(name)))
        case 1:
            return json.dumps(draw(scalars), ensure_ascii=draw(st.booleans()))
        case _:
            return draw(paths(data)) or "."


@st.composite
def conditions(draw: st.DrawFn, data: Any, variables: Mapping[str, Any]) -> str:
    space = st.sampled_from([" ", " ", "", "\n", "\t "])
    written = ""
    for place in range(draw(st.integers(1, 3))):
        written += draw(st.sampled_from([" and ", " or ", " or\n", "and"])) if place else ""
        written += draw(operands(data, variables))
        if draw(st.booleans()):
            sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
            written += draw(space) + sign + draw(space) + draw(operands(data, variables))
    return written + draw(st.sampled_from(["", "", "", " | not", "|not|not", " "]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Any, dict[str, Any]]:
    data = draw(documents)
    variables = {name: draw(documents) for name in draw(st.sets(st.sampled_from(VARIABLES), max_size=2))}
    return draw(conditions(data, variables)), data, variables


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any, dict[str, Any]]:
    """Write an expression with something put in, or left out, that may make another one of it."""
    text, data, variables = draw(cases())
    at = draw(st.integers(0, len(text)))
    put = draw(
        st.sampled_from([*".[]\"\\|$#?:;,(){}-+0e5 _andor=<>!/*@\n\t\x00\r'\u00a0", "and", "$__loc__"])
    )
    return text[:at] + put + text[at + draw(st.integers(0, 2)) :], data, variables


def by_jq(text: str, data: Any, variables: Mapping[str, Any]) -> Any:
    """Return the first value of an expression as JSON tells it; MISS for an error, or for none."""
    bound = ", ".join(f'"{name}": ${name}' for name in variables)
    program = f".[1] as {{{bound}}} | .[0]" if bound else ".[0]"
    try:
        jq.compile(text, args=dict(variables))  # on its own, or a bracket too many could close ours
        found = list(
            jq.compile(f"{program} | first((\n{text}\n\n)) | tojson").input_text(encoded(data, variables))
        )
    except ValueError:
        return MISS
    return json.loads(found[0]) if found else MISS


def encoded(data: Any, variables: Mapping[str, Any]) -> str:
    return msgspec.json.encode([data, variables]).decode()


def is_same(left: Any, right: Any) -> bool:
    """Compare as JSON: 1 is 1.0, and no boolean is a number."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def agrees(text: str, data: Any, variables: Mapping[str, Any]) -> bool:
    found = fast(text, data, variables)
    return found is MISS or is_same(found, by_jq(text, data, variables))


@settings(max_examples=EXAMPLES, deadline=None)
@given(cases())
def test_what_is_read_here_is_what_jq_gives(case: tuple[str, Any, dict[str, Any]]) -> None:
    assert agrees(*case)


@settings(max_examples=EXAMPLES, deadline=None)
@given(damaged())
@example(("1\x00", None, {}))
@example((".a\u00a0", {"a": 1}, {}))
def test_what_was_damaged_is_left_to_jq_or_still_right(case: tuple[str, Any, dict[str, Any]]) -> None:
    if "\x00" in case[0]:  # a text of C ends there: the evaluator refuses it
        assert fast(*case) is MISS
    assert agrees(*case)


@settings(max_examples=EXAMPLES, deadline=None)
@given(scalars, scalars, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_numbers_and_texts_compare_as_in_jq(left: Any, right: Any, sign: str) -> None:
    assert agrees(f".[0] {sign} .[1]", [left, right], {})


USUAL = """
.
.a
.a["x y"].b[0].c
."a"
.["a"]
.[0]
.a[-1]
.a.and
$v
$v.a
$v[0]
1
-1.5
"x"
null
true
.a == 1
.a == "x" and .b != 2 or false
.a<-1
.a | not
"""


@pytest.mark.parametrize("text", USUAL.split("\n")[1:-1])
def test_the_usual_is_read_here(text: str) -> None:
    assert fast(text, None, {"v": None}) is not MISS


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (".a", [1]),
        (".a", "text"),
        (".[0]", {"a": 1}),
        (".[0]", "text"),
        (".a.b", {"a": 1}),
        ("$unknown", None),
        ("false and $unknown", None),
        ("$ENV", None),
        ("$ENV.PATH", None),
        ("$__loc__", None),
        ("$__prog_args", None),
        (".[]", []),
        ("..", 1),
        (".a?", {}),
        (".a // 1", {}),
        (".a + 1", {"a": 1}),
        (".a -1", {"a": 1}),
        ('"\\(.a)"', {"a": 1}),
        ('"\\ud83d"', None),
        ("1 == 1 == 1", None),
        ("[1] == [1]", None),
        (". == .", [1]),
        ("9007199254740993", None),
        ("", None),
        ("#", None),
        (".a == .b" + " and .a == .b" * 100, {}),
    ],
)
def test_what_jq_would_refuse_or_only_jq_can_tell_is_left_to_it(text: str, data: Any) -> None:
    assert fast(text, data, {}) is MISS


def test_of_a_key_that_stands_twice_the_last_one_counts_here_and_in_jq() -> None:
    text = '{"a": 1, "a": {"b": 2}, "a": {"b": 3}}'

    assert fast(".a.b", msgspec.json.decode(text), {}) == jq.compile(".a.b").input_text(text).first() == 3


def test_a_big_integer_stays_what_it_is() -> None:
    assert fast(".a", {"a": 2**80 + 1}, {}) == by_jq(".a", {"a": 2**80 + 1}, {}) == 2**80 + 1


def test_what_is_missing_and_what_is_null_are_both_null() -> None:
    assert [fast(".a.b[3].c", data, {}) for data in ({}, None, {"a": None}, {"a": {"b": []}})] == [None] * 4


def test_the_variables_that_an_expression_may_name() -> None:
    text = '$a + ("x\\($b.c) $d" | . as $e | {$f}) + $ENV.x + $__loc__.line'

    assert names(text) == {"a", "b", "d", "e", "f"}


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("${ .a }", ".a"),
        ("${.a}", ".a"),
        ("  ${\n .a | {b: .}\n}\n", ".a | {b: .}"),
        ("${}", ""),
        ("a ${ .a }", None),
        ("${ .a } b", None),
        ("$ { .a }", None),
        (".a", None),
        ("${", None),
        ("", None),
    ],
)
def test_an_expression_is_the_whole_of_a_text(text: str, inner: str | None) -> None:
    assert expression(text) == inner


def test_expressions_of_a_template_are_found_and_filled_by_their_pointers() -> None:
    value = {"a/b": ["x", "${ .x }", {"~": "${ .y }"}], "${ .k }": 1, "c": "${ .x } and"}

    found = dict(template(value))

    assert found == {"/a~1b/1": ".x", "/a~1b/2/~0": ".y"}
    assert filled(value, {"/a~1b/1": "${ .z }", "/a~1b/2/~0": [None]}) == {
        "a/b": ["x", "${ .z }", {"~": [None]}],
        "${ .k }": 1,
        "c": "${ .x } and",
    }


def test_a_template_may_be_one_expression() -> None:
    assert list(template("${ . }")) == [("", ".")]
    assert filled("${ . }", {"": {"a": 1}}) == {"a": 1}
