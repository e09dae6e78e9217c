"""Files that say what to save: YAML or JSON, one document or several."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cli.errors import Mistake

FILE_BYTES_MAX = 64 << 20
_HEADING = ("kind", "id")
FIELD = "definition"
"""Where a workflow keeps what it runs."""
_BARE = {"document", "do"}
"""What a definition has that stands in a file by itself."""


class Document(NamedTuple):
    """One entity that a file describes."""

    number: int
    """1, 2, … in its file."""
    kind: str
    id: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return f"document {self.number} ({self.kind} {self.id})"


class _Loader(yaml.SafeLoader):
    """YAML as JSON sees it: instants, ``no`` and ``12:30:00`` stay the text that was written."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # the library's name


_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)
for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _first)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen = set()
    for key, _ in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else str(key.start_mark)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{name} is there twice", key.start_mark)
        seen.add(name)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read(path: str) -> str:
    """Return the text of a file, ``-`` being what comes in."""
    try:
        raw = sys.stdin.buffer.read(FILE_BYTES_MAX + 1) if path == "-" else Path(path).read_bytes()
        if len(raw) > FILE_BYTES_MAX:
            raise Mistake(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} cannot be read: {error}") from None


def parse(text: str) -> list[dict[str, Any]]:
    """Return the documents of a text; empty ones are left out."""
    found: list[dict[str, Any]] = []
    try:
        for value in yaml.load_all(text, Loader=_Loader):  # a safe loader of our own
            if value is None:
                continue
            if not isinstance(value, dict):
                raise Mistake(f"document {len(found) + 1} is not a mapping of fields")
            found.append(value)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Mistake(f"document {len(found) + 1} is not YAML or JSON: {_one_line(error)}") from None
    return found


def value(text: str, what: str) -> Any:
    """Return the one value that a text is, YAML or JSON; ``what`` is named when it is none."""
    try:
        return yaml.load(text, Loader=_Loader)  # a safe loader of our own
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Mistake(f"{what} is not YAML or JSON: {_one_line(error)}") from None


def headed(text: str, kinds: set[str]) -> list[Document]:
    """Return documents that say their kind and id; raises Mistake naming the document and the field."""
    found = []
    for number, value in enumerate(parse(text), 1):
        for field in _HEADING:
            if not isinstance(value.get(field), str):
                raise Mistake(f"document {number}: the field {field} is missing, or is not text")
        kind, id = value["kind"], value["id"]
        if kind not in kinds:
            raise Mistake(f"document {number}: kind: no {kind}; there are {', '.join(sorted(kinds))}")
        found.append(Document(number, kind, id, headless(value)))
    if not found:
        raise Mistake("there is no document to read")
    return found


def single(text: str, kind: str, id: str) -> dict[str, Any]:
    """Return the fields of the only document of a text, which may repeat the kind and the id."""
    found = parse(text)
    if len(found) != 1:
        raise Mistake(f"one document is expected, not {len(found)}; for several: covey apply -f FILE")
    for field, wanted in zip(_HEADING, (kind, id), strict=True):
        if found[0].get(field, wanted) != wanted:
            raise Mistake(f"the document says {field}: {found[0][field]}, not {wanted}")
    if kind == "workflow" and found[0].keys() >= _BARE:
        return {"name": name_of(found[0]) or id, FIELD: found[0]}
    return headless(found[0])


def is_bare(text: str) -> bool:
    """Say whether a text is a definition of the Open Workflow Specification, and nothing around it."""
    found = parse(text)
    return len(found) == 1 and found[0].keys() >= _BARE


def name_of(definition: Mapping[str, Any]) -> str:
    """Return what a definition calls itself."""
    heading = definition.get("document")
    named = heading if isinstance(heading, dict) else {}
    return str(named.get("title") or named.get("name") or "")


def headless(value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields without the kind and the id."""
    return {name: field for name, field in value.items() if name not in _HEADING}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
