import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors import TABLES
from bus.connection import connect
from node.workers.pinging import Server
from node.workers.prefixes import parse
from node.workers.process import Process
from tests.nodes import Operator, one_node
from tests.workers.repository import (
    ARGUMENTS,
    GLOBAL_PATH,
    GLOBAL_ROOT,
    REGISTRY,
    REPO,
    Files,
    commits,
    files,
)

RETRY_SECONDS = 0.01


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Files]:
    with files(tmp_path) as here:
        yield here


@pytest.fixture
async def node(tmp_path: Path, here: Files) -> AsyncIterator[Operator]:
    async with one_node(tmp_path / "data", "lab") as node:
        await furnish(node, here)
        yield node


async def furnish(node: Operator, here: Files) -> None:
    """Make a registry with one repository."""
    await node.done("registry", REGISTRY, "init", name="main")
    root = {"global_root": GLOBAL_ROOT, "host": "fs", "host_root": str(here.root)}
    await node.done("registry", REGISTRY, "init_root", **root)
    await node.done("registry", REGISTRY, "init_repo", repo=REPO, global_path=GLOBAL_PATH)
    await node.event("repo.initialized", REPO)


@asynccontextmanager
async def working(node: Operator, *prefixes: str, shadows: Path) -> AsyncIterator[None]:
    """Have a files worker at work, in this process."""
    seed = Path(node.endpoint.nkey_seed_file)
    ready, stop = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        bus = await connect(node.endpoint.nats_url, name="worker", seed_path=seed)
        process = Process(bus, node.node, Server("files-1", "files"), TABLES)
        duties = process.files([parse(prefix) for prefix in prefixes], shadows, RETRY_SECONDS)
        group.create_task(process.run(duties, 2, ready.set, stop))
        await ready.wait()
        yield
        stop.set()


@pytest.fixture
async def worker(node: Operator, here: Files, tmp_path: Path) -> AsyncIterator[None]:
    async with working(node, here.prefix, shadows=tmp_path / "shadow"):
        yield


async def move(node: Operator, kind: str, id: str, **changed: str) -> int:
    """Freeze or unfreeze the repository; return the code that says how it went."""
    await node.done(kind, id, "init", **ARGUMENTS | changed)
    await node.event(f"{kind}.committed", id)
    return int((await node.ask(kind, "status", id))["code"])


@pytest.mark.usefixtures("worker")
async def test_files_are_locked_and_unlocked_and_that_is_recorded(
    node: Operator, here: Files, tmp_path: Path
) -> None:
    assert await move(node, "freeze_repo", "f-1") == 0
    assert not here.is_writable()

    assert await move(node, "unfreeze_repo", "u-1") == 0
    assert here.is_writable()

    assert commits(tmp_path / "shadow") == [f"unfreeze {GLOBAL_PATH}", f"freeze {GLOBAL_PATH}"]


@pytest.mark.usefixtures("worker")
async def test_the_usage_of_a_root_is_measured(node: Operator, here: Files) -> None:
    await node.done("du_root", "d-1", "init", **here.arguments())
    await node.event("du_root.committed", "d-1")

    result = await node.ask("du_root", "result", "d-1")

    assert list(result["usage"]) == ["."]
    assert result["usage"]["."] > 0


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"host_root": "/elsewhere"}, "and not /elsewhere"),
        ({"global_root": "/data/gone"}, "as the registry says"),
    ],
)
async def test_a_root_that_is_not_where_the_registry_says_is_not_measured(
    node: Operator, here: Files, wrong: dict[str, str], told: str
) -> None:
    await node.done("du_root", "d-1", "init", **here.arguments() | wrong)

    completed = await node.event("du_root.completed", "d-1")

    assert completed["code"] == 1
    assert told in completed["message"]


@pytest.mark.usefixtures("worker")
async def test_a_du_that_fails_ends_the_workflow_with_what_it_complains_of(
    node: Operator, here: Files
) -> None:
    gone = {"global_root": "/data/gone", "host_root": str(here.home / "gone")}
    await node.done("du_root", "d-1", "init", **here.arguments() | gone)

    completed = await node.event("du_root.completed", "d-1")

    assert completed["code"] == 1
    assert completed["message"].startswith("du failed: ")


async def test_files_that_cannot_be_locked_are_tried_five_times_and_given_up_with_why(
    node: Operator, here: Files, tmp_path: Path
) -> None:
    (tmp_path / "shadow").write_text("no directory")

    async with working(node, here.prefix, shadows=tmp_path / "shadow"):
        assert await move(node, "freeze_repo", "f-1") == 108

    status = await node.ask("freeze_repo", "get", "f-1")
    assert "cannot be made" in status["message"]
    tried = [event for event in node.heard if event.subject.endswith(".freeze_repo.f-1.files_retried")]
    assert len(tried) == 4
    assert (await node.ask("repo", "get", REPO))["tier"] == "freeze_failed"


async def test_what_is_below_no_prefix_is_left_to_others(node: Operator, here: Files, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with working(node, f"/other={other}", shadows=tmp_path / "shadow"):
        await node.done("freeze_repo", "f-1", "init", **ARGUMENTS)
        await node.event("freeze_repo.files_started", "f-1")
        await node.done("du_root", "d-1", "init", **here.arguments() | {"global_root": "/other"})
        await node.event("du_root.completed", "d-1")  # it was ordered after the other

    assert (await node.ask("freeze_repo", "get", "f-1"))["state"] == "files"
    async with working(node, here.prefix, shadows=tmp_path / "shadow"):
        await node.event("freeze_repo.committed", "f-1")
    assert not here.is_writable()


async def test_the_deepest_prefix_of_a_worker_is_the_one_that_counts(
    node: Operator, here: Files, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    deep = f"{GLOBAL_PATH}={here.repository}"

    async with working(node, f"/data={wrong}", deep, shadows=tmp_path / "shadow"):
        assert await move(node, "freeze_repo", "f-1") == 0

    assert not here.is_writable()


@pytest.mark.usefixtures("worker")
async def test_a_files_worker_answers_a_ping(node: Operator) -> None:
    await node.done("ping_registry", "p-1", "init", registry_id=REGISTRY)

    pinged = await node.event("ping_registry.pinged", "p-1", server="files-1")

    assert pinged["role"] == "files"
