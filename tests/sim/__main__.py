"""Replay one schedule, with its trace: ``python -m tests.sim [unfreezes|routines] SEED [PLANTED BUG]``."""

from __future__ import annotations

import sys
from contextlib import nullcontext

from actors import ACTORS
from tests.sim import played, replay, routines, unfreeze_bugs, unfreezes
from tests.sim.bugs import planted

UNFREEZES = "unfreezes"
"""Names the schedules in which workflows want one repository at once."""
ROUTINES = "routines"
"""Names the schedules in which routines run."""


def main(*words: str) -> int:
    """Print what happened and what is wrong; return 1 when something is."""
    if words[0] == ROUTINES:
        report = routines.play(int(words[1]), keeps_lines=True)
    else:
        report = _unfreezes(*words[1:]) if words[0] == UNFREEZES else _federation(*words)
    print("\n".join(report.lines))
    print(report if report.wrong else f"schedule {report.seed} is well, trace {report.digest}")
    return 1 if report.wrong else 0


def _federation(seed: str, *bugs: str) -> replay.Report:
    with planted(bugs[0]) if bugs else nullcontext(ACTORS) as actors:
        return replay.play(int(seed), actors, keeps_lines=True)


def _unfreezes(seed: str, *bugs: str) -> replay.Report:
    with unfreeze_bugs.planted(bugs[0]) if bugs else nullcontext(unfreezes.KIT) as kit:
        return played.play(int(seed), kit, keeps_lines=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
