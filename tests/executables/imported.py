"""What is wrong with a document, and what a node has that it was imported into."""

from __future__ import annotations

from typing import Any

from cli.importing import judged
from cli.interchange import carrying
from cli.interchange.judging import Found, Key


def faults_of(document: Any, have: dict[Key, Found] | None = None) -> list[tuple[str, str]]:
    return [(fault.code, fault.at) for fault in judged(document, have or {}, "here").faults]


def had(document: dict[str, Any]) -> dict[Key, Found]:
    """Return what a node has that a document was imported into."""
    plan = judged(document, {}, "here")
    assert not plan.faults, plan.faults
    return {(item.kind, item.id): Found(1, carrying.fields_of(item.save)) for item in plan.items}
