"""What an operator may set when a node is started."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one node is to run."""

    data: Path
    node: str = ""
    """Empty: the name that the data directory has."""
    nats: str = ""
    """The URL of a NATS that somebody else runs; empty: the node runs its own."""
    port: int = 0
    """Where the embedded NATS listens; 0: a free port, chosen once."""
    advertise: str = ""
    """Under which URL peers reach our NATS; empty: the one that we use ourselves."""
    credentials: Path | None = None
    """A credentials file for that NATS."""
    seed: Path | None = None
    """Or an nkey seed file."""
    ca: Path | None = None
    """The certificate authority of that NATS."""
    has_worker: bool = True
    """Whether the node itself does the work of the queue ``registry``."""

    def check(self) -> None:
        """Raise ValueError when a URL holds a password: peers and other programs are told these URLs."""
        for name, url in (("--nats", self.nats), ("--advertise", self.advertise)):
            if urlsplit(url).username is not None:
                raise ValueError(f"{name}: leave user and password out of the URL; give --creds or --nkey")

    def tls(self) -> ssl.SSLContext | None:
        """Return how to check the server's certificate, if it has one."""
        if self.ca is None and not self.nats.startswith("tls:"):
            return None
        return ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
