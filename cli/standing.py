"""What users, groups, perimeters and grants have besides the verbs of their kinds."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bus.config import write_private
from bus.keys import Key, create_seed, load
from cli import show
from cli.client import ENDPOINT, Client, connected
from cli.errors import Failed, Mistake, Refused
from cli.outcomes import report
from cli.session import Session, flag, option, verb
from messages.subjects import is_token
from node.home import Endpoint

USERS = "users"
"""Where the directories of users are, in the data directory."""
SEED = "key.seed"
LET_IN_SECONDS = 10.0
AGAIN_SECONDS = 0.05

Name = Annotated[str, typer.Argument(help="The id of the user.", metavar="NAME")]
Machine = Annotated[bool, flag("--machine", help="It is a program, not a person.")]
PublicKey = Annotated[str, flag("--public-key", help="The key that the user has made: covey user key FILE.")]
To = Annotated[
    Path | None, flag("--to", help="The directory to make for the user; else in the data directory.")
]
KeyFile = Annotated[Path, typer.Argument(help="Where to write the key; there must be no such file.")]
Who = Annotated[str, typer.Argument(help="A user, or group/<id>.", metavar="WHO")]
Place = Annotated[str, typer.Argument(help="The dotted name of a perimeter.", metavar="PERIMETER")]
Actions = Annotated[list[str], typer.Argument(help="Verbs, read or admin.", metavar="ACTION...")]
Fewer = Annotated[list[str] | None, typer.Argument(help="Verbs; none: all.", metavar="[ACTION...]")]
Id = Annotated[str, typer.Argument(help="Its id.", metavar="ID")]
Members = Annotated[list[str], typer.Argument(help="Users, or group/<id>.", metavar="WHO...")]
Entities = Annotated[list[str], typer.Argument(help="Entities, kind/id.", metavar="KIND/ID...")]


def add(groups: Mapping[str, typer.Typer]) -> None:
    """Register the verbs of those kinds that there are."""
    if "user" in groups:
        _user(groups["user"])
    if "group" in groups:
        _members(groups["group"], "group", "crew bob group/guests", Members)
    if "perimeter" in groups:
        _members(groups["perimeter"], "perimeter", "storms workflow/forecast", Entities)
    if "grant" in groups:
        _grant(groups["grant"])


def _user(group: typer.Typer) -> None:
    @verb(group, "add", "covey user add bob --data ~/lab")
    async def add(
        session: Session, name: Name, machine: Machine = False, public_key: PublicKey = "", to: To = None
    ) -> int | None:
        """Make a user with a key of its own, and a directory with which it can speak to the node."""
        if not is_token(name):
            raise Mistake(f"{name!r} cannot name a user; use 1 to 64 letters, digits, - and _")
        place = (to or session.data / USERS / name).expanduser().resolve()
        seed = place / SEED
        key = public_key or _create(seed)
        body = {"public_key": key, "user_type": "machine" if machine else "person"}
        async with session.node() as node:
            outcome = await node.call(("user", name, "save"), body, expect=0)
            if not public_key:
                await _settle(place, name, node.endpoint, is_known=outcome.status == "done")
        return report(session, f"user {name}", outcome)

    @verb(group, "enable", "covey user enable bob --data ~/lab")
    async def enable(session: Session, name: Name) -> int | None:
        """Heed a user again."""
        return await _switch(session, name, is_active=True)

    @verb(group, "disable", "covey user disable bob --data ~/lab")
    async def disable(session: Session, name: Name) -> int | None:
        """Heed nothing that a user says; its rights stay."""
        return await _switch(session, name, is_active=False)

    @verb(group, "key", "covey user key bob.seed")
    async def key(session: Session, file: KeyFile) -> None:
        """Make a key without a node, and print what an admin needs of it: covey user add --public-key."""
        public = _create(file.expanduser())
        session.show({"public_key": public, "file": str(file)}, lambda: public)


async def _switch(session: Session, name: str, *, is_active: bool) -> int | None:
    async with session.node() as node:
        found = await node.ask("user", "get", {"id": name})
        kept = ("public_key", "user_type", "description")
        body = {"active": is_active, **{one: found[one] for one in kept}}
        outcome = await node.call(("user", name, "save"), body, expect=found["version"])
    return report(session, f"user {name}", outcome)


async def _settle(place: Path, name: str, endpoint: Endpoint, *, is_known: bool) -> None:
    """Leave a user what it needs to speak to the node, or nothing when the node does not know it."""
    seed = place / SEED
    if not is_known:
        seed.unlink()
        return
    show.say(f"the key of {name} is {seed}: covey whoami --as {seed}")
    if endpoint.vouches:
        own = msgspec.structs.replace(endpoint, user=name, nkey_seed_file=str(seed), pid=0)
        write_private(place / ENDPOINT, msgspec.json.encode(own).decode() + "\n")
        await _until_let_in(place)
        show.say(f"{name} needs nothing but {place}: covey whoami --data {place}")


async def _until_let_in(place: Path) -> None:
    """Return once the server knows the new user, which takes it a moment; raises Failed."""
    try:
        async with asyncio.timeout(LET_IN_SECONDS):
            while True:
                try:
                    async with connected(place, LET_IN_SECONDS) as node:
                        await node.ask("node", "whoami")
                        return
                except (Mistake, Failed):
                    await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError:
        raise Failed(f"the user is known, but the server does not let it in; try again: {place}") from None


def _create(path: Path) -> str:
    try:
        key: Key = create_seed(path)
    except FileExistsError:
        raise Mistake(f"{path} exists; its key is {_public(path)}") from None
    except OSError as error:
        raise Mistake(f"{path} cannot be written: {error}") from error
    return key.public


def _public(path: Path) -> str:
    try:
        return load(path).public
    except (OSError, ValueError):
        return "no key"


def holder(who: str) -> str:
    """Return whom a word names: ``bob`` is a user."""
    kind, slash, _ = who.partition("/")
    if not slash:
        return f"user/{who}"
    if kind not in ("user", "group"):
        raise Mistake(f"{who} is neither a user nor group/<id>")
    return who


def _members(group: typer.Typer, kind: str, words: str, type_: Any) -> None:
    def read(given: list[str]) -> list[str]:
        return [holder(one) for one in given] if kind == "group" else given

    async def change(session: Session, id: str, more: list[str], fewer: list[str]) -> int | None:
        async with session.node() as node:
            found = await _found(node, kind, id)
            members = [one for one in found["members"] if one not in fewer]
            members += [one for one in more if one not in members]
            body = {name: value for name, value in found.items() if name in ("within", "description")}
            expect = found["version"]
            outcome = await node.call((kind, id, "save"), body | {"members": members}, expect=expect)
        return report(session, f"{kind} {id}", outcome)

    async def add(session: Session, id: str, members: list[str]) -> int | None:
        return await change(session, id, read(members), [])

    async def remove(session: Session, id: str, members: list[str]) -> int | None:
        return await change(session, id, [], read(members))

    needed = inspect.Parameter.empty
    parameters = [option("id", Id, needed), option("members", type_, needed)]
    for name, act, told in (
        ("add", add, f"Put members into a {kind}; make it if there is none."),
        ("remove", remove, f"Take members out of a {kind}."),
    ):
        verb(group, name, f"covey {kind} {name} {words}", help=told, parameters=parameters)(act)


async def _found(node: Client, kind: str, id: str) -> dict[str, Any]:
    try:
        return await node.ask(kind, "get", {"id": id})
    except Refused as no:
        if no.code != "not_found":
            raise
        return {"members": [], "version": 0}


def _grant(group: typer.Typer) -> None:
    @verb(group, "give", "covey grant give bob lab.storms read launch")
    async def give(session: Session, who: Who, perimeter: Place, actions: Actions) -> int | None:
        """Let somebody do something in a perimeter, beside what it may there already."""
        return await _change(session, (holder(who), perimeter), actions, [])

    @verb(group, "take", "covey grant take bob lab.storms launch")
    async def take(session: Session, who: Who, perimeter: Place, actions: Fewer = None) -> int | None:
        """Take back what was given there, all of it or these actions."""
        return await _change(session, (holder(who), perimeter), [], actions)


async def _change(
    session: Session, about: tuple[str, str], more: list[str], fewer: list[str] | None
) -> int | None:
    """Say the grant of somebody for a perimeter anew; with nothing left in it, it is deleted."""
    to, perimeter = about
    id = blake2b(f"{to} {perimeter}".encode(), digest_size=8).hexdigest()
    async with session.node() as node:
        found = await _grant_of(node, id)
        kept = [] if fewer is None else [one for one in found["actions"] if one not in fewer]
        actions = [*kept, *(one for one in more if one not in kept)]
        body = {"to": to, "perimeter": perimeter, "actions": actions} if actions else {}
        verb_ = ("grant", id, "save" if actions else "delete")
        outcome = await node.call(verb_, body, expect=found["version"])
    told = f"{to} in {perimeter}: {' '.join(actions) or 'nothing'}; grant {id}"
    return report(session, told, outcome)


async def _grant_of(node: Client, id: str) -> dict[str, Any]:
    try:
        return await node.ask("grant", "get", {"id": id})
    except Refused as no:
        if no.code != "not_found":
            raise
        return {"actions": [], "version": None}
