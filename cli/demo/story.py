"""What the acts share: how a story is told and checked, and how somebody says something in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from cli.demo.program import Unexpected
from cli.demo.stage import Player
from cli.documents import Document, headed


@dataclass
class Story:
    """Tells an act, and notes what was found to be so."""

    console: Console
    checks: list[str]

    def title(self, text: str) -> None:
        """Open a scene."""
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")

    def check(self, is_so: bool, what: str, seen: Any = "") -> None:
        """Note that something is as promised, or end the demo."""
        if not is_so:
            raise Unexpected(f"not so: {what} ({seen})")
        self.checks.append(what)
        self.console.print(f"  [green]✓[/] {what}")

    def show(self, renderable: RenderableType) -> None:
        """Show a picture."""
        self.console.print(renderable)

    def aside(self, who: str, text: str) -> None:
        """Say what somebody does."""
        self.console.print(f"  [dim]{who}:[/] {text}")

    async def save(self, player: Player, document: Document) -> str:
        """Save one document and return the id of the message."""
        return await self.call(player, (document.kind, document.id, "save"), document.fields)

    async def call(self, player: Player, to: tuple[str, str, str], body: dict[str, Any]) -> str:
        """Say a command that must be done, and return the id of the message."""
        assert player.client is not None
        message = uuid.uuid4().hex
        outcome = await player.client.call(to, body, message=message)
        said = " ".join(to)
        if outcome.status != "done":
            raise Unexpected(f"{player.name}: {said}: {outcome.code} {outcome.detail}")
        self.aside(player.name, f"{said}: {outcome.status}, version {outcome.version}")
        return message


def documents(name: str) -> Iterator[Document]:
    """Return the documents of an example."""
    yield from headed((examples() / name).read_text(), {"resource", "workflow", "shared_workspace"})


def examples() -> Path:
    """Return where the examples are: beside the packages in a checkout, inside this one when installed."""
    installed = Path(str(files("cli.demo"))) / "examples"
    return installed if installed.exists() else installed.parents[2] / "examples"
