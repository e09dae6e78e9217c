import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import Covey, Node

Write = Callable[[str], str]
SCHEDULE = "{start: 2027-10-24T00:00:00, end: 2027-10-27T00:00:00, cron: '30 2 * * *', zone: Europe/Paris}"
COMPUTE = "kind: resource\nid: {id}\nname: {id}\ntype: compute\ncapacity: 1\npublic: true\n"
MODEL = "kind: resource\nid: a-wrf\nname: WRF\ntype: processing\n"


def workflow(id: str, compute: str) -> str:
    return f"""\
kind: workflow
id: {id}
name: {id}
resources: {{processing: [a-wrf], compute: [{compute}]}}
graph:
  items: {{model: {{resource: a-wrf}}, cluster: {{resource: {compute}}}}}
  links: [{{source: model, destination: cluster}}]
schedule: {SCHEDULE}
schedule_active: true
"""


def test_documents_are_applied_in_their_order_and_plans_waited_for(lab: Node, write: Write) -> None:
    path = write("---\n".join([COMPUTE.format(id="a-hpc"), MODEL, workflow("a-first", "a-hpc")]))

    ran = lab.run("apply", "-f", path, "--wait")

    assert ran.returncode == 0, ran.stderr
    assert [line.partition(":")[0] for line in ran.stdout.splitlines()] == [
        "resource a-hpc",
        "resource a-wrf",
        "workflow a-first",
    ]
    assert ran.stderr.splitlines()[-1] == "covey: workflow a-first: scheduled"
    assert len(lab.json("execution", "list", "--where", "workflow=a-first")["items"]) == 3
    assert len(lab.json("booking", "get", "a-hpc")["slots"]) == 3

    again = lab.json("apply", "-f", path, "--wait")
    assert [one["plan"] for one in again if one["kind"] == "workflow"] == ["scheduled"]


def test_a_plan_that_is_refused_ends_with_one_and_says_why(lab: Node, write: Write) -> None:
    lab.done("apply", "-f", write("---\n".join([COMPUTE.format(id="a-one"), MODEL])))
    lab.done("apply", "--wait", "-f", write(workflow("a-winner", "a-one")))

    ran = lab.run("apply", "--wait", "-f", write(workflow("a-loser", "a-one")))

    assert ran.returncode == 1
    assert "workflow a-loser: refused; " in ran.stderr


def test_owners_elsewhere_are_waited_for(lab: Node, centre: Node, write: Write) -> None:
    with lab.watching("copy.*.stored", "--count", "1"):
        centre.done("apply", "-f", write(COMPUTE.format(id="a-far")))

    ran = lab.run("apply", "--wait", "-f", write(MODEL + "---\n" + workflow("a-remote", "centre/a-far")))

    assert ran.returncode == 0, ran.stderr
    assert "workflow a-remote: planning, waiting for centre" in ran.stderr
    slots = centre.json("booking", "get", "a-far")["slots"]
    assert {slot["node"] for slot in slots} == {"lab"}
    window = ("--from", "2027-10-24T00:00:00Z", "--to", "2027-10-27T00:00:00Z")
    assert len(lab.json("booking", "freebusy", "centre/a-far", *window)["busy"]) == 3


def test_nothing_is_sent_when_one_document_is_not_understood(lab: Node, write: Write) -> None:
    path = write("{kind: workspace, id: a-ok, name: ok}\n---\n{kind: workspace, id: a-bad, nam: bad}")

    ran = lab.run("apply", "-f", path)

    assert ran.returncode == 2
    assert "document 2 (workspace a-bad)" in ran.stderr
    assert "nam" in ran.stderr
    assert lab.run("workspace", "get", "a-ok").returncode == 1


def test_a_document_that_is_refused_is_named_and_the_others_are_applied(lab: Node) -> None:
    bad = "{kind: workflow, id: a-no, name: n, schedule: {start: 2027-01-01, cron: x}}"
    text = f"{bad}\n---\n{{kind: workspace, id: a-yes, name: y}}"

    ran = lab.run("apply", "-f", "-", "--json", given=text)

    assert ran.returncode == 1
    told = json.loads(ran.stdout)
    assert [(one["document"], one["id"], one["status"]) for one in told] == [
        (1, "a-no", "rejected"),
        (2, "a-yes", "done"),
    ]
    assert "document 1 (workflow a-no): rejected, invalid_" in ran.stderr


def test_explain_tells_what_apply_would_do_and_does_nothing(lab: Node, centre: Node, write: Write) -> None:
    path = write("---\n".join([COMPUTE.format(id="a-dry"), MODEL, workflow("a-told", "a-dry")]))

    told = lab.json("explain", "-f", path)
    shown = lab.done("explain", "-f", path)

    assert len(told["executions"]) == len(told["bookings"]) == 3
    assert {"save", "follow", "hold"} <= {message["verb"] for message in told["messages"]}
    assert not told["conflicts"]
    assert "executions: 3" in shown
    assert "workspace/a-told_ws" in shown
    assert lab.run("workflow", "get", "a-told").returncode == 1


def test_explain_shows_conflicts_before_they_happen(lab: Node, write: Write) -> None:
    lab.done("apply", "-f", write("---\n".join([COMPUTE.format(id="a-busy"), MODEL])))
    lab.done("apply", "--wait", "-f", write(workflow("a-holder", "a-busy")))

    ran = lab.run("explain", "-f", write(workflow("a-late", "a-busy")))

    assert ran.returncode == 1
    assert "conflicts: 3" in ran.stdout


def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tab.yaml"
    file.write_text("kind: workflow\n\tid: w\n")

    ran = Covey(tmp_path).run("apply", "-f", str(file))

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"covey: {file}: document 1 is not YAML or JSON: ")
