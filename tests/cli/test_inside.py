"""What is run inside the process of the tests is what people get who type it."""

import re
import subprocess

import pytest

from tests.cli.running import Covey, Node

SAID = "{kind: workspace, id: i-ws, name: i-ws}"
ALIKE: tuple[tuple[str, ...], ...] = (
    (),
    ("--help",),
    ("nonsense",),
    ("workflow",),
    ("apply", "-f", "-"),
    ("apply", "-f", "missing.yaml"),
    ("workspace", "get", "i-ws"),
    ("workspace", "get", "nobody"),
    ("workspace", "list", "--where", "name=i-ws"),
    ("workspace", "history", "i-ws", "--follow", "--count", "1"),
    ("unfreeze-repo", "begin", "i-none", "--repo", "nobody"),
    ("watch", "nothing.>", "--for", "0.1"),
    ("schema", "workflow.save"),
)


@pytest.fixture(scope="module")
def saved(lab: Node) -> None:
    lab.done("workspace", "save", "i-ws", "--name", "i-ws")


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("words", ALIKE, ids=" ".join)
def test_it_says_and_ends_as_a_process_does(lab: Node, words: tuple[str, ...]) -> None:
    inside, outside = lab.run(*words, given=SAID), lab.run_outside(*words, given=SAID)

    assert told(inside) == told(outside)


def told(ran: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """Return how it ended and what it said, without the ids of its messages."""
    out, error = (re.sub(r"\b[0-9a-f]{32}\b", "ID", text) for text in (ran.stdout, ran.stderr))
    return ran.returncode, out, error


def test_a_data_directory_without_a_node_is_the_same_mistake(lab: Node) -> None:
    nobody = Covey(lab.data / "nobody")

    inside, outside = nobody.run("doctor"), nobody.run_outside("doctor")

    assert told(inside) == told(outside)


async def test_it_has_an_event_loop_of_its_own(lab: Node) -> None:
    assert lab.run("workspace", "list").returncode == 0
