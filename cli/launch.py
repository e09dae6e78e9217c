"""``covey workflow launch``: begin a run, and wait for what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli import waiting
from cli.client import Client
from cli.documents import read, value
from cli.ephemeral import Seconds, own
from cli.errors import Mistake, Refused
from cli.examples import example
from cli.fields import json_or_text, pairs, placed
from cli.kinds import MessageId
from cli.outcomes import report
from cli.session import Session, flag, verb

KIND = "workflow"
NAME = "launch"
STDIN, FILE = "-", "@"

Id = Annotated[str, typer.Argument(help="The id of a workflow.", metavar="ID")]
Input = Annotated[str, flag("--input", help="What it is given: JSON or YAML, @FILE, or - for what comes in.")]
Set = Annotated[
    list[str], flag("--set", help="field=value of the input, JSON or text; a.b=value goes into a.")
]
Trigger = Annotated[str, flag("--trigger", help="Fire one of its triggers by hand: the id of it.")]
Environment = Annotated[
    str, flag("--environment", "-e", help="Run what it is in that environment; else in its own.")
]
RunId = Annotated[str, flag("--run", help="The id of the run; without it one is made up.")]
Wait = Annotated[bool, flag("--wait", help="Wait for the end: exit 0 and the output, or 1 and the problem.")]
Follow = Annotated[bool, flag("--follow", help="Show what happens until the end, and wait for it.")]


def add(group: typer.Typer) -> None:
    """Register ``launch`` among the verbs of workflows."""

    @verb(group, NAME, example(KIND, NAME))
    async def launch(
        session: Session,
        id: Id,
        *,
        input: Input = "",
        settings: Set = [],  # noqa: B006  # typer takes no tuple
        run: RunId = "",
        trigger: Trigger = "",
        environment: Environment = "",
        wait: Wait = False,
        follow: Follow = False,
        seconds: Seconds = 0.0,
        message: MessageId = "",
    ) -> int | None:
        """Begin a run of the present version of a workflow, and tell its id."""
        given = input_of(input, settings)
        async with session.node() as node:
            to = own(node, (KIND, id, NAME))
            if run:
                await _check_new(node, run, ("" if environment else to[1], given))
            named = {"run": run, "trigger": trigger, "environment": environment}
            body = {"input": given, **{name: value for name, value in named.items() if value}}
            outcome = await node.call(to, body, message=message)
            if outcome.status != "done" or not (wait or follow):
                return report(session, f"{KIND} {id}", outcome)
            if not session.is_json:
                report(session, f"{KIND} {id}", outcome)
            begun, left = outcome.extra["run"], seconds
            if follow:
                left = await waiting.follow(session, node, begun, seconds)
            told = await waiting.ended(session, node, begun, left)
            return waiting.report(session, told, seconds)


def input_of(text: str, settings: Sequence[str]) -> Any:
    """Return the input that options describe."""
    given = value(_read(text), "--input") if text else None
    changes = pairs(settings, "--set")
    if changes and not isinstance(given, dict | None):
        raise Mistake("--set puts fields into an input that is an object; leave it out, or change --input")
    for path, told in changes.items():
        given = placed(given or {}, path.split("."), json_or_text(told))
    return given


def _read(text: str) -> str:
    if text == STDIN:
        return read(STDIN)
    return read(text.removeprefix(FILE)) if text.startswith(FILE) else text


async def _check_new(node: Client, run: str, begun: tuple[str, Any]) -> None:
    """Raise Mistake when another run has the id: the node would find out after it has answered.

    ``begun`` is of which workflow, nothing for one in another environment, and with what.
    """
    try:
        found = await node.ask("run", "get", {"id": run})
    except Refused:
        return
    workflow, given = begun
    if found["input"] != given or workflow not in ("", found["workflow"]):
        raise Mistake(f"there is a run {run} of {found['workflow']} already; take another --run")
