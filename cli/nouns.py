"""The kinds as nouns, with the verbs that are more than one command."""

from __future__ import annotations

import typer

from cli import (
    environments,
    ephemeral,
    job_runs,
    kinds,
    launch,
    peers,
    promote,
    routine_runs,
    run,
    signed_request,
    standing,
    thaw,
    versions,
)

ALIASES = {"term": "metadata_term"}
"""What people type for a kind."""


def add(app: typer.Typer, word: str = "") -> bool:
    """Register all nouns, or only the one that a word names; say whether there is one."""
    groups = kinds.add(app, ALIASES.get(word, word))
    if "peer" in groups:
        peers.add(groups["peer"])
    if "resource" in groups:
        thaw.add(groups["resource"])
    if "workflow" in groups:
        launch.add(groups["workflow"])
        versions.add(groups["workflow"])
        promote.add(groups["workflow"])
    if "environment" in groups:
        environments.add(groups["environment"])
    if "job" in groups:
        job_runs.add(groups["job"])
    if "routine" in groups:
        routine_runs.add(groups["routine"])
    if "route" in groups:
        signed_request.add(groups["route"])
    if "run" in groups:
        run.add(groups["run"])
    if "metadata_term" in groups:
        app.add_typer(groups["metadata_term"], name="term")
    standing.add(groups)
    return bool(ephemeral.add(app, word) or groups)
