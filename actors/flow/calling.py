"""Tasks that have something done outside: call and run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from actors.flow import booking
from actors.flow.booking import BOOK
from actors.flow.errors import fault
from actors.flow.fast import below, expression
from actors.flow.moment import Moment
from actors.flow.programs import PROGRAMS
from messages.subjects import is_token
from messages.task_events import Called, Entered, Logged, TaskEvent

ANSWER_WITHIN = timedelta(hours=1)
"""How long a worker may take, unless the metadata say ``answerWithin``; other entities may take for ever."""
WORKFLOW = "workflow"
_PLACE = re.compile(r"\{([^{}]*)\}")


def call(now: Moment) -> TaskEvent:
    """Have something done outside, note something, or run a function of the definition."""
    what = now.task.body["call"]
    if what == "log":
        return _log(now)
    function = below("/use/functions", what)
    if function in now.state.program.tasks:
        given = now.read.value("with", now.task.body.get("with", {}), now.frame.input)
        entered: Entered = now.enter(function, given)
        return entered
    given = _given(now)
    if what in PROGRAMS:
        _check_program(now, what, given)
    if what == BOOK:
        given = _wanted(now, given)
    return _called(now, what, given)


def _check_program(now: Moment, what: str, given: Mapping[str, Any]) -> None:
    id, on, repeats = given.get(what), given.get("on", ""), given.get("mayRepeat", False)
    if not isinstance(id, str) or not is_token(id):
        raise fault("configuration", now.frame.pointer, f"{what} is the id of a {what} of this node")
    if not isinstance(on, str) or (on and not all(map(is_token, on.split("/", 1)))):
        raise fault("configuration", now.frame.pointer, "on is the id of a compute, or <node>/<id>")
    if not isinstance(repeats, bool):
        raise fault("configuration", now.frame.pointer, "mayRepeat is true or false")


def _wanted(now: Moment, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return from when to when what is booked; without a start, from now on."""
    for name, why in booking.wrong(given):
        raise fault("configuration", now.frame.pointer, f"{name or 'with'}: {why}")
    try:
        return booking.wanted(given, now.at)
    except (OverflowError, ValueError) as error:
        raise fault("configuration", now.frame.pointer, f"start: {error}") from error


def _log(now: Moment) -> Logged:
    said = now.read.value("with", now.task.body.get("with", {}), now.frame.input)
    message, level = str(said.get("message", "")), str(said.get("level", "info"))
    return Logged(frame=now.frame.id, level=level, message=message, at=now.at)


def run(now: Moment) -> Called:
    """Run another workflow or a command; ``await: false`` goes on at once."""
    said = now.task.body["run"]
    kind = WORKFLOW if WORKFLOW in said else "shell"
    arguments = dict(now.read.value("with", said[kind], now.frame.input))
    if "return" in said:
        arguments["return"] = said["return"]
    return _called(now, kind, arguments, is_awaited=said.get("await", True))


def _called(now: Moment, kind: str, arguments: dict[str, Any], *, is_awaited: bool = True) -> Called:
    frame = now.frame
    within = now.task.body.get("metadata", {}).get("answerWithin")
    until = now.at + ANSWER_WITHIN if within is None else now.instant(within)
    return Called(
        frame=frame.id,
        pointer=frame.pointer,
        kind=kind,
        attempt=frame.calls + 1,
        arguments=arguments,
        until=None if kind in (WORKFLOW, *PROGRAMS) and within is None else until,
        is_awaited=is_awaited,
    )


def is_once(body: Mapping[str, Any]) -> bool:
    """Say whether a call must not be made twice: ``metadata: {once: true}``."""
    return body.get("metadata", {}).get("once") is True


def _given(now: Moment) -> dict[str, Any]:
    """Return what a call is given, its expressions evaluated; raises Ask."""
    said = now.task.body.get("with", {})
    found: dict[str, Any] = now.read.value("with", said, now.frame.input)
    if "authentication" in found:
        found = {**found, "authentication": _authentication(now, found["authentication"])}
    if "endpoint" in found:
        found = {**found, "endpoint": _endpoint(now, said["endpoint"], found["endpoint"])}
    if isinstance(found.get("document"), Mapping) and "endpoint" in found["document"]:
        endpoint = _endpoint(now, said["document"]["endpoint"], found["document"]["endpoint"])
        found = {**found, "document": {**found["document"], "endpoint": endpoint}}
    return found


def _endpoint(now: Moment, said: Any, found: Any) -> Any:
    """Fill ``{name}`` in an address that the definition writes; one that was computed is as it is."""
    if isinstance(said, str):
        return _address(now, said) if expression(said) is None else found
    filled = {**found, "uri": _endpoint(now, said["uri"], found["uri"])}
    if "authentication" in found:
        filled["authentication"] = _authentication(now, found["authentication"])
    return filled


def _authentication(now: Moment, found: Any) -> Any:
    """Return the policy itself where one of the definition is named."""
    named = isinstance(found, Mapping) and isinstance(found.get("use"), str)
    policy = now.state.program.reusable("authentications", found["use"]) if named else None
    return (
        found if policy is None else now.read.value(f"authentication/{found['use']}", policy, now.frame.input)
    )


def _address(now: Moment, uri: str) -> str:
    data = now.frame.input if isinstance(now.frame.input, Mapping) else {}

    def value(place: re.Match[str]) -> str:
        found = data.get(place[1])
        if isinstance(found, Mapping | list):
            raise fault("expression", now.frame.pointer, f"{{{place[1]}}} in the address is no single value")
        return quote(_text(found), safe="")

    return _PLACE.sub(value, uri)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
