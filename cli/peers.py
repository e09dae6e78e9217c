"""What a peer has besides the verbs of its kind: an invitation, and what waits for it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import show
from cli.errors import Mistake
from cli.session import Session, verb

Name = Annotated[str, typer.Argument(help="The name of the other node.", metavar="NODE")]
Token = Annotated[str, typer.Argument(help="The invitation; - reads it from what comes in.", metavar="TOKEN")]


def add(group: typer.Typer) -> None:
    """Register the verbs with which nodes meet."""

    @verb(group, "invite", "covey peer invite observatory --data ~/lab")
    async def invite(session: Session, node: Name) -> None:
        """Print an invitation with which one other node can become a peer; it opens once, for a day."""
        async with session.node() as here:
            told = await here.ask("node", "invite", {"peer": node})
        _account(told.get("account", ""))
        session.show(told, lambda: told["token"])
        show.say(f"give it to {node} on a way you trust; there: covey peer accept TOKEN")

    @verb(group, "accept", "covey peer accept - --data ~/observatory < invitation")
    async def accept(session: Session, token: Token) -> None:
        """Become a peer of the node that wrote an invitation, and pin its key."""
        text = _read() if token == "-" else token
        async with session.node() as here:
            told = await here.ask("node", "accept", {"token": text.strip()})
        _account(told.get("account", ""))
        session.show(told, lambda: f"{told['peer']} is a peer")


def _read() -> str:
    text = typer.get_text_stream("stdin").read()
    if not text.strip():
        raise Mistake("no invitation came in")
    return text


def _account(text: str) -> None:
    """Say what the owner of a NATS that is not the node's must add to its configuration."""
    if text:
        show.say("add this to the accounts of your NATS, and reload it:")
        for line in text.splitlines():
            show.say(line)
