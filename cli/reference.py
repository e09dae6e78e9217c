"""The reference of the wire as Markdown, from the structs, their docstrings and the actors."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect as wire

from actors import TABLES
from actors.actor import Actor
from cli.fields import described
from cli.meanings import first, meanings
from messages import envelope, subjects
from messages.base import Reference, Token, encode, tag
from messages.registry import Host
from messages.resource import RepoId
from messages.tiers import Author, GlobalPath

HEADING = """# The wire

Written by `covey schema --markdown`; do not edit.

Bodies are JSON. Instants are RFC 3339, in UTC when the node writes them. A token has 1 to 64 letters, digits,
`-` and `_`; a reference is a token, or `<node>/<token>` for what another node owns. A global path is absolute
and has at most 1024 characters, no part of it is empty, `.` or `..`. A command with a field that is not here
is refused; a reader of events skips what it does not know. The name of a message (`type`, of a resource
`message`) may be left out of a command: the subject says it.
"""
HEADERS: Mapping[str, str] = {
    subjects.MESSAGE_ID: "The id of the message, or the node gives one; said again, it takes effect once.",
    subjects.CE_ID: "The same, for those who write CloudEvents.",
    subjects.EXPECT: "The version that you saw; when it is another: `version_conflict`.",
    subjects.CORRELATION: "The id of the first message of the cascade.",
    subjects.CAUSE: "The id of the message that led to this one.",
    subjects.TRACEPARENT: "W3C trace context, carried through the whole cascade.",
    subjects.ENTITY_VERSION: "On events: the version of the entity that the event made.",
    subjects.CE_TYPE: "On events: the name of the event, beside `ce-source`, `ce-time` and `ce-subject`.",
    subjects.SENDER: "Written by the node alone, with `covey-seal`.",
    subjects.SIGNATURE: "On what goes to a peer: Ed25519 over the exact bytes, base64url.",
}
SAID_BY = {
    (False, False): "",
    (True, False): " *Said by the node itself.*",
    (True, True): " *Said by the node itself, and by peers.*",
    (False, True): " *Peers may say it too.*",
}
PATTERNS: Mapping[str, Any] = {
    "token": Token,
    "token or nothing": RepoId,
    "reference": Reference,
    "global path": GlobalPath,
    "host name": Host,
    "text without control characters, `<` and `>`": Author,
}
"""What texts that follow a pattern are called."""
INNER = ("item_type", "key_type", "value_type")
"""Where msgspec keeps what lists and maps are made of."""


def markdown(actors: Sequence[Actor[Any, Any, Any]], others: Sequence[type[Any]]) -> str:
    """Return the whole page; ``others`` are messages that belong to no actor."""
    lines = [HEADING, "## Subjects", "", *_subjects(), "", "## Headers", "", *_headers(), ""]
    for actor in actors:
        lines += _kind(actor)
    lines += ["## Others", ""]
    for struct in others:
        lines += _struct(tag(struct), struct)
    lines += _struct("outcome", envelope.Outcome)
    shown: list[type[Any]] = [*others, envelope.Outcome]
    shown += [struct for actor in actors for struct in _said(actor)]
    lines += ["## Parts", "", "What messages are made of.", ""]
    for name, part in sorted(_parts(shown).items()):
        lines += _struct(name, part)
    return "\n".join(lines).rstrip() + "\n"


def _kind(actor: Actor[Any, Any, Any]) -> list[str]:
    tables = {table.kind: table.about for table in TABLES}
    about = tables.get(actor.kind) or sys.modules[actor.decide.__module__].__doc__
    lines = [f"## {actor.kind}", "", first(about), "", "### Commands", ""]
    for command in actor.commands:
        lines += _struct(tag(command), command, _said_by(actor, command))
    lines += ["### Events", ""]
    for event in actor.events:
        lines += _struct(tag(event), event)
    if actor.questions:
        lines += ["### Questions", "", "Besides `get`, `history` and `list`:", ""]
    for name, question in actor.questions.items():
        lines += _struct(f"{actor.kind} {name}", question.query)
    return lines


def _said(actor: Actor[Any, Any, Any]) -> Iterator[type[Any]]:
    yield from (*actor.commands, *actor.events)
    yield from (question.query for question in actor.questions.values())


def _subjects() -> list[str]:
    """Return the table that stands at the head of the grammar."""
    rows = [line.split("``") for line in (subjects.__doc__ or "").splitlines() if line.startswith("``")]
    return [
        "| subject | what |",
        "| --- | --- |",
        *(f"| `{name}` | {what.strip()} |" for _, name, what in rows),
    ]


def _headers() -> list[str]:
    return [
        "| header | what |",
        "| --- | --- |",
        *(f"| `{name}` | {what} |" for name, what in HEADERS.items()),
    ]


def _said_by(actor: Actor[Any, Any, Any], command: type[Any]) -> str:
    verb = tag(command).partition(".")[2]
    return SAID_BY[verb in actor.internal, verb in actor.peers_may]


def _struct(name: str, struct: type[Any], more: str = "") -> list[str]:
    lines = [f"#### {name}", "", first(struct.__doc__) + more, ""]
    told = {field: _cell(text) for field, text in meanings(struct).items()}
    rows = [
        f"| `{field.encode_name}` | {_type(field.type)} | {_default(field)} | {told.get(field.name, '')} |"
        for field in described(struct)
    ]
    return [*lines, "| field | type | default | |", "| --- | --- | --- | --- |", *rows, ""] if rows else lines


def _default(field: wire.Field) -> str:
    if field.required:
        return "needed"
    made = field.default_factory() if callable(field.default_factory) else field.default
    if made in (msgspec.NODEFAULT, msgspec.UNSET):
        return "nothing"
    return f"`{_cell(encode(made).decode())}`"


def _type(type_: wire.Type) -> str:
    """Say in words what a value is."""
    match type_:
        case wire.StructType():
            return f"[{part_name(type_.cls)}](#{part_name(type_.cls).replace('.', '').lower()})"
        case wire.UnionType():
            return " or ".join(_type(one) for one in type_.types)
        case wire.ListType() | wire.VarTupleType():
            return f"list of {_type(type_.item_type)}{_bounds(type_.min_length, type_.max_length)}"
        case wire.DictType():
            size = _bounds(None, type_.max_length)
            return f"map of {_type(type_.key_type)} to {_type(type_.value_type)}{size}"
        case wire.LiteralType():
            return " or ".join(f"`{value}`" for value in type_.values)
        case wire.EnumType():
            return " or ".join(f"`{member.value}`" for member in type_.cls)
        case _:
            return _scalar(type_)


def _scalar(type_: wire.Type) -> str:
    match type_:
        case wire.StrType(pattern=str()):
            return _pattern(type_)
        case wire.StrType():
            return f"text{_bounds(type_.min_length, type_.max_length)}"
        case wire.IntType():
            return f"integer{_bounds(type_.ge, type_.le)}"
        case wire.FloatType():
            return f"number{_bounds(type_.ge, type_.le)}"
        case wire.BoolType():
            return "true or false"
        case wire.DateTimeType():
            return "instant"
        case wire.NoneType():
            return "null"
    return "any JSON"


def _pattern(type_: wire.StrType) -> str:
    called = (words for words, known in PATTERNS.items() if wire.type_info(known) == type_)
    return next(called, "text without control characters")


def _bounds(low: float | None, high: float | None) -> str:
    match low, high:
        case None, None:
            return ""
        case None, _:
            return f", at most {high:,}"
        case _, None:
            return f", at least {low:,}"
    return f", {low:,} to {high:,}"


def part_name(struct: type[Any]) -> str:
    """Return the name of a part, with the module that tells two of one name apart."""
    return f"{struct.__module__.rpartition('.')[2]}.{struct.__name__}"


def _parts(structs: Iterable[type[Any]]) -> dict[str, type[Any]]:
    """Return all structs that fields of these are made of, and the fields of those."""
    found: dict[str, type[Any]] = {}
    waiting = [field.type for struct in structs for field in described(struct)]
    while waiting:
        type_ = waiting.pop()
        if isinstance(type_, wire.StructType) and part_name(type_.cls) not in found:
            found[part_name(type_.cls)] = type_.cls
            waiting += [field.type for field in type_.fields]
        waiting += [getattr(type_, name) for name in INNER if hasattr(type_, name)]
        waiting += getattr(type_, "types", ())
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
