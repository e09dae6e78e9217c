"""From the structs of the wire to options, and from options to the body of a message."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
import typer
from msgspec import inspect as wire

from cli.errors import Mistake
from cli.meanings import meanings
from cli.session import option
from messages.base import Message, tag
from messages.wording import worded

HELP = frozenset({"--help", "-h"})
OF_THEIR_OWN = frozenset({"labels", "reply_to"})
"""Fields that have an option, or are not for people."""
PREFIX = "field_"
"""How the parameters begin that carry a field, so that none is a word of the language or of every verb."""
TEXTS = (wire.StrType, wire.LiteralType, wire.EnumType, wire.DateTimeType)
_SCALARS: tuple[tuple[tuple[type[Any], ...], type[Any]], ...] = (
    ((wire.BoolType,), bool),
    ((wire.IntType,), int),
    ((wire.FloatType,), float),
    (TEXTS, str),
)


def verb_of(command: type[Message]) -> str:
    """Return the verb of a command, the part of its tag after the kind."""
    return tag(command).partition(".")[2]


def described(struct: type[Any]) -> tuple[wire.Field, ...]:
    """Return the fields of a struct as the wire names them."""
    info = wire.type_info(struct)
    assert isinstance(info, wire.StructType)
    return info.fields


def required(struct: type[Any]) -> list[str]:
    """Return the names of the fields that must be given."""
    return [field.encode_name for field in described(struct) if field.required]


def field_options(
    struct: type[Any], environment: str, defaults: Mapping[str, Any] | None = None
) -> list[inspect.Parameter]:
    """Declare one option for each field that fits on a command line; ``defaults`` are told in the help."""
    found, told = [], _told(struct)
    for field in described(struct):
        type_ = _scalar(field.type)
        if type_ is None:
            continue
        word = field.encode_name.replace("_", "-")
        spelt = f"--{word}/--no-{word}" if type_ is bool else f"--{word}"
        declared = typer.Option(
            spelt,
            envvar=f"COVEY_{environment}_{field.encode_name}".upper(),
            show_envvar=False,
            help=f"{_values(field.type)}{_when_left_out(field, defaults or {})}.{told.get(field.name, '')}",
        )
        found.append(option(PREFIX + field.encode_name, Annotated[type_ | None, declared], None))
    return found


def larger(struct: type[Any]) -> str:
    """Say which fields there are that fit on no command line."""
    names = [
        field.encode_name + (" (needed)" if field.required else "")
        for field in described(struct)
        if _scalar(field.type) is None and field.encode_name not in OF_THEIR_OWN
    ]
    return f" With --file or --set also: {', '.join(names)}." if names else ""


def _told(struct: type[Any]) -> dict[str, str]:
    """Return what the source says of each field, when it is asked for: to read the source takes a while."""
    if not HELP & set(sys.argv):
        return {}
    return {name: f" {text.replace('`', '')}" for name, text in meanings(struct).items() if text}


def _when_left_out(field: wire.Field, defaults: Mapping[str, Any]) -> str:
    if field.encode_name in defaults:
        return f"; {defaults[field.encode_name]} by default"
    return ", needed" if field.required else ""


def given_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that options have given."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in given.items()
        if name.startswith(PREFIX) and value is not None
    }


def pairs(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Read ``key=value`` texts."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Mistake(f"{flag} {text!r} is not key=value")
        found[name] = value
    return found


def assign(body: dict[str, Any], settings: Mapping[str, str], struct: type[Any]) -> dict[str, Any]:
    """Set fields from text; a dot leads into a field; it is read as JSON unless the field is text."""
    names = [field.encode_name for field in described(struct)]
    for path, text in settings.items():
        steps = path.split(".")
        if steps[0] not in names:
            raise Mistake(f"--set {path}: there is no field {steps[0]}; there are {', '.join(names)}")
        is_text = isinstance(_leaf(wire.type_info(struct), steps), TEXTS)
        body = placed(body, steps, text if is_text else json_or_text(text))
    return body


def json_or_text(text: str) -> Any:
    """Return what a text is as JSON, or the text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


def check(body: dict[str, Any], struct: type[Any]) -> None:
    """Raise Mistake, naming the field, when the node would not understand the body."""
    try:
        msgspec.convert(body, struct)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Mistake(worded(error, struct)) from None


def placed(body: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return a body with a value where a path leads."""
    name, *rest = path
    inner = body.get(name)
    return {**body, name: placed(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _leaf(type_: wire.Type | None, path: list[str]) -> wire.Type | None:
    """Return the type that a path leads to, None where anything may stand."""
    match type_:
        case wire.UnionType():
            return _leaf(_only(type_), path)
        case wire.StructType() if path:
            inner = [field.type for field in type_.fields if field.encode_name == path[0]]
            return _leaf(inner[0], path[1:]) if inner else None
        case wire.DictType() if path:
            return _leaf(type_.value_type, path[1:])
    return None if path else type_


def _only(type_: wire.UnionType) -> wire.Type | None:
    """Return what a field is when it is not null."""
    inner = [one for one in type_.types if not isinstance(one, wire.NoneType)]
    return inner[0] if len(inner) == 1 else None


def _scalar(type_: wire.Type | None) -> type[Any] | None:
    if isinstance(type_, wire.UnionType):
        return _scalar(_only(type_))
    return next((scalar for types, scalar in _SCALARS if isinstance(type_, types)), None)


def _values(type_: wire.Type | None) -> str:
    match type_:
        case wire.LiteralType():
            return ", ".join(map(str, type_.values))
        case wire.UnionType():
            return _values(_only(type_))
        case wire.DateTimeType():
            return "An instant, RFC 3339"
        case wire.IntType() | wire.FloatType():
            return "A number"
        case wire.BoolType():
            return "Yes or no"
    return "Text"
