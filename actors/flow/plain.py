"""The part of jq that is read here: literals, paths, comparisons, ``and``, ``or`` and ``| not``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

DIGITS = 15
"""A number of more digits is left to jq: a double does not hold it."""
TEXTS = 1_024
"""How many expressions are kept read."""
JQ_OWN: Final = frozenset({"ENV", "__loc__", "__prog_args"})
"""Names that jq gives a meaning of its own."""

_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"'
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_STEP = rf"(?:\.{_NAME}|\.{_STRING}|\.?\[(?:-?[0-9]{{1,9}}|{_STRING})\])"
_WORD_ENDS = r"(?![A-Za-z0-9_:(])"
_TOKEN = re.compile(
    rf"(?P<path>\${_NAME}{_STEP}*|(?=\.){_STEP}+|\.)"
    rf"|(?P<literal>{_STRING}|-?[0-9]+(?:\.[0-9]+)?|(?:true|false|null){_WORD_ENDS})"
    r"|(?P<compare>[=!<>]=|[<>])"
    rf"|(?P<join>and|or){_WORD_ENDS}"
    rf"|(?P<negate>\|[ \t\r\n]*not){_WORD_ENDS}"
)
_STEPS = re.compile(rf"\.?\[?(?:(?P<name>{_NAME})|(?P<string>{_STRING})|(?P<index>-?[0-9]+))\]?")
_VARIABLE = re.compile(rf"\$({_NAME})")
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a string, true, false or null."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A way into the data, or into a variable."""

    variable: str
    """Empty: the data."""
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the sign between them."""

    sign: str
    left: Literal | Path
    right: Literal | Path


@dataclass(frozen=True, slots=True)
class Join:
    """Two conditions joined by ``and``, or else by ``or``."""

    is_and: bool
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    negated: Node


Node: TypeAlias = Literal | Path | Compare | Join | Not
_Tokens: TypeAlias = list[tuple[str, str]]
"""Kinds and texts."""


def names(text: str) -> frozenset[str]:
    """Return the variables that an expression may name; what looks like one within a string is one too."""
    return frozenset(_VARIABLE.findall(text)) - JQ_OWN


@lru_cache(maxsize=TEXTS)
def read(text: str) -> tuple[Node, frozenset[str]] | None:
    """Read an expression of this part of jq and its variables; None: it is of another, or is none."""
    if not JQ_OWN.isdisjoint(_VARIABLE.findall(text)):
        return None
    tokens = list(_tokens(text.strip(_SPACE)))
    negations = 0
    while tokens and tokens[-1][0] == "negate":
        tokens.pop()
        negations += 1
    node = _joined(tokens)
    if node is None:
        return None
    for _ in range(negations):
        node = Not(node)
    return node, names(text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the tokens; the last one is of no kind where the text cannot be read."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            yield "", text[at:]
            return
        yield str(found.lastgroup), found[0]
        at = found.end()
        while at < len(text) and text[at] in _SPACE:
            at += 1


def _joined(tokens: _Tokens) -> Node | None:
    """Read conditions joined by ``or``, within them those joined by ``and``, which binds more strongly."""
    for word in ("or", "and"):
        for place in range(len(tokens) - 1, -1, -1):
            if tokens[place] == ("join", word):
                left, right = _joined(tokens[:place]), _joined(tokens[place + 1 :])
                return None if left is None or right is None else Join(word == "and", left, right)
    return _compared(tokens)


def _compared(tokens: _Tokens) -> Node | None:
    if len(tokens) == 1:
        return _operand(*tokens[0])
    if len(tokens) != 3 or tokens[1][0] != "compare":
        return None
    left, right = _operand(*tokens[0]), _operand(*tokens[2])
    return None if left is None or right is None else Compare(tokens[1][1], left, right)


def _operand(kind: str, text: str) -> Literal | Path | None:
    try:
        if kind == "path":
            return _path(text)
        return _literal(text) if kind == "literal" else None
    except (msgspec.DecodeError, UnicodeError):  # half a character, which jq refuses
        return None


def _path(text: str) -> Path:
    start = _VARIABLE.match(text)
    variable, at = (start[1], start.end()) if start else ("", 0)
    return Path(variable, tuple(_step(found) for found in _STEPS.finditer(text, at)))


def _step(found: re.Match[str]) -> str | int:
    if found["index"]:
        return int(found["index"])
    return found["name"] or msgspec.json.decode(found["string"], type=str)


def _literal(text: str) -> Literal | None:
    if text[0] not in "-0123456789":
        return Literal(msgspec.json.decode(text))
    if sum(map(str.isdigit, text)) > DIGITS:
        return None
    return Literal(float(text) if "." in text else int(text))
