from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.ephemeral import unfreeze_repo
from messages.envelope import Address, Outcome
from messages.ephemeral import Advance
from node.workers.runner import Runner, Work
from tests.nodes import Operator, one_node

REGISTRY, REPO = "reg", "repo-1"
ARGUMENTS = {
    "registry_id": REGISTRY,
    "registry_name": "main",
    "repo_id": REPO,
    "repo_global_path": "/data/project/raw",
    "author_name": "Ann",
    "author_email": "ann@example.org",
}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Operator]:
    async with one_node(tmp_path, "lab") as node:
        await furnish(node)
        yield node


async def furnish(node: Operator) -> None:
    """Make a registry with one repository."""
    await node.done("registry", REGISTRY, "init", name="main")
    root = {"global_root": "/data/project", "host": "fs", "host_root": "/srv/project"}
    await node.done("registry", REGISTRY, "init_root", **root)
    await node.done("registry", REGISTRY, "init_repo", repo=REPO, global_path="/data/project/raw")
    await node.event("repo.initialized", REPO)


async def begin(node: Operator, kind: str, id: str, **more: Any) -> None:
    await node.done(kind, id, "init", **ARGUMENTS, **more)


async def tiers(node: Operator) -> tuple[str, str]:
    """Return what registry and repository say."""
    found = await node.ask("registry", "repo", REGISTRY, repo=REPO)
    return found["tier"], (await node.ask("repo", "get", REPO))["tier"]


async def freeze(node: Operator, id: str) -> None:
    await begin(node, "freeze_repo", id)
    await node.event("freeze_repo.files_started", id)
    await node.done("freeze_repo", id, "commit_files")
    await node.event("freeze_repo.committed", id)


async def test_the_node_itself_brings_a_workflow_to_its_end(node: Operator) -> None:
    await begin(node, "freeze_repo", "f-1")
    await node.event("freeze_repo.files_started", "f-1")
    assert await tiers(node) == ("freezing", "freezing")

    await node.done("freeze_repo", "f-1", "commit_files")
    await node.event("freeze_repo.committed", "f-1")

    assert await tiers(node) == ("frozen", "frozen")
    assert (await node.ask("freeze_repo", "get", "f-1"))["state"] == "terminated"
    index = await node.ask("workflow_index", "get", REGISTRY)
    assert "f-1" not in str(index.get("active")), index


async def test_files_that_failed_are_told_to_both_participants(node: Operator) -> None:
    await freeze(node, "f-1")
    await begin(node, "unfreeze_repo", "u-1")
    await node.event("unfreeze_repo.files_started", "u-1")

    await node.done("unfreeze_repo", "u-1", "abort_files", code=108, message="the disk is full")
    await node.event("unfreeze_repo.committed", "u-1")

    assert await tiers(node) == ("unfreeze_failed", "unfreeze_failed")
    error = await node.event("repo.error_stored", REPO)
    assert (error["code"], error["message"]) == (108, "the disk is full")
    assert (await node.ask("unfreeze_repo", "status", "u-1"))["code"] == 108


async def test_a_registry_that_refuses_ends_the_workflow_with_106_and_why(node: Operator) -> None:
    await begin(node, "unfreeze_repo", "u-1")  # it is online

    await node.event("unfreeze_repo.committed", "u-1")

    status = await node.ask("unfreeze_repo", "status", "u-1")
    assert (status["state"], status["code"]) == ("terminated", 106)
    assert status["message"].startswith("state_conflict")
    assert await tiers(node) == ("online", "online")


async def test_a_repository_that_refuses_lets_the_registry_go_again(node: Operator) -> None:
    await freeze(node, "f-1")
    version = (await node.ask("repo", "get", REPO))["version"]

    await begin(node, "unfreeze_repo", "u-1", start_repo_version=version + 7)
    await node.event("unfreeze_repo.committed", "u-1")

    assert (await node.ask("unfreeze_repo", "status", "u-1"))["code"] == 107
    assert await tiers(node) == ("unfreeze_failed", "frozen")


async def test_a_workflow_that_was_aborted_holds_nothing(node: Operator) -> None:
    await begin(node, "freeze_repo", "f-1")
    await begin(node, "freeze_repo", "f-2")  # one of the two takes it, the other is refused

    await node.event("freeze_repo.files_started")
    await node.event("freeze_repo.committed")

    codes = [(await node.ask("freeze_repo", "status", id))["code"] for id in ("f-1", "f-2")]
    assert sorted(codes) == [100, 106]
    assert await tiers(node) == ("freezing", "freezing")


class Told:
    """The voice to a node whose workflow is in a state, and whose participants may refuse."""

    def __init__(self, state: str = "terminated", refused_by: str = "") -> None:
        self.said: list[str] = []
        self._state = state
        self._refused_by = refused_by

    async def call(self, to: Address, verb: str, _body: dict[str, Any], _message: str) -> Outcome:
        self.said.append(f"{to}.{verb}")
        if to.kind == self._refused_by:
            return Outcome(status="rejected", kind=to.kind, id=to.id, version=1, code="conflict_workflow")
        return Outcome(status="done", kind=to.kind, id=to.id, version=1)

    async def ask(self, _to: Address, _query: str) -> dict[str, Any]:
        return {"state": self._state, "is_final": self._state == "terminated"}


@pytest.mark.parametrize(
    ("state", "said"),
    [("failed", ["repo.repo-1.abort_unfreeze", "registry.reg.abort_unfreeze"]), ("files_failed", [])],
)
async def test_what_a_workflow_held_is_let_go_of_even_if_its_end_came_sooner(
    state: str, said: list[str]
) -> None:
    voice = Told()
    advance = Advance(workflow_kind="unfreeze_repo", id="u-1", state=state, arguments=ARGUMENTS, code=104)

    await Runner("registry", [unfreeze_repo.TABLE], voice).advance(Work("task-1", advance))

    assert voice.said == said


@pytest.mark.parametrize("participant", ["repo", "registry"])
async def test_a_participant_that_another_workflow_holds_does_not_keep_one_from_its_end(
    participant: str,
) -> None:
    voice = Told("files_failed", refused_by=participant)
    advance = Advance(workflow_kind="unfreeze_repo", id="u-1", state="files_failed", arguments=ARGUMENTS)

    await Runner("registry", [unfreeze_repo.TABLE], voice).advance(Work("task-1", advance))

    assert voice.said == [
        *("repo.repo-1.abort_unfreeze", "registry.reg.abort_unfreeze", "unfreeze_repo.u-1.abort")
    ]


async def test_the_node_itself_answers_a_ping(node: Operator) -> None:
    await node.done("ping_registry", "p-1", "init", registry_id=REGISTRY)

    pinged = await node.event("ping_registry.pinged", "p-1")

    assert pinged["role"] == "registry"
