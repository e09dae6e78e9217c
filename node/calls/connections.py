"""Addresses of databases, mail servers and webhooks: written out, or what a connection's name has come to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from node.calls.failed import misconfigured


def address_of(given: Any) -> str:
    """Return an address; raises Failed for a name that nobody has looked up, and for what is no text."""
    if not isinstance(given, str) or "://" not in given:
        raise misconfigured("connection is the name of one of the environment, or an address")
    return given


def scheme(url: str) -> str:
    """Return of which sort an address is; raises Failed."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise misconfigured("the address of the connection cannot be read") from error
    return parts.scheme
