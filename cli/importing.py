"""``covey import``: save executables, commands, jobs and routines from one document, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from actors.fault import Fault
from cli import documents, places, show
from cli.errors import FAILED, reason
from cli.interchange import carrying, judging, reading, upstream
from cli.outcomes import line
from cli.session import Session, flag, verb

File = Annotated[str, typer.Argument(help="YAML or JSON; - reads what comes in.", metavar="FILE")]
Check = Annotated[bool, flag("--check", help="Only say whether it could be saved; nothing is.")]


def add(app: typer.Typer) -> None:
    """Register ``import``."""

    @verb(app, "import", "covey import programs.yaml --check")
    async def import_(session: Session, file: File, *, check: Check = False) -> int | None:
        """Save all that a document describes, or nothing, with every fault that it has.

        The document is what export writes, or an array of parameters as OTO has it.
        """
        text = documents.read(file)
        value = documents.value(text, file)
        async with session.node() as node:
            have = await carrying.found(node)
            plan = judged(value, have, node.node)
            if plan.faults:
                return _refuse(session, plan.faults, text)
            saved, undone = ([], []) if check else await carrying.save(node, plan, have)
        if check:
            told = {"items": [{"kind": one.kind, "id": one.id} for one in plan.items], "faults": []}
            session.show(told, lambda: f"{len(plan.items)} can be saved: nothing is wrong with them")
            return None
        return _report(session, saved, undone)


def judged(value: Any, have: Mapping[judging.Key, judging.Found], node: str) -> judging.Plan:
    """Return what a document would save, and every fault that it has, by the place in it."""
    places: dict[str, str] = {}
    faults: list[Fault] = []
    if isinstance(value, list):
        shapes = [one.fields for (kind, _), one in have.items() if kind == "executable"]
        known = {fields["tag"]: judging.shaped("executable", fields) for fields in shapes}
        value, faults, places = upstream.to_document(value, known)
    items, wrong = reading.read(value)
    plan = judging.judge(items, have, node)
    wrong += plan.faults
    faults += [upstream.replaced(fault, places) if places else fault for fault in wrong]
    return plan._replace(faults=sorted(dict.fromkeys(faults), key=lambda fault: _place(fault.at)))


def _place(at: str) -> list[tuple[int, str]]:
    return [(int(step) if step.isdecimal() else -1, step) for step in at.split("/")]


def _refuse(session: Session, faults: Sequence[Fault], text: str) -> int:
    told = [fault._asdict() for fault in faults]
    if session.is_json:
        show.put_json({"items": [], "faults": told})
    show.say(f"nothing was saved: there {'are' if len(faults) > 1 else 'is'} {len(faults)} to mend")
    for number, where in enumerate(places.told(told, text)):
        show.say(f"{where} ({faults[number].code})")
    return FAILED


def _report(session: Session, saved: carrying.Outcomes, undone: carrying.Outcomes) -> int | None:
    item, last = saved[-1] if saved else (None, None)
    is_done = last is None or last.status == "done"
    if session.is_json:
        show.put_json({"items": _rows(saved), "undone": _rows(undone), "faults": []})
    elif is_done:
        for one, outcome in saved:
            show.put(line(f"{one.kind} {one.id}", outcome))
    if is_done or item is None or last is None:
        return None
    show.say(f"{item.kind} {item.id} was refused: {reason(last.code, last.detail, last.at)}")
    left = [f"{one.kind} {one.id}" for one, outcome in undone if outcome.status != "done"]
    show.say(f"what was saved before it is undone{', but for ' + ', '.join(left) if left else ''}")
    return FAILED


def _rows(outcomes: carrying.Outcomes) -> list[dict[str, Any]]:
    return [
        {"kind": item.kind, "id": item.id, "status": told.status, "version": told.version, "code": told.code}
        for item, told in outcomes
    ]
