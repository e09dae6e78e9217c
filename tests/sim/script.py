"""What operators want of one repository, drawn from a seed: they get in each other's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, NamedTuple

from actors.ephemeral.repo_moves import FILES_FAILED, REGISTRY_REFUSED, REPO_REFUSED
from actors.ephemeral.table import EXPIRED
from messages.envelope import Address

REGISTRY, REPO = "archive", "climate"
PATH = "/data/climate"
FREEZE, UNFREEZE = "freeze_repo", "unfreeze_repo"
SETUP = "setup"
"""The workflow that froze the repository before anything went wrong."""
ABORTED = 7
"""The code that an operator gives up with."""
FIRST_TICKS = 8
"""In which those begin who get in each other's way at once."""
SOON_TICKS = {"init": 4, "abort": 30}
"""In which that comes which waits for somebody to fall asleep."""
LAST_TICKS = 30
"""In which the rest comes if nobody falls asleep before."""

SLOW = (
    (),
    ("begin_unfreeze",),
    ("begin_files",),
    ("commit_files",),
    ("commit_unfreeze",),
    ("abort_unfreeze",),
    (".commit", "climate.begin_freeze"),
)
"""Before which words workers like to fall asleep."""

CODES = {
    "": {0, REGISTRY_REFUSED},
    "abort": {0, REGISTRY_REFUSED, REPO_REFUSED, ABORTED},
    "expire": {0, REGISTRY_REFUSED, REPO_REFUSED, EXPIRED},
    "broken": {0, REGISTRY_REFUSED, REPO_REFUSED, FILES_FAILED},
}
"""How workflows may end, by what goes wrong."""


class Line(NamedTuple):
    """One thing that an operator says."""

    to: Address
    verb: str
    body: dict[str, Any]

    def aimed_at(self, workflow: Address) -> Line:
        """Return it, or if it gives up a workflow, the same of another one."""
        return self._replace(to=workflow) if self.verb == "abort" else self


@dataclass(frozen=True, kw_only=True)
class Script:
    """Who wants what when, and what goes wrong besides the weather."""

    workflows: Mapping[str, str]
    """The kind of each by its id."""
    lines: Sequence[tuple[int, Line]]
    """What is said at which tick."""
    trouble: str
    slow: tuple[str, ...] = ()
    """How the words end before which workers like to fall asleep; what is still to come comes then."""
    broken_job: str = ""
    jump_at: int = -1


class Mood(NamedTuple):
    """What a bug needs to be found soon."""

    slow: tuple[str, ...]
    trouble: str


class Agenda:
    """What is still to come, and when."""

    def __init__(self, script: Script) -> None:
        self.jump_at = script.jump_at
        self._lines = script.lines
        self._slow = script.slow
        self._is_hurried = False

    def is_slow(self, wish: str) -> bool:
        """Say whether this is a word before which workers fall asleep."""
        return wish.endswith(self._slow)

    def due(self, tick: int) -> list[Line]:
        """Return what is said now."""
        due = [line for at, line in self._lines if at == tick]
        self._lines = [(at, line) for at, line in self._lines if at > tick]
        return due

    def hurry(self, random: Random, tick: int, workflow: Address) -> None:
        """Let all come soon, for a worker has fallen asleep over this workflow; the first time only."""
        if self._is_hurried:
            return
        self._is_hurried = True
        lines = [line.aimed_at(workflow) for _, line in self._lines]
        self._lines = [(tick + random.randint(1, SOON_TICKS[line.verb]), line) for line in lines]
        if self.jump_at > tick:
            self.jump_at = tick + random.randint(1, SOON_TICKS["abort"])


def begin(id: str, kind: str) -> Line:
    """Begin a workflow on the repository."""
    arguments = {
        "registry_id": REGISTRY,
        "registry_name": "Archive",
        "repo_id": REPO,
        "repo_global_path": PATH,
        "author_name": "Ada",
        "author_email": "ada@example.org",
    }
    return Line(Address(kind, id), "init", arguments)


FIRST = (
    Line(Address("registry", REGISTRY), "init", {"name": "Archive"}),
    Line(
        Address("registry", REGISTRY),
        "init_root",
        {"global_root": "/data", "host": "files", "host_root": "/srv/data"},
    ),
    Line(Address("registry", REGISTRY), "init_repo", {"repo": REPO, "global_path": PATH}),
    begin(SETUP, FREEZE),
)


def draw(random: Random, ticks: int, mood: Mood | None = None) -> Script:
    """Draw two workflows at once, or three, and one thing that goes wrong, or none."""
    slow, trouble = mood or (random.choice(SLOW), random.choices(list(CODES), (4, 4, 2, 1))[0])
    count = 3 if len(slow) > 1 else random.choice((2, 2, 3))
    kinds = (UNFREEZE, random.choice((UNFREEZE, UNFREEZE, FREEZE)), random.choice((UNFREEZE, FREEZE, FREEZE)))
    workflows = {f"w{number}": kind for number, kind in enumerate(kinds[:count], 1)}
    later = partial(random.randint, ticks - LAST_TICKS if slow else FIRST_TICKS, ticks - 1)
    begins = {id: later() if id == "w3" else random.randint(0, FIRST_TICKS) for id in workflows}
    lines = [(at, begin(id, workflows[id])) for id, at in begins.items()]
    # somebody did not hear the answer
    lines += [(random.randint(at, ticks - 1), line) for at, line in lines if random.random() < 0.1]
    if trouble == "abort":
        id = random.choice(list(workflows))
        soon = later() if slow else min(begins[id] + random.randint(1, FIRST_TICKS), ticks - 1)
        give_up = Line(Address(workflows[id], id), "abort", {"code": ABORTED, "message": "not needed"})
        lines += [(at, give_up) for at in (soon, later(), later())]  # it is refused while files are worked on
    return Script(
        workflows=workflows,
        lines=lines,
        trouble=trouble,
        slow=slow,
        broken_job=random.choice(("freeze", "unfreeze")) if trouble == "broken" else "",
        jump_at=later() if trouble == "expire" else -1,
    )
