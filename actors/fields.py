"""Messages and states that share fields."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Part = TypeVar("Part", bound=msgspec.Struct)


def take(type_: type[Part], message: msgspec.Struct, **more: Any) -> Part:
    """Make a struct out of the fields that a message has in common with it, and more."""
    common = set(type_.__struct_fields__) & set(message.__struct_fields__)
    return type_(**{name: getattr(message, name) for name in common} | more)
