"""From the structs of the wire to options, and from options to the body of a message."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
import typer
from msgspec import inspect as wire

from cli.errors import Mistake
from cli.session import option
from messages.base import Message, tag

PREFIX = "field_"
"""How the parameters begin that carry a field, so that none is a word of the language or of every verb."""
_SCALARS: tuple[tuple[tuple[type[Any], ...], type[Any]], ...] = (
    ((wire.BoolType,), bool),
    ((wire.IntType,), int),
    ((wire.FloatType,), float),
    ((wire.StrType, wire.LiteralType, wire.EnumType, wire.DateTimeType), str),
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


def field_options(struct: type[Any], environment: str) -> list[inspect.Parameter]:
    """Declare one option for each field that fits on a command line."""
    found = []
    for field in described(struct):
        type_ = _scalar(field.type)
        if type_ is None:
            continue
        word = field.encode_name.replace("_", "-")
        spelt = f"--{word}/--no-{word}" if type_ is bool else f"--{word}"
        told = typer.Option(
            spelt,
            envvar=f"COVEY_{environment}_{field.encode_name}".upper(),
            show_envvar=False,
            help=f"{_values(field.type)}{', needed' if field.required else ''}.",
        )
        found.append(option(PREFIX + field.encode_name, Annotated[type_ | None, told], None))
    return found


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
    """Set fields from text; a dot leads into a field, and JSON is read where the field takes it."""
    types = {field.encode_name: field.name for field in described(struct)}
    for path, text in settings.items():
        name = path.partition(".")[0]
        if name not in types:
            raise Mistake(f"--set {path}: there is no field {name}; there are {', '.join(types)}")
        read = _placed(body, path.split("."), json_or_text(text))
        as_text = _placed(body, path.split("."), text)
        body = read if not _fault(read, name, struct) else as_text
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
        raise Mistake(str(error)) from None


def _placed(body: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    name, *rest = path
    inner = body.get(name)
    return {**body, name: _placed(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _fault(body: Mapping[str, Any], name: str, struct: type[Any]) -> bool:
    """Say whether the one field does not fit."""
    (type_,) = (field.type for field in msgspec.structs.fields(struct) if field.encode_name == name)
    try:
        msgspec.convert(body[name], type_)
    except msgspec.ValidationError:
        return True
    return False


def _scalar(type_: wire.Type) -> type[Any] | None:
    if isinstance(type_, wire.UnionType):
        inner = [one for one in type_.types if not isinstance(one, wire.NoneType)]
        return _scalar(inner[0]) if len(inner) == 1 else None
    return next((scalar for types, scalar in _SCALARS if isinstance(type_, types)), None)


def _values(type_: wire.Type) -> str:
    match type_:
        case wire.LiteralType():
            return ", ".join(map(str, type_.values))
        case wire.UnionType():
            return _values(next(one for one in type_.types if not isinstance(one, wire.NoneType)))
        case wire.DateTimeType():
            return "An instant, RFC 3339"
        case wire.IntType() | wire.FloatType():
            return "A number"
        case wire.BoolType():
            return "Yes or no"
    return "Text"
