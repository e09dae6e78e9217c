"""A history that is followed shows every version once, whatever happens meanwhile."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cli.client import connected
from cli.follow import Following, Part
from messages import subjects
from messages.base import encode
from tests.cli.running import Node, start, up

WRITES = 150
PAGE = 7
AT_A_TIME = 5
SECONDS = 60.0


@contextmanager
def following(node: Node, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a follower once it has begun to listen."""
    kind, *rest = words
    with start(kind, "history", *rest, "--follow", COVEY_DATA=str(node.data)) as process:
        try:
            assert process.stderr is not None
            assert "following" in process.stderr.readline()
            yield process
        finally:
            process.kill()


def versions(process: subprocess.Popen[str]) -> list[int]:
    told, _ = process.communicate(timeout=SECONDS)
    return [json.loads(line)["version"] for line in told.splitlines()]


def save(node: Node, id: str, name: str) -> None:
    node.done("workspace", "save", id, "--name", name)


def test_what_happens_is_shown_behind_what_has_happened(lab: Node) -> None:
    save(lab, "f-one", "f-1")
    with following(lab, "workspace", "f-one", "--count", "3") as process:
        save(lab, "f-one", "f-2")
        save(lab, "f-other", "f-other")
        save(lab, "f-one", "f-3")

        told, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0
    assert [line.split()[0] for line in told.splitlines()] == ["1", "2", "3"]
    assert [line.split()[2] for line in told.splitlines()] == ["workspace.saved"] * 3


def test_a_line_followed_is_what_the_history_tells(lab: Node) -> None:
    save(lab, "f-same", "f-same-1")
    with following(lab, "workspace", "f-same", "--json", "--count", "2") as process:
        save(lab, "f-same", "f-same-2")
        told, _ = process.communicate(timeout=SECONDS)

    assert [json.loads(line) for line in told.splitlines()] == lab.json("workspace", "history", "f-same")[
        "events"
    ]


def test_what_is_not_there_yet_is_waited_for(lab: Node) -> None:
    with following(lab, "workspace", "f-later", "--json", "--count", "1") as process:
        save(lab, "f-later", "f-later")

        assert versions(process) == [1]


def test_only_what_is_later_is_shown_and_what_is_later_than_all_is_refused(lab: Node) -> None:
    for number in range(4):
        save(lab, "f-after", f"f-after-{number}")

    told = lab.done("workspace", "history", "f-after", "--follow", "--after", "2", "--count", "2", "--json")
    refused = lab.run("workspace", "history", "f-after", "--follow", "--after", "9")

    assert [json.loads(line)["version"] for line in told.splitlines()] == [3, 4]
    assert (refused.returncode, "unknown_version" in refused.stderr) == (1, True)


def test_following_ends_with_zero_when_interrupted_or_its_time_is_up(lab: Node) -> None:
    save(lab, "f-ends", "f-ends")
    with following(lab, "workspace", "f-ends") as process:
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=SECONDS)

    assert (process.returncode, complaints) == (0, "")
    assert "workspace.saved" in told
    assert lab.run("workspace", "history", "f-ends", "--follow", "--for", "0.5").returncode == 0


def test_following_ends_when_what_is_deleted_is_hidden(lab: Node) -> None:
    words = ("--registry-id", "f", "--global-root", "/f", "--host", "h", "--host-root", "/f")
    lab.done("du-root", "begin", "f-gone", *words)
    lab.done("du-root", "commit", "f-gone")
    with following(lab, "du-root", "f-gone", "--json") as process:
        lab.done("du-root", "history", "f-gone", "--follow", "--count", "3", "--for", "20")
        lab.done("du-root", "delete", "f-gone")

        assert versions(process) == [1, 2, 3, 4]


def test_a_history_of_many_pages_is_told_whole(lab: Node) -> None:
    asyncio.run(write(lab.data, "f-many", range(1, 1203)))

    whole = lab.json("workspace", "history", "f-many", "--limit", "5000")["events"]
    part = lab.run("workspace", "history", "f-many", "--limit", "600")

    assert [event["version"] for event in whole] == list(range(1, 1203))
    assert "there is more: --after 600" in part.stderr


async def write(data: Path, id: str, numbers: range) -> None:
    """Change an entity once for each number, a few at a time, on a connection of its own."""
    async with connected(data, SECONDS) as node:

        async def change(number: int) -> None:
            outcome = await node.call(("workspace", id, "save"), {"name": f"{id}-{number}"})
            assert outcome.status == "done", outcome

        for first in numbers[::AT_A_TIME]:
            part = range(first, min(first + AT_A_TIME, numbers.stop))
            await asyncio.gather(*map(change, part))


@pytest.mark.parametrize("after", [0, 40])
def test_no_version_is_missed_or_shown_twice_while_others_write(lab: Node, after: int) -> None:
    async def follow() -> list[int]:
        seen: list[int] = []
        async with connected(lab.data, SECONDS) as node:
            await write(lab.data, f"f-race-{after}", range(50))
            part = Part(after, WRITES - after, PAGE)
            async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
                group.create_task(write(lab.data, f"f-race-{after}", range(50, WRITES)))
                await Following(
                    node, ("workspace", f"f-race-{after}"), part, lambda row: seen.append(row["version"])
                ).run()
        return seen

    assert asyncio.run(follow()) == list(range(after + 1, WRITES + 1))


def test_following_goes_on_over_a_killed_and_restarted_node(tmp_path: Path) -> None:
    with up(tmp_path / "lab", "lab") as node:
        save(node, "one", "before")
        process = start("workspace", "history", "one", "--follow", "--json", COVEY_DATA=str(node.data))
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["version"] == 1
        # written and not answered: what is published of it is up to the next life of the node
        asyncio.run(shout(node.data, range(20)))
        node.process.kill()
        node.process.wait()
    with process, up(tmp_path / "lab", "lab") as node:
        try:
            save(node, "one", "after")
            last = node.json("workspace", "get", "one")["version"]

            seen = [json.loads(process.stdout.readline())["version"] for _ in range(last - 1)]
        finally:
            process.kill()

    assert seen == list(range(2, last + 1))


async def shout(data: Path, numbers: range) -> None:
    async with connected(data, SECONDS) as node:
        for number in numbers:
            body: dict[str, Any] = {"name": f"shouted-{number}"}
            subject = subjects.call(node.node, "workspace", "one", "save")
            with suppress(TimeoutError):
                await node.bus.request(subject, encode(body), {}, 0.01)
