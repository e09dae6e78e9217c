from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.actor import Rejected
from actors.execution import graph
from messages.workflow import Graph

CATALOGUE = {
    "wrf": "processing",
    "post": "processing",
    "third": "processing",
    "scratch": "storage",
    "tape": "storage",
    "hpc": "compute",
    "centre/hpc": "compute",
    "grib": "data",
}


def items(*resources: str, **more: Any) -> dict[str, Any]:
    return {resource.replace("/", "-"): {"resource": resource} for resource in resources} | more


def drawn(items: dict[str, Any], *links: str) -> Graph:
    pairs = [link.split(">") for link in links]
    body = {"items": items, "links": [{"source": one, "destination": other} for one, other in pairs]}
    return msgspec.convert(body, Graph)


def refused(graph_: Graph) -> tuple[str, str, str]:
    with pytest.raises(Rejected) as caught:
        graph.check(graph_, CATALOGUE)
    return caught.value.code, caught.value.at, caught.value.extra["item"]


def test_a_graph_that_keeps_all_rules_is_accepted() -> None:
    links = ("grib>wrf", "wrf>hpc", "wrf>scratch", "post>hpc", "scratch>post", "wrf>post")

    graph.check(drawn(items("wrf", "post", "scratch", "hpc", "grib"), *links), CATALOGUE)


def test_a_graph_may_have_actions_only() -> None:
    graph.check(drawn({"mail": {"action": "send"}, "call": {"action": "ask"}}, "call>mail"), CATALOGUE)


def test_a_link_to_what_is_no_item_is_refused_with_its_id() -> None:
    assert refused(drawn(items("hpc"), "hpc>ghost")) == (
        "invalid_graph",
        "/graph/links/0/destination",
        "ghost",
    )
    assert refused(drawn(items("hpc"), "ghost>hpc"))[1] == "/graph/links/0/source"


@pytest.mark.parametrize("item", [{}, {"resource": "hpc", "action": "send"}])
def test_an_item_that_is_not_one_thing_is_refused(item: dict[str, Any]) -> None:
    assert refused(drawn({"odd": item})) == ("invalid_graph", "/graph/items/odd", "odd")


def test_a_resource_that_is_not_in_the_catalogue_is_refused() -> None:
    assert refused(drawn(items("nothing")))[2] == "nothing"
    assert refused(drawn(items("centre/nothing")))[2] == "centre-nothing"


@pytest.mark.parametrize(
    "links",
    [("wrf>wrf",), ("wrf>post", "post>wrf"), ("wrf>post", "post>third", "third>wrf")],
)
def test_processings_in_a_cycle_are_refused(links: tuple[str, ...]) -> None:
    equipment = [f"{id}>{one}" for id in ("wrf", "post", "third") for one in ("hpc", "scratch")]

    code, _, item = refused(drawn(items("wrf", "post", "third", "hpc", "scratch"), *equipment, *links))

    assert (code, item in links[0]) == ("invalid_graph", True) or item == "post"


def test_a_cycle_through_storage_is_none() -> None:
    links = ("wrf>scratch", "scratch>wrf", "wrf>hpc")

    graph.check(drawn(items("wrf", "scratch", "hpc"), *links), CATALOGUE)


def test_a_processing_without_compute_is_refused() -> None:
    assert refused(drawn(items("wrf", "hpc", "scratch"), "wrf>scratch", "scratch>hpc"))[2] == "wrf"


def test_a_compute_may_be_linked_in_either_direction() -> None:
    graph.check(drawn(items("wrf", "hpc"), "hpc>wrf"), CATALOGUE)


def test_processings_that_exchange_a_file_need_a_common_storage() -> None:
    equipment = ("wrf>hpc", "post>hpc", "wrf>scratch", "post>tape")
    all_items = items("wrf", "post", "hpc", "scratch", "tape", "grib")

    assert refused(drawn(all_items, *equipment, "wrf>post"))[2] == "post"
    assert refused(drawn(all_items, *equipment, "wrf>grib", "grib>post"))[2] == "post"
    graph.check(drawn(all_items, *equipment, "wrf>post", "post>scratch"), CATALOGUE)


def test_a_processing_that_reads_what_it_writes_exchanges_nothing() -> None:
    graph.check(drawn(items("wrf", "hpc", "grib"), "wrf>hpc", "wrf>grib", "grib>wrf"), CATALOGUE)


def test_processings_that_read_the_same_data_exchange_nothing() -> None:
    links = ("wrf>hpc", "post>hpc", "grib>wrf", "grib>post")

    graph.check(drawn(items("wrf", "post", "hpc", "grib"), *links), CATALOGUE)


def test_each_compute_is_demanded_once_with_the_units_of_all_its_items() -> None:
    two = {"more": {"resource": "hpc", "units": 3}, "own": {"resource": "lab/hpc", "units": 2}}
    catalogue = CATALOGUE | {"lab/hpc": "compute"}

    found = graph.demands(drawn(items("hpc", "centre/hpc", "wrf", **two)), catalogue, "lab")

    assert found == {"lab/hpc": 6, "centre/hpc": 1}


def test_no_graph_demands_nothing() -> None:
    assert graph.demands(None, {}, "lab") == {}


def test_our_own_resource_is_written_without_our_node() -> None:
    assert graph.full("hpc", "lab") == "lab/hpc"
    assert graph.full("centre/hpc", "lab") == "centre/hpc"
    assert graph.short("lab/hpc", "lab") == "hpc"
    assert graph.short("centre/hpc", "lab") == "centre/hpc"
