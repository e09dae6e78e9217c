"""The edge: what is wrong with a message is found before it is parsed, and names the remedy."""

from __future__ import annotations

import pytest

from bus.keys import seal
from messages import subjects
from messages.envelope import OPERATOR, RETRY, Envelope
from messages.headers import lines
from node.edge import BODY_BYTES_MAX, DEPTH_MAX, VALUES_MAX, Edge, depth
from node.relay import dress_sealed
from store.step import Outgoing

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
    mark = seal(SECRET, "m-1", SUBJECT, claim, b"{}")

    assert code(headers=claim) == "bad_seal"
    assert code(headers=claim | {subjects.SEAL: mark[::-1]}) == "bad_seal"
    assert envelope(headers=claim | {subjects.SEAL: mark}).sender == "peer/centre"
    assert envelope(headers=claim).sender == OPERATOR


@pytest.mark.parametrize("name", [subjects.CAUSE, subjects.CORRELATION, subjects.EXPECT])
@pytest.mark.parametrize(("before", "after"), [("1", "2"), ("1", None), (None, "1")])
def test_nothing_that_is_believed_can_be_changed_under_a_seal(
    name: str, before: str | None, after: str | None
) -> None:
    claim = {subjects.SENDER: "peer/centre", subjects.MESSAGE_ID: "m-1"}
    sealed = claim | ({name: before} if before else {})
    mark = {subjects.SEAL: seal(SECRET, "m-1", SUBJECT, sealed, b"{}")}
    changed = claim | ({name: after} if after else {})

    assert code(headers=sealed | mark) == ""
    assert code(headers=changed | mark) == "bad_seal"
    assert code(headers=sealed | mark, body=b"[]") == "bad_seal"


def test_what_the_relay_seals_passes_the_edge_as_the_broker_delivers_it() -> None:
    headers = {subjects.SENDER: "peer/centre", subjects.CORRELATION: " ä\n", subjects.CAUSE: ""}
    row = Outgoing(
        position=1, lane="CMD", subject=SUBJECT, message="m-1", headers=lines(headers), body=b"{}", at=1
    )

    sent = dress_sealed(SECRET)(row)

    delivered = {name: value.strip() for name, value in sent.headers.items()}
    got = envelope(headers=delivered | {subjects.MESSAGE_ID: sent.id}, body=sent.body)
    assert (got.fault, got.sender, got.correlation) == (None, "peer/centre", "ä")


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
