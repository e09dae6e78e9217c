"""The worker of runs: evaluates their expressions, makes their calls, and tells them how it went."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from actors.flow.errors import fault
from bus.client import Bus
from bus.consumer import Delivery
from bus.streams import ConsumerSettings, work_settings
from bus.tasks import end
from messages import subjects
from messages.base import Command, encode, tag
from messages.envelope import Address, derive
from messages.run import Answered, Call, Evaluate, Evaluated, Faulted, Lost
from node.calls import caller
from node.calls.failed import Failed
from node.calls.outside import Outside
from node.calls.secrecy import Secrecy
from node.lending import Lending
from node.vault import Vault
from node.workers.desk import Handed
from node.workers.expressions import Evaluator, work
from node.workers.voice import Voice
from node.workers.worker import ATTEMPTS_MAX, Do, Start

if TYPE_CHECKING:
    from node.calls.table import Calls

RUN = "run"
EXPRESSIONS = "expressions"
KINDS = ("http", "openapi", "database", "email", "slack", "shell")
QUEUES = (EXPRESSIONS, *(f"call-{kind}" for kind in KINDS))
HANDS = {EXPRESSIONS: 32, "call-http": 32}
HANDS_OTHERWISE = 8
"""How many tasks of a queue are done at a time."""
SECONDS = {"shell": 600.0, "database": 60.0}
"""What a call of a kind may take, where that is not what all may."""
EVALUATOR_SECONDS = 1.0
"""How long to wait before children are started again that did not start."""
OVER = ("success", "failure", "cancelled")
HARMLESS = ("not_found", "id_reused", "state_conflict")
"""How an answer is refused that came too late, or twice."""

_LOG = logging.getLogger("covey.worker")
_T = TypeVar("_T", bound=Command)

Told = Answered | Faulted | Lost


def source(node: str, queue: str) -> ConsumerSettings:
    """Return the consumer that all workers of a queue of runs share."""
    return work_settings(queue, subjects.task(node, queue))


class _Task(msgspec.Struct):
    """What matters of a task before it is taken."""

    once: bool = False


def is_once(body: bytes) -> bool:
    """Say whether a task asks for a call that must not be made twice."""
    return msgspec.json.decode(body, type=_Task).once


def hands(queue: str) -> int:
    """Return how many tasks of a queue are done at a time when nobody says."""
    return HANDS.get(queue, HANDS_OTHERWISE)


class Running:
    """Does the work of all queues of runs."""

    def __init__(self, bus: Bus, node: str, voice: Voice, outside: Outside) -> None:
        self._bus = bus
        self._node = node
        self._voice = voice
        self._outside = outside
        self._lending = Lending(voice, Vault(outside.data))
        self._evaluator = Kept()
        self._loading = asyncio.Lock()
        self._calls: Calls | None = None
        self._making: dict[tuple[str, int], asyncio.Timeout] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, start: Start) -> None:
        """Listen for calls that are given up, beside the caller."""
        heard = await self._bus.subscribe(subjects.event(self._node, RUN, "*", "task_cancelled"))

        async def listen() -> None:
            async for event in heard:
                try:
                    self._give_up(event.subject.split(".")[-2], event.body)
                except Exception as error:  # the others must be heard all the same
                    _LOG.warning("a cancellation was not understood: %s", type(error).__name__)

        self._tasks = [start(listen()), start(self._evaluator.keep())]

    async def close(self) -> None:
        """End what the work needed."""
        await end(self._tasks)
        if self._calls is not None:
            await self._calls.close()

    def do(self, queue: str) -> Do:
        """Return what does the tasks of a queue."""
        return self.evaluate if queue == EXPRESSIONS else self.call

    async def evaluate(self, id: str, delivery: Delivery | Handed) -> None:
        """Evaluate expressions, and tell the run."""
        ask = _read(delivery, Evaluate)
        if ask is None:
            return
        try:
            told = await work(await self._evaluator.get(), await self._lending.expressions(ask))
        except Failed as failed:
            wrong = fault(failed.word, ask.pointer, failed.detail)
            told = Evaluated(frame=ask.frame, ask=ask.ask, problem=wrong.problem)
        except Exception as error:
            if delivery.attempts < ATTEMPTS_MAX:
                raise
            wrong = fault("runtime", ask.pointer, f"nothing can be evaluated: {type(error).__name__}")
            told = Evaluated(frame=ask.frame, ask=ask.ask, problem=wrong.problem)
        refusal = await self._tell(id, ask.run, "evaluated", told)
        if refusal:
            wrong = fault("expression", ask.pointer, f"its values are refused: {refusal}")
            told = Evaluated(frame=ask.frame, ask=ask.ask, problem=wrong.problem)
            await self._tell(derive(id, "refused"), ask.run, "evaluated", told)

    async def call(self, id: str, delivery: Delivery | Handed) -> None:
        """Make a call, unless nobody waits for it any more, and tell the run."""
        call = _read(delivery, Call)
        if call is None:
            return
        frame = (call.run, call.frame)
        try:
            async with asyncio.timeout(None) as scope:
                self._making[frame] = scope
                told = await self._done(call, delivery.attempts)
        except TimeoutError:
            _LOG.info("a call of run %s was given up", call.run)
            return
        finally:
            self._making.pop(frame, None)
        if told is not None:
            await self._answer(id, call, told)

    async def _done(self, call: Call, attempt: int) -> Told | None:
        """Return what is to be told of a call, None when nobody wants to hear it."""
        if not await self._is_wanted(call):
            return None
        if call.once and attempt > 1:  # who had it in hand may have made it
            return Lost(frame=call.frame, call=call.call)
        make = (await self._loaded()).makes.get(call.kind, _unknown)
        try:
            call, secrets = await self._lending.call(call)
        except Failed as failed:
            return caller.faulted(call, failed, Secrecy(call.arguments))
        return await caller.answer(make, call, SECONDS.get(call.kind, caller.SECONDS), secrets)

    async def _is_wanted(self, call: Call) -> bool:
        """Say whether nobody has told the run what came of the call: a task may come again after that."""
        answer = await self._voice.ask(Address(RUN, call.run), "get")
        if not call.is_awaited:
            return answer.get("status") not in OVER and answer.get("code") != "not_found"
        under_way = answer.get("under_way", ())
        waiting = {(one["frame"], one["calls"]) for one in under_way if one["is_calling"]}
        return (call.frame, call.call) in waiting

    async def _loaded(self) -> Calls:
        async with self._loading:
            if self._calls is None:
                made = await asyncio.to_thread(_load)
                self._calls = made(self._outside)
            return self._calls

    async def _answer(self, id: str, call: Call, told: Told) -> None:
        verb = tag(told).partition(".")[2]
        refusal = await self._tell(id, call.run, verb, told)
        if refusal:
            wrong = fault("runtime", call.pointer, f"the answer is refused: {refusal}")
            told = Faulted(frame=call.frame, call=call.call, problem=wrong.problem)
            await self._tell(derive(id, "refused"), call.run, "faulted", told)

    async def _tell(self, id: str, run: str, verb: str, told: Command) -> str:
        """Say how it went, with the same id at each delivery; return why that is refused, if it matters."""
        body = msgspec.json.decode(encode(told), type=dict[str, object])
        outcome = await self._voice.call(Address(RUN, run), verb, body, derive(id, "answer"))
        if outcome.status == "done" or outcome.code in HARMLESS:
            return ""
        _LOG.warning("run %s refuses what it was told: %s", run, outcome.code)
        return f"{outcome.code}: {outcome.detail}"

    def _give_up(self, run: str, body: bytes) -> None:
        """Stop the call of a frame that was cancelled; one that is not begun yet is not wanted then."""
        making = self._making.get((run, int(msgspec.json.decode(body)["frame"])))
        if making is not None:
            making.reschedule(asyncio.get_running_loop().time())


class Kept:
    """An evaluator that is started when it is first wanted, and again when its children do not start."""

    def __init__(self) -> None:
        self._is_wanted = asyncio.Event()
        self._changed = asyncio.Condition()
        self._evaluator: Evaluator | None = None

    async def get(self) -> Evaluator:
        """Return it; waits until it has started."""
        self._is_wanted.set()
        async with self._changed:
            await self._changed.wait_for(lambda: self._evaluator is not None)
        assert self._evaluator is not None
        return self._evaluator

    async def keep(self) -> None:
        """Have it run; until it is cancelled."""
        await self._is_wanted.wait()
        while True:
            try:
                async with Evaluator() as evaluator:
                    await self._set(evaluator)
                    await asyncio.Event().wait()
            except* Exception as errors:
                _LOG.error("expressions cannot be evaluated: %s", errors.exceptions[0])
            finally:
                self._evaluator = None
            await asyncio.sleep(EVALUATOR_SECONDS)

    async def _set(self, evaluator: Evaluator) -> None:
        async with self._changed:
            self._evaluator = evaluator
            self._changed.notify_all()


def _load() -> Callable[[Outside], Calls]:
    from node.calls.table import Calls  # noqa: PLC0415  # a command line that makes no call needs none of it

    return Calls


async def _unknown(call: Call) -> Awaitable[None]:
    raise LookupError(call.kind)


def _read(delivery: Delivery | Handed, type_: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(delivery.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _LOG.error("a task cannot be read, so it is left out: %s", error)
        return None
