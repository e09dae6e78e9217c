"""Connections by name: a file of the node that its owner alone may read, or an address in the call itself."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from node.calls.failed import misconfigured

FILE = "connections.json"
FILE_BYTES = 1 << 20
NAMES_SHOWN = 10


class Connection(NamedTuple):
    """Where a call goes that is no HTTP call."""

    url: str
    is_named: bool
    """Whether the operator wrote it; else a definition did."""


class Connections:
    """What ``connections.json`` in the data directory of a node says: a name, and its address."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE

    def find(self, given: Any) -> Connection:
        """Return the connection of a name or an address; raises Failed."""
        if not isinstance(given, str) or not given:
            raise misconfigured(f"connection is a name that {FILE} has, or an address")
        if "://" in given:
            return Connection(given, False)
        known = self._read()
        if given not in known:
            names = ", ".join(sorted(known)[:NAMES_SHOWN]) or "none"
            raise misconfigured(f"{FILE} has no connection {given[:80]!r}; there are {names}")
        return Connection(known[given], True)

    def _read(self) -> dict[str, str]:
        try:
            if self._file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise misconfigured(f"{FILE} may be read by others: chmod 600 it")
            with self._file.open("rb") as file:
                return msgspec.json.decode(file.read(FILE_BYTES), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise misconfigured(f"{FILE} is not to be read: an object of names and addresses") from error


def scheme(connection: Connection) -> str:
    """Return of which sort an address is; raises Failed."""
    try:
        parts = urlsplit(connection.url)
        _ = parts.port
    except ValueError as error:
        raise misconfigured("the address of the connection cannot be read") from error
    return parts.scheme
