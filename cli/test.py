"""``covey test``: workflows are tried without a node."""

from __future__ import annotations

import typer

from cli import test_run
from cli.session import nouns


def add(app: typer.Typer) -> None:
    """Register ``test``."""
    group = nouns("Try workflows, without a node and without waiting.", test_run.EXAMPLE)
    app.add_typer(group, name="test")
    test_run.add(group)
