import json
from collections.abc import Callable

from tests.cli.running import Node

Write = Callable[[str], str]


def test_what_is_saved_can_be_got_listed_and_read_back(lab: Node) -> None:
    said = lab.done("resource", "save", "k-one", "--name", "One", "--type", "data", "--label", "team=k")
    assert said.startswith("resource k-one: saved, version 1, message ")
    lab.done("resource", "save", "k-one", "--name", "Uno", "--type", "data", "--set", "attributes.size=3")

    assert lab.json("resource", "get", "k-one")["attributes"] == {"size": 3}
    assert "Uno" in lab.done("resource", "list", "--where", "name=Uno")
    history = lab.json("resource", "history", "k-one")["events"]
    assert [event["body"]["name"] for event in history] == ["One", "Uno"]

    lab.done("resource", "delete", "k-one")
    assert lab.run("resource", "get", "k-one").returncode == 1
    assert len(lab.json("resource", "history", "k-one", "--after", "2")["events"]) == 1


def test_fields_come_from_a_file_from_what_comes_in_and_from_options(lab: Node, write: Write) -> None:
    path = write("{kind: resource, id: k-two, name: Two, type: compute, capacity: 2}")

    lab.done("resource", "save", "k-two", "-f", path, "--set", "capacity=3", "--name", "Deux")
    found = lab.json("resource", "get", "k-two")
    assert (found["name"], found["capacity"]) == ("Deux", 3)

    lab.done(
        "resource", "save", "k-two", "-f", "-", given='{"name": "Zwei", "type": "compute", "capacity": 4}'
    )
    assert lab.json("resource", "get", "k-two")["capacity"] == 4


def test_what_is_got_as_yaml_can_be_applied(lab: Node) -> None:
    lab.done(
        "workflow",
        "save",
        "k-yaml",
        "--name",
        "k yaml",
        "--set",
        "schedule.start=2027-01-01",
        "--label",
        "a=b",
    )
    before = lab.json("workflow", "get", "k-yaml")

    again = lab.done("apply", "-f", "-", given=lab.done("workflow", "get", "k-yaml", "--yaml"))

    assert "nothing to change" in again
    assert lab.json("workflow", "get", "k-yaml") == before


def test_a_change_of_another_version_is_refused_with_the_present_one(lab: Node) -> None:
    lab.done("workspace", "save", "k-ws", "--name", "k-ws")

    ran = lab.run("workspace", "save", "k-ws", "--name", "k-ws-2", "--expect", "7", "--json")

    assert ran.returncode == 1
    outcome = json.loads(ran.stdout)
    assert (outcome["code"], outcome["extra"]["stored"]) == ("version_conflict", 1)
    assert "version_conflict" in ran.stderr


def test_a_message_said_twice_takes_effect_once(lab: Node) -> None:
    words = ("workspace", "save", "k-twice", "--name", "k-twice", "--id", "k-message")

    first, second = lab.json(*words), lab.json(*words)

    assert first == second
    assert first["message"] == "k-message"
    assert len(lab.json("workspace", "history", "k-twice")["events"]) == 1


def test_what_is_not_understood_is_not_sent(lab: Node) -> None:
    for words in (
        ("workflow", "save", "k-bad"),
        ("workflow", "save", "k-bad", "--set", "schedul=1"),
        ("workflow", "save", "k-bad", "--set", "name"),
        ("workflow", "save", "k bad", "--name", "x"),
        ("workflow", "save", "k-bad", "--name", "x", "--on-conflict", "never"),
        ("workflow", "save", "k-bad", "-f", "/nowhere/x.yaml"),
        ("resource", "delete", "elsewhere/x"),
        ("workflow", "list", "--where", "state"),
    ):
        ran = lab.run(*words)
        assert (ran.returncode, ran.stdout) == (2, ""), words
        assert ran.stderr.startswith("covey: "), words
        assert "Traceback" not in ran.stderr
    assert lab.run("workflow", "history", "k-bad").returncode == 1


def test_the_rules_of_the_node_end_with_one(lab: Node) -> None:
    ran = lab.run(
        "workflow",
        "save",
        "k-cron",
        "--name",
        "k",
        "--set",
        "schedule.start=2027-01-01",
        "--set",
        "schedule.cron=x",
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith("covey: workflow k-cron rejected: invalid_schedule: ")


def test_listings_are_filtered_ordered_and_paged(lab: Node) -> None:
    for number in range(5):
        name = f"k-page-{number}"
        lab.done(
            "resource", "save", name, "--name", name, "--type", "storage", "--label", f"odd={number % 2}"
        )
    words = ("resource", "list", "--where", "type=storage", "--order", "-name")

    first = lab.json(*words, "--limit", "2")
    second = lab.json(*words, "--limit", "2", "--cursor", first["cursor"])

    assert [one["id"] for one in first["items"] + second["items"]] == [
        f"k-page-{number}" for number in (4, 3, 2, 1)
    ]
    assert [one["id"] for one in lab.json(*words, "--label", "odd=1")["items"]] == ["k-page-3", "k-page-1"]
    assert len(lab.json(*words, "--limit", "1", "--all")["items"]) == 5
    assert "there is more: --cursor" in lab.run(*words, "--limit", "2").stderr


def test_a_copy_is_read_proposed_to_and_forked_by_the_name_of_its_owner(
    lab: Node, centre: Node, write: Write
) -> None:
    path = write(
        "{kind: workflow, id: k-shared, name: k shared}\n---\n"
        "{kind: shared_workspace, id: k-space, name: k space, peers: [centre], workflows: [k-shared],"
        " rules: [{peer: centre, can: [read, write]}]}"
    )
    with centre.watching("copy.*.stored", "--count", "2"):
        lab.done("apply", "-f", path)
    assert centre.json("workflow", "get", "lab/k-shared")["owner"] == "lab"
    assert lab.json("workflow", "get", "lab/k-shared")["id"] == "k-shared"

    with lab.watching("workflow.k-shared.saved", "--count", "1"):
        centre.done(
            "workflow", "save", "lab/k-shared", "--name", "k shared", "--description", "by the centre"
        )
    assert lab.json("workflow", "get", "k-shared")["description"] == "by the centre"

    centre.done("workflow", "fork", "lab/k-shared", "--into", "k-mine", "--name", "k mine")
    assert centre.run("workflow", "delete", "lab/k-shared").returncode == 2
    assert centre.json("workflow", "history", "lab/k-shared")["events"]


def test_names_cannot_steer_a_terminal(lab: Node) -> None:
    lab.done(
        "resource", "save", "k-evil", "-f", "-", given=r'{"name": "[red]\u001b[2J\u0007", "type": "data"}'
    )

    table = lab.done("resource", "list", "--where", "type=data")
    fields = lab.done("resource", "get", "k-evil")

    assert r"[red]\x1b[2J\x07" in table
    assert "\x1b" not in table + fields
