"""The second act: a repository of a thousand real files is frozen and thawed; each step checks itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console

from cli import explain, gathered, show, workflows
from cli.demo import tree
from cli.demo.depot import AUTHOR, Depot, depot
from cli.demo.story import documents

REGISTRY, REPO, RESOURCE = "main", "storms", "gribs"
GLOBAL_ROOT = "/laboratory"
FILES = tree.DIRECTORIES * tree.FILES_EACH
ALL = FILES + tree.DIRECTORIES + 1
"""The files, their directories and the one above."""


async def play(directory: Path, console: Console, checks: list[str]) -> None:
    """Play all scenes in a directory."""
    console.print("Starting a node, a registry worker and a files worker, each a process …")
    async with depot(directory, console, checks) as story:
        for scene in SCENES:
            await scene(story)


async def register(story: Depot) -> None:
    """Tell the node what lies where."""
    story.title(f"A laboratory has a repository of {FILES:,} files on a file server")
    host = {"host": "files1", "host_root": str(story.root)}
    place = {"repo": REPO, "global_path": f"{GLOBAL_ROOT}/{REPO}"}
    registry = "registry", REGISTRY
    await story.call(story.laboratory, (*registry, "init"), {"name": "Laboratory"})
    await story.call(story.laboratory, (*registry, "init_root"), {"global_root": GLOBAL_ROOT, **host})
    await story.call(story.laboratory, (*registry, "init_repo"), place)
    await story.laboratory.until(
        lambda: story.laboratory.items("repo"), lambda items: len(items) == 1, "the repository"
    )
    for document in documents("depot.yaml"):
        if document.kind == "resource":
            await story.save(story.laboratory, document)
    count = story.writable()
    story.check(count == ALL, f"all {ALL:,} files and directories can be written", count)


async def freeze(story: Depot) -> None:
    """Freeze the repository and try to write."""
    story.title("freeze-repo: what happens, as it happens")
    await _begin(story, "freeze_repo", "freeze-1")
    ended = await story.follow("freeze_repo", "freeze-1")
    story.check(ended["code"] == 0, "it has ended well", ended)
    await _tier(story, "frozen")
    means = "the immutable attribute" if tree.is_immutable(story.repo) else "permission bits"
    story.aside("files worker", f"it has locked them with {means}")
    count = story.writable()
    story.check(count == 0, f"none of the {ALL:,} can be written", count)


async def look(story: Depot) -> None:
    """See what a workflow would meet that reads the data."""
    story.title("A workflow names data of the frozen repository: explain says so")
    (workflow,) = (one for one in documents("depot.yaml") if one.kind == "workflow")
    asked = {"kind": workflow.kind, "id": workflow.id, **workflow.fields}
    told = await story.laboratory.ask("node", "explain", documents=[asked])
    rows = explain.with_remedies(told)["data"]
    story.show(show.table(explain.COLUMNS["data"], rows))
    seen = [(row["resource"], row["repo"], row["tier"]) for row in rows]
    story.check(seen == [(RESOURCE, REPO, "frozen")], f"{RESOURCE} is in {REPO}, which is frozen", seen)


async def thaw(story: Depot) -> None:
    """Thaw the data by what names them."""
    story.title("resource.thaw unfreezes the repository")
    await story.call(story.laboratory, ("resource", RESOURCE, "thaw"), AUTHOR)
    workflow = (await story.laboratory.ask("resource", "get", id=RESOURCE))["thawing"]
    ended = await story.follow("unfreeze_repo", workflow, shown_as="thaw")
    story.check(ended["code"] == 0, "it has ended well", ended)
    await _tier(story, "online")
    count = story.writable()
    story.check(count == ALL, f"all {ALL:,} can be written again", count)
    commits = story.log()
    for commit in commits:
        story.aside("shadow", show.clean(commit))
    by = f"{AUTHOR['author_name']} <{AUTHOR['author_email']}>"
    story.check(
        len(commits) == 2 and all(by in commit for commit in commits),
        "the shadow repository has a commit for each, by who asked for it",
        commits,
    )


async def measure(story: Depot) -> None:
    """Ask how much lies below the root."""
    story.title("du-root: how much lies where")
    root = {"registry_id": REGISTRY, "global_root": GLOBAL_ROOT}
    body = {**root, "host": "files1", "host_root": str(story.root)}
    await story.call(story.laboratory, ("du_root", "du-1", "init"), body)
    await story.follow("du_root", "du-1")
    result = await story.laboratory.ask("du_root", "result", id="du-1")
    story.show(gathered.usage(result["usage"]))
    used = tree.used(story.root)
    story.check(result["usage"]["."] == used, "it is what the disk says", (result, used))


async def crash(story: Depot) -> None:
    """Kill the files worker while it locks the files, and start another."""
    story.title("The files worker is killed (kill -9) while it freezes the repository again")
    await _begin(story, "freeze_repo", "freeze-2")
    ended, _ = await asyncio.gather(story.follow("freeze_repo", "freeze-2"), _replace_worker(story))
    story.check(ended["code"] == 0, "the other one brought it to its end", ended)
    await _tier(story, "frozen")
    count = story.writable()
    story.check(count == 0, f"none of the {ALL:,} can be written", count)


async def _replace_worker(story: Depot) -> None:
    await story.until_touched()
    await story.worker.kill()
    state = (await story.laboratory.ask("freeze_repo", "status", id="freeze-2"))["state"]
    story.aside("files worker", "killed")
    story.check(state == "files", "it was in the middle of it", state)
    await story.worker.start()
    story.aside("files worker", "another one started")


async def close(story: Depot) -> None:
    """Leave everything as it was, and look at the index."""
    story.title("The index of the registry")
    await _begin(story, "unfreeze_repo", "unfreeze-2")
    await story.follow("unfreeze_repo", "unfreeze-2")
    index = await story.laboratory.until(
        lambda: story.laboratory.ask("workflow_index", "get", id=REGISTRY),
        lambda found: not found["active"],
        "the index to have nothing active",
    )
    story.show(workflows.lay_out(index))
    story.check(index["completed_count"] == 5, "all five workflows are completed, none is left over", index)
    story.check(len(story.log()) == 4, "and each move has its one commit", story.log())
    await _tier(story, "online")


SCENES = (register, freeze, look, thaw, measure, crash, close)


async def _begin(story: Depot, kind: str, id: str) -> None:
    repo = await story.laboratory.ask("repo", "get", id=REPO)
    body: dict[str, Any] = {
        "registry_id": repo["registry_id"],
        "registry_name": repo["registry_name"],
        "repo_id": REPO,
        "repo_global_path": repo["global_path"],
        **AUTHOR,
    }
    await story.call(story.laboratory, (kind, id, "init"), body)


async def _tier(story: Depot, tier: str) -> None:
    repo = await story.laboratory.ask("repo", "get", id=REPO)
    held = await story.laboratory.ask("registry", "repo", id=REGISTRY, repo=REPO)
    seen = {repo["tier"], held["tier"]}
    story.check(seen == {tier}, f"repository and registry agree: {tier}", seen)
