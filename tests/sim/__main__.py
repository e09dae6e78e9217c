"""Replay one schedule, with its trace: ``python -m tests.sim SEED [PLANTED BUG]``."""

from __future__ import annotations

import sys
from contextlib import nullcontext

from actors import ACTORS
from tests.sim.bugs import planted
from tests.sim.replay import play


def main(seed: str, *bugs: str) -> int:
    """Print what happened and what is wrong; return 1 when something is."""
    with planted(bugs[0]) if bugs else nullcontext(ACTORS) as actors:
        report = play(int(seed), actors, keeps_lines=True)
    print("\n".join(report.lines))
    print(report if report.wrong else f"schedule {report.seed} is well, trace {report.digest}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
