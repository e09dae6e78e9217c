"""``covey secret key`` and ``rotate``: what secrets are sealed for."""

from __future__ import annotations

from typing import Any

import typer

from bus.sealing import key_name
from cli import show
from cli.client import Client
from cli.errors import Failed, Mistake
from cli.session import Session, verb
from node.vault import Locked, Vault, seal

KIND = "environment"
ENVIRONMENTS_MAX = 500


def add(group: typer.Typer) -> None:
    """Register the verbs."""

    @verb(group, "key", "covey secret key --json")
    async def key(session: Session) -> None:
        """Show the public key that secrets are sealed for: other programs may seal them, too."""
        async with session.node() as node:
            found = await node.ask("node", "secret_key")
        session.show(found, lambda: show.fields(found))

    @verb(group, "rotate", "covey secret rotate --data ~/lab")
    async def rotate(session: Session) -> None:
        """Make a new key, seal all secrets for it anew, and forget the old keys; on the node's machine."""
        vault = Vault(session.data.expanduser().resolve())
        try:
            public = vault.rotate()
        except Locked as locked:
            raise Mistake(str(locked)) from None
        async with session.node() as node:
            count = await _seal_anew(node, vault, public)
        vault.forget()
        told = {"key": key_name(public), "secrets": count}
        session.show(told, lambda: show.clean(f"{count} secrets are sealed for the new key {told['key']}"))


async def _seal_anew(node: Client, vault: Vault, public: bytes) -> int:
    """Seal all secrets that the present key has not sealed; return how many."""
    found = await node.ask(KIND, "list", {"limit": ENVIRONMENTS_MAX})
    sealed = [
        (one["id"], name, text)
        for one in found["items"]
        for name, text in (await node.ask(KIND, "contents", {"id": one["id"]}))["secrets"].items()
        if text is not None
    ]
    for environment, name, text in sealed:
        try:
            again = seal(public, environment, name, vault.open(environment, name, text))
        except Locked as locked:
            show.say(f"{locked} (in {environment})")
            continue
        body: dict[str, Any] = {"name": name, "sealed": again}
        outcome = await node.call((KIND, environment, "set_secret"), body)
        if outcome.status != "done":
            raise Failed(f"{outcome.code}: {outcome.detail}; the old keys are kept, rotate again")
    return len(sealed)
