"""What a promotion has to know before it is weighed: the policy, what the target has, whether it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.definition.uses import Use, uses
from actors.fields import take
from messages.promotion import Checked, Facts, Look
from messages.workflow import Definition
from node.calls.failed import Failed
from node.calls.outside import Outside
from node.engine import Engine
from node.examining import Examiner
from node.lending import Lending
from node.workers.compiling import Unchecked
from store.queries import Filter, listing
from store.store import Store

if TYPE_CHECKING:
    from node.calls.probe import Probe

ENVIRONMENTS_MAX = 500
PROBES_AT_ONCE = 8
WORKFLOW, ENVIRONMENT = "workflow", "environment"


class Promoting:
    """Finds out what the checks of a promotion need."""

    def __init__(
        self, engine: Engine, store: Store, means: tuple[Lending, Examiner], outside: Outside
    ) -> None:
        self._engine, self._store = engine, store
        self._lending, self._examiner = means
        self._outside = outside

    async def look(self, look: Look) -> Checked:
        """Return the facts."""
        used = uses(look.definition)
        target = (await self._engine.peek(ENVIRONMENT, look.to)).state
        there = (await self._engine.peek(WORKFLOW, look.into)).state
        facts = Facts(
            follows=await self._follows(),
            variables={name: value is not None for name, value in target.variables.items()},
            secrets={name: sealed is not None for name, sealed in target.secrets.items()},
            connections={name: one.kind for name, one in target.connections.items()},
            silent=await self._silent(look.to, used, target.connections),
            children={one.name: await self._is_in(one.name, look.to) for one in used if one.what == WORKFLOW},
            unread=await self._unread(look.definition),
            target=None if there.definition is None else take(Definition, there.definition),
            generation=there.generation,
        )
        return Checked(facts=facts)

    async def _unread(self, workflow: Definition) -> dict[str, str]:
        """Return which expressions are none: it may have been saved when nobody looked."""
        if workflow.definition is None:
            return {}
        try:
            found = await self._examiner.unread(workflow.definition)
        except Unchecked as error:
            return {"/definition": str(error)}
        return {f"/definition{at}": why for at, why in found}

    async def _follows(self) -> dict[str, tuple[str, ...]]:
        found, _ = await listing(self._store, Filter(kind=ENVIRONMENT, limit=ENVIRONMENTS_MAX))
        states = [(one.id, (await self._engine.peek(ENVIRONMENT, one.id)).state) for one in found]
        return {id: state.follows for id, state in states if state.status == "active"}

    async def _is_in(self, workflow: str, environment: str) -> bool:
        """Say whether a workflow that another one runs is in an environment, by its id or promoted."""
        state = (await self._engine.peek(WORKFLOW, workflow)).state
        if state.definition is None:
            return False
        return state.definition.environment == environment or environment in state.deployments

    async def _silent(self, environment: str, used: Iterable[Use], known: Any) -> dict[str, str]:
        """Return which of the connections that are used do not answer."""
        names = sorted({one.name for one in used if one.what == "connection" and one.name in known})
        if not names:
            return {}
        from node.calls.probe import Probe  # noqa: PLC0415  # a node that promotes nothing needs none of it

        probe, gate = Probe(self._outside), asyncio.Semaphore(PROBES_AT_ONCE)

        async def ask(name: str) -> str:
            async with gate:
                return await self._ask(probe, (environment, name), known[name].kind)

        try:
            answers = await asyncio.gather(*map(ask, names))
        finally:
            await probe.close()
        return {name: why for name, why in zip(names, answers, strict=True) if why}

    async def _ask(self, probe: Probe, connection: tuple[str, str], kind: str) -> str:
        try:
            url, secrets = await self._lending.address(*connection)
        except Failed as failed:
            return failed.detail
        return await probe.silence(kind, url, secrets)
