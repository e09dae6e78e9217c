"""The tasks that have no tasks in them: set, switch, raise, wait, emit, listen, call, run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from actors.flow.errors import Fault
from actors.flow.moment import Moment
from messages.envelope import derive
from messages.run import Called, Emitted, Entered, Event, Listening, Logged, Problem, Waiting

FUNCTIONS = ("database", "email", "slack")
"""What ``call`` knows beside protocols, ``log``, and the functions of the definition."""


def set_(now: Moment) -> Event:
    """Have what is written there as the result."""
    said = now.task.body["set"]
    if isinstance(said, str):
        return now.result(now.read.bare("set", said, now.frame.input))
    return now.result(now.read.value("set", said, now.frame.input))


def switch(now: Moment) -> Event:
    """Go where the first case leads whose condition holds."""
    for place, item in enumerate(now.task.body["switch"]):
        ((_, case),) = item.items()
        if "when" not in case or now.read.holds(f"when{place}", case["when"], now.frame.input):
            return now.result(now.frame.input, case["then"])
    return now.result(now.frame.input)


def raise_(now: Moment) -> Event:
    """Fail with the error that is written there, or named."""
    said = now.state.program.reusable("errors", now.task.body["raise"]["error"])
    error = now.read.value("raise", said, now.frame.input)
    raise Fault(
        Problem(
            type=str(error["type"]),
            status=int(error["status"]),
            title=str(error.get("title", "")),
            detail=str(error.get("detail", "")),
            instance=str(error.get("instance", now.frame.pointer)),
        )
    )


def wait(now: Moment) -> Event:
    """Wait until the time has passed."""
    if now.frame.is_woken:
        return now.result(now.frame.input)
    until = now.instant(now.read.value("wait", now.task.body["wait"], now.frame.input))
    return Waiting(frame=now.frame.id, pointer=now.frame.pointer, until=until)


def emit(now: Moment) -> Event:
    """Tell a CloudEvent; what the definition leaves out is filled in."""
    said = now.read.value("emit", now.task.body["emit"]["event"]["with"], now.frame.input)
    id = derive(f"{now.state.begun_at}/{now.state.workflow}", f"{now.frame.pointer}/{now.frame.id}")
    event = {"specversion": "1.0", "id": id, "time": now.at.isoformat(), **said}
    return Emitted(frame=now.frame.id, event=event)


def listen(now: Moment) -> Event:
    """Wait for events until enough have come."""
    to = now.task.body["listen"]["to"]
    heard = list(now.frame.heard)
    if _has_enough(now, to, heard):
        envelope = now.task.body["listen"].get("read", "data") != "data"
        return now.result([event if envelope else event.get("data") for event in heard])
    return Listening(frame=now.frame.id, pointer=now.frame.pointer)


def _has_enough(now: Moment, to: Mapping[str, Any], heard: list[dict[str, Any]]) -> bool:
    if "one" in to:
        return bool(heard)
    if "all" in to:
        return all(any(fits(one, event) for event in heard) for one in to["all"])
    until = to.get("until")
    if isinstance(until, str):
        data = [event.get("data") for event in heard]
        return bool(heard) and now.read.holds(f"until{len(heard)}", until, data)
    if isinstance(until, Mapping):
        return any(fits(one, event) for one in filters(until) for event in heard)
    return bool(heard)


def filters(to: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the filters of what a task listens to; none: everything."""
    if "one" in to:
        return [to["one"]]
    found = list(to.get("all", to.get("any", ())))
    until = to.get("until")
    return found + (filters(until) if isinstance(until, Mapping) and found else [])


def fits(one: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Say whether an event has all that a filter names."""
    return all(event.get(name) == value for name, value in one.get("with", {}).items())


def wants(to: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Say whether a listening task takes an event."""
    known = filters(to)
    return not known or any(fits(one, event) for one in known)


def call(now: Moment) -> Event:
    """Have something done outside, or run a function of the definition."""
    what = now.task.body["call"]
    if what == "log":
        return _log(now)
    if f"/use/functions/{what}" in now.state.program.tasks:
        given = now.read.value("with", now.task.body.get("with", {}), now.frame.input)
        entered: Entered = now.enter(f"/use/functions/{what}", given)
        return entered
    arguments(now)
    return _called(now, what)


def _log(now: Moment) -> Event:
    said = now.read.value("with", now.task.body.get("with", {}), now.frame.input)
    message, level = str(said.get("message", "")), str(said.get("level", "info"))
    return Logged(frame=now.frame.id, level=level, message=message, at=now.at)


def run(now: Moment) -> Event:
    """Run another workflow and wait for it, or a command."""
    what = now.task.body["run"]
    arguments(now)
    return _called(now, "workflow" if "workflow" in what else "shell")


def _called(now: Moment, kind: str) -> Called:
    frame = now.frame
    return Called(frame=frame.id, pointer=frame.pointer, kind=kind, attempt=frame.calls + 1)


def arguments(now: Moment) -> dict[str, Any]:
    """Return what a call is given, its expressions evaluated; raises Ask."""
    body = now.task.body
    if "run" in body:
        (said,) = (body["run"][name] for name in ("workflow", "shell") if name in body["run"])
        found: dict[str, Any] = now.read.value("with", said, now.frame.input)
        return found
    found = now.read.value("with", body.get("with", {}), now.frame.input)
    if body["call"] == "http":
        found = {**found, "endpoint": _endpoint(now, found.get("endpoint"))}
    return found


def _endpoint(now: Moment, endpoint: Any) -> Any:
    """Fill ``{name}`` in the address with the members of the input."""
    if isinstance(endpoint, str):
        return _address(now, endpoint)
    filled = {**endpoint, "uri": _address(now, str(endpoint["uri"]))}
    authentication = now.state.program.reusable("authentications", _named(endpoint.get("authentication")))
    if authentication is not None:
        filled["authentication"] = now.read.value("authentication", authentication, now.frame.input)
    return filled


def _named(authentication: Any) -> Any:
    is_reference = isinstance(authentication, Mapping) and "use" in authentication
    return authentication["use"] if is_reference else authentication


def _address(now: Moment, uri: str) -> str:
    data = now.frame.input if isinstance(now.frame.input, Mapping) else {}
    for name, value in data.items():
        uri = uri.replace("{" + str(name) + "}", quote(_text(value), safe=""))
    return uri


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


BODIES: dict[str, Callable[[Moment], Event]] = {
    "set": set_,
    "switch": switch,
    "raise": raise_,
    "wait": wait,
    "emit": emit,
    "listen": listen,
    "call": call,
    "run": run,
}
