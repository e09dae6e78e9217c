"""The whole command line as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from cli.main import application

APP = application()


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every noun and verb that is not an alias, as the words that are typed for it."""
    yield from _below((), typer.main.get_command(APP))


def _below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _below((*words, name), inner)


def verbs() -> dict[tuple[str, ...], Any]:
    return {words: command for words, command in commands() if not hasattr(command, "commands")}
