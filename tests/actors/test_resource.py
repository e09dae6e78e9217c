from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from actors.resource import ACTOR
from messages.booking import Close, Interval, Open
from messages.copies import Drop, Put
from messages.resource import Announce, Delete, Save
from tests.actors.entity import AT, Entity

PEERS = ["centre", "observatory"]
WINDOW = Interval(start=AT, end=AT + timedelta(days=1))


def resource() -> Entity:
    return Entity(ACTOR, "hpc")


def compute(**changes: Any) -> Save:
    fields: dict[str, Any] = {"name": "Cluster A", "resource_type": "compute", "capacity": 2}
    return Save(**(fields | changes))


def data(**changes: Any) -> Save:
    fields: dict[str, Any] = {"name": "GRIB", "resource_type": "data"}
    return Save(**(fields | changes))


def nodes(told: list[str]) -> list[str]:
    return [to.partition("/")[0] for to in told]


def test_the_wire_says_type_for_what_kind_of_resource_it_is() -> None:
    save = msgspec.json.decode(b'{"name":"A","type":"compute","capacity":2,"public":true}', type=Save)

    assert save == compute(name="A", public=True)
    assert ACTOR.view(ACTOR.replay(resource().say(save).events))["type"] == "compute"


@pytest.mark.parametrize(
    ("save", "at"),
    [
        (compute(capacity=None), "/capacity"),
        (data(capacity=2), "/capacity"),
        (data(availability=(WINDOW,)), "/availability"),
    ],
)
def test_only_a_compute_has_a_capacity_and_windows(save: Save, at: str) -> None:
    assert resource().refuses(save, "invalid_resource").at == at


def test_a_compute_has_a_book_of_slots() -> None:
    entity = resource()

    said = entity.say(compute(availability=(WINDOW,)))

    assert said.orders(Open) == [
        ("booking.hpc", Open(generation=1, capacity=2, availability=(WINDOW,))),
    ]
    assert entity.say(compute(capacity=3)).orders(Open) == [("booking.hpc", Open(generation=2, capacity=3))]
    shown = Open(generation=3, capacity=3, public=True)
    assert entity.say(compute(capacity=3, public=True)).orders(Open) == [("booking.hpc", shown)]
    assert entity.say(Delete()).orders(Close) == [("booking.hpc", Close(generation=4))]


def test_what_is_not_a_compute_has_no_book() -> None:
    entity = resource()

    assert entity.say(data()).orders() == []
    assert entity.say(Delete()).orders() == []


def test_a_public_resource_is_announced_to_every_peer_with_every_change() -> None:
    entity = resource()

    assert nodes(entity.say(data(public=True)).told(Put)) == PEERS
    (_, put), *_ = entity.say(data(public=True, description="hourly")).orders(Put)

    assert (put.owner, put.kind, put.id, put.generation, put.can) == ("lab", "resource", "hpc", 2, ("read",))
    assert put.body["description"] == "hourly"
    assert put.body["type"] == "data"


def test_a_resource_that_is_public_no_longer_or_deleted_leaves_the_catalogues() -> None:
    withdrawn, deleted = resource(), resource()
    withdrawn.say(data(public=True))
    deleted.say(data(public=True))

    assert nodes(withdrawn.say(data()).told(Drop)) == PEERS
    assert nodes(deleted.say(Delete()).told(Drop)) == PEERS
    assert withdrawn.say(Delete()).told(Drop) == []


def test_a_resource_that_is_not_public_is_told_to_nobody() -> None:
    assert resource().say(data()).orders() == []


def test_a_peer_that_asks_gets_what_is_public_and_drops_what_is_not() -> None:
    entity = resource()
    assert entity.say(Announce(peer="centre")).names == []

    entity.say(data(public=True))
    assert nodes(entity.say(Announce(peer="centre")).told(Put)) == ["centre"]
    assert ACTOR.copies(entity.state, "centre", "lab") == (1, 0)

    entity.say(data())
    assert nodes(entity.say(Announce(peer="centre")).told(Drop)) == ["centre"]
    assert ACTOR.copies(entity.state, "centre", "lab") is None


def test_a_deleted_id_is_never_used_again() -> None:
    entity = resource()
    entity.say(data())
    entity.say(Delete())

    entity.refuses(data(), "deleted")
    assert (entity.view, entity.summary) == (None, None)


def test_what_never_was_cannot_be_deleted() -> None:
    resource().refuses(Delete(), "not_found")


def test_a_resource_stays_of_its_type() -> None:
    entity = resource()
    entity.say(data())

    assert entity.refuses(compute(), "type_changed").at == "/type"


def test_a_listing_shows_the_type_the_attributes_and_the_labels() -> None:
    entity = resource()
    entity.say(data(attributes={"format": "grib2"}, labels={"team": "a"}))

    assert entity.summary is not None
    shown = {"type": "data", "attributes": {"format": "grib2"}, "public": False, "repo": ""}
    assert entity.summary.fields == shown
    assert entity.summary.labels == {"team": "a"}
