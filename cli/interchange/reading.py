"""From a document to what it says: every field that is not understood is a fault with its pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from actors.fault import Fault, pointer
from actors.jobs.executable import slug
from cli.apply import SAVES
from messages.executable import Tag
from messages.subjects import is_token
from messages.wording import worded

FORMAT = "covey.programs/1"
LISTS = {"executables": "executable", "commands": "command", "jobs": "job", "routines": "routine"}
"""The lists of a document, in the order in which they are saved: what is used goes first."""
ITEMS_MAX = 10_000
UNDERSTOOD = "invalid_message"


class Item(NamedTuple):
    """One entity that a document describes."""

    kind: str
    id: str
    at: str
    """Where in the document."""
    fields: dict[str, Any]
    save: Any
    """What would be said; None when it is not understood."""


def read(document: Any) -> tuple[list[Item], list[Fault]]:
    """Return what a document says, and what of it is not understood."""
    if not isinstance(document, Mapping):
        return [], [Fault(UNDERSTOOD, "", "a document is a mapping, or a list of parameters")]
    faults = [_unknown(name) for name in document if name not in ("format", *LISTS)]
    if document.get("format", FORMAT) != FORMAT:
        faults.append(Fault(UNDERSTOOD, "/format", f"the format is {FORMAT}"))
    items: list[Item] = []
    for name, kind in LISTS.items():
        found = document.get(name, [])
        if kind not in SAVES and found:
            faults.append(_unknown(name))
        elif not isinstance(found, list) or len(found) > ITEMS_MAX:
            faults.append(Fault(UNDERSTOOD, pointer(name), f"it is no list of at most {ITEMS_MAX}"))
        else:
            for number, value in enumerate(found):
                item, wrong = _item(kind, value, pointer(name, number))
                items += [item] if item else []
                faults += wrong
    return items, faults


def _unknown(name: str) -> Fault:
    return Fault(UNDERSTOOD, pointer(name), f"there is no {name}; there are format, {', '.join(LISTS)}")


def _item(kind: str, value: Any, at: str) -> tuple[Item | None, list[Fault]]:
    if not isinstance(value, dict):
        return None, [Fault(UNDERSTOOD, at, f"it is no mapping of the fields of a {kind}")]
    fields = {name: field for name, field in value.items() if name != "id"}
    save, faults = converted(SAVES[kind], fields, at)
    made = _made(kind, fields)
    id = made or value.get("id")
    if not (isinstance(id, str) and is_token(id)):
        missing = kind == "executable" and "id" not in value  # its tag is not understood, which is told
        rule = "the id is 1 to 64 letters, digits, - and _"
        return None, faults + ([] if missing else [Fault(UNDERSTOOD, f"{at}/id", rule)])
    if made and value.get("id", made) != made:
        faults.append(Fault("wrong_id", f"{at}/id", f"the id of {fields['tag']!r} is {made}; leave it out"))
    return Item(kind, id, at, fields, save), faults


def _made(kind: str, fields: Mapping[str, Any]) -> str:
    """Return the id that an executable has by its tag, or nothing."""
    tag = fields.get("tag")
    return slug(tag) if kind == "executable" and isinstance(tag, str) and not _wrong(Tag, tag, "") else ""


def converted(struct: type[msgspec.Struct], value: Any, at: str) -> tuple[Any, list[Fault]]:
    """Return a value as a struct of the wire, or every field that keeps it from being one."""
    if not isinstance(value, dict):
        return None, [Fault(UNDERSTOOD, at, "it is no mapping of fields")]
    names = dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
    hints = _hints(struct)
    faults = [
        Fault(UNDERSTOOD, at + pointer(one), "there is no such field") for one in value if one not in names
    ]
    faults += [
        Fault(UNDERSTOOD, at, f"the field {one} is missing") for one in _missing(struct) if one not in value
    ]
    for name in names.keys() & value.keys():
        faults += _wrong(hints[names[name]], value[name], at + pointer(name))
    return (None, faults) if faults else (msgspec.convert(value, struct), [])


@cache
def _hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(struct, include_extras=True)


def _missing(struct: type[msgspec.Struct]) -> list[str]:
    return [one.encode_name for one in msgspec.structs.fields(struct) if one.required]


def _wrong(type_: Any, value: Any, at: str) -> list[Fault]:
    """Return what is wrong with a value, each part of a list or a mapping for itself."""
    plain = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    faults = [
        fault for inner, part, place in _parts(plain, value) for fault in _wrong(inner, part, at + place)
    ]
    if faults:
        return faults
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return converted(plain, value, at)[1]
    try:
        msgspec.convert(value, type_)
    except (msgspec.ValidationError, RecursionError) as error:
        return [Fault(UNDERSTOOD, at, worded(error, type_).partition(" - at `")[0])]
    return []


def _parts(plain: Any, value: Any) -> Iterator[tuple[Any, Any, str]]:
    origin, given = get_origin(plain), get_args(plain)
    if origin is tuple and isinstance(value, list) and given[1:] == (...,):
        yield from ((given[0], one, pointer(place)) for place, one in enumerate(value))
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield given[0], key, pointer(key)
            yield given[1], one, pointer(key)
