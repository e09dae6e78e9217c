"""What is looked at beside the decision: whether the expressions of a definition are ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.definition.expressions import expressions
from messages.envelope import Envelope
from node.engine import Engine
from node.workers.compiling import SECONDS, Unchecked, unread
from node.workers.running import Kept

EXAMINED_AT_ONCE = 2
"""As many as an evaluator has children: who is examined has one for itself."""
KNOWN_MOST = 4_096
KNOWN_CHARACTERS = 1_000
"""Of how long expressions it is remembered that they are ones."""
UNCHECKED = "expressions_unchecked"
"""The code of a definition of which nobody could tell in time whether its expressions are ones."""
_SPELT = (b'"definition"', b"\\u")
"""What stands in a body that has a definition: its name, or a character that is written otherwise."""


class _Carried(msgspec.Struct):
    """What matters here of a command that carries a definition."""

    definition: Any = None
    body: Any = None


def _own(carried: _Carried) -> Any:
    return carried.definition


def _proposed(carried: _Carried) -> Any:
    return carried.body.get("definition") if isinstance(carried.body, dict) else None


CARRIERS = {("workflow", "save"): _own, ("workflow", "propose"): _proposed, ("run", "retry"): _own}
"""Commands from outside that may carry a definition; those that actors give carry one that was examined."""


class Examiner:
    """Notes on an envelope which expressions of its definition cannot be read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept = Kept()
        self._gate = asyncio.Semaphore(EXAMINED_AT_ONCE)
        self._known: dict[str, None] = {}
        """Expressions that are ones, the latest last."""

    async def keep(self) -> None:
        """Have an evaluator from the first time that one is needed; until it is cancelled."""
        await self._kept.keep()

    def wants(self, kind: str, verb: str, body: bytes) -> bool:
        """Say whether a command has expressions of which only jq can tell whether they are ones."""
        return bool(self._unknown(_carried(kind, verb, body)))

    async def examined(self, envelope: Envelope) -> Envelope:
        """Return the envelope with what was found; ``fault`` says where that was not to be had."""
        carried = _carried(envelope.to.kind, envelope.verb, envelope.body)
        left = self._unknown(carried) if envelope.fault is None else {}
        if not left or not await self._matters(envelope, carried):
            return envelope
        try:
            found = await self._read(left)
        except Unchecked as error:
            return replace(envelope, fault=(UNCHECKED, f"{error}; say it again, or in several workflows"))
        wrong = {at for at, _ in found}
        self._know(text for at, text in left.items() if at not in wrong)
        return replace(envelope, unread=tuple(found))

    async def unread(self, definition: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what is wrong with the expressions of a definition; raises Unchecked."""
        return await self._read(self._unknown(definition))

    async def _read(self, left: Mapping[str, str]) -> list[tuple[str, str]]:
        async with self._gate:
            try:
                async with asyncio.timeout(SECONDS):
                    evaluator = await self._kept.get()
            except TimeoutError:
                raise Unchecked("jq does not start") from None
            return await unread(left, evaluator)

    async def _matters(self, envelope: Envelope, carried: Any) -> bool:
        """Say whether the decision depends on it: a sender that may, and a definition that is another one."""
        if not await self._engine.admits(envelope):
            return False
        if envelope.to.kind != "workflow":
            return True
        state = (await self._engine.peek("workflow", envelope.to.id)).state
        kept = [state.definition, *state.versions]
        return not any(one is not None and one.definition == carried for one in kept)

    def _unknown(self, definition: Mapping[str, Any] | None) -> dict[str, str]:
        found = {} if definition is None else expressions(definition)
        return {at: text for at, text in found.items() if text not in self._known}

    def _know(self, texts: Iterable[str]) -> None:
        self._known.update((text, None) for text in texts if len(text) <= KNOWN_CHARACTERS)
        while len(self._known) > KNOWN_MOST:
            del self._known[next(iter(self._known))]


def _carried(kind: str, verb: str, body: bytes) -> dict[str, Any] | None:
    """Return the definition that a command carries, None where it has none or cannot be read."""
    carrier = CARRIERS.get((kind, verb))
    if carrier is None or not any(spelling in body for spelling in _SPELT):
        return None
    try:
        found = carrier(msgspec.json.decode(body, type=_Carried))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
