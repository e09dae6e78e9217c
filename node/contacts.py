"""What the node keeps about its peers beside the journal: public keys, and our own seeds for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from bus.config import Peer, write_private
from bus.keys import Key, load_or_create
from messages.base import encode


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the node keeps beside its journal about one peer: public keys alone."""

    reader_key: str = ""
    """The nkey with which the peer reads what we say to it."""
    invite_key: str = ""
    """The nkey of an invitation that is still open …"""
    invite_until: int = 0
    """… until this instant."""
    is_shut: bool = False
    """Whether the peer is blocked: it keeps its account and may not read."""


@dataclass(frozen=True)
class Contacts:
    """A directory with one directory a peer."""

    directory: Path

    def facts(self, peer: str) -> Facts:
        """Return what is kept of a peer."""
        path = self._file(peer)
        return msgspec.json.decode(path.read_bytes(), type=Facts) if path.exists() else Facts()

    def keep(self, peer: str, facts: Facts) -> None:
        """Replace what is kept of a peer."""
        write_private(self._file(peer), encode(facts).decode())

    def forget(self, peer: str) -> None:
        """Have no account for a peer any more."""
        self._file(peer).unlink(missing_ok=True)

    def key(self, peer: str, name: str) -> Key:
        """Return one of our keys for a peer: ``account`` to write to it, ``reader`` to read from it."""
        return load_or_create(self.directory / peer / f"{name}.seed")

    def described(self, now: int) -> tuple[Peer, ...]:
        """Describe the accounts of all peers that have been invited or met."""
        peers = sorted(path.parent.name for path in self.directory.glob("*/facts.json"))
        return tuple(self.describe(peer, now) for peer in peers)

    def describe(self, peer: str, now: int) -> Peer:
        """Describe the account of one peer."""
        facts = self.facts(peer)
        return Peer(
            name=peer,
            node_key=self.key(peer, "account").public,
            peer_key="" if facts.is_shut else facts.reader_key,
            invite_key=facts.invite_key if facts.invite_until > now else "",
        )

    def _file(self, peer: str) -> Path:
        return self.directory / peer / "facts.json"
