"""``covey doctor``: is the node well?"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec
import typer

from cli import show
from cli.errors import DONE, FAILED, MISTAKE
from cli.session import Session, verb

Status = Literal["ok", "warning", "failing", "unknown"]

SYNCHRONOUS = {0: "off", 1: "normal", 2: "full", 3: "extra"}
WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": "1"}
FREE_BYTES_MIN = 1 << 30
FREE_BYTES_FEW = 5 << 30
UNSENT_MANY = 1_000
PEERS_MAX = 500
LATE = timedelta(minutes=1)
"""What has waited longer for a peer's acknowledgement is more than on its way."""
GIBIBYTE = 1 << 30
COLUMNS = ("status", "check", "detail")


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    status: Status
    detail: str


def add(app: typer.Typer) -> None:
    """Register ``doctor``."""

    @verb(app, "doctor", "covey doctor --data ~/lab || echo 'look at it'")
    async def doctor(session: Session) -> int | None:
        """Look a node over; exit 0: it is well, 1: it is not, 2: nobody can tell."""
        async with session.node() as node:
            health = await node.ask("node", "health")
            peers = await node.ask("peer", "list", {"limit": PEERS_MAX})
        machine = _machine(session.data.expanduser())
        checks = [*machine, *_database(health), *_bus(health), *_jobs(health["jobs"])]
        checks += _peers(peers["items"], health["links"])
        told = {"node": health["node"], "exit": verdict(checks), "checks": checks, "health": health}
        rows = [msgspec.structs.asdict(check) for check in checks]
        session.show(told, lambda: show.table(COLUMNS, rows))
        return verdict(checks)


def verdict(checks: Iterable[Check]) -> int:
    """Return the exit code: something is wrong, something cannot be told, or all is well."""
    found = {check.status for check in checks}
    if found & {"warning", "failing"}:
        return FAILED
    return MISTAKE if "unknown" in found else DONE


def _machine(data: Path) -> list[Check]:
    try:
        covey = version("covey")
    except PackageNotFoundError:
        covey = "not installed"
    free = shutil.disk_usage(data).free
    status: Status = "failing" if free < FREE_BYTES_MIN else "warning" if free < FREE_BYTES_FEW else "ok"
    return [
        Check("versions", "ok", f"covey {covey}, Python {platform.python_version()}"),
        Check("disk", status, f"{free / GIBIBYTE:.1f} GiB are free in {data}"),
    ]


def _database(health: Mapping[str, Any]) -> list[Check]:
    pragmas = {name: str(value) for name, value in health["pragmas"].items()}
    pragmas["synchronous"] = SYNCHRONOUS.get(health["pragmas"]["synchronous"], "unknown")
    wrong = [
        f"{name} is {pragmas.get(name)}, should be {wanted}"
        for name, wanted in WANTED_PRAGMAS.items()
        if pragmas.get(name) != wanted
    ]
    told = ", ".join(f"{name} {value}" for name, value in pragmas.items())
    dead, unsent = health["dead_letters"], health["unsent"]
    return [
        Check("sqlite", "ok", f"SQLite {health['sqlite']}, schema {health['schema']}"),
        Check("pragmas", "failing" if wrong else "ok", "; ".join(wrong) or told),
        Check("dead letters", "warning" if dead else "ok", f"{dead} of them; see covey dlq list"),
        Check("unsent", "warning" if unsent > UNSENT_MANY else "ok", f"{unsent} wait for the broker"),
    ]


def _bus(health: Mapping[str, Any]) -> list[Check]:
    server, drift, syncs = health["server"], health["drift"], health["sync_always"]
    durable: dict[bool | None, tuple[Status, str]] = {
        True: ("ok", "every write is on the disk before it is acknowledged"),
        False: ("failing", "a power cut can lose acknowledged messages: set sync_interval: always"),
        None: ("unknown", "the server does not tell us; see that its jetstream has sync_interval: always"),
    }
    stalls = health["stalls"]
    return [
        Check("nats", "ok", f"nats-server {server['version']} at {server['url']}"),
        Check("sync_always", *durable[syncs]),
        Check("streams", "warning" if drift else "ok", "; ".join(drift) or "as they should be"),
        Check("consumers", "ok", f"{stalls} times one fell silent and was asked again"),
    ]


def _jobs(found: Mapping[str, Any] | None) -> list[Check]:
    """Say how far apart jobs are kept, and what the machine cannot keep apart."""
    if found is None:
        return [Check("jobs", "ok", "they are left to covey worker jobs")]
    lacks = f"{found['lacks']} ({found['why']})" if found["lacks"] else ""
    if found["level"] is None:
        return [Check("jobs", "warning", f"they are refused: {lacks}")]
    why = found["network"]
    network = f"they have the network in any case ({why})" if why else "the network can be kept from them"
    return [Check("jobs", "ok", "; ".join(filter(None, (f"kept apart by {found['level']}", lacks, network))))]


def _peers(peers: Iterable[Mapping[str, Any]], links: Mapping[str, bool]) -> list[Check]:
    return [_peer(peer, links.get(peer["id"], True)) for peer in peers] or [Check("peers", "ok", "none")]


def _peer(peer: Mapping[str, Any], is_linked: bool) -> Check:
    waiting, oldest = peer["unacknowledged"], peer["oldest_at"]
    refused = sum(peer["refused"].values())
    backlog = f"{waiting} messages wait since {oldest}" if waiting else "nothing waits"
    contact = peer["last_contact"] or "never"
    link = "" if is_linked else "its server cannot be reached, "
    told = f"{peer['state']}, {link}{backlog}, {refused} refused, last contact {contact}"
    is_late = bool(oldest) and datetime.fromisoformat(oldest) < datetime.now(UTC) - LATE
    is_well = peer["state"] == "partner" and is_linked and not is_late and not refused
    return Check(f"peer {peer['id']}", "ok" if is_well else "warning", told)
