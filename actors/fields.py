"""Messages and states that share fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

Part = TypeVar("Part", bound=msgspec.Struct)


def take(type_: type[Part], message: msgspec.Struct, **more: Any) -> Part:
    """Make a struct out of the fields that a message has in common with it, and more."""
    names, values = _common(type_, type(message))
    return type_(**{**dict(zip(names, values(message), strict=True)), **more})


@cache
def _common(
    one: type[msgspec.Struct], other: type[msgspec.Struct]
) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]]]:
    names = tuple(name for name in one.__struct_fields__ if name in other.__struct_fields__)
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda message: tuple(getattr(message, name) for name in names)
