"""``covey secret``: the named secrets of a node, in its data directory."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli import show
from cli.errors import Failed, Mistake
from cli.session import Session, nouns, verb
from node.keyring import SECRET_CHARACTERS_MAX, Keyring

Name = Annotated[str, typer.Argument(help="What triggers call it.", metavar="NAME")]


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns("Keep the secrets that triggers name; no verb shows one.", "covey secret list --data ~/lab")
    app.add_typer(group, name="secret")

    @verb(group, "set", "covey secret set shop --data ~/lab < shop.secret")
    async def set_(session: Session, name: Name) -> None:
        """Keep what comes in on stdin under a name, in place of what was there."""
        try:
            _keyring(session).put(name, sys.stdin.read(SECRET_CHARACTERS_MAX + 2).strip())
        except ValueError as error:
            raise Mistake(str(error)) from error
        session.show({"name": name}, lambda: show.clean(f"secret {name}: set"))

    @verb(group, "list", "covey secret list --data ~/lab")
    async def list_(session: Session) -> None:
        """List the names."""
        names = [{"name": name} for name in _keyring(session).names()]
        session.show({"items": names}, lambda: show.table(("name",), names))

    @verb(group, "remove", "covey secret remove shop --data ~/lab")
    async def remove(session: Session, name: Name) -> None:
        """Forget one; requests that it signs are refused from then on."""
        if not _keyring(session).remove(name):
            raise Failed(f"there is no secret {name}")
        session.show({"name": name}, lambda: show.clean(f"secret {name}: removed"))


def _keyring(session: Session) -> Keyring:
    data = session.data.expanduser().resolve()
    if not data.is_dir():
        raise Mistake(f"{data} is not the data directory of a node; give --data")
    return Keyring(data)
