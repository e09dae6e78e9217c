"""A document that has all users of what it changes is taken whatever was there, or nothing is left of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from actors import ACTORS
from cli.importing import judged
from cli.interchange import carrying
from cli.interchange.judging import Found, Key
from cli.interchange.reading import LISTS
from messages.envelope import Outcome
from node.engine import Engine
from node.intake import outcome_of
from store.open import open_store
from tests.executables.test_always_valid import COMMANDS, EXECUTABLES, JOBS
from tests.executables.world import RSA
from tests.node.frozen import message

SEEDS = 1_000 if os.environ.get("COVEY_SOAK") else 30
TWO = {"tag": "openssl - 3.1"}
IDS = ("openssl-3-0", "openssl-3-1")
JOBS_TOO: list[dict[str, Any]] = [
    *JOBS,
    {},
    {"values": {"genpkey": 1, "-out": "a"}},
    {"values": RSA["values"] | {"genpkey": 1}},
]
NUMBERS = count()
NEVER = 10**6
"""A version that nothing has."""


def drawn(draw: Random) -> dict[str, Any]:
    """Draw a document of two executables, two commands, two jobs and a routine that has no fault."""
    found: dict[str, Any] = {"executables": [draw.choice(EXECUTABLES), draw.choice(EXECUTABLES) | TWO]}
    for id, name in zip("cd", draw.sample(["one", "two"], 2), strict=True):
        made = [one | {"id": id, "name": name, "executable": of} for one in COMMANDS for of in IDS]
        found["commands"] = fitting(draw, found, "commands", made)
    for id in "ij":
        made = [one | {"id": id, "command": of} for one in JOBS_TOO for of in "cd"]
        found["jobs"] = fitting(draw, found, "jobs", made)
    found["routines"] = [{"id": "r", "steps": [{"job": draw.choice("ij")}]}]
    return found


def fitting(draw: Random, found: dict[str, Any], name: str, choice: list[dict[str, Any]]) -> list[Any]:
    """Add one of those that have no fault with what there is."""
    for one in draw.sample(choice, len(choice)):
        made = [*found.get(name, []), one]
        if not judged(found | {name: made}, {}, "here").faults:
            return made
    raise AssertionError(found)


class Door:
    """The way to an engine that importing goes, as it would to a node; it can refuse one call."""

    def __init__(self, engine: Engine, refused: int = -1) -> None:
        self._engine = engine
        self._refused = refused
        self.calls = 0

    async def call(self, to: tuple[str, str, str], body: Mapping[str, Any], *, expect: int | None) -> Outcome:
        if self.calls == self._refused:
            expect = NEVER
        self.calls += 1
        told = replace(message(".".join(to), dict(body)), id=f"m-{next(NUMBERS)}", expect=expect)
        (result,) = await self._engine.handle([told])
        return outcome_of(result.outcome)


async def found(engine: Engine) -> dict[Key, Found]:
    have = {}
    for kind, id in [*(("executable", id) for id in IDS), *zip(("command",) * 2, "cd", strict=True),
                     ("job", "i"), ("job", "j"), ("routine", "r")]:  # fmt: skip
        live = await engine.peek(kind, id)
        content = live.state.description if kind == "executable" else live.state.content
        if content is not None:
            have[kind, id] = Found(live.version, carrying.fields_of(content))
    return have


def fields(have: Mapping[Key, Found]) -> dict[Key, Any]:
    return {key: one.fields for key, one in have.items()}


async def imported(engine: Engine, document: Any, refused: int = -1) -> tuple[list[str], int]:
    have = await found(engine)
    plan = judged(document, have, "here")
    assert not plan.faults
    door = Door(engine, refused)
    saved, undone = await carrying.save(door, plan, have)  # type: ignore[arg-type]  # it is a way to a node
    assert all(outcome.status == "done" for _, outcome in undone)
    return [outcome.code for _, outcome in saved if outcome.status != "done"], len(list(plan.steps()))


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_whole_document_is_taken_whatever_was_there_or_nothing_is(seed: int, tmp_path: Path) -> None:
    draw = Random(seed)
    before, after, refused = drawn(draw), drawn(draw), draw.randrange(14)

    async with open_store(tmp_path / "covey.db", synchronous="off") as store:
        engine = Engine("here", ACTORS, store)
        assert (await imported(engine, before))[0] == []
        was = fields(await found(engine))

        codes, steps = await imported(engine, after, refused)
        if refused < steps:
            assert codes == ["version_conflict"]
            assert fields(await found(engine)) == was

        assert (await imported(engine, after))[0] == []
        assert set(await found(engine)) == set(was)
        exported = carrying.document(await found(engine))
        assert all(exported[name] for name in LISTS)
        assert (await imported(engine, exported))[0] == []
