"""``covey worker``: processes that do the work which the registries and the runs of a node order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from actors import TABLES
from cli import lazy, show
from cli.client import Client
from cli.errors import DONE, FAILED, Mistake
from cli.sandbox import HOST, PREFER, JobLimit, JobNetwork, JobRead, RootJobs, Sandbox, means
from cli.session import Session, flag, nouns, verb
from cli.up import Allow, AllowShell, log_to_stderr
from messages.base import encode
from node.calls.egress import parse_all
from node.calls.outside import Outside
from node.jobs.worker import HANDS as JOB_HANDS
from node.jobs.worker import JOBS
from node.node import report
from node.settings import Settings
from node.workers.du import missing_tools
from node.workers.pinging import Server, server_name
from node.workers.prefixes import Prefix, parse
from node.workers.process import Cut, Duty, Process
from node.workers.queues import FILES, REGISTRY
from node.workers.running import QUEUES, RUN

STOP_SECONDS = 10.0
"""After this, a stop is no longer graceful: what was in hand is another worker's then."""
REGISTRY_HANDS, FILES_HANDS, RUN_HANDS = 16, 2, 16
HANDS_MAX = 256
PREFIXES_MAX = 100
SHADOWS = "shadow"
"""Where the shadow repositories are, in the data directory."""

Concurrency = Annotated[
    int, flag("--concurrency", help="How many tasks it does at a time.", min=1, max=HANDS_MAX)
]
Name = Annotated[str, flag("--name", help="What it is called in the answer to a ping; else <host>-<pid>.")]
Prefixes = Annotated[
    list[str] | None,
    flag("--prefix", help="GLOBAL=HOSTDIR: a global path, and the directory that holds it; many times."),
]
Shadow = Annotated[
    Path | None, flag("--shadow", help="Where the shadow repositories are; else in the data directory.")
]
Queues = Annotated[
    list[str] | None, flag("--queue", help="A queue of runs that it works on; many times; else all.")
]


def add(app: typer.Typer) -> None:
    """Register the verbs."""
    group = nouns(
        "Do the work that registries and runs order, in a process of its own.",
        "covey worker files --prefix /data=/srv/data --data ~/lab",
    )
    app.add_typer(group, name="worker")

    @verb(group, "registry", "covey worker registry --data ~/lab --concurrency 32")
    async def registry(session: Session, concurrency: Concurrency = REGISTRY_HANDS, name: Name = "") -> int:
        """Bring workflows of registries on; the node does it too, unless it has --no-workers."""
        run = Run(session, Server(name or server_name(), REGISTRY), concurrency, {})
        return await run.until_stopped(lambda process: process.registry())

    @verb(group, "files", "covey worker files --prefix /data=/srv/data --data ~/lab")
    async def files(
        session: Session,
        prefix: Prefixes = None,
        shadow: Shadow = None,
        concurrency: Concurrency = FILES_HANDS,
        name: Name = "",
    ) -> int:
        """Measure, lock and unlock the files below the prefixes, on the host that has them."""
        prefixes = read_prefixes(prefix or ())
        shadows = (shadow or session.data / SHADOWS).expanduser().resolve()
        check_host(prefixes, shadows)
        told = {"prefixes": {one.global_root: str(one.host_directory) for one in prefixes}}
        run = Run(session, Server(name or server_name(), FILES), concurrency, told)
        return await run.until_stopped(lambda process: process.files(prefixes, shadows))

    @verb(group, "run", "covey worker run --queue call-http --allow-egress 10.1.0.0/16:443 --data ~/lab")
    async def run(
        session: Session,
        *,
        queue: Queues = None,
        concurrency: Concurrency = RUN_HANDS,
        allow_egress: Allow = None,
        allow_shell: AllowShell = False,
        name: Name = "",
    ) -> int:
        """Evaluate the expressions of runs and make their calls; the node does it too, unless told not to."""
        lazy.settle()
        queues, outside = read_queues(queue or QUEUES), read_outside(session, allow_egress or (), allow_shell)
        run = Run(session, Server(name or server_name(), RUN), concurrency, {"queues": queues})
        return await run.until_stopped(lambda process: process.runs(queues, outside))

    @verb(group, "jobs", "covey worker jobs --sandbox require --job-limit memory=4g --data ~/lab")
    async def jobs(
        session: Session,
        *,
        concurrency: Concurrency = JOB_HANDS,
        sandbox: Sandbox = PREFER,
        job_limit: JobLimit = None,
        job_network: JobNetwork = HOST,
        allow_root_jobs: RootJobs = False,
        job_read: JobRead = None,
        name: Name = "",
    ) -> int | None:
        """Run the jobs of the node, each apart from all else; the node does it too, unless told not to."""
        settings = Settings(
            data=session.data,
            sandbox=sandbox,
            job_limits=tuple(job_limit or ()),
            job_network=job_network,
            may_jobs_be_root=allow_root_jobs,
            job_readable=tuple(job_read or ()),
        )
        try:
            found = means(settings)
        except ValueError as error:
            raise Mistake(str(error)) from error
        run = Run(session, Server(name or server_name(), JOBS), concurrency, {"sandbox": sandbox})
        return await run.until_stopped(lambda process: process.jobs(found))


def read_queues(names: Iterable[str]) -> list[str]:
    """Return the queues of a worker of runs, each once; raises Mistake."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in QUEUES:
            raise Mistake(f"there is no queue {name}; there are {', '.join(QUEUES)}")
    return wanted


def read_outside(session: Session, allowed: Iterable[str], may_run_programs: bool) -> Outside:
    """Return what calls may do; raises Mistake."""
    data = session.data.expanduser().resolve()
    try:
        return Outside(data=data, allowed=parse_all(allowed), may_run_programs=may_run_programs)
    except ValueError as error:
        raise Mistake(f"--allow-egress: {error}") from error


def read_prefixes(texts: Iterable[str]) -> list[Prefix]:
    """Read the prefixes of a worker; raises Mistake."""
    try:
        prefixes = [parse(text) for text in texts]
    except ValueError as error:
        raise Mistake(str(error)) from error
    if not 1 <= len(prefixes) <= PREFIXES_MAX:
        raise Mistake(f"say what it has, 1 to {PREFIXES_MAX} times: --prefix GLOBAL=HOSTDIR")
    if len({prefix.global_root for prefix in prefixes}) < len(prefixes):
        raise Mistake("a global path has two directories; leave one of them out")
    return prefixes


def check_host(prefixes: Iterable[Prefix], shadows: Path) -> None:
    """Raise Mistake where this host cannot do the work."""
    if missing := missing_tools():
        raise Mistake("; ".join(missing))
    for prefix in prefixes:
        if shadows.is_relative_to(prefix.host_directory.resolve()):
            raise Mistake(f"{shadows} is within {prefix.host_directory}: give a --shadow that is elsewhere")


@dataclass
class Run:
    """One run of a worker, from its start to a signal."""

    session: Session
    server: Server
    hands: int
    told: dict[str, Any]
    """What else the line says which tells that it is ready."""

    def __post_init__(self) -> None:
        self._stop = asyncio.Event()
        self._is_ready = False

    async def until_stopped(self, duties: Callable[[Process], list[Duty]]) -> int:
        """Work and return the exit code."""
        log_to_stderr(is_verbose=False)
        self._listen()
        try:
            async with self.session.node(leaves_when_refused=True) as client:
                client.bus.on_error = report
                process = Process(client.bus, client.node, self.server, TABLES, client.speak)
                await process.run(duties(process), self.hands, lambda: self._announce(client), self._stop)
        except asyncio.CancelledError:
            return FAILED if self._is_ready else DONE
        except Cut as cut:
            show.say(str(cut))
            return FAILED
        return DONE

    def _listen(self) -> None:
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None

        def stop() -> None:
            if not self._is_ready or self._stop.is_set():
                main.cancel()
            self._stop.set()
            loop.call_later(STOP_SECONDS, main.cancel)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)

    def _announce(self, client: Client) -> None:
        self._is_ready = True
        name, role, url = self.server.name, self.server.role, client.endpoint.nats_url
        told = {"node": client.node, "nats_url": url, "name": name, "role": role, "pid": os.getpid()}
        if self.session.is_json:
            print(encode(told | self.told).decode(), flush=True)
            return
        print(f"covey: {role} worker {name} of node {client.node} is ready at {url}", flush=True)
