"""Named points of the handler and of workers at which a test may let the process die: a power cut."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable

VARIABLE = "COVEY_DIE_AT"
"""``<point>:<visit>``, such as ``written:2``: die at the second visit. For tests alone."""

POINTS = (
    *("fetched", "begun", "written", "before_commit"),
    *("after_commit", "mid_relay", "before_ack", "after_ack"),
)
"""Those of the handler; those of workers are around each step."""
DESK_POINTS = ("in_hand", "out_of_hand")
"""Those of tasks that are put into the hands of the worker within the node."""


def around(step: str) -> tuple[str, str]:
    """Name the points before and after a step of a worker, such as ``before_unlock``."""
    return f"before_{step}", f"after_{step}"


def planted(text: str | None = None) -> Callable[[str], None]:
    """Return what is to be called at each point; without the variable it does nothing."""
    wanted = os.environ.get(VARIABLE, "") if text is None else text
    point, _, visit = wanted.partition(":")
    visits: Counter[str] = Counter()

    def reach(name: str) -> None:
        visits[name] += 1
        if name == point and visits[name] == int(visit or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    return reach if point else lambda _name: None
