"""A history can be trimmed: a snapshot is its new start, and leads to the same state as all its events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.answers import Answers
from node.engine import Engine
from node.live import SNAPSHOT_EVENTS
from store.open import open_store
from store.store import Store
from tests.node.conftest import TOYS
from tests.node.counter import COUNTER, Add, Reach, Remove, Tidy, message
from tests.node.saying import asked, count

COMMANDS = st.one_of(
    st.builds(Add, by=st.integers(-3, 3), times=st.integers(1, 40), name=st.sampled_from(["", "x"])),
    st.builds(Reach, total=st.integers(-3, 3)),
    st.builds(Remove),
)


@given(st.lists(st.one_of(COMMANDS, st.builds(Tidy)), max_size=12))
def test_a_trimmed_history_leads_to_the_state_that_all_events_lead_to(commands: list[Any]) -> None:
    whole = [command for command in commands if not isinstance(command, Tidy)]

    trimmed_live, whole_live = asyncio.run(_replayed(commands)), asyncio.run(_replayed(whole))

    assert trimmed_live.state == whole_live.state
    assert trimmed_live.summary == whole_live.summary
    assert trimmed_live.deleted_at == whole_live.deleted_at


async def _replayed(commands: list[Any]) -> Any:
    """Say the commands to one engine; return what another one makes of the file."""
    with TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "covey.db", synchronous="off") as store:
            engine = Engine("here", [COUNTER], store)
            for number, command in enumerate(commands):
                await engine.handle([message(f"m-{number}", "a", command)])
            return await Engine("here", [COUNTER], store).peek("counter", "a")


async def trimmed(engine: Engine, kind: str = "counter") -> None:
    """Let a counter have two events, forget them with the third, and have a fourth."""
    await engine.handle([message("m-1", "a", Add(by=2, times=2), kind), message("m-2", "a", Tidy(), kind)])
    await engine.handle([message("m-3", "a", Add(by=5), kind)])


async def test_a_trimmed_history_begins_with_the_state_at_its_start(
    engine: Engine, answers: Answers, store: Store
) -> None:
    await trimmed(engine)

    told = await asked(answers, "counter", "a", "history")

    assert (told["start"]["version"], told["start"]["state"]["total"]) == (3, 4)
    assert [event["version"] for event in told["events"]] == [4]
    assert await count(store, "journal") == 1


@pytest.mark.parametrize(
    ("after", "has_start", "versions"), [(2, True, [4]), (3, False, [4]), (4, False, [])]
)
async def test_the_start_is_told_to_those_who_miss_what_it_stands_for(
    engine: Engine, answers: Answers, after: int, has_start: bool, versions: list[int]
) -> None:
    await trimmed(engine)

    told = await asked(answers, "counter", "a", "history", after=after)

    assert ("start" in told) == has_start
    assert [event["version"] for event in told["events"]] == versions


async def test_a_version_that_is_not_written_yet_is_unknown(engine: Engine, answers: Answers) -> None:
    await trimmed(engine)

    told = await asked(answers, "counter", "a", "history", after=5)

    assert (told["code"], told["extra"]) == ("unknown_version", {"stored": 4})


@pytest.mark.parametrize("after", [0, 1])
async def test_what_was_never_written_has_no_history(answers: Answers, after: int) -> None:
    assert (await asked(answers, "counter", "a", "history", after=after))["code"] == "not_found"


async def test_the_start_stays_where_it_is_when_a_later_snapshot_is_taken(
    engine: Engine, answers: Answers
) -> None:
    await trimmed(engine)
    await engine.handle([message("m-4", "a", Add(times=SNAPSHOT_EVENTS))])

    told = await asked(answers, "counter", "a", "history")

    assert told["start"]["version"] == 3
    assert len(told["events"]) == 1 + SNAPSHOT_EVENTS


async def test_what_is_trimmed_twice_starts_at_the_second_time(engine: Engine, answers: Answers) -> None:
    await trimmed(engine)
    await engine.handle([message("m-4", "a", Tidy())])

    told = await asked(answers, "counter", "a", "history")

    assert (told["start"]["version"], told["events"]) == (5, [])
    assert (await asked(answers, "counter", "a", "get"))["version"] == 5


async def test_versions_go_on_where_they_were_after_a_trim(engine: Engine, store: Store) -> None:
    await engine.handle([message("m-1", "a", Add(times=3)), message("m-2", "a", Tidy()), message("m-3", "a")])

    live = await Engine("here", TOYS, store).peek("counter", "a")

    assert (live.version, live.state.total, await count(store, "journal")) == (5, 4, 1)
