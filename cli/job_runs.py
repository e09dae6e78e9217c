"""``covey job run`` and what comes after it: runs listed, shown, followed, cancelled, files fetched."""

from __future__ import annotations

import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show
from cli.client import Client
from cli.ephemeral import Seconds
from cli.errors import FAILED, Failed, Mistake
from cli.examples import example
from cli.follow import Row, until_end
from cli.kinds import MessageId
from cli.listing import PAGE, Cursor, Limit
from cli.outcomes import report
from cli.run_verbs import RunArgument, RunId, Wait, add_cancel, ended, list_runs
from cli.session import Session, flag, verb
from messages.base import encode

KIND, JOB = "job_run", "job"
COLUMNS = ("id", "job", "status", "compute", "begun_at", "ended_at", "result.code", "result.reason")
OUTPUTS = ("stdout", "stderr")
ENDS = (f"{KIND}.ended",)

Id = Annotated[str, typer.Argument(help="The id of a job.", metavar="JOB")]
FileArgument = Annotated[str, typer.Argument(help="A file that it left; without one, all.", metavar="[FILE]")]
On = Annotated[str, flag("--on", help="A compute that is booked: an id, or <node>/<id> of a partner's.")]
Execution = Annotated[str, flag("--execution", help="Whose booking; else any of this node that is now.")]
MayRepeat = Annotated[bool, flag("--may-repeat", help="Start it again when it was interrupted.")]
Follow = Annotated[bool, flag("--follow", help="Show what it writes until the end, and wait for it.")]
Into = Annotated[Path, flag("--into", help="The directory for the files; a single one goes to stdout.")]
OfJob = Annotated[str, flag("--job", help="Only runs of this job.")]
Status = Annotated[
    str,
    flag("--status", help="queued, running, success, failure, timeout, cancelled, lost or refused."),
]


def add(group: typer.Typer) -> None:
    """Register the verbs among those of jobs."""
    _add_run(group)
    _add_looks(group)
    add_cancel(group, KIND, "Give a run up: all of its processes are killed.")

    @verb(group, "fetch", example(KIND, "fetch"))
    async def fetch(
        session: Session, run: RunArgument, file: FileArgument = "", *, into: Into = Path()
    ) -> None:
        """Fetch what a run has left, as its digest says: one file to stdout, or all into a directory."""
        async with session.node() as node:
            if file:
                sys.stdout.buffer.write(await fetched(node, run, file))
                return
            told = await node.ask(KIND, "get", {"id": run})
            result = told["result"] or {}
            for one in (*result.get("outputs", ()), *result.get("files", ())):
                path = _within(into, one["name"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await fetched(node, run, one["name"]))
                show.say(f"{path}: {one['size']} bytes")


def _add_run(group: typer.Typer) -> None:
    @verb(group, "run", example(JOB, "run"))
    async def run(
        session: Session,
        id: Id,
        *,
        on: On = "",
        execution: Execution = "",
        name: RunId = "",
        may_repeat: MayRepeat = False,
        wait: Wait = False,
        follow: Follow = False,
        seconds: Seconds = 0.0,
        message: MessageId = "",
    ) -> int | None:
        """Begin a run of what the job is now, here or on a compute that is booked, and tell its id."""
        given = {"on": on, "execution": execution, "run": name, "may_repeat": may_repeat}
        body = {field: value for field, value in given.items() if value}
        async with session.node() as node:
            outcome = await node.call((JOB, id, "run"), body, message=message)
            if outcome.status != "done" or not (wait or follow):
                return report(session, f"{JOB} {id}", outcome)
            begun, left = str(outcome.extra["run"]), seconds
            if follow:
                left = await followed(session, node, begun, seconds)
            told = await ended(session, node, (KIND, begun), left)
            return finish(session, told, is_shown=follow)


def _add_looks(group: typer.Typer) -> None:
    @verb(group, "runs", example(KIND, "list"))
    async def runs(
        session: Session,
        *,
        job: OfJob = "",
        status: Status = "",
        limit: Limit = PAGE,
        cursor: Cursor = "",
    ) -> None:
        """List runs of jobs, the latest first."""
        await list_runs(session, KIND, COLUMNS, {"job": job, "state": status}, (limit, cursor))

    @verb(group, "show", example(KIND, "get"))
    async def show_(session: Session, run: RunArgument) -> None:
        """Show a run: what was started, how far it is, and what came of it."""
        async with session.node() as node:
            found = await node.ask(KIND, "get", {"id": run})
        session.show(found, lambda: show.fields(found))


def finish(session: Session, told: dict[str, Any], *, is_shown: bool) -> int | None:
    """Show how a run has ended: what it wrote as data, all else as talk; return the exit code."""
    result = told["result"]
    code = None if result is not None and result["state"] == "success" else FAILED
    if session.is_json:
        show.put_json(told)
        return code
    if result is None:
        show.say(f"run {told['id']} is {told['status']}; it goes on")
        return code
    if not is_shown:
        _write("stdout", result["stdout"])
        _write("stderr", result["stderr"])
    for one in (*result["outputs"], *result["files"]):
        show.say(f"{one['name']}: {one['size']} bytes, covey job fetch {told['id']} {one['name']}")
    show.say(f"run {told['id']}: {words(result)}")
    return code


def words(result: dict[str, Any]) -> str:
    """Say how a run has ended."""
    code = "" if result["code"] is None else f", code {result['code']}"
    why = "".join(f": {result[name]}" for name in ("reason", "detail") if result[name])
    return f"{result['state']}{code}{why}"


async def followed(session: Session, node: Client, run: str, seconds: float) -> float:
    """Show what a run writes until it has ended."""

    def put(row: Row) -> None:
        if session.is_json:
            sys.stdout.write(encode(row).decode() + "\n")
        elif row["type"] == f"{KIND}.wrote":
            for name in OUTPUTS:
                _write(name, row["body"].get(name, ""))

    return await until_end(node, (KIND, run), ENDS, put, seconds)


def _write(name: str, text: str) -> None:
    """Write what a job has written; to a terminal, nothing that steers it."""
    stream = sys.stdout if name == "stdout" else sys.stderr
    if stream.isatty():
        text = "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)
    stream.write(text)
    stream.flush()


async def fetched(node: Client, run: str, file: str) -> bytes:
    """Return a file of a run, part by part; raises Failed when it is not what was kept."""
    found = bytearray()
    while True:
        told = await node.ask(KIND, "fetch", {"id": run, "file": file, "offset": len(found)})
        part = b64decode(told["data"])
        found += part
        if len(found) >= told["size"] or not part:
            break
    if sha256(found).hexdigest() != told["sha256"]:
        raise Failed(f"{file} of {run} is not what its digest says; fetch it again")
    return bytes(found)


def _within(directory: Path, name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise Mistake(f"{name} would lie outside of {directory}; fetch it alone, by its name")
    return directory / path
