import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from node.workers import tool
from node.workers.tool import ToolFailed, run
from tests.workers.children import children

HERE = Path(__file__).parent
SECONDS = 20.0


async def test_what_a_tool_is_fed_and_says_is_kept_with_its_code() -> None:
    done = await run(("cat",), HERE, seconds=SECONDS, feed=[b"x" * 100_000] * 10)

    assert (done.code, len(done.output), done.errors) == (0, 1_000_000, "")


async def test_a_tool_that_does_not_listen_does_no_harm() -> None:
    assert (await run(("true",), HERE, seconds=SECONDS, feed=[b"x" * 1_000_000] * 3)).code == 0


async def test_a_tool_that_complains_a_lot_is_heard_a_little() -> None:
    done = await run(("ls", *(f"/gone/{number}" for number in range(5_000))), HERE, seconds=SECONDS)

    assert done.code == 2
    assert "No such file" in done.errors
    assert len(done.errors) <= tool.ERROR_BYTES + 1


async def test_a_tool_that_says_too_much_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "OUTPUT_BYTES", 10)

    with pytest.raises(ToolFailed, match="more than 10 bytes"):
        await run(("ls", "/"), HERE, seconds=SECONDS)


async def test_a_tool_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ToolFailed, match=r"sleep took longer than 0\.1 s"):
        await run(("sleep", "30"), HERE, seconds=0.1)
    assert not children()


async def test_a_tool_that_is_not_there_is_told() -> None:
    with pytest.raises(ToolFailed, match="no-such-tool cannot be started"):
        await run(("no-such-tool",), HERE, seconds=SECONDS)


async def test_a_tool_with_children_of_its_own_is_ended_with_them() -> None:
    with pytest.raises(ToolFailed):  # it waits for the end of the pipe, which its child holds open
        await run(("timeout", "--foreground", "30", "sleep", "30"), HERE, seconds=0.2)
    assert not children()


async def cancel_at_any_time() -> None:
    for turn in range(100):
        running = asyncio.create_task(run(("sleep", "30"), HERE, seconds=SECONDS))
        await asyncio.wait([running], timeout=turn * 0.00005)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert not children()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_is_cancelled_leaves_no_process_behind(loop: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(cancel_at_any_time())


async def test_work_in_a_thread_that_is_cancelled_has_stopped() -> None:
    stopped_at: list[float] = []

    def work(is_cancelled: Any) -> None:
        is_cancelled.wait(SECONDS)
        stopped_at.append(time.monotonic())

    working = asyncio.create_task(tool.in_thread(work))
    await asyncio.wait([working], timeout=0.05)
    working.cancel()
    await asyncio.wait([working])

    assert working.cancelled()
    assert stopped_at
