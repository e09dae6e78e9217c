"""What a node has, read as one document, and a document that is saved: whole, or undone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from cli.apply import SAVES
from cli.client import Client
from cli.interchange.judging import Found, Key, Plan
from cli.interchange.reading import FORMAT, LISTS, Item
from cli.kinds import SAVE
from cli.listing import PAGE_MAX, PAGES_MAX, pages
from messages.envelope import Outcome

Outcomes = list[tuple[Item, Outcome]]


async def found(node: Client) -> dict[Key, Found]:
    """Return what a node has of the kinds of a document."""
    have: dict[Key, Found] = {}
    for kind in LISTS.values():
        if kind in SAVES:
            listed = await pages(node, kind, {"limit": PAGE_MAX}, PAGES_MAX)
            names = SAVES[kind].__struct_encode_fields__
            for one in listed["items"]:
                fields = {name: one[name] for name in names if name in one}
                have[kind, one["id"]] = Found(one["version"], fields)
    return have


def document(have: Mapping[Key, Found]) -> dict[str, Any]:
    """Return what there is as a document; what is as when left out is left out."""
    told: dict[str, Any] = {"format": FORMAT}
    for name, kind in LISTS.items():
        ids = sorted(id for of, id in have if of == kind)
        told[name] = [_lean(kind, id, have[kind, id].fields) for id in ids]
    return told


def _lean(kind: str, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    lean = lean_fields(msgspec.convert(fields, SAVES[kind]))
    return {"id": id, **{name: value for name, value in lean.items() if (name, value) != ("name", id)}}


def lean_fields(value: Any) -> Any:
    """Return a struct of the wire as plain values, without the fields that have their defaults."""
    if isinstance(value, tuple | list):
        return [lean_fields(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    return {
        field.encode_name: lean_fields(given)
        for field in msgspec.structs.fields(value)
        for given in (getattr(value, field.name),)
        if field.required or given != _default(field)
    }


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def fields_of(save: Any) -> dict[str, Any]:
    """Return all fields of what would be said."""
    told = msgspec.to_builtins(save)
    return {name: told[name] for name in save.__struct_encode_fields__}


class _Done(NamedTuple):
    """One command that was said."""

    item: Item
    outcome: Outcome
    before: Found | None
    """What there was."""


async def save(node: Client, plan: Plan, have: Mapping[Key, Found]) -> tuple[Outcomes, Outcomes]:
    """Delete what is in the way, then save the items in their order, each on the version that was judged.

    When the node refuses one, what was done before is undone, the last first. Returns what became of the
    saves, and of what was undone.
    """
    there, versions = dict(have), {key: one.version for key, one in have.items()}
    done: list[_Done] = []
    saved: Outcomes = []
    for item, is_saved in plan.steps():
        key = (item.kind, item.id)
        outcome = await _say(node, key, item.fields if is_saved else None, versions)
        if is_saved or outcome.status != "done":
            saved.append((item, outcome))
        if outcome.status != "done":
            return saved, [await _undo(node, one, versions) for one in reversed(done) if one.outcome.events]
        done.append(_Done(item, outcome, there.pop(key, None)))
        if is_saved:
            there[key] = Found(outcome.version, item.fields)
    return saved, []


async def _say(node: Client, key: Key, fields: Mapping[str, Any] | None, versions: dict[Key, int]) -> Outcome:
    """Have an entity be this, or deleted, if it is as it was seen last."""
    verb = "delete" if fields is None else SAVE
    outcome = await node.call((*key, verb), fields or {}, expect=versions.get(key))
    if outcome.status == "done":
        versions[key] = outcome.version
    return outcome


async def _undo(node: Client, done: _Done, versions: dict[Key, int]) -> tuple[Item, Outcome]:
    key = (done.item.kind, done.item.id)
    return done.item, await _say(node, key, done.before.fields if done.before else None, versions)
