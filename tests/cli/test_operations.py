import json
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.connection import connect
from bus.publisher import Outbound
from cli.errors import Failed, Mistake
from messages import subjects
from node.home import Endpoint
from tests.cli.commands import APP, verbs
from tests.cli.running import Covey, Node, start, up


async def publish(node: Node, subject: str, body: bytes) -> None:
    endpoint = Endpoint(**json.loads((node.data / "endpoint.json").read_text()))
    async with await connect(endpoint.nats_url, name="test", seed_path=Path(endpoint.nkey_seed_file)) as bus:
        await bus.publish([Outbound(subject, uuid.uuid4().hex, {}, body)])


async def bury(node: Node, id: str, body: bytes) -> int:
    """Leave a dead letter and return its position."""
    with node.watching(f"workspace.{id}.dead", "--count", "1"):
        await publish(node, subjects.command("lab", "workspace", id, "save"), body)
    found = node.json("dlq", "list")["items"]
    return int(next(one["position"] for one in found if id in one["subject"]))


async def test_dead_letters_are_listed_shown_tried_again_and_given_up(lab: Node) -> None:
    position = str(await bury(lab, "d-one", b'{"nam": "x"}'))

    assert "invalid_message" in lab.done("dlq", "list")
    assert lab.json("dlq", "show", position)["body"] == '{"nam": "x"}'
    assert lab.run("doctor").returncode == 1
    assert lab.run("dlq", "retry", position).returncode == 1
    for one in lab.json("dlq", "list")["items"]:
        lab.done("dlq", "discard", str(one["position"]))
    assert lab.run("dlq", "discard", position).returncode == 1
    assert lab.json("dlq", "list")["items"] == []
    assert lab.json("dlq", "list", "--state", "discarded")["items"]


def test_a_node_that_is_well_ends_with_zero(lab: Node) -> None:
    ran = lab.run("doctor", "--json")

    told = json.loads(ran.stdout)
    checks = {check["check"]: check for check in told["checks"]}
    assert {"versions", "disk", "pragmas", "sync_always", "streams", "dead letters", "unsent"} <= set(checks)
    assert {checks[name]["status"] for name in ("pragmas", "sync_always", "streams", "unsent")} == {"ok"}
    assert "synchronous full" in checks["pragmas"]["detail"]
    assert told["exit"] == ran.returncode


def test_peers_are_listed_paused_resumed_and_asked_for_their_backlog(lab: Node, centre: Node) -> None:
    assert [peer["id"] for peer in lab.json("peer", "list")["items"]] == ["centre"]

    lab.done("peer", "pause", "centre")
    assert lab.json("peer", "get", "centre")["state"] == "paused"
    lab.done("peer", "resume", "centre")
    assert lab.json("peer", "get", "centre")["state"] == "partner"

    assert {"unacknowledged", "last_contact"} <= set(lab.json("peer", "backlog", "centre"))
    assert lab.run("peer", "block", "nobody").returncode == 1


@pytest.mark.parametrize("token", ["nonsense", "covey1-AAAA", ""])
def test_a_token_that_is_not_whole_is_refused(lab: Node, token: str) -> None:
    ran = lab.run("peer", "accept", "-", given=token)

    assert ran.returncode in (1, 2)
    assert ran.stderr.startswith("covey: ")


def test_an_invitation_is_for_one_node(lab: Node, centre: Node) -> None:
    token = lab.json("peer", "invite", "observatory")["token"]

    ran = centre.run("peer", "accept", token)

    assert ran.returncode == 1
    assert "misaddressed" in ran.stderr


def test_a_context_is_written_for_the_tools_of_nats(lab: Node, tmp_path: Path) -> None:
    ran = lab.run("context", "--select", "--json", XDG_CONFIG_HOME=str(tmp_path))

    path = tmp_path / "nats" / "context" / "covey-lab.json"
    assert json.loads(ran.stdout) == {"name": "covey-lab", "path": str(path), "selected": True}
    written = json.loads(path.read_text())
    assert written == json.loads(lab.done("context", "--print"))
    assert Path(written["nkey"]).exists()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "nats" / "context.txt").read_text() == "covey-lab"


@pytest.fixture(scope="module")
def first(lab: Node) -> None:
    lab.done("workspace", "save", "j-first", "--name", "j-first", "--id", "j-first")


SPOKEN: dict[tuple[str, ...], tuple[str, ...]] = {
    ("apply",): ("-f", "-"),
    ("explain",): ("-f", "-"),
    ("watch",): ("nothing.>", "--for", "0.1"),
    ("trace",): ("j-first",),
    ("doctor",): (),
    ("context",): ("--print",),
    ("schema",): ("workflow.save",),
    ("dlq", "list"): (),
    ("peer", "invite"): ("j-guest",),
    ("run", "wait"): ("7", "--timeout", "0.5"),
    ("user", "key"): ("/dev/null",),
}
"""What is added to a verb so that it answers."""
GIVEN = "{kind: workspace, id: j-ws, name: j-ws}"
NOT_ASKED = {("up",), ("demo",)}


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("words", sorted(set(verbs()) - NOT_ASKED), ids=" ".join)
def test_with_json_every_verb_answers_in_json_or_says_why_not(lab: Node, words: tuple[str, ...]) -> None:
    takes_more = words[-1] not in ("list",) and words not in SPOKEN
    more = SPOKEN.get(words, ("7",) if takes_more else ())

    ran = CliRunner().invoke(APP, [*words, *more, "--json"], input=GIVEN, env={"COVEY_DATA": str(lab.data)})

    if ran.stdout:
        json.loads(ran.stdout)
    else:
        assert words == ("watch",) or ran.exit_code == 2 or isinstance(ran.exception, Mistake | Failed)


def test_a_stalled_answer_says_how_to_say_it_again(tmp_path: Path) -> None:
    with up(tmp_path, "lab") as node:
        node.process.send_signal(19)  # SIGSTOP: it takes the message in and does not answer
        try:
            ran = node.run("workspace", "save", "x", "--name", "x", "--id", "once", "--timeout", "0.5")
        finally:
            node.process.send_signal(18)

    assert ran.returncode == 1
    assert "say it again with --id once" in ran.stderr


def test_a_server_of_ones_own_needs_no_more_than_its_url(tmp_path: Path) -> None:
    process = start(
        "up",
        "--node",
        "lab",
        "--data",
        str(tmp_path),
        "--nkey",
        str(tmp_path / "none"),
        "--nats",
        "nats://127.0.0.1:1",
    )

    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert told.splitlines()[-1].startswith("covey: the node cannot start: ")
    assert Covey(tmp_path).run("doctor").returncode == 2
