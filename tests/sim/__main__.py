"""Replay one schedule, with its trace: ``python -m tests.sim SEED``."""

from __future__ import annotations

import sys

from tests.sim.replay import play


def main() -> int:
    """Print what happened and what is wrong; return 1 when something is."""
    report = play(int(sys.argv[1]), keeps_lines=True)
    print("\n".join(report.lines))
    print(report if report.wrong else f"schedule {report.seed} is well, trace {report.digest}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
