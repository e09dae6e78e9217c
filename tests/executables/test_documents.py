"""A document is imported whole or not at all, and every fault of it is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.jobs.executable import slug
from cli import documents
from cli.importing import judged
from cli.interchange import carrying
from tests.cli.running import ROOT
from tests.executables.broken import BASE, BROKEN, Change, Faults, changed
from tests.executables.imported import faults_of, had
from tests.executables.world import GEN, OPENSSL, RSA, without
from tests.executables.world import changed as with_parameter


def test_the_document_that_is_broken_below_has_no_fault() -> None:
    assert faults_of(BASE) == []
    assert len(BROKEN) >= 50


@pytest.mark.parametrize(("change", "faults"), BROKEN)
def test_a_broken_document_is_refused_with_every_fault(change: Change, faults: Faults) -> None:
    found = faults_of(changed(change))

    assert sorted(found) == sorted((code, at.replace("/x/y", "/x~1y")) for code, at in faults)


@pytest.mark.parametrize("value", [None, 7, "text", [1], [[]]])
def test_what_is_no_document_is_refused(value: Any) -> None:
    assert faults_of(value)


@pytest.mark.parametrize("document", [{}, {"executables": []}, []])
def test_an_empty_document_saves_nothing(document: Any) -> None:
    assert judged(document, {}, "here") == ([], [], set())


def test_what_is_used_may_stand_behind_who_uses_it() -> None:
    turned = {name: list(reversed(BASE[name])) for name in ("jobs", "commands", "executables")}
    turned["executables"] = [OPENSSL | {"parameters": OPENSSL["parameters"][::-1]}]

    assert faults_of(turned) == []


def test_what_the_node_has_counts() -> None:
    have = had(BASE)

    assert faults_of({"jobs": [{"id": "other", **RSA}]}, have) == []
    assert faults_of({"commands": [{"id": "c", **GEN, "name": "GenRSA"}]}, have) == [
        ("already_exists", "/commands/0/name")
    ]
    assert faults_of({"executables": [without("-pkeyopt")]}, have) == [("in_use", "/executables/0")]
    narrower = with_parameter("-pkeyopt", value_type="int")
    assert faults_of({"executables": [narrower]}, have) == [("in_use", "/executables/0")]
    shorter = {"id": "GenRSA", **GEN, "flags": ["genpkey"]}
    assert set(faults_of({"commands": [shorter]}, have)) == {("in_use", "/commands/0")}


def test_a_tag_that_another_has_the_slug_of_is_refused() -> None:
    spelt = OPENSSL | {"tag": "openssl - 3-0"}

    assert faults_of({"executables": [spelt]}, had(BASE)) == [("already_exists", "/executables/0/tag")]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
names = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)


@st.composite
def generated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document without a fault: rules lead from later flags to earlier ones."""
    flags = draw(
        st.lists(st.from_regex(r"--?[a-z]{1,4}", fullmatch=True), unique=True, min_size=1, max_size=6)
    )
    parameters = [
        {
            "flag": flag,
            "description": draw(texts),
            "requires_value": (value := draw(st.booleans())),
            "value_type": "string" if value else "none",
            "allows_dash": draw(st.booleans()),
            "requires": draw(st.lists(st.sampled_from(flags[:place]), max_size=2)) if place else [],
            "behind": draw(st.lists(st.sampled_from(flags[:place]), max_size=2)) if place else [],
            "scales": draw(st.dictionaries(st.just("load"), st.integers(0, 1))),
        }
        for place, flag in enumerate(flags)
    ]
    executable = {
        "tag": f"{draw(names)} - {draw(names)}",
        "path": "/bin/" + draw(names),
        "scales": {"load": 10},
        "labels": draw(st.dictionaries(names, texts, max_size=2)),
        "parameters": parameters,
    }
    values = {
        one["flag"]: draw(texts.filter(lambda text: not text.startswith("-")))
        for one in parameters
        if one["requires_value"]
    }
    return {
        "executables": [executable],
        "commands": [
            {"id": "all", "executable": slug(executable["tag"]), "flags": draw(st.permutations(flags))}
        ],
        "jobs": [
            {
                "id": id,
                "command": "all",
                "values": values,
                "description": draw(texts),
                "environment": {"A": draw(texts)},
            }
            for id in draw(st.lists(names, unique=True, max_size=3))
        ],
    }


@settings(max_examples=100, deadline=None)
@given(generated())
def test_what_was_exported_is_imported_as_the_same(document: dict[str, Any]) -> None:
    have = had(document)

    exported = carrying.document(have)

    assert had(exported) == have
    assert carrying.document(had(exported)) == exported


@pytest.mark.parametrize("name", ["openssl", "nmap", "masscan"])
def test_the_examples_have_no_fault(name: str) -> None:
    path = str(ROOT / "examples" / "programs" / f"{name}.yaml")

    have = had(documents.value(documents.read(path), path))

    assert had(carrying.document(have)) == have


def test_an_example_that_is_made_of_another_has_no_fault_beside_it() -> None:
    read = [
        documents.value(documents.read(path), path)
        for path in (str(ROOT / "examples" / "programs" / f"{name}.yaml") for name in ("openssl", "keys"))
    ]
    both = {name: [*read[0].get(name, []), *read[1].get(name, [])] for name in (*read[0], *read[1])}
    both["format"] = read[0]["format"]

    have = had(both)

    assert had(carrying.document(have)) == have
    assert ("routine", "keys") in have


ROUTINE = {"id": "r", "steps": [{"id": "a", "job": "hush"}, {"job": "GenRSA-2048"}]}


def test_a_routine_goes_out_and_in_with_the_jobs_that_it_is_made_of() -> None:
    have = had(BASE | {"routines": [ROUTINE]})

    told = carrying.document(have)

    assert told["routines"] == [{"id": "r", "steps": [{"id": "a", "job": "hush"}, {"job": "GenRSA-2048"}]}]
    assert had(told) == have


@pytest.mark.parametrize(
    ("steps", "faults"),
    [
        ([{"job": "no"}, {"job": "none"}], [("unknown_job", "/0/job"), ("unknown_job", "/1/job")]),
        ([{"job": "hush", "needs": ["x", "y"]}], [("unknown_step", f"/0/needs/{n}") for n in (0, 1)]),
        ([{"job": "hush", "needs": ["hush"]}], [("routine_cycle", "")]),
        ([{"job": "hush", "takes": {"../k": "x/k"}}], [(code, "/0/takes/..~1k") for code in
          ("invalid_path", "unknown_step")]),
        ([{"job": "hush", "retries": -1}, {"jobs": "hush"}],
         [("invalid_message", "/0/retries"), ("invalid_message", "/1"), ("invalid_message", "/1/jobs")]),
        ([{"id": "a", "job": "hush"}, {"id": "a", "job": "no"}],
         [("duplicate_step", "/1/id"), ("unknown_job", "/1/job")]),
        ([], [("invalid_message", "")]),
    ],
)  # fmt: skip
def test_every_fault_of_a_routine_is_told(steps: list[Any], faults: list[tuple[str, str]]) -> None:
    found = faults_of(BASE | {"routines": [{"id": "r", "steps": steps}]})

    assert sorted(found) == sorted((code, f"/routines/0/steps{at}") for code, at in faults)
