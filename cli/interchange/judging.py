"""Whether a document can be saved as a whole on what the node has, by the functions that the actors use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import msgspec

from actors import flags
from actors.fault import Fault, pointer
from actors.fields import take
from actors.jobs import ruled, valid
from actors.routines import routine_graph
from cli.interchange.reading import Item
from messages import command as commands
from messages import executable as executables
from messages import job as jobs
from messages import routine as routines

SHAPES: Mapping[str, type[Any]] = {
    "executable": executables.Description,
    "command": commands.Content,
    "job": jobs.Content,
    "routine": routines.Content,
}
Key = tuple[str, str]


class Found(NamedTuple):
    """An entity that the node has."""

    version: int
    fields: dict[str, Any]
    """What ``save`` takes."""


class Picture:
    """What there will be: what the node has, and over it what a document says."""

    def __init__(self, found: Mapping[Key, Found], items: Sequence[Item], node: str) -> None:
        self.node = node
        self.items = {(item.kind, item.id): item for item in reversed(items)}
        self.before = {key: shaped(key[0], one.fields) for key, one in found.items() if key[0] in SHAPES}
        self.after = dict(self.before)
        for key, item in self.items.items():
            if item.kind in SHAPES:
                self.after[key] = None if item.save is None else take(SHAPES[item.kind], item.save)
        self.in_the_way: set[Key] = set()
        """What the document saves anew and would be spoilt in between: it is deleted first."""
        self._rules: dict[str, flags.Schema] = {}

    def has(self, kind: str, id: str) -> bool:
        """Say whether there will be such an entity; one that is not understood counts."""
        return (kind, id) in self.after

    def get(self, kind: str, id: str) -> Any:
        """Return what will be saved of it, None when it is not there or not understood."""
        return self.after.get((kind, id))

    def users(self, key: Key) -> Iterator[Key]:
        """Yield what the node has that is made of one of its commands or jobs."""
        for other, one in self.before.items():
            if key[0] == "command" and other[0] == "job":
                is_made_of_it = one.command == key[1]
            else:
                steps = one.steps if key[0] == "job" and other[0] == "routine" else ()
                is_made_of_it = any(step.job == key[1] for step in steps)
            if is_made_of_it:
                yield other

    def rules(self, executable: str) -> flags.Schema:
        """Return the schema of an executable, made once."""
        if executable not in self._rules:
            self._rules[executable] = ruled.schema(self.get("executable", executable))
        return self._rules[executable]


def shaped(kind: str, fields: dict[str, Any]) -> Any:
    """Return what a node has of an entity as its kind says it."""
    return msgspec.convert(fields, SHAPES[kind])


class Plan(NamedTuple):
    """What a document would save, and what is wrong with it."""

    items: Sequence[Item]
    faults: Sequence[Fault]
    in_the_way: Set[Key] = frozenset()
    """What is deleted first, to be saved anew: as it is, it would be spoilt in between."""

    def steps(self) -> Iterator[tuple[Item, bool]]:
        """Yield what is deleted, who uses it first, and then what is saved, who uses it last."""
        yield from ((one, False) for one in reversed(self.items) if (one.kind, one.id) in self.in_the_way)
        yield from ((one, True) for one in self.items)


def judge(items: Sequence[Item], found: Mapping[Key, Found], node: str) -> Plan:
    """Judge the items of a document for a node that has this."""
    picture = Picture(found, items, node)
    faults = [*_repeated(items), *_named_twice(items, found, picture)]
    for item in items:
        if item.save is not None:
            faults += [fault._replace(at=item.at + fault.at) for fault in _of(item, picture)]
    faults += _used_in_the_way(picture)
    return Plan(items, faults, picture.in_the_way)


def _used_in_the_way(picture: Picture) -> Iterator[Fault]:
    """Have who uses what is in the way be there too, and yield where the document does not save it anew."""
    left = sorted(picture.in_the_way)
    while left:
        key = left.pop()
        for user in picture.users(key):
            if user not in picture.items:
                detail = (
                    f"the {user[0]} {user[1]} of the node uses it, so it cannot be deleted to be saved anew"
                )
                yield Fault("in_use", picture.items[key].at, f"{detail}; have that in the document, too")
            elif user not in picture.in_the_way:
                picture.in_the_way.add(user)
                left.append(user)


def _repeated(items: Sequence[Item]) -> Iterator[Fault]:
    seen: set[Key] = set()
    for item in items:
        if (item.kind, item.id) in seen:
            yield Fault("already_exists", item.at, f"the {item.kind} {item.id} is there twice")
        seen.add((item.kind, item.id))


def _named_twice(items: Sequence[Item], found: Mapping[Key, Found], picture: Picture) -> Iterator[Fault]:
    """Yield the names that two of a kind would have; who gives up its name for another one is in the way."""
    had = {(key[0], one.fields.get("name") or key[1]): key[1] for key, one in found.items()}
    names = {name: id for name, id in had.items() if (name[0], id) not in picture.items}
    for item in items:
        if item.kind == "executable":
            continue  # it is its tag that is unique, and its id
        name = (item.kind, str(item.fields.get("name") or item.id))
        if names.setdefault(name, item.id) != item.id:
            yield Fault(
                "already_exists", f"{item.at}/name", f"{names[name]} has the name {name[1]!r} already"
            )
        elif had.get(name, item.id) != item.id:
            picture.in_the_way.add((item.kind, had[name]))


def _of(item: Item, picture: Picture) -> Iterator[Fault]:
    match item.kind:
        case "executable":
            yield from _of_executable(item, picture)
        case "command":
            yield from _of_command(item, picture)
        case "job":
            yield from _of_job(item, picture)
        case "routine":
            yield from _of_routine(item, picture)


def _of_executable(item: Item, picture: Picture) -> Iterator[Fault]:
    described = picture.get("executable", item.id)
    yield from valid.of_executable(described)
    before = picture.before.get(("executable", item.id))
    if before is not None and before.tag != described.tag:
        yield Fault("already_exists", "/tag", f"{before.tag!r} has this id; spell the tag otherwise")
    rules = picture.rules(item.id)
    for (kind, id), user in picture.before.items():
        if kind == "command" and user.executable == item.id:
            yield from _spoilt(picture, (kind, id), valid.of_command(user, rules))
        if kind == "job" and (used := picture.before.get(("command", user.command))) is not None:
            faults = valid.of_job(user, used, described) if used.executable == item.id else ()
            yield from _spoilt(picture, (kind, id), faults)


def _spoilt(picture: Picture, user: Key, faults: Sequence[Fault]) -> Iterator[Fault]:
    """Yield why the node would refuse, unless the document saves the user anew: it is deleted first then."""
    if faults and user in picture.items:
        picture.in_the_way.add(user)
        return
    for fault in faults:
        detail = f"the {user[0]} {user[1]} of the node would not be valid: {fault.detail}"
        yield Fault("in_use", "", f"{detail}; delete that first, or have it in the document", fault.flags)


def _of_command(item: Item, picture: Picture) -> Iterator[Fault]:
    content = picture.get("command", item.id)
    if not picture.has("executable", content.executable):
        yield Fault("unknown_executable", "/executable", f"there is no executable {content.executable}")
    executable = picture.get("executable", content.executable)
    if executable is None:
        return
    yield from valid.of_command(content, picture.rules(content.executable))
    before = picture.before.get(("command", item.id))
    for (kind, id), user in picture.before.items():
        if kind == "job" and user.command == item.id:
            faults = valid.of_job(user, content, executable)
            if before is not None and before.executable != content.executable:
                faults.append(Fault("executable_changed", "", "it is made for the other executable"))
            yield from _spoilt(picture, (kind, id), faults)


def _of_job(item: Item, picture: Picture) -> Iterator[Fault]:
    content = picture.get("job", item.id)
    if not picture.has("command", content.command):
        yield Fault("unknown_command", "/command", f"there is no command {content.command}")
    command = picture.get("command", content.command)
    executable = None if command is None else picture.get("executable", command.executable)
    if executable is not None:
        yield from valid.of_job(content, command, executable)


def _of_routine(item: Item, picture: Picture) -> Iterator[Fault]:
    for number, step in enumerate(item.save.steps):
        if not picture.has("job", step.job):
            yield Fault("unknown_job", pointer("steps", number, "job"), f"there is no job {step.job}")
    yield from routine_graph.faults(routine_graph.named(item.save.steps), picture.node)
