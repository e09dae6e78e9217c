"""Parameters alone, as the array that OTO writes: ids are flags, and rules stand with their flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.fault import Fault, pointer
from cli.interchange.reading import UNDERSTOOD, converted
from messages.base import Text
from messages.executable import Description, Flag, Tag

DURATION = "string (time)"
"""What is called ``duration`` here."""


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One element of the array."""

    flag: Flag
    executable_tag: Tag
    description: Text | None = ""
    requires_root: bool = False
    requires_value: bool = False
    value_type: str | None = None
    require_ids: tuple[Flag, ...] = ()
    interfer_ids: tuple[Flag, ...] = ()


def to_document(
    array: Sequence[Any], known: Mapping[str, Description]
) -> tuple[dict[str, Any], list[Fault], dict[str, str]]:
    """Return the document that an array stands for: each executable as it is known, with these parameters.

    Beside the faults it returns where in the array each part of the document stands.
    """
    parameters: dict[str, list[dict[str, Any]]] = {}
    places: dict[str, str] = {}
    faults: list[Fault] = []
    for number, value in enumerate(array):
        at = pointer(number)
        one, wrong = converted(Parameter, value, at)
        faults += wrong
        if one is None:
            continue
        if one.executable_tag not in known:
            detail = f"there is no executable {one.executable_tag!r}; save it first, with its path"
            faults.append(Fault("unknown_executable", f"{at}/executable_tag", detail))
            continue
        found = parameters.setdefault(one.executable_tag, [])
        tags = list(parameters)
        places[pointer("executables", tags.index(one.executable_tag), "parameters", len(found))] = at
        found.append(_ours(one, known[one.executable_tag]))
    executables = [
        {**msgspec.to_builtins(known[tag]), "parameters": found} for tag, found in parameters.items()
    ]
    return {"executables": executables}, faults, places


def _ours(one: Parameter, executable: Description) -> dict[str, Any]:
    """Return a parameter; what the array cannot say stays as it was."""
    before = next((old for old in executable.parameters if old.flag == one.flag), None)
    type_ = {DURATION: "duration", None: "none"}.get(one.value_type, one.value_type)
    return {
        **({} if before is None else msgspec.to_builtins(before)),
        "flag": one.flag,
        "description": one.description or "",
        "requires_root": one.requires_root,
        "requires_value": one.requires_value,
        "value_type": type_ if one.requires_value else "none",
        "requires": list(one.require_ids),
        "interferes": list(one.interfer_ids),
    }


def from_executable(executable: Description) -> list[dict[str, Any]]:
    """Return the parameters of an executable as such an array."""
    return [
        {
            "flag": one.flag,
            "description": one.description,
            "executable_tag": executable.tag,
            "requires_root": one.requires_root,
            "requires_value": one.requires_value,
            "value_type": DURATION if one.value_type == "duration" else one.value_type,
            "require_ids": list(one.requires),
            "interfer_ids": list(one.interferes),
        }
        for one in executable.parameters
    ]


def replaced(fault: Fault, places: Mapping[str, str]) -> Fault:
    """Return a fault of the document as one of the array."""
    names = {"requires": "require_ids", "interferes": "interfer_ids"}
    for place, at in places.items():
        if fault.at == place or fault.at.startswith(f"{place}/"):
            steps = fault.at.removeprefix(place).split("/")
            return fault._replace(at=at + "/".join(names.get(step, step) for step in steps))
    return fault._replace(at="" if fault.code == UNDERSTOOD else fault.at)
