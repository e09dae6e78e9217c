"""What became of each action of a run, read from its history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from actors.flow.program import SEQUENCE, WORKFLOW, Program, read
from actors.flow.reacting import child
from cli.actions import Action, Line

Body = Mapping[str, Any]
PREFIX = "run."


class Story:
    """All actions of one run, in the order in which they were reached."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.lines: list[Line] = []
        self.begun_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.last_at: datetime | None = None
        self._run = ""
        self._program: Program = read("{}")
        self._open: dict[int, Action] = {}
        """By frame, those under way."""
        self._parents: dict[int, int] = {}
        """The frame that each frame is in, lists of tasks too."""
        self._rounds: dict[int, int] = {}
        self._around: list[Action] = []
        """The actions around the one that has ended last."""

    def hear(self, events: Iterable[Body]) -> Story:
        """Take what has happened next: ``at``, ``type`` and ``body``, as a history tells them."""
        for event in events:
            at = event["at"]
            self.last_at = at if isinstance(at, datetime) else datetime.fromisoformat(at)
            name = event["type"].removeprefix(PREFIX)
            if name == "task_started" and "parent" in event["body"]:  # it was reached with its start
                self.entered(event["body"], self.last_at)
            if name in OF_RUN:
                OF_RUN[name](self, event["body"], self.last_at)
            elif name in OF_ACTION and event["body"]["frame"] in self._open:
                OF_ACTION[name](self._open[event["body"]["frame"]], event["body"], self.last_at)
        return self

    def begun(self, body: Body, at: datetime) -> None:
        """Know what is run."""
        self.begun_at = self.begun_at or at
        self._run = body.get("run", "")
        self._program = read(msgspec.json.encode(body["definition"]).decode())

    def restarted(self, body: Body, at: datetime) -> None:
        """Go on after the end: what is under way again is taken up, or all begins anew."""
        self.ended_at = None
        if body.get("definition"):
            self._program = read(msgspec.json.encode(body["definition"]).decode())
        self._open, self._parents = {}, {}
        frames = sorted(body.get("frames", ()), key=lambda frame: int(frame["id"]))
        for frame in frames:
            self._rounds[frame["id"]] = frame.get("index", 0)
            self._parents[frame["id"]] = frame.get("parent", 0)
        for frame in frames:
            self.entered({**frame, "frame": frame["id"], "parent": frame.get("parent", 0)}, at)

    def entered(self, body: Body, at: datetime) -> None:
        """Know of another action, and where it stands."""
        self._parents[body["frame"]] = body["parent"]
        task = self._program.tasks.get(body["pointer"])
        if task is None or task.kind in (SEQUENCE, WORKFLOW):
            return
        around = self._above(body["frame"])
        is_of_loop = bool(around) and around[0].kind == "for"
        action = Action(
            frame=body["frame"],
            pointer=body["pointer"],
            name=task.name,
            kind=task.kind,
            above=around[0].frame if around else 0,
            depth=len(around),
            round=self._rounds.get(around[0].frame) if is_of_loop else None,
            entered_at=at,
            input=body.get("raw"),
            run=child(self._run, body["frame"]) if "workflow" in task.body.get("run", {}) else "",
        )
        self._open[body["frame"]] = action
        self.actions.append(action)

    def _above(self, frame: int) -> list[Action]:
        """Return the actions around a frame, the innermost first."""
        found = []
        while frame := self._parents.get(frame, 0):
            if frame in self._open:
                found.append(self._open[frame])
        return found

    def iterated(self, body: Body, _at: datetime) -> None:
        """Know which round a loop is in."""
        self._rounds[body["frame"]] = body["index"]

    def logged(self, body: Body, at: datetime) -> None:
        """Keep a line of the log."""
        action = self._open.get(body["frame"])
        self.lines.append(Line(at, body["level"], action.pointer if action else "", body["message"]))

    def left(self, body: Body, at: datetime, *, status: str) -> None:
        """Note the end of an action."""
        action = self._open.pop(body["frame"], None)
        if action is not None:
            self._around = self._above(body["frame"])
            action.output, action.error = body.get("output"), body.get("problem")
            action.end(status, at)

    def over(self, _body: Body, at: datetime, *, is_success: bool) -> None:
        """End all that is still under way: what is around the last one, and what is given up."""
        self.ended_at = at
        for action in self._open.values():
            action.end("success" if is_success and action in self._around else "cancelled", at)
        self._open = {}


def _started(action: Action, body: Body, at: datetime) -> None:
    action.started_at, action.input = at, body["input"]


def _called(action: Action, body: Body, _at: datetime) -> None:
    action.attempts = max(action.attempts, body["attempt"])


def _retried(action: Action, body: Body, at: datetime) -> None:
    action.attempts = body["attempt"]
    action.retries.append(at)
    action.wait("retry", at)


OF_RUN: dict[str, Callable[[Story, Body, datetime], None]] = {
    "begun": Story.begun,
    "restarted": Story.restarted,
    "entered": Story.entered,
    "iterated": Story.iterated,
    "logged": Story.logged,
    "task_ended": partial(Story.left, status="success"),
    "task_skipped": partial(Story.left, status="skipped"),
    "task_failed": partial(Story.left, status="failure"),
    "task_cancelled": partial(Story.left, status="cancelled"),
    "succeeded": partial(Story.over, is_success=True),
    "failed": partial(Story.over, is_success=False),
    "cancelled": partial(Story.over, is_success=False),
}
OF_ACTION: dict[str, Callable[[Action, Body, datetime], None]] = {
    "task_started": _started,
    "called": _called,
    "retried": _retried,
    "waiting": lambda action, _body, at: action.wait("wait", at),
    "listening": lambda action, _body, at: action.wait("listen", at),
    "unsettled": lambda action, _body, at: action.wait("settle", at),
    "woken": lambda action, _body, at: action.wake(at),
    "heard": lambda action, _body, at: action.wake(at),
    "unheard": lambda action, _body, at: action.wait("listen", at),
    "settled": lambda action, _body, at: action.wake(at),
}
