"""What the suites say of us: played, counted, and written as a page (``make conformance``)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from actors.definition.check import check
from actors.definition.schema import faults
from actors.definition.support import UNSUPPORTED
from cli.documents import parse
from cli.errors import Mistake
from tests.conformance.kit import play
from tests.conformance.sites import served
from tests.conformance.suites import Scenario, files, scenarios

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
MARK = "<!-- What the suites say follows: make conformance writes it. -->"
HEAD = """# Conformance

Definitions are written in the
[Open Workflow Specification](https://open-workflow-specification.org), DSL 1.0.3. Its schema is in the
package as it was published; its conformance kit and its examples judge the engine. The scenarios are played
with the real jq and our own HTTP client; the two sites that they call are served on loopback, under their
own names.

`make conformance` plays them all and writes this page.
"""


async def _played() -> list[tuple[Scenario, str]]:
    found = []
    async with served() as makes:
        for scenario in scenarios():
            wrong = ""
            try:
                await play(scenario, makes)
            except AssertionError as error:
                wrong = str(error).partition("\n")[0] or "a step does not hold"
            found.append((scenario, wrong))
    return found


def unfit(path: Path) -> str:
    """Return why a document is none of the language, nothing when it is one."""
    document = _read(path)
    return check(document)[0].detail if list(faults(document)) else ""


def _read(path: Path) -> Any:
    try:
        (document,) = parse(path.read_text())
    except Mistake:  # a member stands there twice, which we refuse, and the schema cannot know
        document = yaml.safe_load(path.read_text())
    return document


def unrunnable(path: Path) -> list[str]:
    """Return what of a document of the language we do not run."""
    found = (one.detail.partition(": ")[0] for one in check(_read(path)))
    return list(dict.fromkeys(found))


def unsupported() -> Iterator[str]:
    """Yield the table of what of the language is refused when it is saved."""
    yield "## What is not supported"
    yield ""
    yield "A definition with any of it is refused when it is saved, with this reason; it is never ignored."
    yield ""
    yield "| Part | Reason |"
    yield "| --- | --- |"
    yield from (f"| {what} | {reason} |" for what, reason in UNSUPPORTED.items())


def judged() -> Iterator[str]:
    """Yield what the suites say."""
    played = asyncio.run(_played())
    examples, invalid = files("examples"), files("invalid")
    taken = [path for path in examples if not unfit(path)]
    refused = [path for path in invalid if unfit(path)]
    runnable = [path for path in taken if not unrunnable(path)]
    passed = sum(not wrong for _, wrong in played)
    yield "| Suite | Result |"
    yield "| --- | --- |"
    yield f"| Scenarios of the kit that pass | {passed} of {len(played)} |"
    yield f"| Examples that the schema accepts | {len(taken)} of {len(examples)} |"
    yield f"| Examples that are run as they are | {len(runnable)} of {len(examples)} |"
    yield f"| Documents that are none, refused | {len(refused)} of {len(invalid)} |"
    yield from ("", "## Scenarios", "", "| Feature | Scenario | Result |", "| --- | --- | --- |")
    yield from (f"| {one.feature} | {one.name} | {wrong or 'passes'} |" for one, wrong in played)
    yield from (
        "",
        "## Examples that are not run",
        "",
        "| Example | What is not supported |",
        "| --- | --- |",
    )
    yield from (f"| {path.stem} | {', '.join(unrunnable(path))} |" for path in taken if path not in runnable)
    yield from ("", "## Documents that are refused", "", "| Document | Why |", "| --- | --- |")
    yield from (f"| {path.stem} | {_cell(unfit(path))} |" for path in invalid)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *unsupported(), "", MARK, "", "## Results", "", *judged(), ""])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
