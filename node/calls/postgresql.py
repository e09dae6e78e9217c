"""PostgreSQL as a database of calls, where psycopg is installed; it is reached at an address that may be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from node.calls.egress import Egress, Refused
from node.calls.failed import Failed, misconfigured, refused
from node.calls.statements import REMEMBER, Statement, with_percents

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
PORT = 5432
MAY_SAY = ("host", "port", "dbname", "user", "password", "sslmode", "application_name")
"""What an address may say, of all that libpq knows."""
MISSING = "PostgreSQL needs psycopg, which is not installed: pip install 'covey[postgresql]'"


class Postgresql:
    """One connection, which is opened with its one transaction."""

    copy = "CREATE TABLE IF NOT EXISTS {into} (LIKE {table} INCLUDING DEFAULTS)"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    @contextmanager
    def transaction(self, *, is_reading: bool) -> Iterator[Postgresql]:
        """Connect and begin; what raises undoes all."""
        import psycopg  # noqa: PLC0415
        from psycopg.rows import dict_row  # noqa: PLC0415

        try:
            with psycopg.connect(**self._options, row_factory=dict_row) as connection:
                self._connection = connection
                if not is_reading:
                    _prepare(connection)
                connection.read_only = is_reading
                connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}")
                yield self
        except psycopg.Error as error:
            raise _failure(error) from None

    def stop(self) -> None:
        """Have the server cancel what it does."""
        if self._connection is not None:
            with suppress(Exception):  # it may have ended meanwhile, in any way
                self._connection.cancel_safe(timeout=CONNECT_SECONDS / 2)

    def change(self, statement: Statement) -> int:
        """Return how many rows were changed."""
        return max(0, self._execute(statement).rowcount)

    def read(self, statement: Statement, rows: int) -> list[dict[str, Any]]:
        """Return rows."""
        cursor = self._execute(statement)
        return cursor.fetchmany(rows) if cursor.description else []

    def now(self) -> int:
        """Return the seconds since 1970."""
        return int(time.time())

    def _execute(self, statement: Statement) -> psycopg.Cursor[dict[str, Any]]:
        assert self._connection is not None
        # Prepared: the server takes one statement of a text then, not many.
        text = with_percents(statement.text)
        return self._connection.execute(text.encode(), statement.values, prepare=True)


def _prepare(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Make the table of calls, before the transaction: two that make it at once fail."""
    import psycopg  # noqa: PLC0415

    connection.autocommit = True
    found = connection.execute("SELECT to_regclass('covey_calls') AS found").fetchone()
    if found is None or found["found"] is None:
        with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            connection.execute(REMEMBER)
    connection.autocommit = False


async def opened(url: str, egress: Egress) -> Postgresql:
    """Return a database whose address was checked; raises Failed."""
    options = _options(url)
    host, port = str(options.get("host", "")), int(options.get("port", PORT))
    if not host or "," in host or host.startswith("/"):
        raise misconfigured("the address of the database names one host")
    try:
        places = await egress.find(host, port)
    except Refused as error:
        raise refused(error) from None
    except OSError:
        raise Failed("communication", f"there is no host {host}", 503) from None
    if not places:
        raise Failed("communication", f"there is no host {host}", 503)
    # The driver connects to what was checked; the name is for the certificate.
    return Postgresql({**options, "port": port, "hostaddr": places[0].address})


def _options(url: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError  # noqa: PLC0415
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    except ImportError:
        raise misconfigured(MISSING) from None
    try:
        options = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
        int(options.get("port", PORT))
    except (ProgrammingError, ValueError):
        raise misconfigured("the address of the database cannot be read") from None
    if wrong := sorted(options.keys() - set(MAY_SAY)):
        raise misconfigured(f"an address of a database cannot say {wrong[0]}; it says {', '.join(MAY_SAY)}")
    options["passfile"] = "/dev/null"  # the passwords of this machine's user are not the run's
    return {"connect_timeout": CONNECT_SECONDS, "gssencmode": "disable", **options, "client_encoding": "utf8"}


def _failure(error: psycopg.Error) -> Failed:
    """Tell the first line of what the server said: the rest may show data."""
    import psycopg  # noqa: PLC0415

    text = error.diag.message_primary or type(error).__name__
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Failed("timeout", "it took longer than it may")
    if isinstance(error, psycopg.errors.InvalidPassword | psycopg.errors.InvalidAuthorizationSpecification):
        return Failed("authentication", text)
    if isinstance(error, psycopg.IntegrityError):
        return Failed("runtime", text, 409)
    if isinstance(error, psycopg.OperationalError):
        told = (
            "the database cannot be reached, or does not let us in"
            if not error.diag.message_primary
            else text
        )
        return Failed("communication", told, 503)
    return misconfigured(text)
