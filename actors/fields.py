"""Messages and states that share fields."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec

Part = TypeVar("Part", bound=msgspec.Struct)


def take(type_: type[Part], message: msgspec.Struct, **more: Any) -> Part:
    """Make a struct out of the fields that a message has in common with it, and more."""
    common = {name: getattr(message, name) for name in _common(type_, type(message))}
    return type_(**common | more)


@cache
def _common(one: type[msgspec.Struct], other: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in one.__struct_fields__ if name in other.__struct_fields__)
