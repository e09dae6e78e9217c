"""``covey run replay``: does the code of today make of a history what was made of it then?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import show
from cli.errors import FAILED, Mistake
from cli.session import Session, verb
from messages.base import encode
from node.runs import Export, Replayed, Unreadable, read, replay

VALUE_CHARACTERS = 200
EXPORTED = Annotated[
    str, typer.Argument(help="What covey run history --export wrote; - is what comes in.", metavar="FILE")
]


def add(group: typer.Typer) -> None:
    """Register ``replay`` among the verbs of runs."""
    help = "Prove, without a node, that an exported history leads to the same state, decision by decision."

    @verb(group, "replay", "covey run replay run.jsonl", help=help)
    async def replay_(session: Session, file: EXPORTED) -> int | None:
        try:
            found = replay(_opened(file))
        except Unreadable as error:
            raise Mistake(f"{file}: {error}") from None
        session.show(found, lambda: said(found))
        return FAILED if found.differs else None


def _opened(file: str) -> Export:
    try:
        return read(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise Mistake(f"{file} cannot be read: {error}") from None


def said(found: Replayed) -> str:
    """Say that all is as it was, or where it is not."""
    name = f"{found.kind} {found.id}"
    if found.differs is None:
        decided = f"{found.decided} of {found.messages} messages were decided again, the same"
        return show.clean(f"{name}: {found.events} events lead to the same state; {decided}")
    first = found.differs
    place = f" at {first.at}" if first.at else ""
    values = f": was {_value(first.was)}, is {_value(first.now)}" if first.at else ""
    return show.clean(f"{name} differs first at version {first.version}, {first.what}{place}{values}")


def _value(value: object) -> str:
    text = encode(value).decode()
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…"
