"""Replay one schedule, with its trace: ``python -m tests.sim [OF] SEED [PLANTED BUG]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext

from actors import ACTORS
from tests.sim import job_bugs, job_world, played, replay, routines, run_bugs, runs, unfreeze_bugs, unfreezes
from tests.sim.bugs import planted
from tests.sim.report import Report


def main(*words: str) -> int:
    """Print what happened and what is wrong; return 1 when something is."""
    report = OF[words[0]](*words[1:]) if words[0] in OF else _federation(*words)
    print("\n".join(report.lines))
    print(report if report.wrong else f"schedule {report.seed} is well, trace {report.digest}")
    return 1 if report.wrong else 0


def _federation(seed: str, *bugs: str) -> Report:
    with planted(bugs[0]) if bugs else nullcontext(ACTORS) as actors:
        return replay.play(int(seed), actors, keeps_lines=True)


def _unfreezes(seed: str, *bugs: str) -> Report:
    with unfreeze_bugs.planted(bugs[0]) if bugs else nullcontext(unfreezes.KIT) as kit:
        return played.play(int(seed), kit, keeps_lines=True)


def _jobs(seed: str, *bugs: str) -> Report:
    with job_bugs.planted(bugs[0]) if bugs else nullcontext():
        return job_world.play(int(seed), keeps_lines=True)


def _runs(seed: str, *bugs: str) -> Report:
    with run_bugs.planted(bugs[0]) if bugs else nullcontext():
        return runs.play(int(seed), keeps_lines=True)


def _routines(seed: str) -> Report:
    return routines.play(int(seed), keeps_lines=True)


OF: dict[str, Callable[..., Report]] = {
    "unfreezes": _unfreezes,
    "jobs": _jobs,
    "runs": _runs,
    "routines": _routines,
}
"""Whose schedules there are beside those of the federation."""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
