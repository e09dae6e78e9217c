"""SQL for the actions of ``call: database``: identifiers are checked, and values are never part of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from node.calls.failed import misconfigured

ROWS_MOST = 1_000
"""How many rows one call writes, or reads."""
COLUMNS_MOST = 200
LIST_MOST = 1_000
QUERY_CHARACTERS = 20_000
CHANGES = ("insert", "append", "update", "archive", "delete")
ACTIONS = (*CHANGES, "query")
REMEMBER = "CREATE TABLE IF NOT EXISTS covey_calls (key TEXT PRIMARY KEY, at BIGINT NOT NULL, outcome TEXT)"
"""The calls that a database has taken effect of, so that none does twice."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PIECES = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|::|:([A-Za-z_]\w*)|%""", re.DOTALL
)


@dataclass(frozen=True)
class Statement:
    """A text with ``:names``, and their values."""

    text: str
    values: dict[str, Any]


def changes(given: Mapping[str, Any], copy: str) -> list[Statement]:
    """Return what an action does, to be done in one transaction; raises Failed.

    ``copy`` makes an empty table like another one, where the archive is not there yet.
    """
    action, table = given.get("action"), _identifier(given.get("table"), "table")
    match action:
        case "insert" | "append":
            end = " ON CONFLICT DO NOTHING" if action == "append" else ""
            return [_insert(table, row, end) for row in _rows(given.get("values"))]
        case "update":
            return [_update(table, given)]
        case "delete":
            where, values = _where(given)
            return [Statement(f"DELETE FROM {table} WHERE {where}", values)]
        case "archive":
            return _archive(table, given, copy)
    raise misconfigured(f"action is one of {', '.join(ACTIONS)}")


def query(given: Mapping[str, Any]) -> Statement:
    """Return a query; its values are parameters by name; raises Failed."""
    text, values = given.get("query"), given.get("parameters") or {}
    if not isinstance(text, str) or not text.strip() or len(text) > QUERY_CHARACTERS:
        raise misconfigured(f"query is a text of SQL of at most {QUERY_CHARACTERS} characters")
    if not isinstance(values, Mapping) or not all(_NAME.fullmatch(str(name)) for name in values):
        raise misconfigured("parameters is an object: a name of letters, digits and _, and its value")
    wanted = {found[2] for found in _PIECES.finditer(text) if found[2]}
    if missing := sorted(wanted - values.keys()):
        raise misconfigured(f"the query names :{missing[0]}, which parameters has not")
    return Statement(text, {name: plain(values[name]) for name in wanted})


def with_percents(text: str) -> str:
    """Write ``:name`` as ``%(name)s``, but not within texts, names and comments."""

    def said(found: re.Match[str]) -> str:
        return f"%({found[2]})s" if found[2] else found[0].replace("%", "%%")

    return _PIECES.sub(said, text)


def plain(value: Any) -> Any:
    """Return a JSON value as a database takes it: what has parts as JSON text."""
    return msgspec.json.encode(value).decode() if isinstance(value, Mapping | list) else value


def _insert(table: str, row: Mapping[str, Any], end: str) -> Statement:
    columns = [_identifier(name, "column") for name in row]
    places = ", ".join(f":v{place}" for place in range(len(columns)))
    values = {f"v{place}": plain(value) for place, value in enumerate(row.values())}
    return Statement(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}){end}", values)


def _update(table: str, given: Mapping[str, Any]) -> Statement:
    (row,) = _rows([given.get("values")])
    where, values = _where(given)
    said = ", ".join(f"{_identifier(name, 'column')} = :v{place}" for place, name in enumerate(row))
    values |= {f"v{place}": plain(value) for place, value in enumerate(row.values())}
    return Statement(f"UPDATE {table} SET {said} WHERE {where}", values)


def _archive(table: str, given: Mapping[str, Any], copy: str) -> list[Statement]:
    """Move rows to a table of the same columns, which is made when it is not there."""
    name = given.get("into") or f"{given['table']}_archive"
    into = _identifier(name, "into")
    where, values = _where(given)
    return [
        Statement(copy.format(into=into, table=table), {}),
        Statement(f"INSERT INTO {into} SELECT * FROM {table} WHERE {where}", values),
        Statement(f"DELETE FROM {table} WHERE {where}", values),
    ]


def _where(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a condition; none is a mistake, for it would be about all rows."""
    where = given.get("where")
    if not isinstance(where, Mapping) or not 1 <= len(where) <= COLUMNS_MOST:
        raise misconfigured("where is an object that names at least one column, and the value it has")
    said: list[str] = []
    values: dict[str, Any] = {}
    for place, (name, value) in enumerate(where.items()):
        said.append(_condition(_identifier(name, "column"), f"w{place}", value, values))
    return " AND ".join(said), values


def _condition(column: str, name: str, value: Any, values: dict[str, Any]) -> str:
    if value is None:
        return f"{column} IS NULL"
    if not isinstance(value, list):
        values[name] = plain(value)
        return f"{column} = :{name}"
    if not 1 <= len(value) <= LIST_MOST:
        raise misconfigured(f"a list of values has 1 to {LIST_MOST}")
    named = {f"{name}_{place}": plain(one) for place, one in enumerate(value)}
    values |= named
    return f"{column} IN ({', '.join(f':{one}' for one in named)})"


def _rows(values: Any) -> Sequence[Mapping[str, Any]]:
    rows = values if isinstance(values, list) else [values]
    if not 1 <= len(rows) <= ROWS_MOST or not all(_is_row(row) for row in rows):
        raise misconfigured(f"values is a row, or 1 to {ROWS_MOST} of them: a column, and its value")
    return rows


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and 1 <= len(row) <= COLUMNS_MOST


def _identifier(name: Any, what: str) -> str:
    """Return a name that is quoted; raises Failed for what is none."""
    parts = list(_parts(name)) if isinstance(name, str) else []
    if not 1 <= len(parts) <= (1 if what == "column" else 2):
        raise misconfigured(f"{what} is a name of letters, digits and _")
    return ".".join(f'"{part}"' for part in parts)


def _parts(name: str) -> Iterator[str]:
    for part in name.split("."):
        if not _NAME.fullmatch(part):
            raise misconfigured(f"{name[:80]!r} is no name: letters, digits and _")
        yield part
