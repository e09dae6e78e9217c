"""A run in the terminal: its actions as a tree, and when each of them worked and waited."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text
from rich.tree import Tree

from actors.flow.errors import standard
from cli import show
from cli.actions import Action
from messages.base import encode

ROWS_MAX = 200
"""How many actions are shown to people who do not ask for all."""
DATA_CHARACTERS = 48
LABEL_CHARACTERS = 32
WIDTH_MIN, WIDTH_MAX, PIPE_WIDTH = 60, 160, 100
WORK, WAIT, INSIDE, RETRY, FAILED = "█", "░", "─", "↻", "✗"
LEGEND = f"{WORK} works  {WAIT} waits  {INSIDE} has others in it  {RETRY} is tried again  {FAILED} has failed"
HOLDERS = frozenset({"do", "for", "fork", "try"})
STYLES = {
    "success": "green",
    "failure": "red",
    "cancelled": "dim",
    "skipped": "dim",
    "running": "cyan",
    "waiting": "yellow",
    "suspended": "yellow",
}
UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def tree(title: str, actions: Sequence[Action], now: datetime, *, is_whole: bool = False) -> Tree:
    """Draw which action is in which, how each went, and its data: cut, or whole."""
    top = Tree(Text(show.clean(title)))
    trees = {0: top}
    for action in actions:
        branch = trees.get(action.above, top).add(_told(action, now, is_whole))
        trees[action.frame] = branch
    return top


def _told(action: Action, now: datetime, is_whole: bool) -> Text:
    text = Text(show.clean(action.label), style="bold")
    text.append(f"  {action.kind}  ", style="not bold dim")
    text.append(action.status, style=f"not bold {STYLES.get(action.status, '')}")
    text.append(f"  {duration(action.seconds(now))}", style="not bold")
    if action.run:
        text.append(f"  run {action.run}", style="not bold dim")
    if action.attempts > 1:
        text.append(f"  {action.attempts} attempts", style="not bold yellow")
    if is_whole:
        return text.append(_whole(action), style="not bold")
    if action.error is not None:
        return text.append(f"  {short(problem(action.error), 2 * DATA_CHARACTERS)}", style="not bold red")
    told = f"  {short(_json(action.input))}" if action.input is not None else " "
    told += f" → {short(_json(action.output))}" if action.output is not None else ""
    return text.append(told.rstrip(), style="not bold dim")


def _whole(action: Action) -> str:
    rows = [("input", action.input), ("output", action.output), ("error", action.error)]
    return "".join(f"\n{name:<7} {show.clean(_json(value))}" for name, value in rows if value is not None)


def _json(value: Any) -> str:
    return encode(value).decode()


def short(text: str, most: int = DATA_CHARACTERS) -> str:
    """Cut a text to what fits."""
    text = show.clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def problem(error: Mapping[str, Any]) -> str:
    """Say in one line what went wrong, and where."""
    title = error.get("title") or standard(error.get("type", ""))
    detail = f": {error['detail']}" if error.get("detail") else ""
    place = f" (at {error['instance']})" if error.get("instance") else ""
    return f"{title}{detail}{place}"


def picture(actions: Sequence[Action], begin: datetime, now: datetime) -> Text:
    """Draw one bar for each action, over the time of the run."""
    labels = [short("  " * action.depth + action.label, LABEL_CHARACTERS) for action in actions]
    margin = max((len(label) for label in labels), default=0) + 2
    width = max(_width() - margin - 10, 20)
    last = duration((now - begin).total_seconds())
    text = Text(" " * margin + "0" + last.rjust(width - 1) + "\n", style="dim")
    for label, action in zip(labels, actions, strict=True):
        text.append(label.ljust(margin), style="not dim")
        text.append_text(bar(action, (begin, now), width))
        text.append(f" {duration(action.seconds(now))}\n", style="dim")
    return text.append(f"{LEGEND}")


def bar(action: Action, span: tuple[datetime, datetime], width: int) -> Text:
    """Draw when an action worked, waited, was tried again and failed."""
    begin, now = span
    whole = max((now - begin).total_seconds(), 1e-6)

    def cell(at: datetime) -> int:
        return min(int((at - begin).total_seconds() / whole * width), width - 1)

    first, last = cell(action.entered_at), cell(action.ended_at or now)
    cells = [" "] * width
    cells[first : last + 1] = (INSIDE if action.kind in HOLDERS else WORK) * (last + 1 - first)
    for wait in action.waits:
        since, until = cell(wait.since), cell(wait.until or now)
        cells[since : until + 1] = WAIT * (until + 1 - since)
    for at in action.retries:
        cells[cell(at)] = RETRY
    if action.status == "failure":
        cells[last] = FAILED
    if action.status == "skipped":
        cells[first] = "·"
    text = Text(style="not dim")
    for one in cells:
        text.append(one, style=_style(one, action.status))
    return text


def _style(cell: str, status: str) -> str:
    if cell in (WAIT, RETRY):
        return "yellow"
    return STYLES.get(status, "")


def duration(seconds: float) -> str:
    """Return a time in its two largest units, as 2 d 3 h or 41 ms."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60.0:
        return f"{seconds:.3g} s"
    place = next(place for place, (size, _) in enumerate(UNITS) if seconds >= size)
    (size, name), (small, lesser) = UNITS[place], UNITS[place + 1]
    rest = int(seconds % size // small)
    return f"{int(seconds // size)} {name}" + (f" {rest} {lesser}" if rest else "")


def _width() -> int:
    if not sys.stdout.isatty():
        return PIPE_WIDTH
    return min(max(shutil.get_terminal_size().columns, WIDTH_MIN), WIDTH_MAX)
