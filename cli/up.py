"""``covey up``: run a node until somebody stops it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import platform
import re
import signal
import sqlite3
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from cli import lazy, show
from cli.client import read_endpoint
from cli.errors import DONE, FAILED, MISTAKE
from cli.sandbox import HOST, PREFER, JobLimit, JobNetwork, JobRead, RootJobs, Sandbox
from cli.session import DATA, Data, Json
from cli.streams import is_full
from node.home import Home
from node.run import running
from node.settings import Settings

STOP_SECONDS = 10.0
"""After this, a stop is no longer graceful; what was acknowledged is safe all the same."""
NAME_CHARACTERS_MAX = 64
QUIET_SECONDS = 60.0
LINES_REMEMBERED = 1_000
GARBAGE_OBJECTS = 50_000
"""New objects between two searches for cycles; a batch makes thousands and leaves none."""

NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})

Node = Annotated[str, typer.Option("--node", envvar="COVEY_NODE", help="The name of a new node.")]
Nats = Annotated[
    str,
    typer.Option(
        "--nats", envvar="COVEY_NATS", help="The URL of a NATS of yours; without it the node runs its own."
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "--port", envvar="COVEY_PORT", min=0, max=65535, help="Of the node's own NATS; 0: a free one, kept."
    ),
]
Advertise = Annotated[
    str,
    typer.Option("--advertise", envvar="COVEY_ADVERTISE", help="The URL under which peers reach its NATS."),
]
Credentials = Annotated[
    Path | None, typer.Option("--creds", envvar="COVEY_CREDS", help="The credentials file for --nats.")
]
Seed = Annotated[
    Path | None, typer.Option("--nkey", envvar="COVEY_NKEY", help="The nkey seed file for --nats.")
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca", envvar="COVEY_TLS_CA", help="Who signed the certificate of --nats, and of peers' NATS."
    ),
]
NoWorkers = Annotated[
    bool,
    typer.Option(
        "--no-workers",
        envvar="COVEY_NO_WORKERS",
        help="Leave the work of registries and runs to covey worker.",
    ),
]
Leave = Annotated[
    list[str] | None,
    typer.Option("--leave", envvar="COVEY_LEAVE", help="Leave a queue of runs to other workers; many times."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-egress",
        envvar="COVEY_ALLOW_EGRESS",
        help="CIDR[:PORT] that calls of runs may reach beside public addresses; many times.",
    ),
]
AllowShell = Annotated[
    bool,
    typer.Option("--allow-shell", envvar="COVEY_ALLOW_SHELL", help="Let runs run programs on this machine."),
]
Http = Annotated[
    str,
    typer.Option(
        "--http",
        envvar="COVEY_HTTP",
        help="[HOST:]PORT of the HTTP listener; without a host only this machine reaches it.",
    ),
]
Unsigned = Annotated[
    str,
    typer.Option(
        "--unsigned",
        envvar="COVEY_UNSIGNED",
        help="Who speaks unsigned: admin (of the node's own NATS, unless told otherwise) or nobody.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", envvar="COVEY_VERBOSE", help="Log more, with tracebacks.")
]


def add(app: typer.Typer) -> None:
    """Register ``up``."""

    @app.command(epilog="Example: covey up --node lab --data ~/lab")
    def up(
        *,
        node: Node = "",
        data: Data = DATA,
        nats: Nats = "",
        port: Port = 0,
        advertise: Advertise = "",
        creds: Credentials = None,
        nkey: Seed = None,
        tls_ca: Authority = None,
        no_workers: NoWorkers = False,
        leave: Leave = None,
        allow_egress: Allow = None,
        allow_shell: AllowShell = False,
        sandbox: Sandbox = PREFER,
        job_limit: JobLimit = None,
        job_network: JobNetwork = HOST,
        allow_root_jobs: RootJobs = False,
        job_read: JobRead = None,
        http: Http = "",
        unsigned: Unsigned = "",
        verbose: Verbose = False,
        json: Json = False,
    ) -> None:
        """Run a node until it is interrupted; one line on stdout says that it is ready."""
        log_to_stderr(verbose)
        name = node or new_name(data)
        where = Settings(data=data, node=name, nats=nats, port=port, advertise=advertise)
        settings = replace(where, credentials=creds, seed=nkey, ca=tls_ca, has_worker=not no_workers)
        settings = replace(settings, left=tuple(leave or ()), allow_egress=tuple(allow_egress or ()))
        settings = replace(settings, may_run_programs=allow_shell, http=http, unsigned=unsigned)
        settings = replace(settings, sandbox=sandbox, may_jobs_be_root=allow_root_jobs)
        settings = replace(settings, job_network=job_network)
        settings = replace(settings, job_limits=tuple(job_limit or ()), job_readable=tuple(job_read or ()))
        lazy.settle()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        raise typer.Exit(uvloop.run(Run(settings, verbose, json).until_stopped()))


def log_to_stderr(is_verbose: bool) -> None:
    """Log for people; the same line again and again, as of a peer that is away, is kept back for a while."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    if not is_verbose:
        handler.addFilter(Repeated())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if is_verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class Repeated(logging.Filter):
    """Lets a line through once in a while, however often it is logged."""

    def __init__(self) -> None:
        super().__init__()
        self._until: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is new, or was not shown for some time."""
        text = record.getMessage()
        if self._until.get(text, 0) > record.created:
            return False
        if len(self._until) >= LINES_REMEMBERED:
            self._until.clear()
        self._until[text] = record.created + QUIET_SECONDS
        return True


def new_name(data: Path) -> str:
    """Return the name of a node that was given none: the machine's, unless its data has a name already."""
    if (data.expanduser() / "node").exists():
        return ""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", platform.node().partition(".")[0])
    return name[:NAME_CHARACTERS_MAX] or "node"


class Run:
    """One run of a node, from its start to a signal."""

    def __init__(self, settings: Settings, is_verbose: bool, is_json: bool) -> None:
        self._settings = settings
        self._is_verbose = is_verbose
        self._is_json = is_json
        self._is_ready = False
        self._stop = asyncio.Event()

    async def until_stopped(self) -> int:
        """Run and return the exit code."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None

        def stop() -> None:
            if not self._is_ready or self._stop.is_set():
                main.cancel()
            self._stop.set()
            loop.call_later(STOP_SECONDS, main.cancel)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            async with running(self._settings) as home:
                self._announce(home)
                await self._stop.wait()
        except asyncio.CancelledError:
            return FAILED
        except Exception as error:
            return self._failed(error)
        return DONE

    def _announce(self, home: Home) -> None:
        endpoint = home.endpoint_file.read_text()
        self._is_ready = True
        if self._is_json:
            sys.stdout.write(endpoint.replace("\n", "") + "\n")
            sys.stdout.flush()
            return
        at = read_endpoint(home.path)
        urls = f"{at.nats_url} and {at.http_url}" if at.http_url else at.nats_url
        print(f"covey: node {home.node} is ready at {urls} (data {home.path}, pid {os.getpid()})", flush=True)

    def _failed(self, error: Exception) -> int:
        cause = first(error)
        is_told = is_foreseen(cause) and not self._is_ready
        if self._is_verbose or not (is_told or is_no_room(cause)):
            traceback.print_exception(error)
        what = "the node failed" if self._is_ready else "the node cannot start"
        remedy = f"; make room for {self._settings.data}, and start it again" if is_no_room(cause) else ""
        show.say(f"{what}: {cause}{remedy}")
        return FAILED if self._is_ready else MISTAKE


def is_foreseen(error: BaseException) -> bool:
    """Say whether the text of an error tells an operator what to do, so that no traceback is needed."""
    ours = type(error).__module__.partition(".")[0] in ("bus", "node", "store")
    return ours or isinstance(error, OSError | ValueError)


def is_no_room(error: BaseException) -> bool:
    """Say whether an error is that of a disk that takes no more."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode in NO_ROOM
    return isinstance(error, OSError) and is_full(error)


def first(error: BaseException) -> BaseException:
    """Return the first error of a group of them."""
    return first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
