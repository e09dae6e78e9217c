"""A node's data directory: who it is, its keys, and what other programs read of it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bus.config import write_private
from bus.keys import Key, load_or_create
from messages.subjects import is_token
from node.vault import Vault

SECRET_BYTES = 32


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that another client needs: written to ``endpoint.json`` once the node is ready."""

    node: str
    nats_url: str
    nkey_seed_file: str
    """The seed of the operator; empty when the NATS is not managed by the node and asks for none."""
    pid: int
    http_url: str = ""
    """Where the HTTP listener is; empty: there is none."""
    user: str = ""
    """Whose seed it is; empty: the operator's, who may do all."""
    vouches: bool = False
    """Whether users can connect with keys of their own, and need not sign then."""


class WrongName(Exception):
    """The data directory belongs to a node of another name."""


@dataclass(frozen=True)
class Home:
    """The data directory of one node."""

    path: Path
    node: str

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.path / "covey.db"

    @property
    def endpoint_file(self) -> Path:
        """Where other programs of this machine find the node."""
        return self.path / "endpoint.json"

    def key(self, name: str) -> Key:
        """Return one of the node's own keys, making it the first time."""
        return load_or_create(self.path / "keys" / f"{name}.seed")

    def seal_secret(self) -> bytes:
        """Return the secret that marks what this node's own relay wrote."""
        path = self.path / "keys" / "seal"
        if not path.exists():
            write_private(path, secrets.token_hex(SECRET_BYTES))
        return bytes.fromhex(path.read_text().strip())

    def vault(self) -> Vault:
        """Return what opens the secrets of environments."""
        return Vault(self.path)

    def announce(
        self, nats_url: str, operator_seed: Path | None, http_url: str = "", *, vouches: bool = False
    ) -> None:
        """Tell other programs where the node is."""
        seed = str(operator_seed) if operator_seed else ""
        told = Endpoint(
            node=self.node,
            nats_url=nats_url,
            nkey_seed_file=seed,
            pid=os.getpid(),
            http_url=http_url,
            vouches=vouches,
        )
        write_private(self.endpoint_file, msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")


def open_home(path: Path, node: str) -> Home:
    """Make or find a data directory; without a name it keeps the one it has. Raises WrongName, ValueError."""
    path = path.expanduser().resolve()
    if node and not is_token(node):
        raise ValueError(f"{node!r} cannot name a node; use 1 to 64 letters, digits, - and _")
    _make(path)
    name_file = path / "node"
    known = name_file.read_text().strip() if name_file.exists() else ""
    if known and node and known != node:
        raise WrongName(f"{path} is the data of node {known}; use --node {known} or another --data")
    name = known or node
    if not is_token(name):
        raise ValueError(f"{name!r} cannot name a node; use 1 to 64 letters, digits, - and _")
    if not known:
        write_private(name_file, name + "\n")
    return Home(path, name)


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        told = f"--data {path} cannot be made a directory: {error.strerror}; choose another"
        raise ValueError(told) from error
