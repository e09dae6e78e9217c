from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from actors.actor import ById, Summary
from actors.resource import ACTOR
from messages.base import encode
from messages.envelope import derive
from messages.resource import Delete, Save, Thaw, Thawing
from tests.actors.entity import AT, Entity

PLACE = {"registry_id": "main", "registry_name": "Main", "global_path": "/org/grib"}
THAW = Thaw(author_name="Ada", author_email="ada@lab.example")
WORKFLOW = derive("m-1", "thaw")
BEGUN = ById("unfreeze_repo", WORKFLOW)


def data(**changes: Any) -> Save:
    return Save(**({"name": "GRIB", "resource_type": "data", "repo": "grib"} | changes))


def repo(tier: str) -> dict[Any, Summary]:
    return {ById("repo", "grib"): Summary(status=tier, fields=PLACE | {"tier": tier, "workflow": ""})}


def saved(tier: str = "", **changes: Any) -> Entity:
    entity = Entity(ACTOR, "grib", known=repo(tier) if tier else {})
    entity.say(data(**changes))
    return entity


@pytest.mark.parametrize("type_", ["processing", "storage", "compute", "workflow"])
def test_only_data_are_in_a_repository(type_: str) -> None:
    capacity = 1 if type_ == "compute" else None
    entity = Entity(ACTOR, "grib")

    no = entity.refuses(data(resource_type=type_, capacity=capacity), "invalid_resource")

    assert no.at == "/repo"


@pytest.mark.parametrize("tier", ["frozen", "unfreeze_failed"])
def test_frozen_data_have_a_workflow_begun(tier: str) -> None:
    said = saved(tier).say(THAW)

    ((to, init),) = said.orders()
    thawing = Thawing(workflow=WORKFLOW, author_name="Ada", author_email="ada@lab.example", at=AT)
    assert said.events == (thawing,)
    assert to == f"unfreeze_repo.{WORKFLOW}"
    told = msgspec.json.decode(encode(init))
    expected = {
        "type": "unfreeze_repo.init",
        "registry_id": "main",
        "registry_name": "Main",
        "repo_id": "grib",
        "repo_global_path": "/org/grib",
        "author_name": "Ada",
        "author_email": "ada@lab.example",
    }
    assert {name: value for name, value in told.items() if value is not None} == expected


@pytest.mark.parametrize("tier", ["online", "unfreezing"])
def test_data_that_are_online_or_will_be_need_nothing(tier: str) -> None:
    assert saved(tier).say(THAW).events == ()


@pytest.mark.parametrize("tier", ["freezing", "freeze_failed", "archived"])
def test_data_on_another_way_cannot_be_thawed(tier: str) -> None:
    assert saved(tier).refuses(THAW, "state_conflict").extra == {"repo": "grib", "tier": tier}


def test_data_in_no_repository_cannot_be_thawed() -> None:
    saved(repo="").refuses(THAW, "invalid_resource")


def test_data_in_an_unknown_repository_cannot_be_thawed() -> None:
    saved().refuses(THAW, "not_found")


def test_what_is_not_there_cannot_be_thawed() -> None:
    Entity(ACTOR, "grib").refuses(THAW, "not_found")
    entity = saved("frozen")
    entity.say(Delete())
    entity.refuses(THAW, "not_found")


@pytest.mark.parametrize("status", ["initialized", "files", "files_completed", "files_failed"])
def test_a_workflow_that_is_under_way_is_waited_for(status: str) -> None:
    entity = saved("frozen")
    entity.say(THAW)
    assert entity.view["thawing"] == WORKFLOW

    entity.known = repo("frozen") | {BEGUN: Summary(status=status)}

    assert entity.say(THAW).events == ()


@pytest.mark.parametrize("status", ["completed", "failed", "terminated"])
def test_another_workflow_is_begun_once_the_last_one_has_ended(status: str) -> None:
    entity = saved("frozen")
    entity.say(THAW)
    entity.known = repo("unfreeze_failed") | {BEGUN: Summary(status=status)}

    events = ACTOR.decide(entity.state, THAW, entity.turn(THAW, "operator"))

    assert len(events) == 1


def test_a_workflow_that_is_not_there_any_more_is_not_waited_for() -> None:
    entity = saved("frozen")
    entity.say(THAW)
    entity.at = AT + timedelta(days=1)

    events = ACTOR.decide(entity.state, THAW, entity.turn(THAW, "operator"))

    assert len(events) == 1


def test_what_was_thawed_is_forgotten_with_its_repository() -> None:
    entity = saved("frozen")
    entity.say(THAW)

    entity.say(data(description="kept"))
    assert entity.view["thawing"] == WORKFLOW
    entity.say(data(repo="other"))
    assert entity.view["thawing"] == ""
