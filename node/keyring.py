"""The secrets that sign requests: opened when a request comes, told to nobody."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging

from node.engine import Engine
from node.vault import Locked, Vault

PREFIX = "whsec_"
"""How a secret of Standard Webhooks begins; base64 follows."""

_LOG = logging.getLogger("covey.http")


class Keyring:
    """The keys of one node by environment and name."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    async def key(self, environment: str, name: str) -> bytes | None:
        """Return the bytes of a secret; None, and told in the log: there is none that can be used."""
        state = (await self._engine.peek("environment", environment)).state
        sealed = state.secrets.get(name)
        try:
            if sealed is None:
                raise Locked(f"set the secret: covey secret set {name} --environment {environment}")
            return key_of(self._vault.open(environment, name, sealed))
        except Locked as locked:
            _LOG.error("requests that %s signs in %s are refused: %s", name, environment, locked)
        except ValueError:
            _LOG.error("requests that %s signs in %s are refused: it is no base64", name, environment)
        return None


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret, which may be written in base64; raises ValueError."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64 follows {PREFIX}") from error


def is_signed(key: bytes, signed: bytes, signatures: list[str]) -> bool:
    """Say whether one of the signatures (base64 of HMAC-SHA256) is right; takes the same time for all."""
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any([hmac.compare_digest(right, one.encode()) for one in signatures])
