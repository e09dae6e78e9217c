"""Who a call says it is: the header that an authentication policy makes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from node.calls.failed import Failed, misconfigured

SUPPORTED = ("basic", "bearer")


def header(policy: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the header of a policy of the language; raises Failed for one that is not supported."""
    if not policy:
        return {}
    if len(policy) != 1:
        raise misconfigured("an authentication has one scheme")
    ((scheme, given),) = policy.items()
    if scheme not in SUPPORTED:
        raise misconfigured(
            f"authentication {scheme!r} is not supported; there are {' and '.join(SUPPORTED)}"
        )
    if not isinstance(given, Mapping) or "use" in given:
        raise misconfigured(f"{scheme}: a named secret is not supported; write its parts with $secrets")
    return {"Authorization": _basic(given) if scheme == "basic" else f"Bearer {_text(given, 'token')}"}


def _basic(given: Mapping[str, Any]) -> str:
    user, password = _text(given, "username"), _text(given, "password")
    if ":" in user:
        raise misconfigured("basic: a user name has no colon")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or any(letter in value for letter in "\r\n\0"):
        raise Failed("authentication", f"{name} is a text of one line")
    return value
