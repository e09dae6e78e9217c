"""What operators say: drawn from a small pool, so that they get in each other's way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from msgspec.json import decode

from messages.base import encode
from messages.copies import copy_id
from messages.envelope import instant
from messages.workflow import Save
from tests.sim.node import Node

WORKFLOWS = ("dawn", "dusk")
WORKSPACES = ("bench", "shelf")
CAPACITY = 2
STEP = timedelta(minutes=5)
RUSH = datetime(2026, 11, 2, 10, tzinfo=UTC)


class Line(NamedTuple):
    """One thing that an operator says."""

    kind: str
    id: str
    verb: str
    body: bytes


FIELDS = frozenset(Save.__struct_fields__)

Draw = Callable[[Random, int, Node, Mapping[str, Node]], Line | None]


def line(kind: str, id: str, verb: str, body: Mapping[str, Any] | None = None) -> Line:
    """Make a line of plain values."""
    return Line(kind, id, verb, encode(body or {}))


def resources(node: str) -> Sequence[Line]:
    """Return what each node has from the beginning."""
    return [
        line("resource", "hpc", "save", _compute(node, CAPACITY)),
        line("resource", "grid", "save", _compute(node, CAPACITY - 1)),
        line("workspace", "bench", "save", {"name": "Bench"}),
    ]


def _compute(node: str, capacity: int) -> dict[str, Any]:
    return {"name": f"Cluster of {node}", "type": "compute", "capacity": capacity, "public": True}


def draw(random: Random, now: int, node: Node, nodes: Mapping[str, Node]) -> Sequence[Line]:
    """Choose what is said next, often two of a kind at once; nothing when there is nothing to say."""
    drawn: Draw = random.choices(list(POOL), list(POOL.values()))[0]
    lines = [drawn(random, now, node, nodes) for _ in range(random.choice((1, 1, 2)))]
    return [one for one in lines if one is not None]


def _workflow(random: Random, now: int, node: Node, nodes: Mapping[str, Node]) -> Line:
    id = random.choice(WORKFLOWS)
    name = f"{id} of {node.name}" if random.random() < 0.9 else "The one"
    owners = random.sample(sorted(nodes), random.choice((0, 1, 2, 2, 2, 3)))
    items = {f"c-{owner}": {"resource": _reference(owner, node, random), "units": 1} for owner in owners}
    body = {
        "name": name,
        "resources": {"compute": sorted({str(item["resource"]) for item in items.values()})},
        "graph": {"items": items},
        "schedule": _schedule(random, now),
        "schedule_active": random.random() < 0.85,
        "on_conflict": random.choice(("refuse", "refuse", "skip")),
        "on_cancelled": random.choice(("delay", "fail")),
    }
    return line("workflow", id, "save", body)


def _reference(owner: str, node: Node, random: Random) -> str:
    resource = random.choice(("hpc", "grid", "grid", "grid"))
    return resource if owner == node.name else f"{owner}/{resource}"


def _schedule(random: Random, now: int) -> dict[str, Any]:
    minute = instant(now).replace(second=0, microsecond=0)
    soon = minute - timedelta(minutes=minute.minute % 5) + STEP * random.randint(1, 4)
    # the later ones are still to come when all is judged, and many of them want the same time
    start = soon if random.random() < 0.25 else RUSH + STEP * random.randint(0, 2)
    schedule = {
        "start": start.isoformat(),
        "duration": random.choice(("PT5M", "PT7M", "PT20M")),
        "deadline": random.choice(("PT20S", "PT30S", "PT5M")),
    }
    if random.random() < 0.7:
        schedule["end"] = (start + STEP * random.randint(2, 6)).isoformat()
        schedule["cron"] = random.choice(("0 */5 * * * *", "*/10 * * * *"))
    return schedule


def _known(node: Node, kind: str, *names: str) -> list[str]:
    """Return the entities of a kind of which a node has told one of these events."""
    told = [one.subject.split(".")[3:] for one in node.streams["EVT"].messages]
    return sorted({id for each, id, name in told if each == kind and name in names})


def _delete_workflow(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line | None:
    ids = _known(node, "workflow", "saved")
    return line("workflow", random.choice(ids), "delete") if ids else None


def _switch(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line | None:
    """Save a workflow again with its schedule off, or on."""
    saved = [
        one
        for one in node.streams["EVT"].messages
        if ".workflow." in one.subject and one.subject.endswith(".saved")
    ]
    if not saved:
        return None
    one = random.choice(saved)
    body = {name: value for name, value in decode(one.body).items() if name in FIELDS}
    return line(
        "workflow", one.subject.split(".")[4], "save", body | {"schedule_active": random.random() < 0.5}
    )


def _new_workflow(random: Random, now: int, node: Node, nodes: Mapping[str, Node]) -> Line:
    """Save under an id that was never deleted."""
    drawn = _workflow(random, now, node, nodes)
    return drawn._replace(id=f"extra-{random.randint(1, 3)}")


def _execution(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line | None:
    ids = _known(node, "execution", "scheduled", "started", "delayed")
    if not ids:
        return None
    verb = random.choice(("start", "start", "start", "succeed", "succeed", "fail", "cancel"))
    return line("execution", random.choice(ids), verb, {"reason": "as drawn"} if verb == "fail" else {})


def _shared(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line:
    peers = random.sample(node.peers, random.choice((0, 1, 1, 2, 2)))
    workspaces, workflows = _known(node, "workspace", "saved", "followed"), _known(node, "workflow", "saved")
    can = [random.choice((["read"], ["read", "write"])) for _ in peers]
    body = {
        "name": "Team",
        "peers": peers,
        "workspaces": random.sample(workspaces, random.randint(0, min(2, len(workspaces)))),
        "workflows": random.sample(workflows, random.randint(0, min(2, len(workflows)))),
        "rules": [{"peer": peer, "can": what} for peer, what in zip(peers, can, strict=True)],
    }
    return line("shared_workspace", random.choice(("storms", "waves")), "save", body)


def _delete_shared(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line | None:
    ids = _known(node, "shared_workspace", "saved")
    return line("shared_workspace", random.choice(ids), "delete") if ids else None


def _workspace(random: Random, _now: int, _node: Node, _nodes: Mapping[str, Node]) -> Line:
    id = random.choice(WORKSPACES)
    return line("workspace", id, "save", {"name": f"{id} {random.randint(1, 3)}"})


def _resource(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line:
    number = random.randint(1, 9)
    body = {"name": f"Data {number}", "type": "data", "public": random.random() < 0.7}
    return line("resource", "grib", "save", body)


def _link(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line:
    return line("peer", random.choice(node.peers), random.choice(("pause", "resume", "resume")))


def _propose(random: Random, now: int, node: Node, nodes: Mapping[str, Node]) -> Line | None:
    owner = nodes[random.choice(node.peers)]
    ids = sorted(set(_known(owner, "workflow", "joined")))
    if not ids:
        return None
    body = b'{"body":' + _workflow(random, now, owner, nodes).body + b"}"
    return Line("copy", copy_id(owner.name, "workflow", random.choice(ids)), "propose", body)


def _cancel_slot(random: Random, _now: int, node: Node, _nodes: Mapping[str, Node]) -> Line | None:
    told = [one for one in node.streams["EVT"].messages if one.subject.endswith(".held")]
    held = [
        (one.subject.split(".")[4], slot["booking"]) for one in told for slot in decode(one.body)["slots"]
    ]
    if not held:
        return None
    resource, booking = random.choice(held)
    return line("booking", resource, "cancel", {"booking": booking, "reason": "maintenance"})


POOL: dict[Draw, float] = {
    _workflow: 8,
    _new_workflow: 2,
    _delete_workflow: 0.9,
    _switch: 1.5,
    _execution: 3.5,
    _cancel_slot: 1,
    _shared: 3.5,
    _delete_shared: 1,
    _workspace: 1,
    _resource: 2,
    _link: 1,
    _propose: 1.5,
}
