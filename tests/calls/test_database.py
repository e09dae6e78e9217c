"""Calls of databases: a real SQLite file, and a real PostgreSQL where there is one."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from messages.run import Answered
from node.calls import caller
from node.calls.database import DatabaseCalls
from node.calls.egress import Egress, parse_all
from node.calls.outside import Outside
from node.calls.statements import with_percents
from tests.calls.served import answered, call, faulted

ORDERS = "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT, open BOOLEAN, note TEXT)"


class Store:
    """A database with a table, and calls to it."""

    def __init__(self, data: Path, connection: str, look: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self.data = data
        self.connection = connection
        self.look = look
        self.calls = DatabaseCalls(Egress(parse_all(["127.0.0.1"])), Outside(data=data))

    async def do(self, action: str, key: str = "key-1", **more: Any) -> Any:
        given = {"connection": self.connection, "action": action, **more}
        return await answered(self.calls, "database", given, key=key)

    async def refused(self, action: str, **more: Any) -> tuple[str, int, str]:
        given = {"connection": self.connection, "action": action, **more}
        return await faulted(self.calls, "database", given)


@pytest.fixture
def sqlite(tmp_path: Path) -> Store:
    file = tmp_path / "databases" / "shop.db"
    file.parent.mkdir()

    def look(text: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(file) as connection:
            return connection.execute(text).fetchall()

    look(ORDERS)
    return Store(tmp_path, "sqlite:///shop.db", look)


@pytest.fixture(scope="session")
def server() -> Iterator[int]:
    """Run a PostgreSQL of our own; return its port."""
    if not shutil.which("initdb") or not shutil.which("pg_ctl"):
        pytest.skip("there is no PostgreSQL on this machine")
    with tempfile.TemporaryDirectory(prefix="covey-pg-") as made, socket.socket() as probe:
        directory, as_user = Path(made), _as_user(Path(made))
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (directory / "password").write_text("s3cr3t-pg")
        (directory / "password").chmod(0o644)
        files, password = directory / "files", f"--pwfile={directory}/password"
        _run(("initdb", "-D", files, "-U", "covey", "-A", "scram-sha-256", password, "-N"), as_user)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {directory}"
        _run(("pg_ctl", "-D", files, "-o", options, "-l", directory / "log", "-w", "start"), as_user)
        yield port
        _run(("pg_ctl", "-D", files, "-m", "immediate", "stop"), as_user)


def _as_user(directory: Path) -> dict[str, Any]:
    """Return how to start it: it refuses to be run by root."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C"}
    if os.geteuid() != 0:
        return {"env": environment}
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return {"env": environment, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(words: Sequence[str | Path], as_user: dict[str, Any]) -> None:
    with tempfile.TemporaryFile() as told:  # no pipe: the server that is started would keep it open
        done = subprocess.run(words, check=False, cwd="/", stdout=told, stderr=told, **as_user)
        told.seek(0)
        assert done.returncode == 0, told.read().decode()


@pytest.fixture
def postgresql(server: int, tmp_path: Path) -> Store:
    psycopg = pytest.importorskip("psycopg")
    url = f"postgresql://covey:s3cr3t-pg@127.0.0.1:{server}/postgres"

    def look(text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, client_encoding="utf8") as connection:
            cursor = connection.execute(text)
            found: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return found

    for table in ("orders", "orders_archive", "covey_calls"):
        look(f"DROP TABLE IF EXISTS {table}")
    look(ORDERS)
    return Store(tmp_path, url, look)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


async def test_rows_are_inserted_updated_queried_and_deleted(store: Store) -> None:
    rows = [
        {"id": 1, "name": "Ann", "open": True},
        {"id": 2, "name": "O'Neil; DROP TABLE orders", "note": None},
    ]

    assert await store.do("insert", "a", table="orders", values=rows) == {"count": 2}
    assert await store.do("update", "b", table="orders", values={"note": {"k": [1]}}, where={"id": 1}) == {
        "count": 1
    }
    found = await store.do(
        "query",
        query="SELECT id, name, note FROM orders WHERE id <= :most ORDER BY id",
        parameters={"most": 2},
    )
    assert await store.do("delete", "c", table="orders", where={"id": [1, 2, 3]}) == {"count": 2}

    assert found == [
        {"id": 1, "name": "Ann", "note": '{"k":[1]}'},
        {"id": 2, "name": "O'Neil; DROP TABLE orders", "note": None},
    ]
    assert store.look("SELECT count(*) FROM orders") == [(0,)]


async def test_what_is_there_already_is_left_alone_by_append_and_refused_by_insert(store: Store) -> None:
    await store.do("insert", "a", table="orders", values={"id": 1, "name": "Ann"})

    assert await store.do("append", "b", table="orders", values=[{"id": 1, "name": "X"}, {"id": 2}]) == {
        "count": 1
    }
    word, status, detail = await store.refused("insert", table="orders", values=[{"id": 3}, {"id": 1}])

    assert (word, status) == ("runtime", 409)
    assert "unique" in detail.lower()
    assert store.look("SELECT id, name FROM orders ORDER BY id") == [(1, "Ann"), (2, None)]


async def test_archived_rows_are_moved(store: Store) -> None:
    await store.do("insert", "a", table="orders", values=[{"id": 1, "open": False}, {"id": 2, "open": None}])

    assert await store.do("archive", "b", table="orders", where={"open": None}) == {"count": 1}
    assert await store.do("archive", "c", table="orders", where={"id": 1}, into="orders_archive") == {
        "count": 1
    }

    assert store.look("SELECT id FROM orders_archive ORDER BY id") == [(1,), (2,)]
    assert store.look("SELECT id FROM orders") == []


async def test_a_repeated_call_takes_effect_once_and_has_the_same_answer(store: Store) -> None:
    given = {"connection": store.connection, "action": "insert", "table": "orders", "values": {"name": "Ann"}}
    if store.connection.startswith("postgresql"):
        store.look("ALTER TABLE orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY")
    asked = call("database", given)

    told = await asyncio.gather(*(caller.answer(store.calls, asked) for _ in range(8)))

    assert {one.output["count"] for one in told if isinstance(one, Answered)} == {1}
    assert len([one for one in told if isinstance(one, Answered)]) == 8
    assert store.look("SELECT count(*) FROM orders") == [(1,)]


async def test_what_fails_is_undone_and_may_be_asked_again(store: Store) -> None:
    given: dict[str, Any] = {"table": "orders", "values": [{"id": 1}, {"id": 1}]}
    assert (await store.refused("insert", **given))[1] == 409

    store.look("SELECT 1")
    assert await store.do("insert", table="orders", values=[{"id": 1}]) == {"count": 1}


async def test_a_query_changes_nothing(store: Store) -> None:
    for text in ("INSERT INTO orders (id) VALUES (1)", "DROP TABLE orders", "DELETE FROM orders"):
        word, _, _ = await store.refused("query", query=text)
        assert word in ("configuration", "runtime")
    assert (await store.refused("query", query="SELECT 1; DROP TABLE orders"))[0] == "configuration"
    assert (await store.refused("query", query="COMMIT; DROP TABLE orders"))[0] == "configuration"

    assert store.look("SELECT count(*) FROM orders") == [(0,)]


async def test_a_query_has_a_most_of_rows_and_of_time(store: Store) -> None:
    await store.do("insert", "a", table="orders", values=[{"id": id} for id in range(1_000)])
    await store.do("insert", "b", table="orders", values={"id": 1_000})

    assert "more than 1000 rows" in (await store.refused("query", query="SELECT * FROM orders"))[2]
    slow = "SELECT count(*) FROM orders a, orders b, orders c, orders d"
    told = await caller.answer(
        store.calls, call("database", {"connection": store.connection, "action": "query", "query": slow}), 0.5
    )
    assert told.problem.status == 504
    assert await store.do("query", query="SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize(
    "given",
    [
        {"action": "truncate", "table": "orders"},
        {"action": "insert", "table": "orders; DROP TABLE orders", "values": {"id": 1}},
        {"action": "insert", "table": 'orders"', "values": {"id": 1}},
        {"action": "insert", "table": "orders", "values": {"id) VALUES (1); --": 1}},
        {"action": "insert", "table": "orders", "values": {}},
        {"action": "insert", "table": "orders", "values": []},
        {"action": "insert", "table": "orders", "values": [{"id": 1}] * 1_001},
        {"action": "insert", "table": "a.b.c", "values": {"id": 1}},
        {"action": "insert", "values": {"id": 1}},
        {"action": "update", "table": "orders", "values": {"id": 1}},
        {"action": "update", "table": "orders", "values": {"id": 1}, "where": {}},
        {"action": "delete", "table": "orders"},
        {"action": "delete", "table": "orders", "where": "1=1"},
        {"action": "delete", "table": "orders", "where": {"id": []}},
        {"action": "archive", "table": "orders", "where": {"id": 1}, "into": "x y"},
        {"action": "query", "query": ""},
        {"action": "query", "query": "SELECT :missing"},
        {"action": "query", "query": "SELECT 1", "parameters": ["a"]},
        {"action": "query", "query": "SELEC 1"},
        {"action": "query", "query": "SELECT * FROM nowhere"},
        {"action": "insert", "table": "nowhere", "values": {"id": 1}},
    ],
    ids=lambda given: str(given)[:60],
)
async def test_what_cannot_be_done_is_a_mistake(sqlite: Store, given: dict[str, Any]) -> None:
    action = given.pop("action")

    word, status, _ = await sqlite.refused(action, **given)

    assert (word, status) == ("configuration", 400)
    assert sqlite.look("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize(
    "text",
    [
        "ATTACH 'other.db' AS o",
        "PRAGMA writable_schema = 1",
        "VACUUM INTO 'other.db'",
        "SELECT load_extension('x')",
        "CREATE VIRTUAL TABLE t USING fts5(x)",
    ],
)
async def test_nothing_leads_out_of_a_sqlite_file(sqlite: Store, text: str) -> None:
    word, _, _ = await sqlite.refused("query", query=text)

    assert word == "configuration"
    assert not list(Path.cwd().glob("other.db"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////etc/passwd.db",
        "sqlite:///../covey.db",
        "sqlite:///a/../../x.db",
        "sqlite:///%2e%2e/covey.db",
    ],
)
async def test_a_definition_names_no_other_files_of_the_node(sqlite: Store, url: str) -> None:
    sqlite.connection = url

    word, status, detail = await sqlite.refused("query", query="SELECT 1")

    assert (word, status, "databases/" in detail) == ("authorization", 403, True)


async def test_a_link_leads_no_definition_out_of_the_directory(sqlite: Store) -> None:
    (sqlite.data / "databases" / "link.db").symlink_to(sqlite.data / "covey.db")
    sqlite.connection = "sqlite:///link.db"

    assert (await sqlite.refused("query", query="SELECT 1"))[0] == "authorization"


@pytest.mark.parametrize(
    "url", ["sqlite://host/x.db", "sqlite:///", "sqlite:///x.db?mode=ro", "mysql://x/y", "postgresql://"]
)
async def test_an_address_that_is_none_is_a_mistake(sqlite: Store, url: str) -> None:
    sqlite.connection = url

    assert (await sqlite.refused("query", query="SELECT 1"))[:2] == ("configuration", 400)


async def test_a_name_that_nobody_has_looked_up_is_no_address(sqlite: Store) -> None:
    sqlite.connection = "shop"

    assert (await sqlite.refused("query", query="SELECT 1"))[:2] == ("configuration", 400)


async def test_a_database_is_reached_only_where_calls_may_go(postgresql: Store) -> None:
    postgresql.calls = DatabaseCalls(Egress(), Outside(data=postgresql.data))

    word, status, detail = await postgresql.refused("query", query="SELECT 1")

    assert (word, status, "--allow-egress" in detail) == ("authorization", 403, True)


async def test_a_wrong_password_is_said_without_it(postgresql: Store) -> None:
    postgresql.connection = postgresql.connection.replace("s3cr3t-pg", "wr0ng-one")

    word, _, detail = await postgresql.refused("query", query="SELECT 1")

    assert word in ("authentication", "communication")
    assert "wr0ng-one" not in detail


@pytest.mark.parametrize(
    "more", ["?passfile=/etc/passwd", "?sslkey=/x", "?host=/var/run", "?options=-c%20x", "?service=x"]
)
async def test_a_definition_s_address_says_no_more_than_it_may(postgresql: Store, more: str) -> None:
    postgresql.connection += more

    assert (await postgresql.refused("query", query="SELECT 1"))[0] == "configuration"


def test_only_names_outside_of_texts_are_parameters() -> None:
    text = """\
SELECT ':no', ":no", a::int, $$ :no $$, :yes,
b % 2 -- :no\n /* :no */ , $x$:no$x$, :yes2, ':n''o'"""

    assert with_percents(text) == text.replace(":yes,", "%(yes)s,").replace(":yes2", "%(yes2)s").replace(
        "b % 2", "b %% 2"
    )
