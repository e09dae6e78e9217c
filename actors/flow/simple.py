"""The tasks that have no tasks in them; listening and calling have files of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from actors.flow.calling import call, run
from actors.flow.errors import Fault, fault
from actors.flow.listening import listen
from actors.flow.moment import Moment
from messages.envelope import derive
from messages.problem import Problem
from messages.task_events import Emitted, Returned, TaskEvent, Waiting


def set_(now: Moment) -> Returned:
    """Have what is written there as the result."""
    said = now.task.body["set"]
    if isinstance(said, str):
        return now.result(now.read.bare("set", said, now.frame.input))
    return now.result(now.read.value("set", said, now.frame.input))


def switch(now: Moment) -> Returned:
    """Go where the first case leads whose condition holds, else where the one without a condition does."""
    default = ""
    for place, item in enumerate(now.task.body["switch"]):
        ((_, case),) = item.items()
        if "when" not in case:
            default = default or case["then"]
        elif now.read.holds(f"when{place}", case["when"], now.frame.input):
            return now.result(now.frame.input, case["then"])
    return now.result(now.frame.input, default)


def raise_(now: Moment) -> TaskEvent:
    """Fail with the error that is written there, or named."""
    said = now.state.program.reusable("errors", now.task.body["raise"]["error"])
    if said is None:
        raise fault(
            "configuration", now.frame.pointer, f"there is no error {now.task.body['raise']['error']}"
        )
    error = now.read.value("raise", said, now.frame.input)
    if not isinstance(error["type"], str):
        raise fault("expression", now.frame.pointer, "the type of the error is no text")
    words = {name: _text(error.get(name)) for name in ("title", "detail")}
    instance = _text(error.get("instance")) or now.frame.pointer
    raise Fault(Problem(type=error["type"], status=int(error["status"]), instance=instance, **words))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()


def wait(now: Moment) -> Waiting | Returned:
    """Wait until the time has passed."""
    if now.frame.is_woken:
        return now.result(now.frame.input)
    until = now.instant(now.read.value("wait", now.task.body["wait"], now.frame.input))
    return Waiting(frame=now.frame.id, pointer=now.frame.pointer, until=until)


def emit(now: Moment) -> Emitted:
    """Tell a CloudEvent; what the definition leaves out is filled in."""
    said = now.read.value("emit", now.task.body["emit"]["event"].get("with", {}), now.frame.input)
    document = now.state.program.document.get("document", {})
    filled = {
        "specversion": "1.0",
        "id": derive(now.state.id, f"{now.frame.pointer}/{now.frame.id}"),
        "source": "/" + "/".join(str(document.get(name, "")) for name in ("namespace", "name", "version")),
        "time": now.at.isoformat(),
    }
    return Emitted(frame=now.frame.id, event={**filled, **said})


BODIES: dict[str, Callable[[Moment], TaskEvent]] = {
    "set": set_,
    "switch": switch,
    "raise": raise_,
    "wait": wait,
    "emit": emit,
    "listen": listen,
    "call": call,
    "run": run,
}
