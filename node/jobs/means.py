"""What the operator of a worker lets jobs do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from messages.job import Pinned
from node.jobs.limits import Limits, Network, Policy

FOLDER = "jobs"
"""Where runs and what they leave are, in the data directory."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """Where and how jobs are run."""

    data: Path
    """The data directory of the node."""
    policy: Policy = "prefer"
    limits: Limits = field(default_factory=Limits)
    network: Network = "host"
    may_be_root: bool = False
    """Whether jobs that need root have it."""
    readable: tuple[str, ...] = ()
    """What jobs see of the machine beside its programs, where their files are apart."""

    @property
    def directory(self) -> Path:
        """Where runs and what they leave are."""
        return self.data / FOLDER

    def gives_network(self, pinned: Pinned) -> bool:
        """Say whether a run is to have the network of the machine."""
        return pinned.network and self.network == "host"

    def check(self) -> None:
        """Raise ValueError, naming the option, where something readable is no absolute path."""
        for path in self.readable:
            if not Path(path).is_absolute():
                raise ValueError(f"--job-read {path}: give an absolute path")
