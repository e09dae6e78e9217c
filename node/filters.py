"""What may be asked of a listing, read into a filter of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Annotated, Any

import msgspec

from actors.actor import Actor, Rejected, no_copies
from actors.peers.copy import ACTOR as COPY
from messages.envelope import micros
from store.queries import COLUMNS, Filter

PAGE = 50
INTEGER = 2**63 - 1
"""The largest number that a listing compares."""
ALIASES = {
    "execution": {"workflow": "parent", "state": "status"},
    "peer": {"state": "status"},
    "run": {"workflow": "parent", "state": "status"},
    "route": {"workflow": "parent", "state": "status"},
    "promotion": {"workflow": "parent", "state": "status"},
    "command": {"executable": "parent"},
    "job": {"command": "parent"},
    "job_run": {"job": "parent", "state": "status"},
    "reservation": {"run": "parent", "state": "status"},
    "routine_run": {"routine": "parent", "state": "status"},
}
"""What the wire calls the columns of a kind's listing."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a listing besides equal fields."""

    since: datetime | None = msgspec.field(name="from", default=None)
    until: datetime | None = msgspec.field(name="to", default=None)
    labels: dict[str, str] = {}
    order: str = "id"
    """id, at, name, status or version; a leading ``-`` turns it around."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = PAGE
    cursor: str = ""


def read_filter(actor: Actor[Any, Any, Any], asked: dict[str, Any]) -> Filter:
    """Return the filter that is asked for: the fields of Listing, and fields that are to be equal."""
    kind = actor.kind
    names = set(Listing.__struct_encode_fields__)
    page = msgspec.convert({name: value for name, value in asked.items() if name in names}, Listing)
    aliases = ALIASES.get(kind, {})
    rest = {aliases.get(name, name): value for name, value in asked.items() if name not in names}
    columns: dict[str, str] = {name: str(rest.pop(name)) for name in COLUMNS if name in rest}
    known = actor.filters | (COPY.filters if actor.copies is not no_copies else frozenset())
    order = page.order.removeprefix("-")
    if order not in ("id", "at", "name", "status", "version"):
        raise Rejected(
            "invalid_message", f"order is id, at, name, status or version, not {order}", at="/order"
        )
    _check_names(rest, known, sorted({*COLUMNS, *aliases, *known}))
    _check_equals(page.labels, "/labels")
    _check_equals(rest, "")
    return Filter(
        kind=kind,
        columns=columns,
        labels=page.labels,
        fields=rest,
        since=None if page.since is None else micros(page.since),
        until=None if page.until is None else micros(page.until),
        order=order,
        is_descending=page.order.startswith("-"),
        limit=page.limit,
        after=_place(page.cursor),
    )


def _check_names(asked: Mapping[str, Any], known: Set[str], told: Sequence[str]) -> None:
    """Refuse what nothing of the kind can be listed by: the answer would be empty, whatever there is."""
    for name in asked:
        if name not in known:
            raise Rejected("invalid_message", f"ask by {', '.join(told)}, not by {name}", at=f"/{name}")


def _check_equals(asked: Mapping[str, Any], at: str) -> None:
    """Refuse what no field can be equal to, or cannot be asked for."""
    for name, value in asked.items():
        here = f"{at}/{name}"
        if '"' in name:
            raise Rejected("invalid_message", "a name with a quotation mark cannot be asked for", at=here)
        if isinstance(value, dict):
            _check_equals(value, here)
        elif (
            not isinstance(value, str | int | float) or abs(value if isinstance(value, int) else 0) > INTEGER
        ):
            raise Rejected("invalid_message", "ask for a text, a number or a boolean", at=here)


def _place(cursor: str) -> tuple[str | int, str] | None:
    if not cursor:
        return None
    try:
        return msgspec.json.decode(bytes.fromhex(cursor), type=tuple[str | int, str])
    except ValueError:
        raise Rejected("invalid_message", "the cursor is not one of ours", at="/cursor") from None
