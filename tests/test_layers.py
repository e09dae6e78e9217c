"""Who may import whom, and that decisions are pure. The table is the architecture; the tests keep it true."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "messages": {"msgspec"},
    "actors": {"messages", "msgspec", "cronsim", "dateutil", "jsonschema", "referencing", "yaml"},
    "store": {"messages", "msgspec", "aiosqlite"},
    "bus": {"messages", "msgspec", "nats", "nkeys", "nacl"},
    "node": {"messages", "actors", "store", "bus", "msgspec", "jq", "aiohttp", "yarl", "yaml", "psycopg"},
    "cli": {"messages", "actors", "bus", "node", "msgspec", "typer", "rich", "yaml", "uvloop"},
}
IMPURE_MODULES = {"asyncio", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "time", "uuid"}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input"}
NODE_NEVER = {"nats", "aiosqlite"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    yield name


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    assert sources(folder), f"{folder} is gone"
    for path in sources(folder):
        foreign = set(imports(path)) - MAY_IMPORT[folder] - {folder} - sys.stdlib_module_names
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("path", sources("actors"), ids=lambda path: path.stem)
def test_actors_are_pure(path: Path) -> None:
    assert not set(imports(path)) & IMPURE_MODULES
    assert not set(calls(path)) & IMPURE_CALLS
    assert not [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]


@pytest.mark.parametrize("path", sources("messages"), ids=lambda path: path.stem)
def test_messages_wait_for_nothing(path: Path) -> None:
    assert "asyncio" not in set(imports(path))


def test_only_one_file_spells_subjects() -> None:
    spelt = [
        path.relative_to(ROOT)
        for folder in MAY_IMPORT
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.Constant) and str(part.value).startswith("covey.")
    ]
    assert set(map(str, spelt)) <= {"messages/subjects.py"}


def test_the_bus_knows_no_entity() -> None:
    kinds = {"workflow", "workspace", "execution", "booking", "resource", "shared_workspace"}
    for path in sources("bus"):
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not texts & kinds, path
