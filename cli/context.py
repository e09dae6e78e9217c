"""``covey context``: let the ``nats`` command line talk to a node (ADR-21)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bus.config import write_private
from cli import show
from cli.client import read_endpoint
from cli.session import Session, flag, verb
from node.home import Endpoint

Print = Annotated[bool, flag("--print", help="Write it to stdout and to no file.")]
Select = Annotated[bool, flag("--select", help="Make it the one that nats uses.")]


def add(app: typer.Typer) -> None:
    """Register ``context``."""

    @verb(app, "context", "covey context --select && nats stream ls")
    async def context(session: Session, print: Print = False, select: Select = False) -> None:
        """Write a context for the nats command line, named covey-NODE, for the operator of this node."""
        endpoint = read_endpoint(session.data)
        described = of(endpoint)
        if print:
            show.put_json(described)
            return
        name = f"covey-{endpoint.node}"
        path = directory() / "context" / f"{name}.json"
        write_private(path, msgspec.json.format(msgspec.json.encode(described)).decode() + "\n")
        if select:
            write_private(directory() / "context.txt", name)
        told = {"name": name, "path": str(path), "selected": select}
        session.show(told, lambda: f"{name} is written to {path}; use it: nats --context {name} stream ls")


def of(endpoint: Endpoint) -> dict[str, Any]:
    """Return the context of a node's operator."""
    described = {
        "description": f"Covey node {endpoint.node}, as its operator",
        "url": endpoint.nats_url,
        "nkey": endpoint.nkey_seed_file,
    }
    return {name: value for name, value in described.items() if value}


def directory() -> Path:
    """Return where the nats command line keeps its settings."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nats"
