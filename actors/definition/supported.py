"""What of a definition can be run: the rest is refused when it is saved, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from actors.definition.names import policies
from actors.definition.support import AUTHENTICATIONS, CALLS, PROGRAM_ARGUMENTS, RUNS, UNSUPPORTED
from actors.definition.wrong import Wrong
from actors.flow import booking
from actors.flow.booking import BOOK
from actors.flow.duration import after
from actors.flow.fast import below
from actors.flow.program import Program, Task

DSL_RUN = "1.0."
"""How the versions of the language begin that are run: patches mean the same."""
LOG_ARGUMENTS = ("message", "level")


def whole(program: Program) -> Iterator[Wrong]:
    """Check what stands beside the tasks."""
    document = program.document
    version = document["document"]["dsl"]
    if not version.startswith(DSL_RUN):
        told = f"version {version} of the language is not run here; write 1.0.3, or another 1.0"
        yield Wrong("/document/dsl", told)
    if "schedule" in document:
        yield _no("/schedule", "schedule")
    for name in ("extensions", "catalogs"):
        if document.get("use", {}).get(name):
            yield _no(f"/use/{name}", name)
    evaluate = document.get("evaluate", {})
    if evaluate.get("language", "jq") != "jq":
        yield _no("/evaluate/language", "evaluate language")
    if evaluate.get("mode", "strict") != "strict":
        yield _no("/evaluate/mode", "evaluate mode loose")
    for name, policy in document.get("use", {}).get("authentications", {}).items():
        yield from _policy(below("/use/authentications", name), policy)


def _no(at: str, what: str, there: Sequence[str] = ()) -> Wrong:
    listed = f"; there are {', '.join(there)}" if there else ""
    return Wrong(at, f"{what}: {UNSUPPORTED[what]}{listed}")


def task(program: Program, task: Task) -> Iterator[Wrong]:
    """Check one task."""
    yield from _metadata(task)
    match task.kind:
        case "call":
            yield from _call(program, task)
        case "run":
            unknown = [what for what in task.body["run"] if f"run {what}" in UNSUPPORTED]
            yield from (_no(f"{task.pointer}/run/{what}", f"run {what}", RUNS) for what in unknown)
        case "listen":
            yield from _listen(task)
        case "emit" if "with" not in task.body["emit"]["event"]:
            yield Wrong(f"{task.pointer}/emit/event", "with is missing")
        case "switch":
            yield from _switch(task)


def _call(program: Program, task: Task) -> Iterator[Wrong]:
    what = task.body["call"]
    if what in CALLS or below("/use/functions", what) in program.tasks:
        for at, policy in policies(task.body.get("with", {})) if what in ("http", "openapi") else ():
            yield from _policy(f"{task.pointer}/with{at}", {} if "use" in policy else policy)
        if what in PROGRAM_ARGUMENTS:
            yield from _program(what, task)
        if what == "log":
            yield from _log(task)
        if what == BOOK:
            yield from _book(task)
        if what == "database" and "${" in str(task.body.get("with", {}).get("query", "")):
            yield Wrong(f"{task.pointer}/with/query", "a query is written out; what varies is for parameters")
    elif "@" in what or "://" in what:
        yield _no(f"{task.pointer}/call", "catalogs")
    elif f"call {what}" in UNSUPPORTED:
        yield _no(f"{task.pointer}/call", f"call {what}", CALLS)
    else:
        known = [*CALLS, *program.document.get("use", {}).get("functions", {})]
        yield Wrong(f"{task.pointer}/call", f"there is no function {what}; there are {', '.join(known)}")


def _given(task: Task) -> tuple[Mapping[str, Any], str]:
    """Return what a call is given, and where that is; the call itself where it is given nothing."""
    return task.body.get("with", {}), f"{task.pointer}/with" if "with" in task.body else task.pointer


def _log(task: Task) -> Iterator[Wrong]:
    given, at = _given(task)
    yield from (
        Wrong(below(at, name), f"a call of log has {', '.join(LOG_ARGUMENTS)}")
        for name in given
        if name not in LOG_ARGUMENTS
    )
    if "message" not in given:
        yield Wrong(at, "it does not say what to note: message is missing")


def _book(task: Task) -> Iterator[Wrong]:
    """Check what is written out; what is computed is checked when it is known."""
    given, at = _given(task)
    computed = [name for name, value in given.items() if "${" in str(value)]
    yield from (Wrong(below(at, name) if name else at, why) for name, why in booking.wrong(given, computed))


def _program(what: str, task: Task) -> Iterator[Wrong]:
    (given, at), names = _given(task), PROGRAM_ARGUMENTS[what]
    if unknown := [name for name in given if name not in names]:
        yield Wrong(f"{at}/{unknown[0]}", f"a call of a {what} has {', '.join(names)}")
    if what not in given:
        yield Wrong(at, f"it does not say which {what}: {what} is missing")


def _policy(at: str, policy: Mapping[str, Any]) -> Iterator[Wrong]:
    for scheme, given in policy.items():
        if f"authentication {scheme}" in UNSUPPORTED:
            yield _no(f"{at}/{scheme}", f"authentication {scheme}", AUTHENTICATIONS)
        elif isinstance(given, Mapping) and "use" in given:
            yield _no(f"{at}/{scheme}/use", "authentication by the name of a secret")


def _listen(task: Task) -> Iterator[Wrong]:
    if "foreach" in task.body:
        yield _no(f"{task.pointer}/foreach", "listen foreach")
    for at, one in _filters(f"{task.pointer}/listen/to", task.body["listen"]["to"]):
        if "correlate" in one:
            yield _no(f"{at}/correlate", "listen correlate")


def _filters(at: str, to: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, found in to.items():
        if name == "one":
            yield f"{at}/one", found
        elif name == "until" and isinstance(found, Mapping):
            yield from _filters(f"{at}/until", found)
        elif isinstance(found, list):
            yield from ((f"{at}/{name}/{place}", one) for place, one in enumerate(found))


def _switch(task: Task) -> Iterator[Wrong]:
    defaults = 0
    for place, item in enumerate(task.body["switch"]):
        ((name, case),) = item.items()
        defaults += "when" not in case
        if "when" not in case and defaults > 1:
            yield Wrong(below(f"{task.pointer}/switch/{place}", name), "only one case may have no condition")


def _metadata(task: Task) -> Iterator[Wrong]:
    found, at = task.body.get("metadata", {}), f"{task.pointer}/metadata"
    if not isinstance(found.get("once", False), bool):
        yield Wrong(f"{at}/once", "once is true or false")
    if "answerWithin" in found:
        try:
            after(datetime(2026, 1, 1, tzinfo=UTC), found["answerWithin"])
        except (ValueError, OverflowError, TypeError) as error:
            yield Wrong(f"{at}/answerWithin", str(error))
