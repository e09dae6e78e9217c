"""Questions to a child as bytes, and its answers as values."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from actors.flow.fast import names
from messages.run import Expression
from node.workers.jq_child import ASK, COMPILE, EVALUATE

TEXT_BYTES = 64 << 10
INPUT_BYTES = 4 << 20
"""What the data and the variables of one expression may have as JSON."""
INTEGER_DIGITS = 1_000
"""An integer of more digits is told as the largest number."""


class ExpressionFailed(Exception):
    """An expression has no value; the text says why."""


def to_evaluate(expression: Expression) -> bytes:
    """Ask for the value of an expression; raises ExpressionFailed for what no child needs to see."""
    bound = names(expression.text) & expression.variables.keys()
    try:
        value = msgspec.json.encode([expression.data, {name: expression.variables[name] for name in bound}])
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ExpressionFailed(f"its data are no JSON: {error}") from error
    if len(value) > INPUT_BYTES:
        raise ExpressionFailed(f"its data are larger than {INPUT_BYTES} bytes")
    return _framed(EVALUATE, expression.text, bound, value)


def to_compile(text: str) -> bytes:
    """Ask whether an expression is one, whatever its variables; raises ExpressionFailed."""
    return _framed(COMPILE, text, names(text), b"")


def _framed(kind: bytes, text: str, bound: Iterable[str], value: bytes) -> bytes:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise ExpressionFailed("it is no text: a character of it is half a one") from None
    if b"\0" in encoded:
        raise ExpressionFailed("it has a NUL")
    if len(encoded) > TEXT_BYTES:
        raise ExpressionFailed(f"it is longer than {TEXT_BYTES} bytes")
    listed = " ".join(sorted(bound)).encode()
    return b"".join((ASK.pack(kind, len(encoded), len(listed), len(value)), encoded, listed, value))


def decoded(body: bytes) -> Any:
    """Return the value that a child has told as JSON; raises ExpressionFailed."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:  # a number beyond a double, which jq itself tells as it was written
        return json.loads(body, parse_float=_float, parse_int=_integer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExpressionFailed(f"its value is no JSON: {error}") from error


def _float(text: str) -> float:
    number = float(text)
    return math.copysign(sys.float_info.max, number) if math.isinf(number) else number


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= INTEGER_DIGITS else _float(text)
