"""Whether the expressions of a definition are ones, told before anything is run or sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from actors.definition.check import check
from actors.flow import plain
from actors.flow.fast import expression, template
from actors.flow.program import WORKFLOW, Task, read
from cli import places, show
from cli.documents import FIELD
from cli.errors import Mistake
from node.workers.expressions import Evaluator

FAULTS_MAX = 20
"""How many faults are told of one definition."""
TOO_LONG = "took longer"
"""A machine that is busy says nothing about an expression."""
_PLACE = re.compile(r" at <top-level>, line 1, column (\d+)")
NOT_RUN = frozenset({"metadata", "schema"})
"""What may hold a text that looks like an expression and is never evaluated."""


async def faults(definition: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the place of each expression that is none, and what is wrong with it; none is evaluated."""
    left = {at: text for at, text in _expressions(definition) if plain.read(text) is None}
    if not left:
        return []
    found = []
    async with Evaluator(1) as evaluator:
        for at, text in left.items():
            wrong = await evaluator.compile(text)
            if wrong is not None and not wrong.startswith(TOO_LONG):
                found.append({"at": at, "detail": f"{text} is no expression of jq: {_brief(wrong)}"})
            if len(found) == FAULTS_MAX:
                break
    return found


async def must_be_ones(fields: Mapping[str, Any], what: str, text: str = "") -> None:
    """Raise Mistake, having told each fault, when a definition has an expression that is none.

    What else is wrong with it is for the node to tell; ``text`` is the file that it came from.
    """
    definition = fields.get(FIELD)
    if definition is None or check(definition):
        return
    found = [{**one, "at": f"/{FIELD}{one['at']}"} for one in await faults(definition)]
    for line in places.told(found, text):
        show.say(line)
    if found:
        raise Mistake(f"{what}: what its expressions say is not understood; nothing was sent")


def _expressions(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pointer and the text of each expression."""
    for name, part in definition.items():
        if name != "document":
            yield from (one for one in template(part, f"/{name}") if NOT_RUN.isdisjoint(one[0].split("/")))
    for task in read(msgspec.json.encode(definition).decode()).tasks.values():
        for at, said in _conditions(task):
            if isinstance(said, str) and expression(said) is None:
                yield f"{task.pointer}/{at}", said.strip()


def _conditions(task: Task) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a task that are expressions without ``${ }`` too."""
    body = task.body if task.kind != WORKFLOW else {}
    yield "if", body.get("if")
    match task.kind:
        case "for":
            yield "for/in", body["for"].get("in")
            yield "while", body.get("while")
        case "switch":
            for place, case in enumerate(body["switch"]):
                yield from ((f"switch/{place}/{name}/when", one.get("when")) for name, one in case.items())
        case "try":
            yield from ((f"catch/{name}", body["catch"].get(name)) for name in ("when", "exceptWhen"))


def _brief(told: str) -> str:
    """Return the first line; its line and column are of the expression, and not of the file."""
    first = told.partition("\n")[0].removesuffix(":")
    return _PLACE.sub(r" (at its character \1)", first)
