"""Expressions that need no jq, and where in a definition expressions stand."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, assert_never

from actors.flow.plain import Compare, Join, Literal, Node, Not, Path, names, read

__all__ = ["MISS", "Miss", "below", "expression", "fast", "filled", "names", "template"]

TEXT_CHARACTERS = 1_000
"""A longer expression is left to jq."""


class Miss:
    """What ``fast`` returns for what it leaves to jq: a value, none, or an error."""

    def __repr__(self) -> str:
        return "MISS"


MISS: Final = Miss()

_SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def fast(text: str, data: Any, variables: Mapping[str, Any]) -> Any:
    """Return what jq gives for an expression, or MISS where only jq can tell."""
    known = read(text) if len(text) <= TEXT_CHARACTERS else None
    if known is None or not known[1] <= variables.keys():
        return MISS
    return _value(known[0], data, variables)


def expression(text: str) -> str | None:
    """Return what stands in ``${ … }``, None where the text is not wholly that."""
    text = text.strip()
    return text[2:-1].strip() if text.startswith("${") and text.endswith("}") else None


def template(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Yield the JSON pointer and the expression of each string that is wholly ``${ … }``."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from template(child, below(pointer, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from template(child, below(pointer, place))
    elif isinstance(value, str) and (found := expression(value)) is not None:
        yield pointer, found


def filled(value: Any, results: Mapping[str, Any], pointer: str = "") -> Any:
    """Return the value with results where their pointers say; results are not looked into again."""
    if pointer in results:
        return results[pointer]
    if isinstance(value, dict):
        return {key: filled(child, results, below(pointer, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [filled(child, results, below(pointer, place)) for place, child in enumerate(value)]
    return value


def below(pointer: str, key: str | int) -> str:
    """Return the JSON pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _value(node: Node, data: Any, variables: Mapping[str, Any]) -> Any:
    match node:
        case Literal():
            return node.value
        case Path():
            return _followed(variables[node.variable] if node.variable else data, node.steps)
        case Compare():
            left, right = _value(node.left, data, variables), _value(node.right, data, variables)
            return _compared(node.sign, left, right)
        case Not():
            negated = _value(node.negated, data, variables)
            return negated if negated is MISS else not _is_true(negated)
        case Join():
            return _joined(node, data, variables)
    assert_never(node)


def _joined(node: Join, data: Any, variables: Mapping[str, Any]) -> Any:
    """Evaluate the right side only where the left one does not decide, as jq does."""
    left = _value(node.left, data, variables)
    if left is MISS:
        return MISS
    if _is_true(left) is not node.is_and:
        return not node.is_and
    right = _value(node.right, data, variables)
    return right if right is MISS else _is_true(right)


def _followed(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        elif value is not None:
            return MISS
    return value


def _compared(sign: str, left: Any, right: Any) -> Any:
    """Compare as jq orders: null, false, true, numbers, strings, arrays, objects."""
    kinds = _rank(left), _rank(right)
    if None in kinds:
        return MISS
    if kinds[0] != kinds[1] or left is None or isinstance(left, bool):
        return _SIGNS[sign](*kinds)
    return MISS if isinstance(left, dict | list) else _SIGNS[sign](left, right)


def _rank(value: Any) -> int | None:
    """Return the place of the kind of a value in that order; None for MISS, and for what is no JSON."""
    if value is None or isinstance(value, bool):
        return (None, False, True).index(value)
    kinds = (int | float, str, list, dict)
    return next((place for place, kind in enumerate(kinds, 3) if isinstance(value, kind)), None)


def _is_true(value: Any) -> bool:
    return value is not None and value is not False
