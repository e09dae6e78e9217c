"""The rules on the graph of a workflow, and what it asks of compute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from actors.actor import Rejected
from messages.envelope import Address
from messages.workflow import Graph, Item, Link

Types = Mapping[str, str]
"""The type of each item that is a resource, by the id of the item."""


def named(graph: Graph) -> tuple[str, ...]:
    """Return the resources that the graph names, each once."""
    return tuple(sorted({item.resource for item in graph.items.values() if item.resource is not None}))


def full(reference: str, node: str) -> str:
    """Return ``node/id`` of a resource, ours too."""
    return reference if "/" in reference else f"{node}/{reference}"


def short(reference: str, node: str) -> str:
    """Return the reference as people write it: ours without a node."""
    return reference.removeprefix(f"{node}/")


def booking_of(resource: str, node: str) -> Address:
    """Return the address of the book of a compute."""
    owner, _, id = resource.rpartition("/")
    return Address("booking", id, "" if owner == node else owner)


def check(graph: Graph, catalogue: Mapping[str, str | None]) -> None:
    """Raise Rejected with the id of the item that breaks a rule; the catalogue gives types of resources."""
    for id, item in graph.items.items():
        _check_item(id, item, catalogue)
    for number, link in enumerate(graph.links):
        _check_link(number, link, graph)
    types = _types(graph, catalogue)
    _check_cycle(graph, types)
    _check_compute(graph, types)
    _check_storage(graph, types)


def demands(graph: Graph | None, catalogue: Mapping[str, str | None], node: str) -> dict[str, int]:
    """Return how many units of each compute (``node/id``) one execution takes: the sum over its items."""
    units: dict[str, int] = {}
    for item in graph.items.values() if graph else ():
        if item.resource is not None and catalogue.get(item.resource) == "compute":
            resource = full(item.resource, node)
            units[resource] = units.get(resource, 0) + item.units
    return units


def _types(graph: Graph, catalogue: Mapping[str, str | None]) -> Types:
    items = graph.items.items()
    return {id: catalogue[item.resource] or "" for id, item in items if item.resource is not None}


def _check_item(id: str, item: Item, catalogue: Mapping[str, str | None]) -> None:
    if (item.resource is None) == (item.action is None):
        raise _invalid(id, "is neither a resource nor an action, or both; write one of them")
    if item.resource is not None and catalogue.get(item.resource) is None:
        raise _invalid(id, f"names {item.resource}, which is not in the catalogue; save it first")


def _check_link(number: int, link: Link, graph: Graph) -> None:
    for end, id in (("source", link.source), ("destination", link.destination)):
        if id not in graph.items:
            at = f"/graph/links/{number}/{end}"
            raise Rejected(
                "invalid_graph", f"{id} is linked but is no item; add it", at=at, extra={"item": id}
            )


def _check_cycle(graph: Graph, types: Types) -> None:
    before: dict[str, set[str]] = {}
    for link in graph.links:
        if types.get(link.source) == types.get(link.destination) == "processing":
            before.setdefault(link.destination, set()).add(link.source)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        cycle = [str(id) for id in error.args[1]]
        raise _invalid(min(cycle), f"is in a cycle of processings: {', '.join(cycle)}") from error


def _check_compute(graph: Graph, types: Types) -> None:
    for id in _of_type(types, "processing"):
        if not any(types.get(other) == "compute" for other in _neighbours(graph, id)):
            raise _invalid(id, "is a processing without compute; link it to one")


def _check_storage(graph: Graph, types: Types) -> None:
    storages = {
        id: {other for other in _neighbours(graph, id) if types.get(other) == "storage"}
        for id in _of_type(types, "processing")
    }
    for giver, taker in _exchanges(graph, types):
        if not storages[giver] & storages[taker]:
            raise _invalid(taker, f"takes a file from {giver} without a common storage; link both to one")


def _exchanges(graph: Graph, types: Types) -> Iterator[tuple[str, str]]:
    """Yield the pairs of processings of which one takes what the other gives, at once or through data."""
    takers: dict[str, list[str]] = {}
    for link in graph.links:
        if types.get(link.destination) == "processing":
            takers.setdefault(link.source, []).append(link.destination)
    for link in graph.links:
        if types.get(link.source) == "processing":
            is_data = types.get(link.destination) == "data"
            taken_by = takers.get(link.destination, []) if is_data else [link.destination]
            yield from (
                (link.source, taker)
                for taker in taken_by
                if taker != link.source and types.get(taker) == "processing"
            )


def _of_type(types: Types, wanted: str) -> Iterable[str]:
    return [id for id, type_ in types.items() if type_ == wanted]


def _neighbours(graph: Graph, id: str) -> set[str]:
    there = {link.destination for link in graph.links if link.source == id}
    return there | {link.source for link in graph.links if link.destination == id}


def _invalid(item: str, detail: str) -> Rejected:
    return Rejected("invalid_graph", f"{item} {detail}", at=f"/graph/items/{item}", extra={"item": item})
