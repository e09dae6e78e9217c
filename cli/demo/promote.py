"""The scene of the third act in which a workflow goes from dev to prod, and a secret stays one."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Any

from cli.demo.flight import Flight
from cli.demo.story import documents
from node.vault import seal

STAGES = ("dev", "staging", "prod")


async def promote(story: Flight) -> None:
    """Promote a workflow stage by stage, and look for the secret that it has used."""
    story.title("Promoted dev → staging → prod; the shortcut is refused, a secret is used and found nowhere")
    keys = {stage: f"{stage}-{secrets.token_hex(12)}" for stage in STAGES}
    for before, stage in zip(("", *STAGES), STAGES, strict=False):
        await _furnish(story, stage, before, keys[stage])
    (bulletin,) = [one for one in documents("workflows/demo-bulletin.yaml") if one.id == "bulletin"]
    await story.save(story.laboratory, bulletin)
    await _shortcut(story)
    await _go(story, "bulletin", "staging")
    await _go(story, "bulletin-staging", "prod")
    told = await _run(story, "bulletin-prod")
    story.check(told["output"] == {"from": "prod"}, "it runs in prod with the variables of prod", told)
    used = story.stations.keys == {keys["prod"]}
    story.check(used, "the station was shown the secret of prod", len(story.stations.keys))
    found = [path for path in _files(story.laboratory.data.parent) if _has(path, keys.values())]
    story.check(not found, "no file, log or journal of either node has one of the secrets", found)


async def _furnish(story: Flight, stage: str, before: str, key: str) -> None:
    """Make an environment with a variable, a secret that is sealed here, and a connection."""
    laboratory = story.laboratory
    public = base64.b64decode((await laboratory.ask("node", "secret_key"))["public_key"])
    sealed = seal(public, stage, "station_key", key)
    said: dict[str, dict[str, Any]] = {
        "create": {"follows": [before] if before else []},
        "set_variable": {"name": "stage", "value": stage},
        "set_secret": {"name": "station_key", "sealed": sealed},
        "set_connection": {"name": "stations", "kind": "http", "url": story.stations.url},
    }
    for verb, body in said.items():
        await story.call(laboratory, ("environment", stage, verb), body)


async def _shortcut(story: Flight) -> None:
    told = await _promoted(story, "bulletin", "prod")
    failed = [check for check in told["checks"] if not check["is_met"]]
    for check in failed:
        story.aside("laboratory", f"{check['name']}: {check['detail']}")
    is_refused = told["status"] == "refused" and [one["what"] for one in failed] == ["policy"]
    story.check(is_refused, "the shortcut dev → prod is refused, and the way that is allowed is told", told)


async def _go(story: Flight, workflow: str, to: str) -> None:
    told = await _promoted(story, workflow, to)
    story.check(told["status"] == "deployed", f"promoted to {to}: all checks are met", told)


async def _promoted(story: Flight, workflow: str, to: str) -> dict[str, Any]:
    """Promote, and return what came of it."""
    promotion = f"{workflow}-to-{to}"
    await story.call(story.laboratory, ("workflow", workflow, "promote"), {"to": to, "promotion": promotion})
    return await story.laboratory.ask("promotion", "wait", id=promotion)


async def _run(story: Flight, workflow: str) -> dict[str, Any]:
    await story.launch(workflow, workflow, {})
    return await story.laboratory.ask("run", "wait", id=workflow)


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _has(path: Path, keys: Any) -> bool:
    """Say whether a secret stands in a file, as it is or in base64."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # the server has moved it meanwhile
        return False
    forms = [form for key in keys for form in (key.encode(), base64.b64encode(key.encode())[:-4])]
    return any(form in content for form in forms)
