"""CloudEvents 1.0 as they come over NATS: attributes in headers, or all of it as one JSON object."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from actors.workflow.launching import INPUT_BYTES_MAX
from node.edge import DEPTH_MAX, depth

EVENT_BYTES_MAX = INPUT_BYTES_MAX // 2
"""An event may be the input of a run, and its data in base64."""
ATTRIBUTES_MAX = 50
NEEDED = ("id", "source", "type")

_PREFIX = "ce-"
STRUCTURED = "application/cloudevents+json"
"""The content type of an event that is whole in its body."""


class NoEvent(Exception):
    """A message is no CloudEvent that the node takes."""


def read(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return an event as one JSON object; raises NoEvent."""
    if len(body) > EVENT_BYTES_MAX:
        raise NoEvent(f"it has {len(body)} bytes, at most {EVENT_BYTES_MAX} are taken")
    if depth(body) > DEPTH_MAX:
        raise NoEvent(f"it is nested too deeply, at most {DEPTH_MAX} levels are taken")
    event = _structured(body) if is_whole(headers) else _binary(_lowered(headers), body)
    if len(event) > ATTRIBUTES_MAX:
        raise NoEvent(f"it has more than {ATTRIBUTES_MAX} attributes")
    missing = [name for name in NEEDED if not (isinstance(event.get(name), str) and event[name])]
    if missing:
        raise NoEvent(f"it has no {', '.join(missing)}")
    return {"specversion": "1.0", **event}


def is_whole(headers: Mapping[str, str]) -> bool:
    """Say whether an event is one JSON object, and nothing of it in headers."""
    return _lowered(headers).get("content-type", "").lower().startswith(STRUCTURED)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _structured(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoEvent(f"it is no JSON object: {error}") from error


def _binary(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    kind = headers.get("content-type", "")
    if kind:
        event["datacontenttype"] = kind
    if body:
        event |= _data(kind, body)
    return event


def _data(kind: str, body: bytes) -> dict[str, Any]:
    essence = kind.partition(";")[0].strip().lower()
    try:
        if essence in ("", "application/json") or essence.endswith("+json"):
            return {"data": msgspec.json.decode(body)}
        return {"data": body.decode()}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"data_base64": base64.b64encode(body).decode()}
