"""Kinds of one family share their ids: what is for one kind is refused under an id that another has."""

from __future__ import annotations

import pytest

from node.answers import Answers
from node.engine import Engine
from store.store import Store
from tests.node.conftest import TOYS
from tests.node.counter import AT, Add, Remove, message
from tests.node.saying import DAY, asked, codes, ring, said


async def test_a_command_to_an_id_that_another_kind_of_the_family_has_is_refused(engine: Engine) -> None:
    await engine.handle([message("m-1", "a", Add(), "toy")])

    (refused,) = await said(engine, message("m-2", "a", Add(), "puppet"))

    assert (refused.code, refused.detail, refused.version) == ("wrong_kind", "a is a toy, no puppet", 0)
    assert refused.extra == {"kind": "toy"}


async def test_kinds_of_one_family_do_not_take_an_id_from_each_other_within_a_batch(engine: Engine) -> None:
    batch = [message("m-1", "a", Add(), "toy"), message("m-2", "a", Add(), "puppet")]

    assert await codes(engine, *batch, message("m-3", "a", Add(), "toy")) == ["done", "wrong_kind", "done"]


async def test_an_id_is_taken_by_a_batch_that_is_not_written_yet(engine: Engine) -> None:
    ahead = [await engine.prepare([message(f"m-{kind}", "a", Add(), kind)]) for kind in ("toy", "puppet")]

    first = engine.decide(ahead[0])
    second = engine.decide(ahead[1], first)

    assert b"wrong_kind" in second.results[0].outcome


async def test_a_kind_outside_of_the_family_shares_no_ids_with_it(engine: Engine) -> None:
    both = [message("m-1", "a", Add(), "toy"), message("m-2", "a", Add(), "counter")]

    assert await codes(engine, *both) == ["done", "done"]


async def test_the_wrong_kind_is_told_before_a_wrong_version(engine: Engine) -> None:
    await engine.handle([message("m-1", "a", Add(), "toy")])

    assert await codes(engine, message("m-2", "a", Add(), "puppet", expect=1)) == ["wrong_kind"]


@pytest.mark.parametrize("query", ["get", "history", "total", "until"])
async def test_no_question_is_answered_of_an_id_that_another_kind_has(
    engine: Engine, answers: Answers, query: str
) -> None:
    await engine.handle([message("m-1", "a", Add(), "toy")])

    assert (await asked(answers, "puppet", "a", query))["code"] == "wrong_kind"


@pytest.mark.parametrize("days", [0, 15])
async def test_a_deleted_one_keeps_its_id_from_its_family_until_it_is_free(
    engine: Engine, answers: Answers, store: Store, days: int
) -> None:
    await engine.handle([message("m-1", "a", Add(), "toy"), message("m-2", "a", Remove(), "toy")])
    await ring(engine, store, AT + days * DAY)

    told = await asked(answers, "puppet", "a", "history")
    refused = await codes(Engine("here", TOYS, store), message("m-3", "a", Add(), "puppet"))

    assert (told["code"], refused) == ("wrong_kind", ["wrong_kind"])


async def test_an_id_that_is_free_may_go_to_another_kind_of_the_family(engine: Engine, store: Store) -> None:
    await engine.handle([message("m-1", "a", Add(), "toy"), message("m-2", "a", Remove(), "toy")])
    await ring(engine, store, AT + 30 * DAY)

    told = await codes(engine, message("m-3", "a", Add(), "puppet"), message("m-4", "a", Add(), "toy"))

    assert told == ["done", "wrong_kind"]
