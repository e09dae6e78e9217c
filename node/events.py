"""CloudEvents begin runs, and are heard by runs that listen: those from outside and those that runs emit."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.flow import listening
from actors.flow.state import State as Run
from actors.workflow import triggers
from actors.workflow.defining import State as Workflow
from bus.consumer import Delivery
from bus.streams import EVENTS, HEARD, INCOMING
from messages import subjects
from messages.base import Command
from messages.envelope import OPERATOR, Address, derive
from messages.environment import MAIN
from messages.run import Deliver
from messages.task_events import Emitted
from messages.triggers import EventTrigger, Triggers
from messages.workflow import Launch
from node.cloudevents import STRUCTURED, NoEvent, is_whole, read
from node.engine import Engine
from node.index import Following
from node.proof import UNSIGNED, proven
from node.workers.voice import Voice
from store.step import Outgoing
from store.store import Store

EMITTED = "emitted"
"""The consumer of what runs emit, and the name of that event."""
PARENTS_MAX = 100
"""How many runs above one are looked at to find what began them."""
ENDED = ("succeeded", "failed", "cancelled")

_LOG = logging.getLogger("covey.events")

Hear = Callable[[Delivery], Awaitable[None]]


class _Waiting(NamedTuple):
    """A workflow that waits for events."""

    environment: str
    triggers: tuple[EventTrigger, ...]


class _Saved(msgspec.Struct):
    """What matters here of a workflow that is saved."""

    active: bool = True
    environment: str = MAIN
    triggers: Triggers = ()


class Events:
    """Tells events to whom they concern."""

    def __init__(self, node: str, engine: Engine, voice: Voice) -> None:
        self._engine = engine
        self._voice = voice
        self._triggers: dict[str, _Waiting] = {}
        self._listening: dict[str, None] = {}
        self._following = (
            Following(node, "workflow", self._workflow_changed),
            Following(node, "run", self._run_changed),
        )
        self.sources: Mapping[tuple[str, str], Hear] = {
            (INCOMING, HEARD): self.incoming,
            (EVENTS, EMITTED): self.emitted,
        }
        """What hears the deliveries of which consumer of which stream."""

    def hear(self, rows: Sequence[Outgoing]) -> None:
        """Notice what was committed."""
        for following in self._following:
            following.hear(rows)

    async def load(self, store: Store, engine: Engine) -> None:
        """Find out who waits for events."""
        workflows, runs = self._following
        await workflows.load(store, engine, {"on_events": True}, self._take_workflow)
        await runs.load(store, engine, {"listening": True}, self._take_run)

    async def incoming(self, delivery: Delivery) -> None:
        """Tell an event from outside; the same id of the same source again changes nothing."""
        try:
            event = read(delivery.headers, delivery.body)
        except NoEvent as no:
            _LOG.warning("what came on %s is no event: %s", delivery.subject, no)
            return
        named, key = event.get(triggers.ENVIRONMENT), derive(event["source"], event["id"])
        await self._tell(event, (key, self._sender(delivery)), named and str(named))

    def _sender(self, delivery: Delivery) -> str:
        """Return who has said an event, or nothing; a signature is over the body, so all has to be in it."""
        headers, rights = delivery.headers, self._engine.rights
        proof = proven(delivery.subject, headers, delivery.body, delivery.at)
        if proof == UNSIGNED:
            return OPERATOR if rights.is_open else ""
        if proof.fault is None and is_whole(headers):
            return rights.sender(proof.of)
        why = f"it is not {STRUCTURED}" if proof.fault is None else ": ".join(proof.fault)
        _LOG.warning("the signature of an event on %s is worth nothing: %s", delivery.subject, why)
        return ""

    async def emitted(self, delivery: Delivery) -> None:
        """Tell an event that a run has emitted, in its environment alone."""
        event, run = msgspec.json.decode(delivery.body, type=Emitted).event, delivery.subject.split(".")[-2]
        depth = await self._depth(run)
        state: Run = (await self._engine.peek("run", run)).state
        key = delivery.headers.get(subjects.CE_ID) or derive(str(event.get("source")), str(event.get("id")))
        # a run is nobody: what it emits fires nothing that a group is named for
        await self._tell({**event, triggers.DEPTH: depth}, (derive(key, EMITTED), ""), state.environment)

    async def _tell(self, event: Mapping[str, Any], said: tuple[str, str], environment: str | None) -> None:
        """Tell an event, with its key and who has said it, to whom it concerns; None: in all environments."""
        key, by = said
        if triggers.depth(event) > triggers.DEPTH_MAX:
            _LOG.warning("an event of type %s goes round in circles: it is told to nobody", event.get("type"))
            return
        for workflow, waiting in list(self._triggers.items()):
            for trigger in waiting.triggers if environment in (None, waiting.environment) else ():
                if triggers.fits(trigger, event):
                    id = derive(key, f"{workflow}/{trigger.id}")
                    launch = Launch(run=id, input=dict(event), trigger="event", fired=trigger.id, by=by)
                    # so that who may not say it cannot take the place of who may
                    message = derive(id, "launch" if trigger.access is None else f"launch/{by}")
                    await self._say(Address("workflow", workflow), launch, message)
        for run in list(self._listening):
            await self._deliver(run, event, (derive(key, run), environment))

    async def _deliver(self, run: str, event: Mapping[str, Any], how: tuple[str, str | None]) -> None:
        message, environment = how
        state: Run = (await self._engine.peek("run", run)).state
        if environment not in (None, state.environment):
            return
        tasks = [state.task(frame).body for frame in state.frames.values() if frame.hears]
        if not tasks:
            self._listening.pop(run, None)
        elif any(listening.may_want(task["listen"]["to"], event) for task in tasks):
            await self._say(Address("run", run), Deliver(event=dict(event)), message)

    async def _say(self, to: Address, command: Command, message: str) -> None:
        body = msgspec.to_builtins(command)
        verb = body.pop("type").partition(".")[2]
        outcome = await self._voice.call(to, verb, body, message)
        if outcome.status != "done":
            _LOG.warning("%s takes no event: %s: %s", to, outcome.code, outcome.detail)

    async def _depth(self, run: str) -> int:
        """Return how many runs led to what a run emits, that one included."""
        for _ in range(PARENTS_MAX):
            state: Run = (await self._engine.peek("run", run)).state
            if state.trigger == "event":
                return triggers.depth(state.input) + 1
            if not state.parent:
                return 1
            run = state.parent.partition(".")[0]
        return triggers.DEPTH_MAX + 1

    def _workflow_changed(self, id: str, name: str, body: bytes) -> None:
        if name == "saved" and (id in self._triggers or b'"event"' in body):
            saved = msgspec.json.decode(body, type=_Saved)
            found = triggers.on_events(saved.triggers) if saved.active else ()
            self._put(id, _Waiting(saved.environment, found))
        elif name == "deleted":
            self._triggers.pop(id, None)

    def _take_workflow(self, id: str, state: Workflow) -> None:
        definition = state.definition
        if definition is not None and definition.active:
            self._put(id, _Waiting(definition.environment, triggers.on_events(definition.triggers)))

    def _put(self, id: str, waiting: _Waiting) -> None:
        self._triggers.pop(id, None)
        if waiting.triggers:
            self._triggers[id] = waiting

    def _run_changed(self, id: str, name: str, _body: bytes) -> None:
        if name == "listening":
            self._listening[id] = None
        elif name in ENDED:
            self._listening.pop(id, None)

    def _take_run(self, id: str, _state: Run) -> None:
        self._listening[id] = None
