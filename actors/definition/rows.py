"""A definition as rows of actions, one for each task by its JSON pointer, and the definition again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from actors.definition.schema import LISTS, tasks
from actors.flow.program import WORKFLOW, kind_of

MEMBERS = {"if": "condition", "input": "input", "output": "output", "export": "export", "then": "then"} | {
    "timeout": "timeout",
    "metadata": "metadata",
}
"""What every kind of task may have, and how a row calls it."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action; what it does not have is left out."""

    id: str
    """The JSON pointer; empty: the whole."""
    type: str
    parent: str = ""
    """The action that it stands in."""
    name: str = ""
    condition: Any = UNSET
    input: Any = UNSET
    payload: dict[str, Any]
    """What its kind does, the lists of tasks in it empty."""
    output: Any = UNSET
    export: Any = UNSET
    then: str | UnsetType = UNSET
    timeout: Any = UNSET
    metadata: Any = UNSET


def rows(document: Mapping[str, Any]) -> list[Row]:
    """Return the whole and each task of a definition that fits the schema, the outer ones first."""
    found = list(tasks(document))
    ids = {pointer for pointer, _ in found}
    return [_whole(document), *(_row(pointer, body, ids) for pointer, body in found)]


def _whole(document: Mapping[str, Any]) -> Row:
    payload = _emptied(document, [("do",)])
    if "functions" in payload.get("use", {}):
        payload = _put(payload, ("use", "functions"), {})
    for place, item in enumerate(payload.get("use", {}).get("extensions", ())):
        for name, extension in item.items():
            kept = _emptied(extension, [("before",), ("after",)])
            payload["use"]["extensions"][place] = {name: kept}
    name = document.get("document", {}).get("name", "")
    return Row(id="", type=WORKFLOW, name=name, payload=payload)


def _row(pointer: str, body: Mapping[str, Any], ids: set[str]) -> Row:
    kind = kind_of(body)
    common = {MEMBERS[name]: deepcopy(body[name]) for name in MEMBERS if name in body}
    own = {name: value for name, value in body.items() if name not in MEMBERS}
    return Row(
        id=pointer,
        type=kind,
        parent=_parent(pointer, ids),
        name=_plain(pointer.rsplit("/", 1)[-1]),
        payload=_emptied(own, LISTS.get(kind, ())),
        **common,
    )


def _parent(pointer: str, ids: set[str]) -> str:
    above = pointer.rpartition("/")[0]
    while above and above not in ids:
        above = above.rpartition("/")[0]
    return above


def _emptied(body: Mapping[str, Any], paths: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """Return a copy without the tasks in the lists."""
    found = deepcopy(dict(body))
    for path in paths:
        if isinstance(_at(found, path), list):
            found = _put(found, path, [])
    return found


def _put(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    within = body
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = value
    return body


def _at(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def document(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the definition of its rows, in whatever order; raises ValueError where one stands nowhere."""
    whole: dict[str, Any] | None = None
    for row in sorted(rows, key=lambda row: _order(row.id)):
        if row.id == "":
            whole = deepcopy(row.payload)
        elif whole is None:
            raise ValueError("the row of the whole, whose id is empty, is missing")
        else:
            _set_in(whole, row)
    return whole or {}


def _set_in(whole: dict[str, Any], row: Row) -> None:
    *path, name = _steps(row.id)
    container = _at(whole, path)
    if isinstance(container, dict):  # a function
        container[name] = _body(row)
        return
    items = _at(whole, path[:-1])
    if not isinstance(items, list) or path[-1] != str(len(items)):
        raise ValueError(f"the row {row.id} stands nowhere: what is before or around it is missing")
    items.append({name: _body(row)})


def _body(row: Row) -> dict[str, Any]:
    common = {name: getattr(row, field) for name, field in MEMBERS.items()}
    return deepcopy({**row.payload, **{name: one for name, one in common.items() if one is not UNSET}})


def _order(pointer: str) -> list[tuple[int, str]]:
    """Have what is around something before it, and places by their numbers."""
    return [(int(step), "") if step.isdigit() else (-1, step) for step in _steps(pointer)]


def _steps(pointer: str) -> list[str]:
    return [_plain(step) for step in pointer.split("/")[1:]]


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
