"""What a workflow is begun with and nobody needs to type: the node knows it, or git does."""

from __future__ import annotations

import asyncio
import inspect
import os
from asyncio.subprocess import DEVNULL, PIPE
from typing import Annotated, Any

from cli.client import Client
from cli.errors import Mistake
from cli.session import flag, option
from messages.base import Message

AUTHOR = {
    "author_name": ("COVEY_AUTHOR_NAME", "user.name"),
    "author_email": ("COVEY_AUTHOR_EMAIL", "user.email"),
}
"""The variable and the setting of git that each stands in."""
GIT_SECONDS = 10.0
OF_REPO = {"registry_id": "registry_id", "registry_name": "registry_name", "repo_global_path": "global_path"}
"""Arguments, and what a repository calls them."""
OF_ROOT = ("host", "host_root")

Body = dict[str, Any]
Repo = Annotated[str, flag("--repo", help="A repository: its registry and path are looked up.")]


def options(command: type[Message]) -> list[inspect.Parameter]:
    """Declare what stands for several arguments."""
    return [option("repo", Repo, "")] if "repo_id" in command.__struct_fields__ else []


def found(command: type[Message]) -> dict[str, str]:
    """Return where arguments come from that are left out, for the help."""
    of_repo = dict.fromkeys(OF_REPO, "the repository's") if "repo_id" in command.__struct_fields__ else {}
    of_repo |= {"repo_id": "--repo"}
    author = {name: f"${variable} or git's {setting}" for name, (variable, setting) in AUTHOR.items()}
    return of_repo | dict.fromkeys(OF_ROOT, "the registry's") | author


async def filled(node: Client, command: type[Message], body: Body, given: dict[str, Any]) -> Body:
    """Return the body with what can be found of what it lacks; raises Mistake where that is unclear."""
    fields = command.__struct_fields__
    repo = given.get("repo") or body.get("repo_id", "")
    if repo and not body.keys() >= OF_REPO.keys():
        body = await _of_repo(node, repo) | body
    if "host_root" in fields and body.keys() >= {"registry_id", "global_root"}:
        body = await _of_root(node, body) | body
    for name in AUTHOR:
        if name in fields and name not in body:
            body = body | {name: await _author(name)}
    return body


async def _of_repo(node: Client, repo: str) -> Body:
    found = await node.ask("repo", "get", {"id": repo})
    return {"repo_id": repo} | {name: found[theirs] for name, theirs in OF_REPO.items()}


async def _of_root(node: Client, body: Body) -> Body:
    if body.keys() >= set(OF_ROOT):
        return {}
    registry = await node.ask("registry", "get", {"id": body["registry_id"]})
    roots = {root["global_root"]: root for root in registry["roots"]}
    if body["global_root"] not in roots:
        there = ", ".join(sorted(roots)) or "none"
        raise Mistake(f"--global-root {body['global_root']}: the registry has {there}")
    return {name: roots[body["global_root"]][name] for name in OF_ROOT}


async def _author(name: str) -> str:
    variable, setting = AUTHOR[name]
    found = os.environ.get(variable) or await _from_git(setting)
    if not found:
        spelt = name.replace("_", "-")
        raise Mistake(f"who does it? give --{spelt}, or set {variable}, or git config --global {setting} …")
    return found


async def _from_git(setting: str) -> str:
    """Return a setting of the user's git; nothing when it has none, or there is no git."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", "config", "--get", setting), stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
        )
        told, _ = await asyncio.wait_for(process.communicate(), GIT_SECONDS)
    except (OSError, TimeoutError):
        return ""
    return told.decode(errors="replace").strip()
