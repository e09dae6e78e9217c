"""``covey workflow versions``: what a workflow ran when, what has changed, and back again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from cli import show
from cli.ephemeral import own
from cli.examples import example
from cli.kinds import Expect, MessageId, expected
from cli.outcomes import report
from cli.session import Session, flag, verb
from messages.base import encode

KIND = "workflow"
SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "moved": ("↕", "cyan")}

Id = Annotated[str, typer.Argument(help="The id of a workflow.", metavar="ID")]
Number = Annotated[int, typer.Argument(help="The number of a version: see versions.", min=1, metavar="N")]
Old = Annotated[int, typer.Argument(help="The earlier version.", min=1, metavar="OLD")]
New = Annotated[int, typer.Argument(help="The later version.", min=1, metavar="NEW")]
Yaml = Annotated[bool, flag("--yaml", help="Only the definition, as a file that save takes.")]


def add(group: typer.Typer) -> None:
    """Register the verbs of versions among those of workflows."""
    _add_versions(group)
    _add_version(group)
    _add_diff(group)
    _add_roll_back(group)


def _add_versions(group: typer.Typer) -> None:
    @verb(group, "versions", example(KIND, "versions"))
    async def versions(session: Session, id: Id) -> None:
        """List the versions of what a workflow runs; each edit has made one."""
        async with session.node() as node:
            found = await node.ask(KIND, "versions", {"id": id})
        current = found["current"]
        rows = [
            {**row, "current": "*" if row["number"] == current else ""} for row in reversed(found["versions"])
        ]
        session.show(found, lambda: show.table(("current", "number", "at", "author"), rows))


def _add_version(group: typer.Typer) -> None:
    @verb(group, "version", example(KIND, "version"))
    async def version(session: Session, id: Id, number: Number, *, yaml: Yaml = False) -> None:
        """Show one version; --yaml writes what it ran, for ``save -f``."""
        async with session.node() as node:
            found = await node.ask(KIND, "version", {"id": id, "number": number})
        shown = found["definition"] or {} if yaml else found
        session.show(shown, lambda: show.fields(shown))


def _add_diff(group: typer.Typer) -> None:
    @verb(group, "diff", example(KIND, "diff"))
    async def diff(session: Session, id: Id, old: Old, new: New) -> None:
        """Show what has changed from one version to another, each change with its JSON pointer."""
        async with session.node() as node:
            found = await node.ask(KIND, "diff", {"id": id, "old": old, "new": new})
        session.show(found, lambda: drawn(found["changes"]))


def drawn(changes: Sequence[Mapping[str, Any]]) -> Text:
    """Return changes as lines: what is gone in red, what is new in green."""
    text = Text()
    for change in changes:
        sign, style = SIGNS[change["what"]]
        text.append(show.clean(f"{sign} {change['at'] or '/'}") + "\n", style=style)
        if change["what"] != "added":
            text.append(f"    - {show.clean(encode(change['old']).decode())}\n", style="red")
        if change["what"] != "removed":
            text.append(f"    + {show.clean(encode(change['new']).decode())}\n", style="green")
    text.rstrip()
    return text if changes else Text("they are the same")


def _add_roll_back(group: typer.Typer) -> None:
    @verb(group, "roll_back", example(KIND, "roll_back"))
    async def roll_back(
        session: Session, id: Id, number: Number, *, expect: Expect = None, message: MessageId = ""
    ) -> int | None:
        """Make what an earlier version ran, and what began it, the next version; all else stays as it is."""
        async with session.node() as node:
            to = own(node, (KIND, id, "roll_back"))
            body = {"version": number}
            outcome = await node.call(to, body, message=message, expect=expected(expect))
        return report(session, f"{KIND} {id}", outcome)
