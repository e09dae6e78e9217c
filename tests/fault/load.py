"""What is said to a node while it is killed: computes, and workflows which book them for each execution."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bus.publisher import Outbound
from messages import subjects
from messages.base import encode
from tests.fault.process import NODE

NIGHT = {
    "start": "2040-01-01T00:00:00Z",
    "end": "2040-01-01T02:30:00Z",
    "cron": "0 * * * *",
    "inclusive_start": True,
}
OF_START = Counter({"environment.created": 1, "user.saved": 1, "grant.saved": 1})
"""What a new node has from its first start on."""
OF_GROUND = Counter({"resource.saved": 1, "booking.opened": 1})
OF_WAVE = Counter(
    {
        **{"resource.saved": 2, "booking.opened": 2},
        **dict.fromkeys(("workflow.saved", "workflow.planned", "workspace.followed"), 1),
        **dict.fromkeys(("booking.held", "workflow.owner_held", "workflow.agreed"), 1),
        **dict.fromkeys(("booking.confirmed", "workflow.owner_confirmed", "workflow.scheduled"), 1),
        **{"execution.drafted": 3, "execution.scheduled": 3},
    }
)
"""All events that one wave must lead to, whatever happens to the node meanwhile."""
OF_END = Counter({"workspace.saved": 1})


def times(effects: Counter[str], count: int) -> Counter[str]:
    """Return the effects of so many waves."""
    return Counter({type_: each * count for type_, each in effects.items()})


def command(id: str, kind: str, entity: str, verb: str, body: Any) -> Outbound:
    """Make a durable command."""
    return Outbound(subjects.command(NODE, kind, entity, verb), id, {}, encode(body))


def compute(name: str, capacity: int = 1) -> dict[str, Any]:
    """Describe a compute."""
    return {"name": name, "type": "compute", "capacity": capacity}


def forecast(name: str, resource: str) -> dict[str, Any]:
    """Describe a workflow that books a compute for three executions."""
    return {
        "name": name,
        "graph": {"items": {"run": {"resource": resource}}},
        "resources": {"compute": [resource]},
        "schedule": NIGHT,
        "schedule_active": True,
    }


def ground() -> list[Outbound]:
    """Return what all waves stand on: the compute ``hpc``."""
    return [command("0", "resource", "hpc", "save", compute("hpc", 1000))]


def end() -> list[Outbound]:
    """Return a last command: when its event is told, so is everything before it."""
    return [command("end", "workspace", "end", "save", {"name": "end"})]


def wave(number: int) -> list[Outbound]:
    """Return one wave of load: a compute saved twice, and a workflow planned on the compute ``hpc``."""
    grid, flow = f"grid-{number}", f"flow-{number}"
    return [
        command(f"{number}.1", "resource", grid, "save", compute(grid)),
        command(f"{number}.2", "workflow", flow, "save", forecast(flow, "hpc")),
        command(f"{number}.3", "resource", grid, "save", compute(grid, 2)),
    ]
