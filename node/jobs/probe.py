"""What this machine can keep a job apart with, found by trying it."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import msgspec

from node.jobs import apart
from node.jobs.limits import Limits, Policy
from node.jobs.sandbox import Level, Program, Sandbox
from node.jobs.scratch import fresh
from node.workers.tool import Failed

LEVELS: tuple[Level, ...] = ("bubblewrap", "namespace", "process")
"""From the furthest apart to the least."""
LACKS = {
    "bubblewrap": "",
    "namespace": "jobs read and write what the user of the node may: install bubblewrap",
    "process": "jobs read and write what the user of the node may, and see its processes: run the node"
    " where namespaces of processes are allowed, and install bubblewrap",
}
SECONDS = 10.0
NAME = "probe"


class Isolation(msgspec.Struct, frozen=True, kw_only=True):
    """How far apart jobs are kept here, and what is in the way of more."""

    policy: Policy
    level: Level | None
    """None: jobs are refused."""
    lacks: str = ""
    """What the machine cannot keep apart, and the remedy."""
    why: str = ""
    """What was said when more was tried."""
    network: str = ""
    """What is in the way of keeping a job from the network; nothing: it can be."""

    @property
    def refusal(self) -> str:
        """Why jobs are refused; nothing: they are not."""
        return "" if self.level else f"{self.lacks} ({self.why}); or allow it: --sandbox prefer"


async def probe(directory: Path, policy: Policy) -> Isolation:
    """Try how far apart a job can be kept under a policy."""
    faults: dict[Level, str] = {}
    for level in LEVELS if policy != "none" else LEVELS[1:]:
        faults[level] = await _fault(directory, level)
        if not faults[level]:
            break
    found = next(level for level in reversed(faults) if not faults[level] or level == LEVELS[-1])
    network = await _fault(directory, found, has_network=False)
    why = "; ".join(fault for fault in faults.values() if fault)
    if policy == "none":
        why = "--sandbox none"
    is_refused = policy == "require" and found != LEVELS[0]
    allowed = None if is_refused else found
    return Isolation(policy=policy, level=allowed, lacks=LACKS[found], why=why, network=network)


async def _fault(directory: Path, level: Level, *, has_network: bool = True) -> str:
    """Return why a job cannot be kept so far apart, nothing when it can."""
    if level == LEVELS[0] and not apart.bubblewrap():
        return "bubblewrap is not installed"
    words = (shutil.which("true") or "/bin/true",)
    program = Program(argv=words, seconds=SECONDS, has_network=has_network)
    try:
        async with fresh(directory, f"{NAME}-{level}-{os.getpid()}", ()) as scratch:
            box = Sandbox(level=level, limits=Limits())
            ended = await box.run(program, scratch, lambda _name, _part: None, asyncio.Event())
            said = scratch.stderr.read_text(errors="replace").strip()
    except (OSError, Failed) as error:
        return str(error)
    return "" if ended.code == 0 else (said or ended.fault or ended.reason or "it ended badly")
