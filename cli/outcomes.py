"""What became of a command, for people and for programs."""

from __future__ import annotations

from typing import Any

import msgspec

from cli import places, show
from cli.errors import FAILED, reason
from cli.session import Session
from messages.envelope import Outcome


def report(session: Session, what: str, outcome: Outcome, text: str = "") -> int | None:
    """Show what became of a command and return the exit code; ``text`` is the file that it came from."""
    is_done = outcome.status == "done"
    if session.is_json or is_done:
        session.show(outcome, lambda: line(what, outcome))
    if is_done:
        return None
    show.say(f"{what} {outcome.status}: {reason(outcome.code, outcome.detail, outcome.at)}")
    for fault in places.told(outcome.extra.get("faults", ()), text):
        show.say(fault)
    return FAILED


def line(what: str, outcome: Outcome) -> str:
    """Say in one line what became of a command."""
    if outcome.status != "done":
        return show.clean(f"{what}: {outcome.status}, {reason(outcome.code, outcome.detail, outcome.at)}")
    names, notes = [], []
    for event in map(_event, outcome.events):
        names.append(_name(event, outcome.kind))
        notes += [f" ({event['note']})"] if event.get("note") else []
    extra = [f"{name} {show.cell(value)}" for name, value in outcome.extra.items() if value]
    happened = ", ".join([*dict.fromkeys(names), *extra]) or "nothing to change"
    told = f"{what}: {happened}, version {outcome.version}{''.join(notes)}, message {outcome.message}"
    return show.clean(told)


def _name(event: dict[str, Any], kind: str) -> str:
    """Return the name of an event, which stands in ``message`` where ``type`` is a field of its own."""
    words = [word for word in (event.get("message"), event.get("type")) if isinstance(word, str)]
    return next((word.removeprefix(f"{kind}.") for word in words if word.startswith(f"{kind}.")), "")


def _event(raw: msgspec.Raw) -> dict[str, Any]:
    return msgspec.json.decode(raw, type=dict[str, Any])
