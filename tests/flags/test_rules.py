"""Rules that cannot be are refused with what shows it, and all that is wrong with a combination is told."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from actors import flags
from actors.flags import Refused, Schema

Change = Callable[[Schema], None]


def schema(*rules: str, declared: str = "abcdefg") -> Schema:
    """Make a schema of rules such as ``a>b`` (requires), ``a|b`` (interferes) and ``a<b`` (before)."""
    made = Schema(declared)
    for one, sign, two in rules:
        {">": made.require, "|": made.interfere, "<": made.in_front_of}[sign](one, two)
    return made


@pytest.mark.parametrize(
    ("rules", "code", "path"),
    [
        (["a>a"], "schema_cycle", "aa"),
        (["a>b", "b>a"], "schema_cycle", "bab"),
        (["a>b", "b>c", "c>d", "d>a"], "schema_cycle", "dabcd"),
        (["a|a"], "self_interference", "a"),
        (["a>b", "a|b"], "schema_contradiction", "ab"),
        (["a|b", "a>b"], "schema_contradiction", "ab"),
        (["a>b", "b>c", "a|c"], "schema_contradiction", "abc"),
        (["a|c", "b>c", "a>b"], "schema_contradiction", "abc"),
        (["a|c", "a>b", "b>c"], "schema_contradiction", "abc"),
        (["b>c", "a|c", "a>b"], "schema_contradiction", "abc"),
        (["a>b", "a>c", "b|c"], "schema_contradiction", "bac"),
        (["b|c", "a>b", "a>c"], "schema_contradiction", "bac"),
        (["a>b", "b|c", "a>c"], "schema_contradiction", "bac"),
        (["a>b", "b>d", "a>c", "c>e", "d|e"], "schema_contradiction", "dbace"),
        (["d|e", "c>e", "b>d", "a>b", "a>c"], "schema_contradiction", "dbace"),
        (["d|e", "a>b", "a>c", "b>d", "c>e"], "schema_contradiction", "dbace"),
        (["a>z"], "unknown_flag", "z"),
        (["z>a"], "unknown_flag", "z"),
        (["a|z"], "unknown_flag", "z"),
        (["a<z"], "unknown_flag", "z"),
        (["a<b", "b<c", "c<a"], "order_contradiction", "cabc"),
        (["a<a"], "order_contradiction", "aa"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_path_and_changes_nothing(
    rules: list[str], code: str, path: str
) -> None:
    made = schema(*rules[:-1])
    before = flags.to_dot(made)
    one, sign, two = rules[-1]

    with pytest.raises(Refused) as refused:
        {">": made.require, "|": made.interfere, "<": made.in_front_of}[sign](one, two)

    assert (refused.value.code, "".join(refused.value.flags)) == (code, path)
    assert flags.to_dot(made) == before


def placed(made: Schema) -> Schema:
    made.scale("noise", 5)
    made.position_at("a", 1)
    made.scale_at("a", "noise", 3)
    made.in_front_of("b", "c")
    return made


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda made: made.position_at("a", 2), "order_contradiction"),
        (lambda made: made.position_at("b", 1), "order_contradiction"),
        (lambda made: made.position_at("c", 0), "order_contradiction"),
        (lambda made: made.position_at("b", -1), "invalid_position"),
        (lambda made: made.position_at("z", 1), "unknown_flag"),
        (lambda made: made.scale_at("b", "noise", 11), "invalid_weight"),
        (lambda made: made.scale_at("b", "noise", -1), "invalid_weight"),
        (lambda made: made.scale_at("a", "noise", 4), "invalid_weight"),
        (lambda made: made.scale_at("b", "speed", 1), "unknown_scale"),
        (lambda made: made.scale_at("z", "noise", 1), "unknown_flag"),
        (lambda made: made.scale("noise", 4), "invalid_scale"),
        (lambda made: made.scale("speed", -1), "invalid_scale"),
        (lambda made: made.declare("a"), "duplicate_flag"),
        (lambda made: made.declare(""), "invalid_flag"),
    ],
)
def test_a_place_or_a_weight_that_cannot_be_is_refused_and_changes_nothing(change: Change, code: str) -> None:
    made = placed(schema())
    before = flags.to_dot(made)

    with pytest.raises(Refused) as refused:
        change(made)

    assert refused.value.code == code
    assert flags.to_dot(made) == before


def test_flags_that_are_never_together_may_have_one_position() -> None:
    made = schema("a|b")
    made.scale("verb", 1)
    for flag in "cd":
        made.scale_at(flag, "verb", 1)

    for flag in "ab":
        made.position_at(flag, 0)
    for flag in "cd":
        made.position_at(flag, 1)

    assert flags.execution_order(made, "eca") == ("a", "c", "e")
    assert [one.code for one in flags.check(made, "ab").violations] == ["interference", "order_impossible"]


def test_what_is_said_again_changes_nothing() -> None:
    made = schema("a>b", "c|d", "a<b")

    for one, sign, two in ("a>b", "d|c", "a<b"):
        {">": made.require, "|": made.interfere, "<": made.in_front_of}[sign](one, two)

    assert flags.to_dot(made) == flags.to_dot(schema("a>b", "c|d", "a<b"))


def test_a_combination_is_a_set_and_asking_declares_nothing() -> None:
    made = schema("a>b")

    assert flags.check(made, []).violations == ()
    assert flags.check(made, "bab") == flags.check(made, "ab")
    assert [one.code for one in flags.check(made, "z").violations] == ["unknown_flag"]
    assert not made.knows("z")


def test_all_that_is_wrong_is_told_sorted_with_the_path_to_what_is_missing() -> None:
    made = schema("a>b", "b>c", "d|e")

    found = flags.check(made, ["z", "e", "d", "a"]).violations

    assert [(one.code, "".join(one.flags)) for one in found] == [
        ("interference", "de"),
        ("missing_requirement", "ab"),
        ("missing_requirement", "abc"),
        ("unknown_flag", "z"),
    ]
    assert found[2].detail == "a requires c (a → b → c)"


def test_complete_adds_what_is_required_and_then_looks_for_interference() -> None:
    made = schema("a>b", "b>c", "d>e", "c|e")

    assert flags.check(made, "a", complete=True) == (("a", "b", "c"), ())
    assert [one.flags for one in flags.check(made, "ad", complete=True).violations] == [("c", "e")]


def test_the_shortest_path_is_told_or_none() -> None:
    made = schema("a>b", "b>d", "a>c", "c>d", "d>e")

    assert flags.shortest_path(made, "a", "e") == tuple("abde")
    assert flags.shortest_path(made, "e", "a") == ()
    assert flags.shortest_path(made, "a", "a") == ("a",)
    with pytest.raises(Refused, match="unknown_flag"):
        flags.shortest_path(made, "a", "z")


def test_the_order_keeps_the_rules_and_else_what_was_declared_or_given() -> None:
    made = schema("d<b", "c<a")
    made.position_at("g", 1)

    assert flags.execution_order(made, "abcdg") == ("c", "g", "a", "d", "b")
    assert flags.execution_order(made, "bdagc", as_given=True) == ("d", "g", "b", "c", "a")
    assert flags.execution_order(made, "g") == ("g",)


def test_a_flag_makes_room_for_one_whose_place_comes_soon() -> None:
    made = schema("c<d", "b<d")
    made.position_at("d", 2)

    assert flags.execution_order(made, "abcd") == ("b", "c", "d", "a")


def test_a_place_that_leaves_no_room_for_what_comes_before_is_told() -> None:
    made = schema("a<d", "b<d", "c<d")
    made.position_at("d", 2)

    assert flags.execution_order(made, "abd") == ("a", "b", "d")
    (found,) = flags.check(made, "abcd").violations
    assert (found.code, found.flags) == ("order_impossible", tuple("abcd"))


def test_many_flags_with_places_are_put_into_order() -> None:
    made = Schema(f"-{number}" for number in range(500))
    for number in range(250, 499):
        made.in_front_of(f"-{number}", "-499")
    made.position_at("-499", 249)

    order = flags.execution_order(made, made.flags)

    assert order[249] == "-499"
    assert order[250:] == tuple(made.flags[:250])


def test_the_library_knows_nothing_of_the_rest() -> None:
    sources = sorted((Path(__file__).parents[2] / "actors" / "flags").glob("*.py"))

    trees = [ast.walk(ast.parse(path.read_text())) for path in sources]
    modules = {node.module or "" for tree in trees for node in tree if isinstance(node, ast.ImportFrom)}

    assert "actors.flags.schema" in modules
    others = {name for name in modules if not name.startswith("actors.flags.")}
    assert {name.partition(".")[0] for name in others} <= sys.stdlib_module_names


def test_a_misspelt_flag_is_told_with_those_that_look_like_it() -> None:
    made = Schema(["-pkeyopt", "-pubout", "genpkey"])

    (near,) = flags.check(made, ["-pkeyop"]).violations
    (far,) = flags.check(made, ["zzz"]).violations

    assert near.detail == "-pkeyop is not declared; do you mean -pkeyopt"
    assert far.detail == "zzz is not declared"
