import json
import signal

import pytest

from cli.trace import parents
from messages.envelope import derive
from tests.cli.running import Node, start


def test_events_are_shown_as_they_happen_and_only_those_wanted(lab: Node) -> None:
    with lab.watching("--kind", "workspace", "--id", "t-one", "--count", "2", "--json") as shown:
        lab.done("workspace", "save", "t-other", "--name", "t-other")
        lab.done("workspace", "save", "t-one", "--name", "t-one")
        lab.done("workspace", "delete", "t-one")

    told = [json.loads(line) for line in shown]
    assert [(one["type"], one["version"]) for one in told] == [
        ("workspace.saved", 1),
        ("workspace.deleted", 2),
    ]


def test_one_cascade_can_be_watched(lab: Node) -> None:
    with lab.watching("--correlation", "t-cascade", "--count", "2") as shown:
        lab.done("workspace", "save", "t-noise", "--name", "t-noise")
        lab.done("workflow", "save", "t-flow", "--name", "t-flow", "--id", "t-cascade")

    assert [line.split()[1:3] for line in shown] == [
        ["workflow.saved", "workflow/t-flow"],
        ["workspace.followed", "workspace/t-flow_ws"],
    ]


def test_watching_ends_with_zero_when_interrupted(lab: Node) -> None:
    with start("watch", COVEY_DATA=str(lab.data)) as process:
        assert process.stderr is not None
        assert "listening" in process.stderr.readline()

        process.send_signal(signal.SIGINT)

        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


@pytest.mark.parametrize("subject", ["foo bar", "workflow..saved", ".", "covey.lab.evt.a b"])
def test_what_is_no_subject_is_a_mistake(lab: Node, subject: str) -> None:
    ran = lab.run("watch", subject, "--for", "1")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert (
        ran.stderr == f"covey: {subject!r} is no subject; write it like 'workflow.*.saved', or 'workflow.>'\n"
    )


def test_watching_ends_after_its_time(lab: Node) -> None:
    assert lab.run("watch", "nothing.>", "--for", "0.2").returncode == 0


def test_a_trace_is_a_tree_with_times_and_refusals(lab: Node) -> None:
    with lab.watching("--correlation", "t-trace", "--count", "2"):
        lab.done("workflow", "save", "t-traced", "--name", "t-traced", "--id", "t-trace")

    shown = lab.done("trace", "t-trace")
    told = lab.json("trace", "t-trace")["messages"]

    assert shown.splitlines()[1].startswith("└── workflow.save t-traced  +0.0 ms")
    assert shown.splitlines()[2].startswith("    └── workspace.follow t-traced_ws  +")
    assert told[1]["parent"] == "t-trace"
    assert told[1]["since_parent_ms"] > 0

    lab.run("workflow", "save", "t-traced-2", "--name", "t-traced", "--id", "t-refused")
    assert "already_exists" in lab.done("trace", "t-refused")
    assert lab.run("trace", "nobody-said-this").returncode == 1


def test_what_a_peer_answered_hangs_under_what_was_said_to_it() -> None:
    said = derive("first", 3)
    at_the_peer = derive(f"lab/{said}", 0)
    rows = [
        {"id": "first", "cause": "", "kind": "workflow", "verb": "save"},
        {"id": derive(said, "send"), "cause": "first", "kind": "peer", "verb": "send"},
        {"id": "answer", "cause": derive(at_the_peer, 1), "kind": "workflow", "verb": "held"},
        {"id": "stranger", "cause": "unheard-of", "kind": "workflow", "verb": "held"},
    ]

    assert parents("lab", rows) == {
        "first": "",
        derive(said, "send"): "first",
        "answer": derive(said, "send"),
        "stranger": "first",
    }
