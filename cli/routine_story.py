"""What became of each step of a run of a routine, read from its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cli import show
from cli.actions import Action

Body = Mapping[str, Any]
KIND = "routine_run"
PREFIX = f"{KIND}."
ENDS = frozenset({f"{KIND}.ended"})


class Steps:
    """All steps of one run, in their order; those that have not begun stand where they will."""

    def __init__(self) -> None:
        self.begun_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.last_at: datetime | None = None
        self._open: dict[str, Action] = {}
        self._order: list[str] = []
        self._kinds: dict[str, str] = {}
        self._takes: dict[str, Any] = {}

    @property
    def actions(self) -> list[Action]:
        """Return what has begun, or will never be."""
        return [self._open[id] for id in self._order if id in self._open]

    def hear(self, events: Iterable[Body]) -> Steps:
        """Take what has happened next: ``at``, ``type`` and ``body``, as a history tells them."""
        for event in events:
            at = event["at"]
            self.last_at = at if isinstance(at, datetime) else datetime.fromisoformat(at)
            name, body = event["type"].removeprefix(PREFIX), event["body"]
            if name == "begun":
                self._begun(body, self.last_at)
            elif name == "ended":
                self.ended_at = self.last_at
            elif "step" in body:
                self._step(name, body, self.last_at)
        return self

    def _begun(self, body: Body, at: datetime) -> None:
        self.begun_at = at
        for step in body["content"]["steps"]:
            self._order.append(step["id"])
            self._takes[step["id"]] = step.get("takes") or None
            takes = {file.partition("/")[0] for file in step.get("takes", {}).values()}
            needs = sorted({*step.get("needs", ()), *takes})
            about = [f"job {step['job']}", *([f"needs {', '.join(needs)}"] if needs else [])]
            about += [f"on {step['on']}"] if step.get("on") else []
            self._kinds[step["id"]] = "  ".join(about)

    def _step(self, name: str, body: Body, at: datetime) -> None:
        action = self._open.get(body["step"]) or self._new(body["step"], at)
        match name:
            case "step_started":
                action.wake(at)
                action.run = body["run"]
                if body["attempt"] > 1:
                    action.retries.append(at)
                    action.attempts = body["attempt"]
            case "step_retried":
                action.wait("retry", at)
            case "step_ended":
                status = body["status"]
                action.output = [file["name"] for file in body["how"].get("files", ())] or None
                action.end("failure" if status in ("timeout", "lost", "refused") else status, at)
                action.error = _error(status, body["how"])
            case _:
                pass

    def _new(self, id: str, at: datetime) -> Action:
        number = self._order.index(id) + 1
        action = Action(
            frame=number,
            pointer=id,
            name=id,
            kind=self._kinds[id],
            above=0,
            depth=0,
            round=None,
            entered_at=at,
            input=self._takes[id],
        )
        self._open[id] = action
        return action


def _error(status: str, how: Body) -> dict[str, Any] | None:
    if status == "success":
        return None
    return {"title": status, "detail": how.get("detail", "")}


def line(row: Body) -> str | None:
    """Return an event as one line, or None when it says nothing to people."""
    body, name = row["body"], row["type"].removeprefix(PREFIX)
    match name:
        case "begun":
            told = f"begun         {body['routine']}, {len(body['content']['steps'])} steps"
        case "step_started":
            again = f"  attempt {body['attempt']}" if body["attempt"] > 1 else ""
            told = f"started       {body['step']}{again}  run {body['run']}"
        case "step_retried":
            told = f"failed        {body['step']}  {body['how']['detail']}; again at {body['next_at']}"
        case "step_ended":
            detail = body["how"].get("detail", "")
            told = f"{body['status']:<12}  {body['step']}" + (f"  {detail}" if detail else "")
        case "stopping":
            told = f"stopping      {body['reason']}"
        case "ended":
            told = f"ended         {body['status']}"
        case _:
            return None
    return show.clean(f"{row['at']}  {told}")
