"""``covey export``: executables, commands, jobs and routines of a node as one document."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import show
from cli.errors import Mistake
from cli.interchange import carrying, judging, upstream
from cli.session import Session, flag, verb

Parameters = Annotated[
    str, flag("--parameters", help="Only the parameters of this executable, as an array that OTO reads.")
]
Yaml = Annotated[bool, flag("--yaml", help="Write YAML.")]


def add(app: typer.Typer) -> None:
    """Register ``export``."""

    @verb(app, "export", "covey export > programs.json")
    async def export(session: Session, *, parameters: Parameters = "", yaml: Yaml = False) -> None:
        """Write all executables, commands, jobs and routines as one document, which import takes."""
        async with session.node() as node:
            have = await carrying.found(node)
        if parameters:
            show.put_json(_parameters(have, parameters))
            return
        told = carrying.document(have)
        if yaml and not session.is_json:
            show.put(show.fields(told))
        else:
            show.put_json(told)


def _parameters(have: dict[judging.Key, judging.Found], id: str) -> list[dict[str, object]]:
    found = have.get(("executable", id))
    if found is None:
        raise Mistake(f"there is no executable {id}; see covey executable list")
    executable = judging.shaped("executable", found.fields)
    if any(
        one.position is not None or one.scales or one.behind or one.in_front_of
        for one in executable.parameters
    ):
        show.say("the array has no rules on the order and no scales: these are left out")
    return upstream.from_executable(executable)
