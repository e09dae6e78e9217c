"""Waiting for the end of a run, over restarts of the node; its exit code and its output."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from cli import show
from cli.client import Client
from cli.ephemeral import ASK_SECONDS_MAX, ASK_SHARE, LATE_SECONDS, ask_again
from cli.errors import FAILED
from cli.follow import Row, until_end
from cli.session import Session
from cli.timeline import problem
from messages.base import encode

KIND = "run"
ENDS = frozenset({"run.succeeded", "run.failed", "run.cancelled"})


async def ended(session: Session, node: Client, id: str, seconds: float = 0.0) -> dict[str, Any]:
    """Ask until a run has ended, or the time is up; one that was launched may not be there yet."""
    now = asyncio.get_running_loop().time
    each = min(ASK_SECONDS_MAX, session.seconds * ASK_SHARE)
    until = now() + seconds if seconds else None
    told: dict[str, Any] = {"status": "pending", "is_final": False}
    with suppress(TimeoutError):
        async with asyncio.timeout_at(None if until is None else until + LATE_SECONDS):
            while not told["is_final"] and (until is None or until > now()):
                left = each if until is None else min(each, until - now())
                told = await ask_again(node, KIND, {"id": id, "timeout": left})
    return {"kind": KIND, "id": id, **told}


def report(session: Session, told: dict[str, Any], seconds: float = 0.0) -> int | None:
    """Show how a run has ended: its output as data, all else as talk; return the exit code."""
    is_success = told["status"] == "success"
    if session.is_json:
        show.put_json(told)
        return None if is_success else FAILED
    if is_success:
        show.put_json(told["output"])
    show.say(f"run {told['id']}: {words(told, seconds)}")
    return None if is_success else FAILED


def words(told: dict[str, Any], seconds: float = 0.0) -> str:
    """Say how a run has ended."""
    if not told["is_final"]:
        return f"after {seconds:g} s it is {told['status']}; it goes on"
    if told.get("error"):
        return f"failed: {problem(told['error'])}"
    reason = f": {told['reason']}" if told.get("reason") else ""
    return f"{told['status']}{reason}"


async def follow(session: Session, node: Client, id: str, seconds: float) -> float:
    """Show what happens to a run until it has ended."""

    def put(row: Row) -> None:
        if session.is_json:
            show.put_json(row, is_line=True)
        elif (text := line(row)) is not None:
            show.put(text)

    return await until_end(node, (KIND, id), ENDS, put, seconds)


def line(row: Row) -> str | None:
    """Return an event as one line, or None when it says nothing to people."""
    body = row["body"]
    name = row["type"].removeprefix(f"{KIND}.")
    if name not in TOLD:
        return None
    if not body.get("pointer", "/"):
        return None  # the whole: begun and succeeded say it
    told = [str(body.get(field)) for field in TOLD[name] if body.get(field) not in (None, "")]
    if "problem" in body:
        told.append(problem(body["problem"]))
    if "output" in body:
        told.append(_short(body["output"]))
    return show.clean(f"{row['at']}  {name.replace('_', ' '):<14}  {'  '.join(told)}").rstrip()


def _short(value: Any) -> str:
    text = encode(value).decode()
    return text if len(text) <= show.CELL_CHARACTERS_MAX else f"{text[: show.CELL_CHARACTERS_MAX]}…"


TOLD: dict[str, tuple[str, ...]] = {
    "begun": ("workflow", "workflow_version"),
    "task_started": ("pointer",),
    "called": ("pointer", "kind"),
    "waiting": ("pointer", "until"),
    "listening": ("pointer",),
    "retried": ("pointer", "attempt", "until"),
    "caught": ("pointer",),
    "logged": ("level", "message"),
    "task_skipped": ("pointer",),
    "task_ended": ("pointer",),
    "task_failed": ("pointer",),
    "task_cancelled": ("pointer",),
    "paused": ("reason",),
    "resumed": (),
    "unsettled": ("pointer",),
    "cancelling": ("reason",),
    "restarted": ("start",),
    "succeeded": (),
    "failed": (),
    "cancelled": ("reason",),
}
"""The events that are shown to people, and which of their fields."""
