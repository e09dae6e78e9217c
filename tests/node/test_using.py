"""What is used is not deleted, whoever began to use it just now; a need is found through what is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors import ACTORS
from messages.envelope import Envelope, Outcome
from node.engine import Engine
from node.intake import outcome_of
from store.open import open_store
from tests.node.frozen import message

TOOL: dict[str, Any] = {"tag": "tool - 1", "path": "/usr/bin/tool"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_store(tmp_path / "covey.db") as store:
        yield Engine("here", ACTORS, store)


def said(to: str, body: dict[str, Any] | None = None, time: int = 1) -> Envelope:
    envelope = message(to, body or {})
    return replace(envelope, id=f"{envelope.id}-{time}")


async def outcomes(engine: Engine, *envelopes: Envelope) -> list[Outcome]:
    return [outcome_of(result.outcome) for result in await engine.handle(list(envelopes))]


SAVE_TOOL = said("executable.tool-1.save", TOOL)
SAVE_COMMAND = said("command.list.save", {"executable": "tool-1"})
SAVE_JOB = said("job.now.save", {"command": "list"})


async def test_what_is_used_is_not_deleted_within_a_batch_nor_after_it(engine: Engine) -> None:
    *_, early = await outcomes(engine, SAVE_TOOL, SAVE_COMMAND, said("executable.tool-1.delete"))
    (late,) = await outcomes(engine, said("executable.tool-1.delete", time=2))

    for refused in (early, late):
        assert refused.code == "in_use"
        assert refused.extra == {"users": [{"kind": "command", "id": "list"}]}


async def test_what_is_used_no_longer_is_deleted(engine: Engine) -> None:
    await outcomes(engine, SAVE_TOOL, SAVE_COMMAND)

    gone = await outcomes(engine, said("command.list.delete"), said("executable.tool-1.delete"))

    assert [outcome.status for outcome in gone] == ["done", "done"]


async def test_a_use_that_is_being_written_counts(engine: Engine) -> None:
    await outcomes(engine, SAVE_TOOL)
    ahead = [await engine.prepare([SAVE_COMMAND]), await engine.prepare([said("executable.tool-1.delete")])]

    first = engine.decide(ahead[0])
    (refused,) = engine.decide(ahead[1], first).results

    assert outcome_of(refused.outcome).code == "in_use"


async def test_a_job_is_used_to_know_its_executable_after_a_restart(tmp_path: Path) -> None:
    for envelopes in ([SAVE_TOOL, SAVE_COMMAND], [SAVE_JOB], [said("executable.tool-1.delete")]):
        async with open_store(tmp_path / "covey.db") as store:
            *_, last = await outcomes(Engine("here", ACTORS, store), *envelopes)

    assert last.extra["users"] == [{"kind": "command", "id": "list"}, {"kind": "job", "id": "now"}]


async def test_the_executable_of_a_job_is_read_through_its_command(engine: Engine) -> None:
    await outcomes(
        engine, SAVE_TOOL, said("executable.tool-2.save", TOOL | {"tag": "tool - 2"}), SAVE_COMMAND
    )
    turned = said("command.list.save", {"executable": "tool-2"}, time=2)

    _, unread = await engine.handle([turned, SAVE_JOB])
    (saved,) = await outcomes(engine, SAVE_JOB)

    assert unread.outcome == b""  # the command has turned to another one: it is to be tried again
    assert saved.status == "done"
    assert (await engine.peek("job", "now")).state.executable == "tool-2"
