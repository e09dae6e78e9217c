"""The node's own workers: links, digests of what peers should hold, answers to peers, the past of runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from actors.actor import Actor
from messages import workflow as workflow_messages
from messages.base import Command, encode
from messages.envelope import ACTOR, PEER, Address, Envelope, Outcome, derive
from messages.environment import MAIN, Create, Emptied, Empty
from messages.peer import (
    PAGE,
    Answer,
    AnswerTask,
    CompareTask,
    Digest,
    DigestTask,
    Entry,
    LinksTask,
    Send,
    To,
    Want,
)
from messages.promotion import Look
from messages.run import Rewind
from node.answers import Answers, Asker
from node.engine import Engine
from node.intake import Intake
from node.links import Links
from node.promoting import Promoting
from node.rewinding import rewind
from node.trail import verb_of
from store.queries import Filter, listing
from store.step import Found
from store.store import Store

QUEUES = ("links", "digest", "compare", "answer", "history", "environments", "promotions")
SHARED_PAGE = 200

Work = Callable[[str, bytes], Awaitable[None]]


class Chores:
    """Does the tasks that only the node itself can do."""

    def __init__(
        self,
        node: str,
        parts: tuple[Engine, Store, Intake, Answers, Links],
        actors: Sequence[Actor[Any, Any, Any]],
        clock: Callable[[], int],
        promoting: Promoting | None = None,
    ) -> None:
        self._node = node
        self._engine, self._store, self._intake, self._answers, self._links = parts
        self._promoting = promoting
        self._actors = {actor.kind: actor for actor in actors}
        self._clock = clock
        self.work: dict[str, Work] = {
            "links": self._relink,
            "digest": self._digest,
            "compare": self._compare,
            "answer": self._answer,
            "history": self._rewind,
            "environments": self._empty,
            "promotions": self._look,
        }

    async def begin(self) -> None:
        """Make the environment that always exists, the first time."""
        if not (await self._engine.peek("environment", MAIN)).version:
            await self._order((MAIN, 0), Address("environment", MAIN), Create())

    async def relink_all(self) -> None:
        """Bring all links in line with the states of the peers, and wait for those who are invited."""
        peers = [found.id async for found in _all(self._store, "peer")]
        for peer in dict.fromkeys([*peers, *self._links.invited()]):
            await self.relink(peer)

    async def relink(self, peer: str) -> None:
        """Bring the links of one peer in line with its state."""
        await self._links.refresh(peer)

    async def _relink(self, _id: str, body: bytes) -> None:
        await self.relink(msgspec.json.decode(body, type=LinksTask).peer)

    async def _digest(self, id: str, body: bytes) -> None:
        peer = msgspec.json.decode(body, type=DigestTask).peer
        entries = [entry async for entry in self._held_by(peer)]
        entries.sort(key=_place)
        pages = [entries[start : start + PAGE] for start in range(0, len(entries), PAGE)] or [[]]
        after = ""
        for number, page in enumerate(pages):
            until = "" if number == len(pages) - 1 else _place(page[-1])
            await self._say((id, number), peer, Digest(entries=page, after=after, until=until))
            after = until

    async def _held_by(self, peer: str) -> AsyncIterator[Entry]:
        for actor in self._actors.values():
            async for found in _all(self._store, actor.kind):
                if found.kind != actor.kind:
                    continue  # a copy that is shown among ours
                live = await self._engine.peek(found.kind, found.id)
                held = actor.copies(live.state, peer, self._node)
                if held is not None:
                    yield Entry(kind=found.kind, id=found.id, generation=held[0], version=held[1])

    async def _compare(self, id: str, body: bytes) -> None:
        task = msgspec.json.decode(body, type=CompareTask)
        digest = task.digest
        theirs = {_place(entry): entry for entry in digest.entries}
        ours: dict[str, tuple[int, int]] = {}
        for kind in self._actors:
            async for found in _all(self._store, kind, owner=task.peer):
                state = (await self._engine.peek(found.kind, found.id)).state
                ours[f"{state.kind}/{state.id}"] = (state.generation, state.version)
        is_here = {
            place for place in ours if digest.after < place and (not digest.until or place <= digest.until)
        }
        missing = [
            place
            for place, entry in theirs.items()
            if ours.get(place, (-1, 0)) < (entry.generation, entry.version)
        ]
        wanted = sorted({*missing, *(is_here - theirs.keys())})
        if wanted:
            entries = [To(kind=kind, id=name) for kind, _, name in (place.partition("/") for place in wanted)]
            await self._say((id, 0), task.peer, Want(entries=entries[:PAGE]))

    async def _answer(self, id: str, body: bytes) -> None:
        task = msgspec.json.decode(body, type=AnswerTask)
        ask = task.ask
        asker = Asker(self._clock(), PEER + task.peer)
        reply = await self._answers.reply((ask.kind, ask.id, ask.query), bytes(ask.body), asker)
        answer = Answer(question=ask.question, reply=msgspec.Raw(reply))
        await self._order((id, 0), Address("peer", task.peer), answer)

    async def _rewind(self, id: str, body: bytes) -> None:
        ask = msgspec.json.decode(body, type=Rewind)
        await self._order((id, 0), Address("run", ask.run), await rewind(self._store, ask))

    async def _look(self, id: str, body: bytes) -> None:
        look = msgspec.json.decode(body, type=Look)
        assert self._promoting is not None  # a node that runs has it
        checked = await self._promoting.look(look)
        await self._order((id, 0), Address("promotion", look.promotion), checked)

    async def _empty(self, id: str, body: bytes) -> None:
        """Delete the workflows of an environment, unless one of them runs: then all of them stay."""
        name = msgspec.json.decode(body, type=Empty).environment
        workflows = [one.id async for one in _all(self._store, "workflow", fields={"environment": name})]
        running = {one: ", ".join(await self._running(one)) for one in workflows}
        kept = {one: f"{executions} of it runs" for one, executions in running.items() if executions}
        for place, workflow in enumerate([] if kept else workflows):
            said = await self._order((id, place), Address("workflow", workflow), workflow_messages.Delete())
            outcome = msgspec.json.decode(said, type=Outcome)
            if outcome.status != "done":
                kept[workflow] = f"{outcome.code}: {outcome.detail}"
        await self._order((id, len(workflows)), Address("environment", name), Emptied(kept=kept))

    async def _running(self, workflow: str) -> Sequence[str]:
        plans = (await self._engine.peek("workflow", workflow)).state.plans
        return [*plans.running, *plans.starts.starting]

    async def _say(self, cause: tuple[str, int], peer: str, word: Command) -> None:
        """Say a word to the gateway that the peer has for us."""
        send = Send(
            to=To(kind="peer", id=self._node),
            verb=verb_of(word),
            body=msgspec.Raw(encode(word)),
            id=derive(*cause),
            correlation=cause[0],
            cause=cause[0],
        )
        await self._order(cause, Address("peer", peer), send)

    async def _order(self, cause: tuple[str, int], to: Address, command: Command) -> bytes:
        envelope = Envelope(
            id=derive(derive(*cause), "chore"),
            to=to,
            verb=verb_of(command),
            body=encode(command),
            at=self._clock(),
            sender=ACTOR,
            cause=cause[0],
            correlation=cause[0],
        )
        return await self._intake.call(envelope)


def _place(entry: Entry) -> str:
    return f"{entry.kind}/{entry.id}"


async def _all(
    store: Store, kind: str, owner: str | None = None, fields: Mapping[str, Any] | None = None
) -> AsyncIterator[Found]:
    columns = {} if owner is None else {"owner": owner}
    after: tuple[str | int, str] | None = None
    while True:
        wanted = Filter(kind=kind, columns=columns, fields=fields or {}, limit=SHARED_PAGE, after=after)
        found, places = await listing(store, wanted)
        for entity in found:
            yield entity
        if len(found) < SHARED_PAGE:
            return
        after = places[-1]
