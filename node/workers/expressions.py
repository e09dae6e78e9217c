"""Evaluates expressions: jq in child processes that reach nothing and are killed when they take too long."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from actors.flow.errors import fault
from messages.run import Evaluate, Evaluated, Expression
from node.edge import BODY_BYTES_MAX
from node.workers.jq_child import MEMORY_BYTES
from node.workers.jq_frames import ExpressionFailed, decoded, to_compile, to_evaluate
from node.workers.jq_process import FROM_OUTSIDE, Child, ChildFailed, Died, Said, TookTooLong, started

CHILDREN = 2
"""How many expressions are evaluated at a time."""
WALL_SECONDS = 0.2
"""What one evaluation may take."""
COMPILE_SECONDS = 5.0
"""What the reading of one expression may take: with more than CPU_SECONDS the processors are busy."""
VALUES_BYTES = BODY_BYTES_MAX - (16 << 10)
"""What all values of a task may have as JSON, so that a node takes the answer."""
WAITING_MOST = 1_000
"""How many callers may wait for a child."""
SIDE_BY_SIDE = 16
"""How many expressions of one task are in hand at a time."""
STARTS_MOST = 5
"""How often in a row a child may fail to start."""
RESTART_SECONDS = 0.5
ASKED_MOST = 3
"""How often an expression is asked whose child was ended by somebody else."""
DETAIL_CHARACTERS = 500


class ExpressionSlow(ExpressionFailed):
    """It took longer than it may, on a machine that may have other things to do."""


class EvaluatorBusy(Exception):
    """Too many wait already: the work may come again later."""


class EvaluatorClosed(Exception):
    """Nothing is evaluated any more: the work may come again elsewhere."""


class Evaluator:
    """A pool of children; who finds none free waits."""

    def __init__(self, children: int = CHILDREN) -> None:
        self._children = children
        self._free: list[Child] = []
        self._waiting: deque[asyncio.Future[Child]] = deque()
        self._is_ready = asyncio.Event()
        self._is_closed = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            directory = stack.enter_context(_empty_directory())
            group = await stack.enter_async_context(asyncio.TaskGroup())
            keepers = [group.create_task(self._keep(directory)) for _ in range(self._children)]
            stack.callback(lambda: [keeper.cancel() for keeper in keepers])
            await self._is_ready.wait()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(EvaluatorClosed)
        await self._stack.aclose()

    async def evaluate(self, expression: Expression) -> Any:
        """Return the first value of an expression; raises ExpressionFailed."""
        return decoded(await self._ask(to_evaluate(expression), WALL_SECONDS))

    async def compile(self, text: str) -> str | None:
        """Return what is wrong with an expression before it is evaluated, None if nothing is.

        Raises ExpressionSlow where that is not known in time.
        """
        try:
            await self._ask(to_compile(text), COMPILE_SECONDS)
        except ExpressionSlow:
            raise
        except ExpressionFailed as error:
            return str(error)
        return None

    async def _ask(self, request: bytes, seconds: float) -> bytes:
        for _ in range(ASKED_MOST):
            try:
                said = await self._said(request, seconds)
            except TookTooLong:
                raise ExpressionSlow(f"took longer than {seconds * 1000:.0f} ms") from None
            except Died as died:
                if self._is_closed:
                    raise EvaluatorClosed from None
                if died.code not in FROM_OUTSIDE:
                    raise ExpressionFailed(_death(died.code)) from None
                continue
            if not said.has_worked:
                raise ExpressionFailed(said.body.decode(errors="replace"))
            return said.body
        raise EvaluatorBusy("children are ended from outside")

    async def _said(self, request: bytes, seconds: float) -> Said:
        child = await self._take()
        try:
            return await child.ask(request, seconds)
        finally:
            self._offer(child)

    async def _take(self) -> Child:
        """Return a child that is free; who waits is served in the order of coming."""
        if self._is_closed:
            raise EvaluatorClosed
        while self._free:
            child = self._free.pop()  # the one that was asked last: its programs are compiled
            if child.is_free:
                return child
        if len(self._waiting) >= WAITING_MOST:
            raise EvaluatorBusy(f"{WAITING_MOST} expressions wait already")
        waiter: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._offer(waiter.result())  # it was given to us in the same moment
            raise

    def _offer(self, child: Child) -> None:
        """Give a child to who waits longest; one that is gone is not given."""
        if not child.is_free:
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(child)
                return
        self._free.append(child)

    async def _keep(self, directory: Path) -> None:
        """Have one child at any time; raises ChildFailed when none starts."""
        failures = 0
        while True:
            try:
                async with started(directory) as child:
                    failures = 0
                    self._is_ready.set()
                    self._offer(child)
                    await child.gone
            except ChildFailed:
                failures += 1
                if failures == STARTS_MOST:
                    raise
                await asyncio.sleep(RESTART_SECONDS)


@contextmanager
def _empty_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="covey-jq-") as name:
        Path(name).chmod(0o500)
        yield Path(name)


async def work(evaluator: Evaluator, ask: Evaluate) -> Evaluated:
    """Evaluate what a task asks for; the first of its expressions that fails is told."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(expression: Expression) -> Any:
        async with gate:
            try:
                return await evaluator.evaluate(expression)
            except ExpressionFailed as error:
                return error

    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(one(expression)) for name, expression in ask.expressions.items()}
    values = {name: task.result() for name, task in tasks.items()}
    for name, value in values.items():
        if isinstance(value, ExpressionFailed):
            return _failed(ask, f"{name}: {value}")
    if len(msgspec.json.encode(values)) > VALUES_BYTES:
        return _failed(ask, f"the values are together larger than {VALUES_BYTES} bytes")
    return Evaluated(frame=ask.frame, ask=ask.ask, values=values)


def _failed(ask: Evaluate, detail: str) -> Evaluated:
    problem = fault("expression", ask.pointer, detail[:DETAIL_CHARACTERS]).problem
    return Evaluated(frame=ask.frame, ask=ask.ask, problem=problem)


def _death(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "took too long"
    return f"needs more than {MEMORY_BYTES >> 20} MiB, or too deep a recursion"
