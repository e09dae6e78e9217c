"""What the operator of a worker lets calls do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.calls.egress import Allowance


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What calls may reach beside public addresses, and where their connections are."""

    data: Path
    """The data directory of the node."""
    allowed: tuple[Allowance, ...] = ()
    may_run_programs: bool = False
