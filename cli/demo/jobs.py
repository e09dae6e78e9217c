"""The fourth act: jobs of openssl, a routine whose node is killed, and a key that is made at a partner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.demo.smith import PROGRAM, Smith, find
from cli.demo.stage import introduce, stage
from cli.demo.story import documents
from messages.envelope import derive

NAMES = ("laboratory", "centre")
GOOD = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"]
WRONG = ["rand", "-hex", "-base64", "-digest"]
KEYS = ("first", "second", "third")
SCHEDULED_SECONDS = 3
PUBLIC = "public.pem"


async def play(directory: Path, console: Console, checks: list[str]) -> None:
    """Play all scenes in a directory; without openssl there is nothing to play."""
    program = find()
    if not program:
        console.print(f"Left out: this act needs {PROGRAM}, and there is none on the path.")
        return
    console.print("Starting two nodes that run jobs …")
    async with stage(directory, *NAMES) as (laboratory, centre):
        story = Smith(console, checks, laboratory, centre, program)
        for scene in SCENES:
            await scene(story)


async def bring_in(story: Smith) -> None:
    """Import openssl with its flags, and the jobs that are made of them."""
    story.title("openssl is imported: its flags with their rules, commands, jobs and a routine")
    await story.bring_in(story.laboratory, "openssl")
    await story.bring_in(story.laboratory, "keys")
    (program,) = await story.laboratory.items("executable")
    flags = len(program["parameters"])
    story.check(program["tag"] == "openssl - 3", f"{program['tag']} has its {flags} flags", program)
    jobs = {one["id"] for one in await story.laboratory.items("job")}
    story.check({"GenRSA-2048", "GenRSA-4096"} <= jobs, "two jobs share the value RSA", jobs)


async def refuse(story: Smith) -> None:
    """Try a combination of flags that cannot be."""
    story.title("A wrong combination of flags is refused, and shown why")
    assert story.laboratory.client is not None
    story.aside("laboratory", f"command save: openssl {' '.join(WRONG)}")
    body = {"executable": "openssl-3", "flags": WRONG}
    outcome = await story.laboratory.client.call(("command", "Odd", "save"), body)
    faults = outcome.extra.get("faults", [])
    for fault in faults:
        story.console.print(f"  [red]{fault['code']}[/] {fault['detail']}")
    codes = {fault["code"] for fault in faults}
    story.check(
        codes == {"missing_requirement", "interference"}, "all that is wrong is told at once", outcome
    )
    paths = [fault["flags"] for fault in faults]
    story.check(["-digest", "-rawin", "pkeyutl"] in paths, "-digest needs -rawin, and that pkeyutl", paths)
    found = {one["id"] for one in await story.laboratory.items("command")}
    story.check("Odd" not in found, "nothing was saved", found)


async def make(story: Smith) -> None:
    """Run a job, and look at the key."""
    story.title("The job GenRSA-2048 makes a real key")
    told = await story.run("GenRSA-2048", "make-one")
    argv = [story.program, *GOOD]
    story.check(told["argv"] == argv, f"it was started with exactly {' '.join(argv[1:])}", told["argv"])
    story.check(told["status"] == "success", "it has ended well", told)
    (file,) = told["result"]["files"]
    story.aside("laboratory", f"{file['name']}: {file['size']} bytes, kept as {file['sha256'][:12]}…")
    key = await story.fetch("make-one", "key.pem")
    code, said = await story.by_hand(key, "rsa", "-check", "-noout")
    story.check((code, said) == (0, "RSA key ok"), f"openssl rsa -check: {said}", (code, said))
    _, said = await story.by_hand(key, "rsa", "-text", "-noout")
    story.check("2048 bit" in said, "it has 2048 bits", said[:80])


async def routine(story: Smith) -> None:
    """Run the routine, and kill its node in the middle."""
    story.title("A routine makes three keys, signs and verifies; its node is killed (kill -9) in the middle")
    await story.call(story.laboratory, ("routine", "keys", "run"), {"run": "keys-1"})
    await story.follow("keys-1", until="routine_run.step_ended")
    before = _over(await story.laboratory.ask("routine_run", "get", id="keys-1"))
    await story.laboratory.kill()
    story.aside("laboratory", "killed")
    await story.laboratory.start()
    story.aside("laboratory", "started again on the same data")
    await story.follow("keys-1")
    told = await story.laboratory.ask("routine_run", "get", id="keys-1")
    story.check(told["status"] == "success", "the routine has ended as if nothing had happened", told)
    steps = {step["id"]: step for step in told["steps"]}
    again = [id for id, step in before.items() if steps[id] != step]
    story.check(bool(before) and not again, "no finished step was run again", (before, again))
    made = {steps[id]["how"]["files"][0]["sha256"] for id in KEYS}
    story.check(len(made) == len(KEYS), "there are three keys, each another one", made)
    for id in (f"check-{key}" for key in KEYS):
        said = (await story.laboratory.ask("job_run", "get", id=steps[id]["run"]))["result"]
        story.check("RSA key ok" in said["stdout"] + said["stderr"], f"{id}: RSA key ok", said)
    said = (await story.laboratory.ask("job_run", "get", id=steps["verify"]["run"]))["result"]["stdout"]
    story.check("Verified Successfully" in said, f"verify: {said.strip()}", said)


def _over(told: dict[str, Any]) -> dict[str, Any]:
    return {step["id"]: step for step in told["steps"] if step["status"] == "success"}


async def remote(story: Smith) -> None:
    """Have a schedule book compute at the other node, and make a key there."""
    story.title("A schedule books the centre's cluster; the job runs there, and its public key comes back")
    await introduce(story.centre, story.laboratory)
    await story.bring_in(story.centre, "openssl", offered_to=["laboratory"])
    await story.save(story.centre, next(documents("centre.yaml")))
    await story.laboratory.until(
        lambda: story.laboratory.items("resource"), lambda items: len(items) == 1, "the catalogue"
    )
    at = (datetime.now(UTC) + timedelta(seconds=SCHEDULED_SECONDS)).replace(microsecond=0)
    await story.call(story.laboratory, ("workflow", "pair", "save"), _planned(at))
    (execution,) = await story.laboratory.until(
        lambda: story.laboratory.items("execution", workflow="pair"),
        lambda items: items and items[0]["state"] in ("success", "failure"),
        "the end of the execution",
    )
    story.check(execution["state"] == "success", "it has run by itself, inside its booking", execution)
    run = execution["result"]["run"]
    there = await story.centre.ask("job_run", "get", id=derive(f"laboratory/{run}", "job_run"))
    seen = (there["node"], there["execution"], there["status"])
    is_so = seen == ("laboratory", execution["id"], "success")
    story.check(is_so, "the centre has run it on behalf of the laboratory", seen)
    await _look(story, run, execution["result"]["files"])


async def _look(story: Smith, run: str, files: list[dict[str, Any]]) -> None:
    """Fetch the public part, and see where the private one is."""
    digests = {file["name"]: file["sha256"] for file in files}
    key = await story.fetch(run, PUBLIC)
    story.aside("laboratory", f"{PUBLIC}: {len(key)} bytes, as its digest {digests[PUBLIC][:12]}… says")
    code, said = await story.by_hand(key, "pkey", "-pubin", "-noout", "-text")
    is_public = code == 0 and "Public-Key: (2048 bit)" in said
    story.check(is_public, "the public part has come back: 2048 bits", said[:80])
    private = digests["key.pem"]
    story.check(bool(_kept(story.centre.data, private)), "the private key is at the centre", private)
    story.check(not _kept(story.laboratory.data, private), "it has not left it", private)


def _kept(data: Path, digest: str) -> list[Path]:
    return [path for path in data.rglob(digest) if path.is_file()]


def _planned(at: datetime) -> dict[str, Any]:
    given = {"job": "pair-2048", "on": "centre/hpc"}
    return {
        "name": "A pair of keys",
        "definition": {
            "document": {"dsl": "1.0.3", "namespace": "laboratory", "name": "pair", "version": "1.0.0"},
            "do": [{"make": {"call": "job", "with": given}}],
        },
        "resources": {"compute": ["centre/hpc"]},
        "graph": {"items": {"cluster": {"resource": "centre/hpc"}}},
        "schedule": {"start": at.isoformat().replace("+00:00", "Z"), "duration": "PT10M"},
        "schedule_active": True,
    }


SCENES = (bring_in, refuse, make, routine, remote)
