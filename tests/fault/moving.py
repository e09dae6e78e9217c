"""A node, its workers in processes of their own, and repositories that they freeze, unfreeze and measure."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats

from actors.ephemeral import unfreeze_repo
from bus.publisher import Outbound
from messages import subjects
from messages.envelope import Address, Outcome
from node.fault import around
from node.workers.runner import step_name
from node.workers.voice import BusVoice
from tests.fault.process import NODE, SECONDS, CoveyProcess, NodeProcess, node_process, publish
from tests.workers.repository import Files, files

REGISTRY = "reg"
TOLD_SECONDS = 60.0
"""How long a workflow may take to its end, on a machine that is busy."""


def steps(state: str) -> Iterator[str]:
    """Yield the points before and after each step that a workflow takes from a state."""
    for step in unfreeze_repo.TABLE.plans[state].steps:
        yield from around(step_name(step))


class Place:
    """One repository with its files, below a prefix of its own."""

    def __init__(self, name: str, files: Files) -> None:
        self.name = name
        self.files = files
        self.root = f"/{name}"
        self.path = f"/{name}/project/raw"
        self.prefix = f"/{name}={files.home}"

    def move(self) -> dict[str, str]:
        """Return what a workflow that moves the repository is begun with."""
        return {
            "registry_id": REGISTRY,
            "registry_name": "main",
            "repo_id": self.name,
            "repo_global_path": self.path,
            "author_name": "Ann",
            "author_email": "ann@example.org",
        }

    def measure(self) -> dict[str, str]:
        """Return what ``du_root`` is begun with."""
        host = {"host": "fs", "host_root": str(self.files.home)}
        return {"registry_id": REGISTRY, "global_root": self.root, **host}


class Stage:
    """A node that runs, and its operator, who connects each time anew."""

    def __init__(self, node: NodeProcess, places: Sequence[Place]) -> None:
        self.node = node
        self.places = places

    def worker(self, *words: str) -> CoveyProcess:
        """Return a worker that is not started yet."""
        return CoveyProcess(self.node.data, "worker", *words)

    def files_worker(self, *places: Place) -> CoveyProcess:
        """Return a files worker for the repositories."""
        return self.worker("files", *(word for place in places for word in ("--prefix", place.prefix)))

    async def say(self, kind: str, id: str, verb: str, **body: Any) -> Outcome:
        """Say a command until it is answered; it is done."""
        async with asyncio.timeout(SECONDS), await self.node.operator() as bus:
            outcome = await BusVoice(bus, NODE).call(Address(kind, id), verb, body, uuid.uuid4().hex)
        assert outcome.status == "done", outcome
        return outcome

    async def order(self, kind: str, id: str, verb: str, **body: Any) -> None:
        """Leave a command with the broker, for whenever there is a node that reads it."""
        subject = subjects.command(NODE, kind, id, verb)
        async with await self.node.operator() as bus:
            await publish(bus, [Outbound(subject, uuid.uuid4().hex, {}, msgspec.json.encode(body))])

    async def ask(self, kind: str, id: str, query: str = "get") -> dict[str, Any]:
        """Ask until it is answered."""
        async with asyncio.timeout(SECONDS), await self.node.operator() as bus:
            return await BusVoice(bus, NODE).ask(Address(kind, id), query)

    async def until_told(self, kind: str, id: str, event: str) -> None:
        """Return when the stream of events holds one of this kind."""
        seed = str(self.node.data / "keys" / "operator.seed")
        async with await nats.connect(self.node.url, nkeys_seed=seed) as client:
            subject = subjects.event(NODE, kind, id, event)
            heard = await client.jetstream().subscribe(subject, ordered_consumer=True)
            await heard.next_msg(TOLD_SECONDS)

    async def unfreeze(self, place: Place) -> str:
        """Begin to unfreeze a repository; return the id of the workflow."""
        await self.say("unfreeze_repo", f"u-{place.name}", "init", **place.move())
        return f"u-{place.name}"

    async def freeze_all(self) -> None:
        """Let all repositories be frozen by a worker that nobody disturbs."""
        worker = self.files_worker(*self.places)
        await worker.start()
        for place in self.places:
            await self.say("freeze_repo", f"f-{place.name}", "init", **place.move())
        for place in self.places:
            await self.until_told("freeze_repo", f"f-{place.name}", "committed")
            assert not place.files.is_writable()
        await worker.stop()

    async def freeze_again(self, place: Place) -> None:
        """Let a repository be frozen by the workers that there are."""
        await self.say("freeze_repo", f"f-{place.name}", "init", **place.move())
        assert await self.code("freeze_repo", f"f-{place.name}") == 0

    async def code(self, kind: str, id: str) -> int:
        """Return the code of a workflow that is over."""
        await self.until_told(kind, id, "committed")
        found = await self.ask(kind, id)
        assert found["state"] == "terminated", found
        return int(found["code"])

    async def wrongs(self) -> list[str]:
        """Say what does not fit once all workflows are over."""
        wrongs: list[str] = []
        index = await self.ask("workflow_index", REGISTRY)
        wrongs += [f"{entry['workflow']} is still active" for entry in index["active"]]
        for entry in index["completed"]:
            found = await self.ask(entry["workflow_kind"], entry["workflow"])
            if found.get("state") != "terminated":
                wrongs.append(f"{entry['workflow']} is {found}")
        registry = await self.ask("registry", REGISTRY)
        for repo in registry["repos"]:
            theirs = await self.ask("repo", repo["repo"])
            if (repo["tier"], repo["workflow"]) != (theirs["tier"], theirs["workflow"]):
                wrongs.append(f"registry and repository disagree: {repo} and {theirs}")
        return wrongs + [f"{place.name} is not what it says" for place in await self._unlike(registry)]

    async def _unlike(self, registry: dict[str, Any]) -> list[Place]:
        """Return the places whose files are writable and should not be, or the other way round."""
        tiers = {repo["repo"]: repo["tier"] for repo in registry["repos"]}
        return [
            place
            for place in self.places
            if tiers[place.name] in ("online", "frozen")
            and place.files.is_writable() != (tiers[place.name] == "online")
        ]


def rooms(directory: Path, count: int) -> list[Path]:
    """Make directories for several nodes."""
    made = [directory / str(number) for number in range(count)]
    for room in made:
        room.mkdir()
    return made


@contextmanager
def _place(directory: Path, name: str) -> Iterator[Place]:
    with files(directory / name) as here:
        yield Place(name, here)


@asynccontextmanager
async def stage(directory: Path, *names: str, words: Sequence[str] = ()) -> AsyncIterator[Stage]:
    """Have a node with a registry and repositories, each of them online."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(node_process(directory, *words))
        await node.start()
        places = [stack.enter_context(_place(directory, name)) for name in names]
        made = Stage(node, places)
        await made.say("registry", REGISTRY, "init", name="main")
        for place in places:
            root = {"global_root": place.root, "host": "fs", "host_root": str(place.files.home)}
            await made.say("registry", REGISTRY, "init_root", **root)
            await made.say("registry", REGISTRY, "init_repo", repo=place.name, global_path=place.path)
            await made.until_told("repo", place.name, "initialized")
        yield made


@asynccontextmanager
async def living(*workers: CoveyProcess) -> AsyncIterator[None]:
    """Let workers work until the end of the block."""
    try:
        for worker in workers:
            await worker.start()
        yield
    finally:
        for worker in workers:
            await worker.end()
