"""``covey trace``: what one message caused, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from cli import show
from cli.errors import FAILED, reason_of
from cli.session import Session, verb
from messages.envelope import derive

EFFECTS_MAX = 2_000
"""How many effects of one message are looked at for what was said to peers."""
ARRIVALS_MAX = 16
"""How many messages a peer may have released at once, of which ours was one."""
ANSWERS_MAX = 32
"""How many effects of our message at the peer are looked at for its answer."""

MessageId = Annotated[
    str, typer.Argument(help="The id of a message, or of the first of its cascade.", metavar="MESSAGE")
]
Row = Mapping[str, Any]


def add(app: typer.Typer) -> None:
    """Register ``trace``."""

    @verb(app, "trace", "covey trace 4f1c2d --data ~/lab")
    async def trace(session: Session, message: MessageId) -> int | None:
        """Show what a message caused, as far as this node knows, with the time that each step took."""
        async with session.node() as node:
            found = await node.ask("node", "trace", {"id": message})
        if not found["messages"]:
            show.say(f"{found['node']} has not handled {message}, or has forgotten it")
            return FAILED
        rows = timed(found["messages"], parents(found["node"], found["messages"]))
        session.show({**found, "messages": rows}, lambda: drawn(found["node"], rows))
        return None


def parents(node: str, rows: Sequence[Row]) -> dict[str, str]:
    """Return under which message each one hangs; the first hangs under none."""
    first: str = rows[0]["id"]
    known = {row["id"] for row in rows}
    strangers = {row["cause"] for row in rows[1:]} - known
    said: dict[str, str] = dict(answers(node, rows)) if strangers else {}
    above: dict[str, str] = {}
    for row in rows:
        cause = row["cause"]
        above[row["id"]] = cause if cause in known else said.get(cause, first)
    return above | {first: ""}


def answers(node: str, rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Pair the ids that a peer's answers name as their cause with the message that spoke to the peer.

    A peer handles what we said under an id that derives from ours, and its answers' ids derive from that one.
    """
    for row, id in _said(rows):
        for arrival in range(ARRIVALS_MAX):
            heard = derive(f"{node}/{id}", arrival)
            yield heard, row
            for number in range(ANSWERS_MAX):
                yield derive(heard, number), row


def _said(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Return the rows that speak to a peer, each with the id that its message has at the peer."""
    sends = {row["id"]: row["cause"] for row in rows if (row["kind"], row["verb"]) == ("peer", "send")}
    for cause in dict.fromkeys(sends.values()):
        missing = {id for id, parent in sends.items() if parent == cause}
        for number in range(EFFECTS_MAX):
            if not missing:
                break
            id = derive(cause, number)
            send = derive(id, "send")
            if send in missing:
                missing.remove(send)
                yield send, id


def timed(rows: Sequence[Row], above: Mapping[str, str]) -> list[dict[str, Any]]:
    """Add to each message the one above it, and the milliseconds since that one and since the first."""
    at = {row["id"]: datetime.fromisoformat(row["at"]) for row in rows}
    first = at[rows[0]["id"]]

    def milliseconds(id: str, since: datetime) -> float:
        return round((at[id] - since).total_seconds() * 1000, 3)

    return [
        {
            **row,
            "parent": above[row["id"]],
            "since_parent_ms": milliseconds(row["id"], at.get(above[row["id"]], first)),
            "since_first_ms": milliseconds(row["id"], first),
        }
        for row in rows
    ]


def drawn(node: str, rows: Sequence[Row], *, is_brief: bool = False) -> Tree:
    """Draw the cascade; in brief, without the ids of messages."""
    top = Tree(Text(f"{node}: {len(rows)} messages"))
    trees = {row["id"]: Tree(_label(row, is_brief)) for row in rows}
    for row in rows:
        trees.get(row["parent"], top).children.append(trees[row["id"]])
    return top


def _label(row: Row, is_brief: bool) -> Text:
    times = f"+{row['since_parent_ms']:.1f} ms, {row['since_first_ms']:.1f} ms in all"
    text = Text(show.clean(f"{row['kind']}.{row['verb']} {row['entity']}  "))
    id = "" if is_brief else f"  {row['id']}"
    text.append(show.clean(f"{times}  by {row['sender']}{id}"), style="dim")
    outcome = row["outcome"]
    if outcome.get("status") != "done":
        text.append(show.clean(f"  {outcome.get('status')} {reason_of(outcome)}"), style="red")
    return text
