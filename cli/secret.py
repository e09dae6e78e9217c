"""``covey secret``: sealed here for the node's key, so that a secret neither travels nor rests in clear."""

from __future__ import annotations

import base64
import sys
from typing import Annotated

import typer

from cli import secret_key, show
from cli.client import Client
from cli.errors import Mistake
from cli.outcomes import report
from cli.session import Session, flag, nouns, verb
from messages.environment import MAIN
from node.keyring import key_of
from node.vault import VALUE_CHARACTERS_MAX, seal

KIND = "environment"

Name = Annotated[str, typer.Argument(help="What workflows call it.", metavar="NAME")]
Environment = Annotated[str, flag("--environment", "-e", help="Of which environment; main by default.")]
Unset = Annotated[bool, flag("--unset", help="Only declare it, without a value; nothing is read.")]


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns("Keep the secrets of environments; no verb shows one.", "covey secret list --data ~/lab")
    app.add_typer(group, name="secret")

    @verb(group, "set", "covey secret set shop --environment prod < shop.secret")
    async def set_(
        session: Session, name: Name, *, environment: Environment = MAIN, unset: Unset = False
    ) -> int | None:
        """Keep what comes in on stdin under a name, in place of what was there."""
        value = None if unset else _read()
        async with session.node() as node:
            sealed = None if value is None else _sealed(await _key(node), environment, name, value)
            outcome = await node.call((KIND, environment, "set_secret"), {"name": name, "sealed": sealed})
        return report(session, f"secret {name} of {environment}", outcome)

    @verb(group, "list", "covey secret list --environment prod")
    async def list_(session: Session, *, environment: Environment = MAIN) -> None:
        """List the names, and which are set."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": environment})
        names = [{"name": name, "is_set": is_set} for name, is_set in sorted(found["secrets"].items())]
        session.show({"items": names}, lambda: show.table(("name", "is_set"), names))

    @verb(group, "remove", "covey secret remove shop --environment prod")
    async def remove(session: Session, name: Name, *, environment: Environment = MAIN) -> int | None:
        """Forget one; requests that it signs are refused from then on."""
        async with session.node() as node:
            outcome = await node.call((KIND, environment, "remove_secret"), {"name": name})
        return report(session, f"secret {name} of {environment}", outcome)

    secret_key.add(group)


def _read() -> str:
    value = sys.stdin.read(VALUE_CHARACTERS_MAX + 2).strip()
    try:
        key_of(value)
    except ValueError as error:
        raise Mistake(str(error)) from error
    return value


async def _key(node: Client) -> bytes:
    return base64.b64decode((await node.ask("node", "secret_key"))["public_key"])


def _sealed(public: bytes, environment: str, name: str, value: str) -> str:
    try:
        return seal(public, environment, name, value)
    except ValueError as error:
        raise Mistake(str(error)) from error
