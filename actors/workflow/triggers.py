"""Triggers: what may be saved of them, whom a request or an event is for, and what is signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.actor import ById, Order, Rejected, Turn
from messages.envelope import Address, derive
from messages.environment import MAIN
from messages.route import Claim, Release
from messages.triggers import AnyTrigger, EventTrigger, HttpTrigger
from messages.workflow import Definition

SEGMENTS_MAX = 12
RESERVED = ("healthz", "runs")
"""First segments of paths that the listener answers itself."""
TOLERANCE = timedelta(minutes=5)
"""How far the clock of who signs may be from ours (Standard Webhooks)."""
DEPTH = "coveydepth"
"""The extension attribute of a CloudEvent that counts how many runs led to it."""
DEPTH_MAX = 16
ENVIRONMENT = "coveyenvironment"
"""The extension attribute by which an event from outside is for one environment."""

HEADERS = frozenset(
    {
        *("accept", "accept-language", "content-language", "content-type", "user-agent", "x-request-id"),
        *("webhook-id", "webhook-timestamp", "idempotency-key", "traceparent", "x-event-key"),
        *("x-github-event", "x-github-delivery", "x-gitlab-event", "x-event-id"),
    }
)
"""What a run may know of a request; neither who is authorised, nor cookies, nor signatures."""
SAME = ("method", "path", "query", "body")
"""What a repeat under one key must have in common with the first request."""

_LITERAL = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")


def segments(path: str) -> list[str]:
    """Return what stands between the slashes of a path."""
    return path.split("/")[1:] if path != "/" else []


def parameter(segment: str) -> str:
    """Return the name of the parameter that a segment is, or nothing."""
    found = _PARAMETER.fullmatch(segment)
    return found.group(1) if found else ""


def shape(trigger: HttpTrigger) -> str:
    """Return the method and path with the names of parameters left out: what two triggers may not share."""
    named = ["{}" if parameter(one) else one for one in segments(trigger.path)]
    return f"{trigger.method} /{'/'.join(named)}"


def route_id(trigger: HttpTrigger) -> str:
    """Return the id of the route of a trigger."""
    return derive(shape(trigger), "route")


def http(definition: Definition | None) -> list[HttpTrigger]:
    """Return the triggers that have routes, as they are served."""
    if definition is None:
        return []
    found = [one for one in definition.triggers if isinstance(one, HttpTrigger)]
    return [served(one, definition.environment) for one in found]


def served(trigger: HttpTrigger, environment: str) -> HttpTrigger:
    """Return a trigger with the path that requests have: below ``/<environment>``, unless it is main."""
    if environment == MAIN:
        return trigger
    return replace(trigger, path=f"/{environment}{trigger.path.removesuffix('/')}")


def needs(definition: Definition) -> list[ById]:
    """Know who has the routes."""
    return [ById("route", route_id(one)) for one in http(definition)]


def check(definition: Definition, turn: Turn) -> None:
    """Raise Rejected, naming the place, when a trigger cannot be, or its route is another's."""
    seen: set[str] = set()
    for number, trigger in enumerate(definition.triggers):
        at = f"/triggers/{number}"
        if trigger.id in seen:
            raise Rejected("invalid_trigger", f"another trigger has the id {trigger.id}", at=f"{at}/id")
        seen.add(trigger.id)
        if definition.definition is None:
            raise Rejected("no_definition", "there is nothing to run; save it with a definition", at=at)
        if trigger.access is not None and trigger.access not in turn.rights.groups:
            detail = f"there is no group {trigger.access}: covey group add {trigger.access} USER"
            raise Rejected("unknown_group", detail, at=f"{at}/access")
        if isinstance(trigger, HttpTrigger):
            _check_path(trigger.path, f"{at}/path")
    _check_routes(definition, turn)


def _check_path(path: str, at: str) -> None:
    def refuse(detail: str) -> None:
        raise Rejected("invalid_trigger", f"{detail}; a path is like /orders/{{order}}/items", at=at)

    if not path.startswith("/"):
        refuse("it does not begin with /")
    parts = segments(path)
    if len(parts) > SEGMENTS_MAX:
        refuse(f"it has more than {SEGMENTS_MAX} segments")
    if parts and parts[0] in RESERVED:
        refuse(f"/{parts[0]} is the listener's own")
    names = [parameter(one) for one in parts]
    for part, name in zip(parts, names, strict=True):
        if not name and (not _LITERAL.fullmatch(part) or part in (".", "..")):
            refuse(f"{part!r} is no word of letters, digits, - . _ ~, and no {{parameter}}")
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        refuse("two parameters have one name")


def _check_routes(definition: Definition, turn: Turn) -> None:
    seen: dict[str, str] = {}
    for number, trigger in enumerate(definition.triggers):
        if not isinstance(trigger, HttpTrigger):
            continue
        at, mine = f"/triggers/{number}/path", shape(served(trigger, definition.environment))
        if mine in seen:
            raise Rejected("route_taken", f"the trigger {seen[mine]} has {mine} too", at=at)
        seen[mine] = trigger.id
        holder = turn.known.get(ById("route", derive(mine, "route")))
        is_taken = holder is not None and holder.summary.status == "active"
        if is_taken and holder and holder.summary.parent != turn.me.id and definition.active:
            detail = f"the workflow {holder.summary.parent} has {mine}; take another path, or deactivate it"
            raise Rejected("route_taken", detail, at=at)


def left(before: Definition | None, after: Definition) -> tuple[str, ...]:
    """Return the routes that a workflow had, and has no longer."""
    return tuple(sorted({*map(route_id, http(before))} - {*map(route_id, http(after))}))


def claims(definition: Definition | None, generation: int, turn: Turn) -> list[Order]:
    """Have the routes serve what is saved now."""
    if definition is None:
        return []
    environment, is_active = definition.environment, definition.active
    return [
        Order(
            Address("route", route_id(one)),
            Claim(
                workflow=turn.me.id,
                generation=generation,
                trigger=one,
                is_active=is_active,
                environment=environment,
            ),
        )
        for one in http(definition)
    ]


def releases(routes: Iterable[str], generation: int, turn: Turn) -> list[Order]:
    """Have routes serve the workflow no longer."""
    release = Release(workflow=turn.me.id, generation=generation)
    return [Order(Address("route", route), release) for route in routes]


def on_events(found: Iterable[AnyTrigger]) -> tuple[EventTrigger, ...]:
    """Return the triggers that are events."""
    return tuple(one for one in found if isinstance(one, EventTrigger))


def fits(trigger: EventTrigger, event: Mapping[str, Any]) -> bool:
    """Say whether an event has all that a trigger names."""
    return all(name in event and event[name] == value for name, value in trigger.with_.items())


def depth(event: Any) -> int:
    """Return how many runs led to an event; what is no number is as far as it goes."""
    found = event.get(DEPTH, 0) if isinstance(event, Mapping) else 0
    try:
        return max(0, int(found))
    except (TypeError, ValueError, OverflowError):
        return DEPTH_MAX


def signed(id: str, timestamp: str, body: bytes) -> bytes:
    """Return the bytes that a webhook's signature is of (Standard Webhooks 1.0)."""
    return f"{id}.{timestamp}.".encode() + body


def signatures(header: str) -> list[str]:
    """Return the signatures of version 1 in a ``webhook-signature`` header."""
    return [one.removeprefix("v1,") for one in header.split(" ")[:10] if one.startswith("v1,")]


def is_timely(timestamp: str, now: datetime) -> bool:
    """Say whether the instant that was signed is near enough to ours."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request that its run is told: those known to be harmless."""
    return {
        name: value
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in HEADERS or name.startswith("ce-")
    }


def is_repeat(first: Any, second: Mapping[str, Any]) -> bool:
    """Say whether two inputs of one key are of the same request."""
    return isinstance(first, Mapping) and all(first.get(name) == second.get(name) for name in SAME)


def body_of(content_type: str, body: bytes) -> Any:
    """Return the body of a request as JSON or text; raises ValueError when it is neither."""
    if not body:
        return None
    essence = content_type.partition(";")[0].strip().lower()
    if essence == "application/json" or essence.endswith("+json"):
        return msgspec.json.decode(body)
    return body.decode()
