"""The node's named secrets: kept in one file that only its owner may read, told to nobody."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

import msgspec

from bus.config import write_private
from messages.subjects import is_token

FILE = "secrets.json"
SECRETS_MAX = 1_000
SECRET_CHARACTERS_MAX = 10_000
PREFIX = "whsec_"
"""How a secret of Standard Webhooks begins; base64 follows."""


class Keyring:
    """The secrets of one data directory; another process may change them at any time."""

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        self._read: tuple[int, int] = (0, 0)
        self._secrets: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return which secrets there are."""
        return sorted(self._load())

    def key(self, name: str) -> bytes | None:
        """Return the bytes of a secret; None: there is none of this name."""
        text = self._load().get(name)
        if text is None:
            return None
        if text.startswith(PREFIX):
            return base64.b64decode(text.removeprefix(PREFIX))
        return text.encode()

    def put(self, name: str, secret: str) -> None:
        """Keep a secret under a name; raises ValueError."""
        if not is_token(name):
            raise ValueError(f"{name!r} cannot name a secret; use 1 to 64 letters, digits, - and _")
        if not 0 < len(secret) <= SECRET_CHARACTERS_MAX:
            raise ValueError(f"a secret has 1 to {SECRET_CHARACTERS_MAX} characters")
        if secret.startswith(PREFIX):
            try:
                base64.b64decode(secret.removeprefix(PREFIX), validate=True)
            except binascii.Error as error:
                raise ValueError(f"base64 follows {PREFIX}") from error
        secrets = self._load() | {name: secret}
        if len(secrets) > SECRETS_MAX:
            raise ValueError(f"there are {SECRETS_MAX} secrets already; remove one")
        self._write(secrets)

    def remove(self, name: str) -> bool:
        """Forget a secret; False when there is none."""
        secrets = dict(self._load())
        is_known = secrets.pop(name, None) is not None
        if is_known:
            self._write(secrets)
        return is_known

    def _write(self, secrets: dict[str, str]) -> None:
        write_private(self._path, msgspec.json.encode(secrets).decode())
        self._read = (0, 0)

    def _load(self) -> dict[str, str]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        now = (status.st_mtime_ns, status.st_ino)
        if now != self._read:
            self._secrets = msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
            self._read = now
        return self._secrets


def is_signed(key: bytes, signed: bytes, signatures: list[str]) -> bool:
    """Say whether one of the signatures (base64 of HMAC-SHA256) is right; takes the same time for all."""
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any([hmac.compare_digest(right, one.encode()) for one in signatures])
