"""Whatever is said, in whatever batches: all that is there fits what it is made of."""

from __future__ import annotations

import asyncio
import os
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors import ACTORS
from actors.jobs import ruled, valid
from messages.envelope import Envelope
from node.engine import Engine
from store.open import open_store
from tests.executables.world import GEN, ID, OPENSSL, RSA, changed, without
from tests.node.frozen import message

OTHER = "openssl-3-1"
EXECUTABLES = [
    OPENSSL,
    without("-quiet"),
    without("-pkeyopt"),
    changed("-out", interferes=["-pkeyopt"]),
    changed("-pkeyopt", value_type="int"),
    changed("genpkey", requires_value=True, value_type="int"),
]
COMMANDS = [GEN, GEN | {"flags": ["genpkey", "-out"]}, GEN | {"flags": ["-quiet"]}, GEN | {"flags": []}]
JOBS = [
    RSA,
    RSA | {"values": {"-out": "a"}},
    RSA | {"values": {}},
    RSA | {"values": RSA["values"] | {"-pkeyopt": 7}},
]
MESSAGES: list[tuple[str, dict[str, Any]]] = [
    *[(f"executable.{ID}.save", body) for body in EXECUTABLES],
    *[(f"executable.{OTHER}.save", body | {"tag": "openssl - 3.1"}) for body in EXECUTABLES],
    *[(f"command.{id}.save", body) for id in ("one", "two") for body in COMMANDS],
    *[("command.one.save", body | {"executable": OTHER}) for body in COMMANDS],
    *[(f"job.{job}.save", body | {"command": id}) for job in "ab" for id in ("one", "two") for body in JOBS],
    *[(f"{to}.delete", {}) for to in (f"executable.{ID}", f"executable.{OTHER}")],
    *[(f"{to}.delete", {}) for to in ("command.one", "command.two", "job.a", "job.b")],
]
EXAMPLES = 1_000 if os.environ.get("COVEY_SOAK") else 60
TRIES = 5

batches = st.lists(st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=8), min_size=3, max_size=8)


@settings(max_examples=EXAMPLES, deadline=None)
@given(batches)
def test_all_that_is_there_is_valid(batches: list[list[tuple[str, dict[str, Any]]]]) -> None:
    asyncio.run(play(batches))


async def play(batches: list[list[tuple[str, dict[str, Any]]]]) -> None:
    numbers = count()
    with TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "covey.db", synchronous="off") as store:
            engine = Engine("here", ACTORS, store)
            # one batch is read before the one before it is written, as in a node
            draft, left = None, []
            for batch in batches:
                said = [replace(message(*one), id=f"m-{next(numbers)}") for one in batch]
                ahead = await engine.prepare(said)
                following = engine.decide(ahead, draft)
                if draft is not None:
                    await engine.commit(draft)
                left += [result.envelope for result in following.results if not result.outcome]
                draft = following
            assert draft is not None
            await engine.commit(draft)
            await again(engine, left)
            await check(engine)


async def again(engine: Engine, left: list[Envelope]) -> None:
    """Say again what was to be tried again, as it had not been read."""
    for _ in range(TRIES):
        results = await engine.handle(left)
        left = [result.envelope for result in results if not result.outcome]
        if not left:
            return
    raise AssertionError(left)


async def check(engine: Engine) -> None:
    for id in ("one", "two"):
        command = (await engine.peek("command", id)).state.content
        if command is not None:
            executable = (await engine.peek("executable", command.executable)).state.description
            assert executable is not None
            assert valid.of_command(command, ruled.schema(executable)) == []
    for id in "ab":
        state = (await engine.peek("job", id)).state
        if state.content is not None:
            command = (await engine.peek("command", state.content.command)).state.content
            assert command is not None
            assert command.executable == state.executable
            executable = (await engine.peek("executable", state.executable)).state.description
            assert valid.of_job(state.content, command, executable) == []
