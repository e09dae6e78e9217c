"""``covey schema``: the messages of the wire, for programs in any language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import typer

from actors import ACTORS, TABLES
from cli import asyncapi, reference, show
from cli import tables as workflows
from cli.errors import Mistake
from cli.session import Session, flag, verb
from messages.base import tag
from messages.envelope import Outcome
from messages.execution import Run
from messages.peer import FederatedMessage

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OUTCOME = "outcome"
ASYNCAPI_FILE = "asyncapi.json"

Name = Annotated[
    str, typer.Argument(help="A message (workflow.save) or a kind; nothing: all.", metavar="[NAME]")
]
AsyncApi = Annotated[bool, flag("--asyncapi", help="AsyncAPI 3 of all subjects.")]
Markdown = Annotated[bool, flag("--markdown", help="The whole reference as one page of Markdown.")]
Tables = Annotated[bool, flag("--tables", help="The tables of ephemeral workflows, as Markdown.")]
Out = Annotated[Path | None, flag("--out", help="Write one file each into this directory.")]


def add(app: typer.Typer) -> None:
    """Register ``schema``."""

    @verb(app, "schema", "covey schema workflow.save")
    async def schema(
        session: Session,
        name: Name = "",
        *,
        asyncapi: AsyncApi = False,
        markdown: Markdown = False,
        tables: Tables = False,
        out: Out = None,
    ) -> None:
        """Print the JSON Schema of messages, or the AsyncAPI 3 document of a node; no node needs to run."""
        if markdown:
            print(reference.markdown(ACTORS, (Run, FederatedMessage)), end="")
            return
        if tables:
            print(workflow_tables(name), end="")
            return
        found = {ASYNCAPI_FILE: document()} if asyncapi else chosen(name)
        if out is not None:
            written = _write(out, found)
            session.show({"written": written}, lambda: "\n".join(written))
            return
        show.put_json(found[ASYNCAPI_FILE] if asyncapi else found.get(name, found))


def workflow_tables(kind: str = "") -> str:
    """Return the table of a kind of ephemeral workflow, or all of them, as Markdown; raises Mistake."""
    chosen = [table for table in TABLES if kind in ("", table.kind)]
    if not chosen:
        raise Mistake(f"no workflow {kind}; there are {', '.join(table.kind for table in TABLES)}")
    return workflows.markdown(chosen)


def types() -> dict[str, type[Any]]:
    """Return the struct of each message, by its name on the wire."""
    found: dict[str, Any] = {
        tag(message): message for actor in ACTORS for message in (*actor.commands, *actor.events)
    }
    found |= {tag(Run): Run, tag(FederatedMessage): FederatedMessage, OUTCOME: Outcome}
    return {name: _twin(struct) for name, struct in found.items()}


@cache
def _twin(type_: Any) -> Any:
    """Return the same struct with defaults that a schema can hold: it has no word for raw JSON."""
    if get_origin(type_) in (Union, UnionType):
        return Union[tuple(map(_twin, get_args(type_)))]  # noqa: UP007  # it is made at run time
    if not isinstance(type_, type) or not issubclass(type_, msgspec.Struct):
        return type_
    fields = msgspec.structs.fields(type_)
    if not any(isinstance(field.default, msgspec.Raw) or _twin(field.type) != field.type for field in fields):
        return type_
    config = type_.__struct_config__
    return msgspec.defstruct(
        type_.__name__,
        [(field.name, _twin(field.type), _described(field)) for field in fields],
        module=type_.__module__,
        namespace={"__doc__": type_.__doc__},
        tag=config.tag,
        tag_field=config.tag_field,
        forbid_unknown_fields=config.forbid_unknown_fields,
        kw_only=True,
    )


def _described(field: msgspec.structs.FieldInfo) -> Any:
    if isinstance(field.default, msgspec.Raw):
        return msgspec.field(name=field.encode_name, default=msgspec.json.decode(field.default))
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(name=field.encode_name, default_factory=field.default_factory)
    if field.default is not msgspec.NODEFAULT:
        return msgspec.field(name=field.encode_name, default=field.default)
    return msgspec.field(name=field.encode_name)


def chosen(name: str) -> dict[str, dict[str, Any]]:
    """Return the schema of one message, of those of a kind, or of all; raises Mistake."""
    found = {
        message: of(message, struct)
        for message, struct in types().items()
        if not name or name in (message, message.partition(".")[0])
    }
    if not found:
        raise Mistake(f"no message or kind {name}; there are {', '.join(sorted(types()))}")
    return found


def of(name: str, struct: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of one message."""
    made = msgspec.json.schema(struct)
    for part in made.get("$defs", {}).values():
        loosen(part)
    return {"$schema": DIALECT, "$id": f"urn:covey:{name}", **made}


def loosen(part: dict[str, Any]) -> None:
    """Let the name of a message be left out of its body: the subject says it."""
    for field in ("type", "message"):
        if "enum" in part.get("properties", {}).get(field, {}) and field in part.get("required", []):
            names = part["properties"][field]["enum"]
            if len(names) == 1 and "." in names[0]:
                part["required"] = [name for name in part["required"] if name != field]


def document() -> dict[str, Any]:
    """Return the AsyncAPI 3 document."""
    named = types()
    made, parts = msgspec.json.schema_components(named.values(), ref_template="#/components/schemas/{name}")
    wire_names = {schema["$ref"].rpartition("/")[2]: name for schema, name in zip(made, named, strict=True)}
    for part in parts.values():
        loosen(part)
    schemas = {wire_names.get(key, key): _renamed(part, wire_names) for key, part in parts.items()}
    return asyncapi.document(ACTORS, schemas)


def _renamed(part: Any, names: dict[str, str]) -> Any:
    match part:
        case {"$ref": str(path)}:
            head, slash, key = path.rpartition("/")
            return {**part, "$ref": f"{head}{slash}{names.get(key, key)}"}
        case dict():
            return {key: _renamed(value, names) for key, value in part.items()}
        case list():
            return [_renamed(value, names) for value in part]
    return part


def _write(directory: Path, found: dict[str, dict[str, Any]]) -> list[str]:
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in found.items():
        path = directory / (name if name.endswith(".json") else f"{name}.json")
        path.write_text(msgspec.json.format(msgspec.json.encode(schema)).decode() + "\n")
        written.append(str(path))
    return written
