"""Users who connect with keys of their own: what the node's server lets each of them say and hear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from actors.rights.rights import ADMIN, Rights
from bus.config import Accounts, User
from messages import subjects
from node.standing import FIRST
from store.step import Outgoing

USERS_MAX = 5_000
"""How many users may have connections of their own; the others sign."""
HEARD_MAX = 1_000
"""How many single entities the events of which one user hears as they happen."""


def described(rights: Rights, kinds: Collection[str], taken: Collection[str]) -> tuple[User, ...]:
    """Return who may connect; ``taken`` are keys that mean somebody else to the server."""
    active = [(id, one["public_key"]) for id, one in sorted(rights.users.items()) if one["active"]]
    free = [(id, key) for id, key in active if key not in taken]
    return tuple(User(name=id, key=key, hears=_hears(rights, id, kinds)) for id, key in free[:USERS_MAX])


def keys_of(accounts: Accounts) -> frozenset[str]:
    """Return the keys that the server knows without any user."""
    own = {accounts.node_key, accounts.operator_key, accounts.system_key, accounts.watcher_key}
    return frozenset(own).union(*({one.node_key, one.peer_key, one.invite_key} for one in accounts.peers))


def with_first(rights: Rights, key: str) -> Rights:
    """Return the rights of a node as they are once it has its first admin."""
    first = {"public_key": key, "user_type": "person", "active": True}
    all_of_it = {"to": f"user/{FIRST}", "perimeter": rights.node, "actions": [ADMIN]}
    return rights.note("user", FIRST, first).note("grant", FIRST, all_of_it)


def _hears(rights: Rights, user: str, kinds: Collection[str]) -> tuple[str, ...]:
    """Return the subjects of events that a user may hear, as far as a subject can say it."""
    readable = {kind: rights.readable(user, kind) for kind in kinds}
    if all(one.is_all for one in readable.values()):
        return (subjects.every(rights.node, "evt"),)
    whole = [subjects.every(rights.node, "evt", kind) for kind, one in readable.items() if one.is_all]
    single = [
        subjects.event(rights.node, kind, entity.partition("/")[2], ">")
        for kind, one in readable.items()
        for entity in sorted(one.entities)
        if not one.is_all and entity.startswith(f"{kind}/")
    ]
    return (*whole, *single[:HEARD_MAX])


class Guests:
    """Tells the server whenever the rights of users have changed."""

    def __init__(self, rights: Callable[[], Rights], tell: Callable[[], Awaitable[None]]) -> None:
        self._rights = rights
        self._tell = tell
        self._seen = rights()
        self._changed = asyncio.Event()
        self._changed.set()

    def hear(self, _rows: Sequence[Outgoing]) -> None:
        """Notice that something has changed, after each batch."""
        if self._rights() is not self._seen:
            self._changed.set()

    async def run(self, report: Callable[[Exception], None]) -> None:
        """Tell the server for ever; what it refuses is reported, and tried again with the next change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._seen = self._rights()
            try:
                await self._tell()
            except Exception as error:
                report(error)
