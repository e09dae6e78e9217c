"""Makes one call of a run within its bounds, and tells how it went: never more than an event can hold."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from actors.flow.errors import fault
from messages.run import Answered, Call, Faulted
from node.calls.failed import Failed
from node.calls.secrecy import PUT_IN, Secrecy

SECONDS = 30.0
"""What a call may take that has no deadline."""
OUTPUT_BYTES = 192 * 1024
"""What a run takes as the data of a task."""
VALUES_MOST = 25_000
DEPTH_MOST = 24
"""How deeply an output may be nested: it is told within other values."""
DETAIL_CHARACTERS = 500

_LOG = logging.getLogger("covey.calls")

Make = Callable[[Call], Awaitable[Any]]
"""Makes a call of one kind and returns its output; raises Failed."""


async def answer(
    make: Make, call: Call, seconds: float = SECONDS, secrets: Sequence[str] = ()
) -> Answered | Faulted:
    """Make a call and return what is to be told of it, without secrets; raises nothing but a cancellation."""
    secrecy = Secrecy(call.arguments, secrets)
    PUT_IN.set(tuple(secrets))
    try:
        output = secrecy.cleaned(await _bounded(make, call, seconds))
        return Answered(frame=call.frame, call=call.call, output=output)
    except Failed as failed:
        return faulted(call, failed, secrecy)
    except Exception as error:  # a call is not made again for a mistake of ours: it may have had its effect
        # Without the words of the error: they may repeat what is secret.
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = (call.kind, call.run, type(error).__name__, where.filename, where.lineno)
        _LOG.error("%s of run %s failed unexpectedly: %s at %s:%s", *told)
        return faulted(call, Failed("runtime", f"the call failed: {type(error).__name__}"), secrecy)


async def _bounded(make: Make, call: Call, seconds: float) -> Any:
    """Have a call made in its time; its own deadline may be sooner than that of all."""
    left = seconds if call.deadline is None else (call.deadline - datetime.now(UTC)).total_seconds()
    if left <= 0:
        raise Failed("timeout", "its time was over before it was made")
    try:
        async with asyncio.timeout(min(left, seconds)):
            output = await make(call)
    except TimeoutError:
        if left < seconds:
            raise Failed("timeout", "it took longer than its timeout") from None
        raise Failed("communication", f"there was no answer in {seconds:.0f} s", 504) from None
    _check(output)
    return output


def _check(output: Any) -> None:
    size = len(msgspec.json.encode(output))
    if size > OUTPUT_BYTES:
        raise Failed("runtime", f"the output has {size} bytes; at most {OUTPUT_BYTES} are kept")
    if not _is_simple(output):
        raise Failed(
            "runtime", f"the output has more than {VALUES_MOST} values, or more than {DEPTH_MOST} levels"
        )


def _is_simple(output: Any) -> bool:
    """Say whether a value is as the node takes it, looking at it level by level."""
    level, seen = [output], 0
    for _ in range(DEPTH_MOST):
        inner: list[Any] = []
        for value in level:
            inner += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        seen += len(inner)
        if not inner:
            return True
        if seen > VALUES_MOST:
            return False
        level = inner
    return False


def faulted(call: Call, failed: Failed, secrecy: Secrecy) -> Faulted:
    """Return how a call has failed, without secrets."""
    detail = secrecy.hide(failed.detail)[:DETAIL_CHARACTERS]
    wrong = fault(failed.word, call.pointer, detail, status=failed.status)
    return Faulted(frame=call.frame, call=call.call, problem=wrong.problem)
