"""Which workflow a request over HTTP is for: the routes of the node, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from actors.fields import take
from actors.workflow.route import State
from actors.workflow.triggers import parameter, segments
from messages.route import Claimed
from node.engine import Engine
from node.index import Following
from store.store import Store

Mask = tuple[bool, ...]
"""Which segments of a path are parameters."""


class Found(NamedTuple):
    """What is served under a path."""

    claimed: Claimed | None
    """None: nothing by this method."""
    parameters: dict[str, str]
    methods: tuple[str, ...]
    """The methods by which something is served there; none: the path is unknown."""


class Routes:
    """Finds the route of a request: a word goes before a parameter."""

    def __init__(self, node: str) -> None:
        self.following = Following(node, "route", self._hear)
        self._by_id: dict[str, Claimed] = {}
        self._by_shape: dict[tuple[str, ...], dict[str, Claimed]] = {}
        self._masks: dict[int, Counter[Mask]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    async def load(self, store: Store, engine: Engine) -> None:
        """Serve what is stored, beside what was heard of meanwhile."""
        await self.following.load(store, engine, {}, self._take)

    def _take(self, id: str, state: State) -> None:
        if state.trigger is not None:
            self.put(id, take(Claimed, state))

    def _hear(self, id: str, name: str, body: bytes) -> None:
        match name:
            case "claimed":
                self.put(id, msgspec.json.decode(body, type=Claimed))
            case "released":
                self.drop(id)

    def put(self, id: str, claimed: Claimed) -> None:
        """Serve a route from now on."""
        self.drop(id)
        self._by_id[id] = claimed
        mask, shape = _shape(claimed)
        self._by_shape.setdefault(shape, {})[claimed.trigger.method] = claimed
        self._masks.setdefault(len(mask), Counter())[mask] += 1

    def drop(self, id: str) -> None:
        """Serve it no longer."""
        claimed = self._by_id.pop(id, None)
        if claimed is None:
            return
        mask, shape = _shape(claimed)
        del self._by_shape[shape][claimed.trigger.method]
        if not self._by_shape[shape]:
            del self._by_shape[shape]
        self._masks[len(mask)][mask] -= 1
        if not self._masks[len(mask)][mask]:
            del self._masks[len(mask)][mask]

    def find(self, method: str, parts: Sequence[str]) -> Found:
        """Return what is served under a path, its segments decoded."""
        methods: set[str] = set()
        for mask in sorted(self._masks.get(len(parts), ())):
            if any(is_parameter and not part for is_parameter, part in zip(mask, parts, strict=True)):
                continue
            shape = tuple("{}" if is_one else part for is_one, part in zip(mask, parts, strict=True))
            served = self._by_shape.get(shape, {})
            if method in served:
                claimed = served[method]
                named = zip(map(parameter, segments(claimed.trigger.path)), parts, strict=True)
                return Found(claimed, {name: part for name, part in named if name}, (method,))
            methods.update(served)
        return Found(None, {}, tuple(sorted(methods)))


def _shape(claimed: Claimed) -> tuple[Mask, tuple[str, ...]]:
    parts = segments(claimed.trigger.path)
    mask = tuple(bool(parameter(part)) for part in parts)
    return mask, tuple("{}" if is_one else part for is_one, part in zip(mask, parts, strict=True))
