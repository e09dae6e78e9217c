"""What an operator may set when a node is started."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bus.config import LOOPBACK
from node.calls.egress import parse_all
from node.calls.outside import Outside
from node.jobs.limits import NETWORKS, POLICIES, parse_limits
from node.jobs.means import Means
from node.jobs.worker import JOBS
from node.workers.running import QUEUES

UNSIGNED = ("admin", "nobody")


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
    """The certificate authority of that NATS, and of those of peers."""
    unsigned: str = ""
    """Who speaks unsigned over our bus: ``admin`` or ``nobody``; empty: the former on the node's own NATS."""
    has_worker: bool = True
    """Whether the node itself does the work of registries and runs."""
    left: tuple[str, ...] = ()
    """The queues of runs that it leaves to other workers all the same."""
    allow_egress: tuple[str, ...] = ()
    """``CIDR[:PORT]`` that calls of runs may reach beside public addresses."""
    may_run_programs: bool = False
    """Whether runs may run programs on this machine."""
    sandbox: str = "prefer"
    """What happens to jobs where they cannot be kept apart."""
    job_limits: tuple[str, ...] = ()
    """``name=number``: what one run of a job may use, where that is not the default."""
    job_network: str = "host"
    """What network jobs have at most."""
    may_jobs_be_root: bool = False
    """Whether jobs that need root have it."""
    job_readable: tuple[str, ...] = ()
    """What jobs see of the machine beside its programs."""
    http: str = ""
    """``[HOST:]PORT`` of the HTTP listener, the loopback address without a host; empty: there is none."""

    def check(self) -> None:
        """Raise ValueError, naming the option, when what was set cannot be or would have no effect."""
        for name, url in (("--nats", self.nats), ("--advertise", self.advertise)):
            # peers and other programs are told these URLs
            if urlsplit(url).username is not None:
                raise ValueError(f"{name}: leave user and password out of the URL; give --creds or --nkey")
        if self.unsigned not in ("", *UNSIGNED):
            raise ValueError(f"--unsigned {self.unsigned}: it is {' or '.join(UNSIGNED)}")
        parse_all(self.allow_egress)
        self.http_address()
        self.means(self.data).check()
        known = (*QUEUES, JOBS)
        unknown = [queue for queue in self.left if queue not in known]
        if unknown:
            raise ValueError(f"--leave: there is no queue {unknown[0]}; there are {', '.join(known)}")
        if self.nats and self.port:
            raise ValueError("--port is of the node's own NATS; leave it out, or --nats")
        for name, path in (("--creds", self.credentials), ("--nkey", self.seed)):
            if path is not None and not self.nats:
                raise ValueError(f"{name} is for a NATS of yours; give --nats too, or leave it out")
            _check_file(name, path)
        _check_file("--tls-ca", self.ca)
        self.tls()

    def is_open(self) -> bool:
        """Say whether what comes unsigned counts as an admin's: our own NATS lets nobody else speak so."""
        return self.unsigned == "admin" or not (self.unsigned or self.nats)

    def http_address(self) -> tuple[str, int] | None:
        """Return where the HTTP listener is to be; raises ValueError."""
        if not self.http:
            return None
        host, _, port = self.http.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f"--http {self.http}: give a PORT, or HOST:PORT")
        return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)

    def queues(self) -> tuple[str, ...]:
        """Return the queues of runs that the node itself does."""
        return tuple(queue for queue in QUEUES if queue not in self.left)

    def means(self, data: Path) -> Means:
        """Return what jobs may do; raises ValueError."""
        policy = next((one for one in POLICIES if one == self.sandbox), None)
        if policy is None:
            raise ValueError(f"--sandbox {self.sandbox}: it is {', '.join(POLICIES)}")
        network = next((one for one in NETWORKS if one == self.job_network), None)
        if network is None:
            raise ValueError(f"--job-network {self.job_network}: it is {' or '.join(NETWORKS)}")
        try:
            limits = parse_limits(self.job_limits)
        except ValueError as error:
            raise ValueError(f"--job-limit {error}") from error
        return Means(
            data=data,
            policy=policy,
            limits=limits,
            network=network,
            may_be_root=self.may_jobs_be_root,
            readable=self.job_readable,
        )

    def outside(self, data: Path) -> Outside:
        """Return what calls of runs may do."""
        return Outside(
            data=data, allowed=parse_all(self.allow_egress), may_run_programs=self.may_run_programs
        )

    def tls(self) -> ssl.SSLContext | None:
        """Return how to check the server's certificate, if it has one."""
        if self.ca is None and not self.nats.startswith("tls:"):
            return None
        try:
            return ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        except OSError as error:
            raise ValueError(f"--tls-ca {self.ca}: it holds no certificate ({error.strerror})") from error


def _check_file(name: str, path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise ValueError(f"{name} {path}: there is no such file")
