"""``covey flags``: which flags of an executable go together, and why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from actors import flags
from actors.jobs import ruled
from cli import show
from cli.client import Client
from cli.errors import FAILED, Mistake
from cli.session import Session, flag, nouns, verb
from messages.executable import Description

Executable = Annotated[str, typer.Argument(help="The id of an executable.", metavar="EXECUTABLE")]
Flags = Annotated[
    list[str] | None, typer.Argument(help="Flags; put -- before those with a dash.", metavar="FLAG...")
]
Flag = Annotated[str, typer.Argument(help="A flag; put -- before one with a dash.", metavar="FLAG")]
Complete = Annotated[bool, flag("--complete", help="Add what is required first.")]
Format = Annotated[str, flag("--format", help="dot (for Graphviz) or graphml.")]
FORMATS: dict[str, Callable[[flags.Schema], str]] = {"dot": flags.to_dot, "graphml": flags.to_graphml}


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns(
        "Ask which flags of an executable go together.", "covey flags check openssl-3 -- genpkey -out"
    )
    app.add_typer(group, name="flags")
    _add_check(group)
    _add_explain(group)
    _add_graph(group)


def _add_check(group: typer.Typer) -> None:
    @verb(group, "check", "covey flags check openssl-3 -- genpkey -algorithm -out")
    async def check(
        session: Session, executable: Executable, given: Flags = None, *, complete: Complete = False
    ) -> int | None:
        """Judge a combination: say in which order it is run, or all that is wrong with it."""
        async with session.node() as node:
            schema = ruled.schema(await _described(node, executable))
        verdict = flags.check(schema, given or (), complete=complete)
        wrong = [one._asdict() for one in verdict.violations]
        asked = [*(given or ()), *verdict.flags]
        order = () if wrong else flags.execution_order(schema, asked, as_given=True)
        told = {"valid": not wrong, "flags": verdict.flags, "order": order, "violations": wrong}
        if session.is_json or not wrong:
            session.show(told, lambda: " ".join(order) or "no flag: nothing is wrong with that")
        for one in verdict.violations:
            show.say(f"{one.code}: {one.detail}")
        return FAILED if wrong else None


def _add_explain(group: typer.Typer) -> None:
    @verb(group, "explain", "covey flags explain openssl-3 -- -pkeyopt")
    async def explain(session: Session, executable: Executable, given: Flag) -> int | None:
        """Say what a flag needs, what it excludes, and where it stands."""
        async with session.node() as node:
            schema = ruled.schema(await _described(node, executable))
        try:
            told = flags.explain(schema, given)._asdict()
        except flags.Refused as refused:
            raise Mistake(f"{refused.detail}; see covey executable get {executable}") from None
        told["excludes"] = [one._asdict() for one in told["excludes"]]
        session.show(told, lambda: _told(told))
        return None


def _told(told: dict[str, Any]) -> Text:
    lines = [f"needs       {' → '.join(path)}" for path in told["needs"]]
    lines += [f"needed by   {one}" for one in told["needed_by"]]
    lines += [f"excludes    {one['flag']}{_because(told['flag'], one)}" for one in told["excludes"]]
    lines += [f"behind      {one}" for one in told["behind"]]
    lines += [f"in front of {one}" for one in told["in_front_of"]]
    lines += [] if told["position"] is None else [f"position    {told['position']}"]
    lines += [f"scale       {name} {weight}" for name, weight in told["scales"].items()]
    return Text("\n".join(show.clean(line) for line in lines) or "no rule is about it")


def _because(flag: str, one: dict[str, Any]) -> str:
    ours, theirs = one["because"]
    return "" if (ours, theirs) == (flag, one["flag"]) else f" (as {ours} and {theirs} interfere)"


def _add_graph(group: typer.Typer) -> None:
    @verb(group, "graph", "covey flags graph openssl-3 --format dot | dot -Tsvg > openssl.svg")
    async def graph(session: Session, executable: Executable, *, format: Format = "dot") -> None:
        """Draw the flags and their rules."""
        if format not in FORMATS:
            raise Mistake(f"--format {format!r} is none of {', '.join(FORMATS)}")
        async with session.node() as node:
            drawn = FORMATS[format](ruled.schema(await _described(node, executable)))
        session.show({"format": format, "graph": drawn}, lambda: Text(drawn.rstrip()))


async def _described(node: Client, id: str) -> Description:
    found = await node.ask("executable", "get", {"id": id})
    names = Description.__struct_encode_fields__
    return msgspec.convert({name: found[name] for name in names if name in found}, Description)
