"""What every verb has: where the node is, ``--json``, an example, an exit code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli import show
from cli.client import Client, connected
from cli.errors import DONE

DATA = Path("~/.covey")
ANSWER_SECONDS = 30.0

Data = Annotated[Path, typer.Option("--data", envvar="COVEY_DATA", help="The data directory of the node.")]
Json = Annotated[bool, typer.Option("--json", envvar="COVEY_JSON", help="Write JSON.")]
Timeout = Annotated[
    float, typer.Option("--timeout", envvar="COVEY_TIMEOUT", min=0.1, help="Seconds to wait for an answer.")
]

As = Annotated[
    Path | None,
    typer.Option("--as", envvar="COVEY_KEY", help="The key file of who speaks; else the first admin's."),
]

Act = Callable[..., Coroutine[Any, Any, int | None]]


@dataclass(frozen=True)
class Session:
    """How one command line is to be carried out."""

    data: Path
    is_json: bool
    seconds: float
    key: Path | None = None
    """Whose key signs; None: that of the first admin, where it can be read."""

    def node(self, *, leaves_when_refused: bool = False) -> AbstractAsyncContextManager[Client]:
        """Connect to the node."""
        return connected(self.data, self.seconds, self.key, leaves_when_refused=leaves_when_refused)

    def show(self, value: Any, render: Callable[[], RenderableType]) -> None:
        """Write the data, for a program or for a person."""
        if self.is_json:
            show.put_json(value)
        else:
            show.put(render())


def flag(*spelt: str, help: str, min: float | None = None, max: float | None = None) -> Any:
    """Declare an option of one verb; its variable is named after both (``COVEY_WATCH_COUNT``)."""
    return typer.Option(*spelt, help=help, min=min, max=max, show_envvar=False)


def option(name: str, type_: Any, default: Any) -> inspect.Parameter:
    """Declare an option or argument of a verb that is made at run time."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type_)


COMMON = (
    option("data", Data, DATA),
    option("json", Json, False),
    option("timeout", Timeout, ANSWER_SECONDS),
    option("key", As, None),
)


def verb(
    app: typer.Typer,
    name: str,
    example: str,
    *,
    help: str = "",
    parameters: list[inspect.Parameter] | None = None,
    is_hidden: bool = False,
) -> Callable[[Act], Act]:
    """Register a coroutine as a verb; it is given the session, then its own parameters.

    It returns the exit code, None for done. ``parameters`` replaces its signature. A hidden one can be said
    and stands in no help.
    """

    def register(act: Act) -> Act:
        own = parameters
        if own is None:
            own = list(inspect.signature(act, eval_str=True).parameters.values())[1:]

        def run(**given: Any) -> None:
            session = Session(given.pop("data"), given.pop("json"), given.pop("timeout"), given.pop("key"))
            raise typer.Exit(asyncio.run(act(session, **given)) or DONE)

        keyword = inspect.Parameter.KEYWORD_ONLY
        signature = inspect.Signature([*(one.replace(kind=keyword) for one in own), *COMMON])
        run.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
        run.__doc__ = help or act.__doc__
        for spelt, is_alias in spellings(name):
            app.command(spelt, epilog=f"Example: {example}", hidden=is_hidden or is_alias)(run)
        return act

    return register


def dashed(name: str) -> str:
    """Return a name of the wire as people type it."""
    return name.replace("_", "-")


def spellings(name: str) -> list[tuple[str, bool]]:
    """Return how a name may be typed; the flag says that it is not shown: it is spelt as on the wire."""
    return [(dashed(name), False), *([(name, True)] if "_" in name else [])]


def nouns(help: str, example: str) -> typer.Typer:
    """Make a group of verbs."""
    return typer.Typer(help=help, epilog=f"Example: {example}", no_args_is_help=True)
