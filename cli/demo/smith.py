"""Who plays the fourth act: a laboratory with openssl, and a centre that runs its jobs on booked compute."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.demo.program import Unexpected
from cli.demo.stage import WAIT_SECONDS, Player
from cli.demo.story import Story, examples
from cli.documents import value
from cli.follow import Following, Part, Row
from cli.importing import judged
from cli.interchange import carrying
from cli.job_runs import fetched

PROGRAM = "openssl"
ROUTINE_SECONDS = 120.0
"""A busy machine makes a long key slowly."""
ENDED = "routine_run.ended"
SHOWN = {
    "step_started": "begins",
    "step_retried": "is tried again",
    "step_ended": "",
    "stopping": "stops",
    "ended": "",
}


@dataclass
class Smith(Story):
    """The two nodes, and how their jobs are followed."""

    laboratory: Player
    centre: Player
    program: str
    """Where openssl is."""
    _seen: int = 0
    _began: dict[str, datetime] = field(default_factory=dict)

    async def bring_in(self, player: Player, name: str, **executable: Any) -> int:
        """Import an example and return how many entities it has; fields of its executable may be others."""
        assert player.client is not None
        document = value((examples() / "programs" / f"{name}.yaml").read_text(), name)
        for one in document.get("executables", ()):
            one.update({"path": self.program, **executable})
        have = await carrying.found(player.client)
        plan = judged(document, have, player.name)
        if plan.faults:
            raise Unexpected(f"{name}: {plan.faults[0].at}: {plan.faults[0].detail}")
        saved, _ = await carrying.save(player.client, plan, have)
        self.aside(player.name, f"import {name}.yaml: {len(saved)} saved")
        if any(outcome.status != "done" for _, outcome in saved):
            raise Unexpected(f"{player.name} has refused {saved[-1][0].id}: {saved[-1][1].detail}")
        return len(saved)

    async def run(self, job: str, run: str) -> dict[str, Any]:
        """Have a job run, and return how it has ended."""
        await self.call(self.laboratory, ("job", job, "run"), {"run": run})
        ended: dict[str, Any] = await self.laboratory.until(
            lambda: self.laboratory.ask("job_run", "get", id=run),
            lambda told: told["result"] is not None,
            f"the end of {run}",
        )
        return ended

    async def fetch(self, run: str, file: str) -> bytes:
        """Return a file that a run has left, checked by its digest."""
        assert self.laboratory.client is not None
        return await fetched(self.laboratory.client, run, file)

    async def by_hand(self, data: bytes, *words: str) -> tuple[int, str]:
        """Have openssl look at something outside of all nodes: its exit code, and what it says."""
        ours = await asyncio.create_subprocess_exec(
            self.program,
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(ours.communicate(data), WAIT_SECONDS)
        return ours.returncode or 0, told.decode(errors="replace").strip()

    async def follow(self, run: str, until: str = ENDED) -> None:
        """Show what happens to a run of a routine, from where it was left, until an event."""
        assert self.laboratory.client is not None

        def put(row: Row) -> None:
            self._seen = row["version"]
            self._show(run, row)
            if row["type"] in (until, ENDED):
                following.end()

        following = Following(self.laboratory.client, ("routine_run", run), Part(self._seen), put)
        try:
            async with asyncio.timeout(ROUTINE_SECONDS):
                await following.run()
        except TimeoutError:
            raise Unexpected(f"{run} did not come to {until} within {ROUTINE_SECONDS:g} s") from None

    def _show(self, run: str, row: Row) -> None:
        name, body = row["type"].partition(".")[2], row["body"]
        at = datetime.fromisoformat(row["at"])
        seconds = (at - self._began.setdefault(run, at)).total_seconds()
        if name not in SHOWN:
            return
        told = f"{body.get('step', run):<12} {SHOWN[name] or body['status']}".rstrip()
        self.console.print(f"  {run} [cyan]{row['version']:>3}[/] +{seconds:.3f} s  {told}")


def find() -> str:
    """Return where openssl is; empty where it is not."""
    return shutil.which(PROGRAM) or ""
