"""Jobs of a real node: begun, followed, ended, cancelled, refused, fetched."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.federation.stage import fresh, in_own_task
from tests.jobs.local import begun, job, launched, over, program, ran
from tests.jobs.stage import BEST, marked
from tests.nodes import Operator, one_node

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('on', flush=True); time.sleep(600)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """A node that runs jobs."""
    data = tmp_path_factory.mktemp("jobs") / "lab"
    async with in_own_task(one_node(data, "lab", job_limits=("output=200k", "memory=256m"))) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def python(lab: Operator) -> str:
    """An executable that runs scripts."""
    return await program(lab)


async def test_a_job_runs_and_all_of_its_end_is_told(lab: Operator, python: str) -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); open('a/made.txt', 'w').write('x' * 5)"
    id = await job(lab, python, script, working_files=[{"path": "a/in.txt", "content": "in"}])

    told = await over(lab, await begun(lab, id))

    result = told["result"]
    assert (told["status"], result["code"], result["stdout"], result["stderr"]) == (
        "success",
        0,
        "out\n",
        "err\n",
    )
    (file,) = result["files"]
    digest = hashlib.sha256(b"xxxxx").hexdigest()
    assert file == {"name": "a/made.txt", "size": 5, "sha256": digest}
    assert result["isolation"] == BEST
    assert told["argv"][1:] == ["-I", "-S", "-c", script]


async def test_a_code_is_a_failure(lab: Operator, python: str) -> None:
    result = await ran(lab, python, "raise SystemExit(3)")

    assert (result["state"], result["code"], result["reason"]) == ("failure", 3, "")


async def test_what_it_writes_is_told_while_it_runs_and_it_is_cancelled(lab: Operator, python: str) -> None:
    mark = fresh("mark-cancelled")
    run = await begun(lab, await job(lab, python, f"'{mark}';{SLEEP}"))
    assert (await lab.event("job_run.wrote", run))["stdout"] == "on\n"

    await lab.done("job_run", run, "cancel", reason="not needed")

    told = await over(lab, run)
    assert (told["status"], told["result"]["reason"], told["result"]["detail"]) == (
        "cancelled",
        "cancelled",
        "not needed",
    )
    assert told["result"]["stdout"] == "on\n"
    assert marked(mark) == []
    assert (await lab.call("job_run", run, "cancel"))["status"] == "done"


async def test_it_is_ended_at_its_timeout(lab: Operator, python: str) -> None:
    result = await ran(lab, python, SLEEP, timeout_seconds=1)

    assert (result["state"], result["reason"], result["code"]) == ("timeout", "timeout", None)


async def test_what_was_begun_is_run_whatever_is_saved_after(lab: Operator, python: str) -> None:
    id = await job(lab, python, "print('first')")
    run = await begun(lab, id, run=fresh("run"))
    await lab.done("job", id, "save", command=id, values={"-c": "print('second')"})

    again = await lab.call("job", id, "run", run=run)

    assert (await over(lab, run))["result"]["stdout"] == "first\n"
    assert again["extra"]["run"] == run
    refused = await lab.event("job_run.rejected", run)
    assert refused["code"] == "already_exists"


async def test_a_long_output_is_kept_and_fetched(lab: Operator, python: str) -> None:
    run = await begun(lab, await job(lab, python, "print('x' * 150_000)"))
    told = await over(lab, run)

    (output,) = told["result"]["outputs"]
    found = await _fetched(lab, run, "stdout")

    assert (output["name"], output["size"]) == ("stdout", 150_001)
    assert found == b"x" * 150_000 + b"\n"
    assert hashlib.sha256(found).hexdigest() == output["sha256"]
    assert len(told["result"]["stdout"]) == 8_000


async def test_too_long_an_output_ends_it(lab: Operator, python: str) -> None:
    result = await ran(lab, python, "while True: print('x' * 1000)")

    assert (result["state"], result["reason"]) == ("failure", "output")
    assert result["outputs"][0]["size"] == 200 << 10


async def test_what_is_not_there_is_not_fetched(lab: Operator, python: str) -> None:
    run = await begun(lab, await job(lab, python, "open('made', 'w').write('x')"))
    await over(lab, run)

    told = await lab.ask("job_run", "fetch", run, file="other")

    assert (told["code"], "made" in told["detail"]) == ("not_found", True)


async def test_as_many_files_as_a_message_holds_are_there(lab: Operator, python: str) -> None:
    files = [{"path": f"f{number}", "content": "x" * 60_000} for number in range(3)]
    count = "import os; print(sum(os.stat(one).st_size for one in os.listdir('.')))"

    result = await ran(lab, python, count, working_files=files)

    assert (result["stdout"], result["files"]) == ("180000\n", [])


async def test_more_files_than_a_message_holds_are_refused(lab: Operator, python: str) -> None:
    files = [{"path": f"f{number}", "content": "x" * 59_000} for number in range(4)]
    id = await job(lab, python, "print(1)", working_files=files)

    assert (await lab.call("job", id, "run"))["code"] == "too_large"


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("no_program", {"path": "/usr/bin/no-such-program"}),
        ("no_program", {"path": "/etc/passwd"}),
        ("digest_changed", {"sha256": "0" * 64}),
    ],
)
async def test_a_program_that_is_not_what_was_meant_is_refused(
    lab: Operator, code: str, more: dict[str, str]
) -> None:
    result = await ran(lab, await program(lab, **more), "print(1)")

    assert (result["state"], result["reason"], result["code"]) == ("refused", code, None)


async def test_a_program_is_run_whose_digest_is_as_it_should_be(lab: Operator, python: str) -> None:
    path = Path((await lab.ask("executable", "get", python))["path"])
    digest = hashlib.sha256(await asyncio.to_thread(path.read_bytes)).hexdigest()

    result = await ran(lab, await program(lab, sha256=digest), "print(1)")

    assert result["state"] == "success"


async def test_root_is_not_given_unasked(lab: Operator, python: str) -> None:
    id = fresh("job")
    await lab.done("command", id, "save", executable=python, flags=["-I"], requires_root=True)
    await lab.done("job", id, "save", command=id)

    result = (await over(lab, await begun(lab, id)))["result"]

    assert (result["state"], result["reason"]) == ("refused", "root_not_allowed")


async def test_root_is_given_where_it_is_allowed_and_no_sudo_is_needed(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("we are not root")
    async with one_node(tmp_path / "root", "root", may_jobs_be_root=True) as node:
        python, id = await program(node), fresh("job")
        await node.done("command", id, "save", executable=python, flags=["-I", "-c"], requires_root=True)
        script = "import os; print(os.getuid(), os.getppid())"
        await node.done("job", id, "save", command=id, values={"-c": script})

        result = (await over(node, await begun(node, id)))["result"]

    assert result["stdout"].split()[0] == "0"


async def test_where_jobs_are_to_be_apart_and_cannot_be_they_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.jobs.apart.bubblewrap", lambda: "")
    async with one_node(tmp_path / "strict", "strict", sandbox="require") as node:
        result = await ran(node, await program(node), "print(1)")
        health = await node.ask("node", "health")

    assert (result["state"], result["reason"]) == ("refused", "not_isolated")
    assert "install bubblewrap" in result["detail"]
    assert health["jobs"]["level"] is None


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("not_found", {}),
        ("invalid_message", {"execution": "x"}),
        ("not_granted", {"reply_to": {"kind": "run", "id": "x"}}),
    ],
)
async def test_what_cannot_be_begun_is_refused_at_once(
    lab: Operator, python: str, code: str, more: dict[str, object]
) -> None:
    id = await job(lab, python, "print(1)") if more else fresh("job")

    assert (await lab.call("job", id, "run", **more))["code"] == code


async def test_only_the_node_itself_says_how_a_run_goes_elsewhere(lab: Operator, python: str) -> None:
    run = await begun(lab, await job(lab, python, SLEEP))

    for verb, body in (("begin", {}), ("reported", {"result": {"state": "success"}}), ("slot_ended", {})):
        assert (await lab.call("job_run", run, verb, **body))["status"] == "rejected"
    await lab.done("job_run", run, "cancel")
    await over(lab, run)


async def test_who_asks_to_wait_is_told_the_end(lab: Operator, python: str) -> None:
    run = await begun(lab, await job(lab, python, "import time; time.sleep(0.3)"))

    told = await lab.ask("job_run", "wait", run, timeout=30)

    assert told["status"] == "success"


async def _fetched(node: Operator, run: str, file: str) -> bytes:
    found = b""
    while True:
        told = await node.ask("job_run", "fetch", run, file=file, offset=len(found))
        found += base64.b64decode(told["data"])
        if len(found) >= told["size"]:
            return found


async def test_a_workflow_runs_a_job_and_goes_on_with_its_output(lab: Operator, python: str) -> None:
    id = await job(lab, python, "print('made'); open('f', 'w').write('x')")
    run = await launched(lab, id)

    told = await lab.ask("run", "get", run)

    assert told["status"] == "success"
    assert told["output"]["stdout"] == "made\n"
    assert [one["name"] for one in told["output"]["files"]] == ["f"]


async def test_a_workflow_catches_that_a_job_has_failed(lab: Operator, python: str) -> None:
    id = await job(lab, python, "import sys; sys.exit('no disk')")
    run = await launched(lab, id)

    told = await lab.ask("run", "get", run)

    assert told["status"] == "failure"
    assert told["error"]["detail"] == "the program ended with code 1: no disk"
    assert told["error"]["instance"] == "/do/0/make"


async def test_a_workflow_is_told_that_there_is_no_such_job(lab: Operator) -> None:
    told = await lab.ask("run", "get", await launched(lab, "nothing"))

    assert (told["status"], "not_found" in told["error"]["detail"]) == ("failure", True)


async def test_a_workflow_that_is_given_up_ends_its_job(lab: Operator, python: str) -> None:
    mark = fresh("mark-given-up")
    id = await job(lab, python, f"'{mark}';{SLEEP}")
    run = await launched(lab, id, is_waited=False)
    heard = await lab.until(lambda one: one.subject.endswith(".begun") and mark.encode() in one.body)
    of_job = heard.subject.split(".")[-2]
    await lab.event("job_run.wrote", of_job)

    await lab.done("run", run, "cancel")

    assert (await over(lab, of_job))["status"] == "cancelled"
    await lab.event("run.cancelled", run)
    assert marked(mark) == []
