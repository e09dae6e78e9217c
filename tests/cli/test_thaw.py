"""Data in a repository, thawed by one word; what a file server does is typed here."""

import pytest

from tests.cli.running import Node, start

BY = {"COVEY_AUTHOR_NAME": "Ada", "COVEY_AUTHOR_EMAIL": "ada@lab.example"}


@pytest.fixture(scope="module", autouse=True)
def frozen(lab: Node) -> None:
    """A repository that is frozen, and data in it."""
    lab.done("registry", "init", "t-reg", "--name", "T")
    lab.done(
        "registry", "init-root", "t-reg", "--global-root", "/t", "--host", "files", "--host-root", "/srv"
    )
    lab.done("registry", "init-repo", "t-reg", "--repo", "t-repo", "--global-path", "/t/repo")
    lab.done("repo", "history", "t-repo", "--follow", "--count", "1", "--for", "20")
    lab.run("freeze-repo", "begin", "t-freeze", "--repo", "t-repo", **BY)
    files(lab, "freeze-repo", "t-freeze")
    assert lab.json("freeze-repo", "wait", "t-freeze", "--for", "20")["code"] == 0
    lab.done("resource", "save", "t-data", "--name", "t-data", "--type", "data", "--set", "repo=t-repo")


def files(lab: Node, noun: str, workflow: str) -> None:
    """Do what a file server does."""
    lab.done(noun, "history", workflow, "--follow", "--count", "2", "--for", "20")
    lab.done(noun, "commit-files", workflow)


def test_explain_names_the_remedy_and_the_remedy_helps(lab: Node) -> None:
    document = "{kind: workflow, id: t-flow, name: t-flow, resources: {data: [t-data]}}"
    told = lab.json("explain", "-f", "-", given=document)
    assert told["data"] == [{"resource": "t-data", "repo": "t-repo", "tier": "frozen"}]
    assert "covey resource thaw t-data" in lab.done("explain", "-f", "-", given=document)

    begun = lab.run("resource", "thaw", "t-data", "--no-wait", **BY)
    assert begun.returncode == 0, begun.stderr
    workflow = lab.json("resource", "get", "t-data")["thawing"]
    assert f"covey unfreeze-repo wait {workflow}" in begun.stderr
    with start("resource", "thaw", "t-data", COVEY_DATA=str(lab.data), **BY) as waiting:
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
        files(lab, "unfreeze-repo", workflow)
        shown, said = waiting.communicate(timeout=60)

    assert waiting.returncode == 0, said
    assert f"unfreeze-repo {workflow}: " in shown
    assert lab.json("repo", "get", "t-repo")["tier"] == "online"
    assert lab.json("explain", "-f", "-", given=document)["data"] == []
    again = lab.run("resource", "thaw", "t-data", **BY)
    assert (again.returncode, "nothing to change" in again.stdout) == (0, True)


def test_data_in_no_repository_are_refused_and_those_of_a_peer_are_a_mistake(lab: Node) -> None:
    lab.done("resource", "save", "t-loose", "--name", "t-loose", "--type", "data")

    loose = lab.run("resource", "thaw", "t-loose", **BY)
    foreign = lab.run("resource", "thaw", "centre/t-data", **BY)

    assert (loose.returncode, "invalid_resource" in loose.stderr) == (1, True)
    assert (foreign.returncode, "only centre can thaw it" in foreign.stderr) == (2, True)
