"""A node with programs of Python as executables, and jobs of them."""

from __future__ import annotations

from typing import Any

from actors.jobs.executable import slug
from tests.federation.stage import fresh
from tests.jobs.stage import PYTHON
from tests.nodes import Operator

VERSION = "3"
ISOLATED = ("-I", "-S", "-c")


def tag_of(name: str) -> str:
    """Return the id of an executable of these tests."""
    return slug(f"{name} - {VERSION}")


async def program(node: Operator, name: str = "", **more: Any) -> str:
    """Save Python as an executable that takes a script, and return its id."""
    name = name or fresh("python")
    parameters = [
        {"flag": "-I"},
        {"flag": "-S"},
        {"flag": "-c", "requires_value": True, "value_type": "string"},
        {"flag": "--more", "requires_value": True, "value_type": "string"},
    ]
    said = {"tag": f"{name} - {VERSION}", "path": PYTHON, "parameters": parameters, **more}
    await node.done("executable", tag_of(name), "save", **said)
    return tag_of(name)


async def job(node: Operator, executable: str, script: str, **more: Any) -> str:
    """Save a job that runs a script, and return its id."""
    id = fresh("job")
    await node.done("command", id, "save", executable=executable, flags=list(ISOLATED))
    await node.done("job", id, "save", command=id, values={"-c": script}, **more)
    return id


async def begun(node: Operator, job: str, **more: Any) -> str:
    """Begin a run of a job, and return its id."""
    outcome = await node.done("job", job, "run", **more)
    run: str = outcome["extra"]["run"]
    return run


async def over(node: Operator, run: str) -> Any:
    """Wait until a run has ended, and return it."""
    await node.event("job_run.ended", run)
    return await node.ask("job_run", "get", run)


async def ran(node: Operator, executable: str, script: str, **more: Any) -> Any:
    """Run a script to its end, and return how it ended."""
    run = await begun(node, await job(node, executable, script, **more))
    return (await over(node, run))["result"]


def calling(job: str, **more: Any) -> dict[str, Any]:
    """Return the definition of a workflow that runs a job."""
    stands = {"dsl": "1.0.3", "namespace": "tests", "name": "jobs", "version": "0.1.0"}
    return {"document": stands, "do": [{"make": {"call": "job", "with": {"job": job, **more}}}]}


async def launched(node: Operator, id: str, *, is_waited: bool = True, **more: object) -> str:
    """Run a workflow that runs a job, and return its run."""
    name = fresh("wf")
    await node.done("workflow", name, "save", name=name, definition=calling(id, **more))
    run: str = (await node.done("workflow", name, "launch"))["extra"]["run"]
    if is_waited:
        await node.until(lambda one: one.subject.split(".")[-2:] in ([run, "succeeded"], [run, "failed"]))
    return run
