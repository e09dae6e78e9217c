"""The worker of jobs: starts what was asked for, once; tells what it writes, and how it has ended."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from bus.client import Bus
from bus.consumer import Delivery
from bus.streams import ConsumerSettings, work_settings
from bus.tasks import end
from messages import subjects
from messages.envelope import Address, Outcome, derive
from messages.job_run import Result, Run, Started
from node.jobs import inputs, outcome, scratch
from node.jobs.checks import refusal
from node.jobs.kept import Gone, Kept
from node.jobs.live import Live
from node.jobs.means import Means
from node.jobs.probe import Isolation, probe
from node.jobs.sandbox import Ended, Program, Sandbox
from node.workers.desk import Handed
from node.workers.runner import LeftToOthers
from node.workers.tool import Failed, in_thread
from node.workers.voice import Voice
from node.workers.worker import Start

JOBS = "jobs"
KIND = "job_run"
ATTEMPTS_MAX = 3
"""How often a run is begun with one task; then it is left to whoever gets the task next."""
HANDS = 4
"""How many jobs run at a time."""
LOOK_SECONDS = 5.0
"""How often is looked whether a run is still wanted, beside being told."""
THIN_SECONDS = 3_600.0

_LOG = logging.getLogger("covey.jobs")


def source(node: str) -> ConsumerSettings:
    """Return the consumer that all workers of jobs share."""
    return work_settings(JOBS, subjects.task(node, JOBS))


class Jobs:
    """Does the work of the queue ``jobs``."""

    def __init__(self, bus: Bus, node: str, voice: Voice, means: Means, name: str) -> None:
        self._bus, self._node, self._voice, self._name = bus, node, voice, name
        self._means = means
        self._kept = Kept(means.directory)
        self._stops: dict[str, asyncio.Event] = {}
        """Of the runs in hand."""
        self._probing = asyncio.Lock()
        self._isolation: Isolation | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, start: Start) -> None:
        """Listen for runs that are to end, beside the caller, and clear what dead workers have left."""
        self._means.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stopping = await self._bus.subscribe(subjects.event(self._node, KIND, "*", "stopping"))
        deleted = await self._bus.subscribe(subjects.event(self._node, KIND, "*", "deleted"))

        async def listen() -> None:
            async for event in stopping:
                stop = self._stops.get(_run_of(event.subject))
                if stop is not None:
                    stop.set()

        async def forget() -> None:
            async for event in deleted:
                await asyncio.to_thread(self._kept.forget, _run_of(event.subject))

        self._tasks = [start(listen()), start(forget()), start(self._look()), start(self._clean())]

    async def close(self) -> None:
        """Listen no more."""
        await end(self._tasks)

    async def isolation(self) -> Isolation:
        """Return how far apart jobs are kept here; it is tried once."""
        async with self._probing:
            if self._isolation is None:
                self._isolation = await probe(self._means.directory, self._means.policy)
            return self._isolation

    async def do(self, _id: str, delivery: Delivery | Handed) -> None:
        """Run what a task asks for, unless somebody has begun it; raises LeftToOthers while one is at it."""
        try:
            work = msgspec.json.decode(delivery.body, type=Run)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _LOG.error("a task cannot be read, so it is left out: %s", error)
            return
        if await asyncio.to_thread(scratch.is_busy, self._means.directory, work.run):
            raise LeftToOthers
        self._stops[work.run] = asyncio.Event()
        try:
            for _ in range(ATTEMPTS_MAX):
                if await self._run(work, uuid.uuid4().hex):
                    return
            raise LeftToOthers
        except scratch.Busy as busy:
            raise LeftToOthers from busy
        finally:
            del self._stops[work.run]

    async def _run(self, work: Run, token: str) -> bool:
        """Make an attempt, and say whether that is all: a late word may have begun another one meanwhile."""
        isolation = await self.isolation()
        if not await self._may_start(work, token):
            return True
        result = await asyncio.to_thread(refusal, work, self._means, isolation)
        if result is None:
            result = await self._result(work, token, isolation)
        ended = {"token": token, "result": msgspec.to_builtins(result)}
        outcome = await self._say(work.run, "end", ended, token)
        return bool(outcome.events) or not await self._is_wanted(work.run)

    async def _may_start(self, work: Run, token: str) -> bool:
        """Say that it starts, and return whether it may: once, unless it may be repeated."""
        told = await self._say(work.run, "start", {"token": token, "worker": self._name}, token)
        return any(_is_start(event, token) for event in told.events)

    async def _result(self, work: Run, token: str, isolation: Isolation) -> Result:
        """Run it, and return what is to be told of it; what goes wrong here is told as well."""
        started = datetime.now(UTC)
        try:
            files, directory = work.pinned.working_files, self._means.directory
            put = partial(inputs.put, self._kept, work.pinned.inputs)
            async with scratch.fresh(directory, work.run, files, put) as place:
                ended = await self._program(work, token, isolation, place)
                result = await self._told(work, ended, place)
        except Gone as gone:
            result = Result(state="refused", reason="input_gone", detail=str(gone))
        except (OSError, ValueError, Failed) as error:
            result = Result(state="failure", reason="cannot_start", detail=str(error))
        times = {"started_at": started, "ended_at": datetime.now(UTC)}
        level, network = isolation.level or "", self._has_network(work, isolation)
        return msgspec.structs.replace(result, **times, isolation=level, network=network)

    async def _program(self, work: Run, token: str, isolation: Isolation, place: scratch.Scratch) -> Ended:
        pinned = work.pinned
        assert isolation.level is not None  # refused otherwise
        box = Sandbox(level=isolation.level, limits=self._means.limits, readable=self._means.readable)
        program = Program(
            argv=pinned.argv,
            environment={**pinned.environment, "COVEY_RUN": work.run, "COVEY_KEY": work.key},
            seconds=outcome.seconds(work),
            is_root=pinned.requires_root,
            has_network=self._has_network(work, isolation),
        )

        async def say(number: int, part: dict[str, str]) -> None:
            body = {"token": token, "number": number, **part}
            await self._say(work.run, "append", body, derive(token, number))

        live = Live(say)
        telling = asyncio.ensure_future(live.tell())
        try:
            ended = await box.run(program, place, live.hear, self._stops[work.run])
        finally:
            await end([telling])
        await live.rest()
        return ended

    def _has_network(self, work: Run, isolation: Isolation) -> bool:
        """Say whether it has one: where it is to have none and that cannot be, it was not refused."""
        return self._means.gives_network(work.pinned) or bool(isolation.network)

    async def _told(self, work: Run, ended: Ended, place: scratch.Scratch) -> Result:
        most = self._means.limits.kept_files

        def keep(is_cancelled: threading.Event) -> Result:
            return outcome.of(work, ended, place, (self._kept, most, is_cancelled))

        return await in_thread(keep)

    async def _say(self, run: str, verb: str, body: dict[str, Any], token: str) -> Outcome:
        return await self._voice.call(Address(KIND, run), verb, body, derive(token, verb))

    async def _look(self) -> None:
        """Stop what is over or to end, where the word of it was missed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for run, stop in list(self._stops.items()):
                with suppress(OSError, RuntimeError):
                    if not await self._is_wanted(run):
                        stop.set()

    async def _is_wanted(self, run: str) -> bool:
        """Say whether a run is there and goes on."""
        told = await self._voice.ask(Address(KIND, run), "get")
        return not (told.get("stopping") or told.get("result") or told.get("code") == "not_found")

    async def _forget_orphans(self) -> None:
        """Let go of what runs have left that were deleted while nobody listened."""
        for run in await asyncio.to_thread(self._kept.runs):
            told = await self._voice.ask(Address(KIND, run), "get")
            if told.get("code") == "not_found":
                await asyncio.to_thread(self._kept.forget, run)

    async def _clean(self) -> None:
        """Remove what runs have left whose worker was killed, and what is deleted, too old or too much."""
        with suppress(OSError, RuntimeError, msgspec.DecodeError):  # at the next start, or when it is old
            await self._forget_orphans()
        while True:
            try:
                await scratch.clean(self._means.directory)
                await asyncio.to_thread(self._kept.thin)
            except Exception as error:  # the next time is another chance
                _LOG.warning("what jobs have left cannot be cleaned up: %s", error)
            await asyncio.sleep(THIN_SECONDS)


def _run_of(subject: str) -> str:
    return subject.split(".")[-2]


def _is_start(event: msgspec.Raw, token: str) -> bool:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(event, type=Started).token == token
    return False
