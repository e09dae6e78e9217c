"""The edge: what is wrong with a message is found before it is parsed, and names the remedy."""

from __future__ import annotations

import pytest

from bus.keys import seal
from messages import subjects
from messages.envelope import OPERATOR, RETRY, Envelope
from node.edge import BODY_BYTES_MAX, DEPTH_MAX, VALUES_MAX, Edge, depth

SECRET = b"s" * 32
SUBJECT = "covey.lab.cmd.workflow.w.save"


def envelope(subject: str = SUBJECT, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Envelope:
    return Edge("lab", SECRET).envelope(subject, headers or {}, body, (lambda: "made", 7, 2))


def code(**given: object) -> str:
    fault = envelope(**given).fault  # type: ignore[arg-type]  # each test gives one of them
    return fault[0] if fault else ""


def test_a_command_without_headers_gets_an_id_and_its_instant() -> None:
    got = envelope()

    assert (got.id, got.at, got.attempt, got.sender, got.fault) == ("made", 7, 2, OPERATOR, None)
    assert (got.to.kind, got.to.id, got.verb) == ("workflow", "w", "save")


@pytest.mark.parametrize(
    "subject",
    [
        *("covey.lab.cmd.workflow.w", "covey.lab.cmd.workflow.w.save.more", "covey.lab.cmd.workflow.ä.save"),
        *(f"covey.lab.cmd.workflow.{'w' * 65}.save", "covey.lab.cmd.workflow.a b.save"),
    ],
)
def test_a_subject_that_leads_nowhere_is_a_fault(subject: str) -> None:
    assert code(subject=subject) == "invalid_subject"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"x" * BODY_BYTES_MAX, ""),
        (b"x" * (BODY_BYTES_MAX + 1), "too_large"),
        (b"," * VALUES_MAX, ""),
        (b"," * (VALUES_MAX + 1), "too_large"),
        (b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, ""),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "too_deep"),
        (b'{"text": "' + b"[" * 1000 + b'"}', ""),
    ],
)
def test_caps_hold_before_anything_is_parsed(body: bytes, expected: str) -> None:
    assert code(body=body) == expected


def test_depth_is_not_counted_inside_of_text() -> None:
    assert depth(rb'{"a": "\"[[[", "b": [{}]}') == 3


@pytest.mark.parametrize(
    ("text", "expect"), [("0", 0), ("17", 17), ("retry", RETRY), ("-1", None), ("1.5", None), ("x", None)]
)
def test_an_expected_version_is_a_number_or_retry(text: str, expect: int | None) -> None:
    got = envelope(headers={subjects.EXPECT: text})

    assert got.expect == expect
    assert (got.fault is None) == (expect is not None)


def test_a_sender_counts_only_with_our_seal() -> None:
    claim = {subjects.SENDER: "peer/centre", subjects.MESSAGE_ID: "m-1"}
    mark = seal(SECRET, "m-1", SUBJECT, "peer/centre")

    assert code(headers=claim) == "bad_seal"
    assert code(headers=claim | {subjects.SEAL: mark[::-1]}) == "bad_seal"
    assert envelope(headers=claim | {subjects.SEAL: mark}).sender == "peer/centre"
    assert envelope(headers=claim).sender == OPERATOR


@pytest.mark.parametrize("name", [subjects.CAUSE, subjects.CORRELATION, subjects.TRACEPARENT])
def test_headers_that_are_passed_on_are_short(name: str) -> None:
    got = envelope(headers={name: "x" * 513})

    assert got.fault is not None
    assert got.fault[0] == "invalid_header"
    assert (got.cause, got.correlation, got.traceparent) == ("", "", "")


@pytest.mark.parametrize("id", ["x" * 201, "a\nb", "\x00"])
def test_an_id_that_cannot_be_kept_is_a_fault(id: str) -> None:
    got = envelope(headers={subjects.MESSAGE_ID: id})

    assert got.id == "made"
    assert got.fault is not None
