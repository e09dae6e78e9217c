"""A signature is worth what it covers: nothing of a message can be changed, moved or kept for later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.keys import Key, create_seed
from bus.signing import signed
from messages import subjects
from messages.envelope import NOBODY, OPERATOR, Envelope, micros
from node.edge import Edge
from node.proof import SIGNED_SECONDS, proven

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
SUBJECT = "covey.lab.cmd.workflow.w.launch"
BODY = b'{"run": "r"}'
SENT = {subjects.MESSAGE_ID: "m-1", subjects.EXPECT: "3"}


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return create_seed(tmp_path / "bob.seed")


def arrive(
    headers: dict[str, str], subject: str = SUBJECT, body: bytes = BODY, at: datetime = NOON
) -> Envelope:
    return Edge("lab", b"s" * 32).envelope(subject, headers, body, (lambda: "made", micros(at), 1))


def fault(envelope: Envelope) -> str:
    assert envelope.fault is not None
    assert (envelope.sender, envelope.proof) == (NOBODY, "")
    assert envelope.id not in ("m-1", "m-2")
    return envelope.fault[0]


def test_what_is_signed_stands_for_its_key(key: Key) -> None:
    got = arrive(signed(key, SUBJECT, SENT, BODY, NOON))

    assert (got.fault, got.proof, got.sender, got.expect) == (None, key.public, NOBODY, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((subjects.MESSAGE_ID, "m-2"), (subjects.EXPECT, "4"), (subjects.EXPECT, "retry")),
        *((subjects.SIGNED_AT, "2026-11-28T12:00:01Z"), (subjects.SIGNATURE, "A" * 86)),
        *((subjects.SIGNATURE, ""), (subjects.SIGNER, "U" + "A" * 55), (subjects.SIGNED_AT, "")),
    ],
)
def test_no_header_that_matters_can_be_changed(key: Key, name: str, value: str) -> None:
    assert fault(arrive(signed(key, SUBJECT, SENT, BODY, NOON) | {name: value})) == "bad_signature"


@pytest.mark.parametrize(
    "name",
    [subjects.MESSAGE_ID, subjects.EXPECT, subjects.SIGNER, subjects.SIGNED_AT, subjects.SIGNATURE],
)
def test_no_header_that_matters_can_be_left_out(key: Key, name: str) -> None:
    headers = signed(key, SUBJECT, SENT, BODY, NOON)
    del headers[name]

    assert fault(arrive(headers)) == "bad_signature"


@pytest.mark.parametrize(
    "subject",
    [
        *("covey.lab.call.workflow.w.launch", "covey.lab.cmd.workflow.v.launch"),
        *("covey.lab.cmd.workflow.w.delete", "covey.other.cmd.workflow.w.launch"),
    ],
)
def test_what_is_signed_for_one_subject_is_worth_nothing_on_another(key: Key, subject: str) -> None:
    assert fault(arrive(signed(key, SUBJECT, SENT, BODY, NOON), subject)) == "bad_signature"


@pytest.mark.parametrize("body", [b"", BODY + b" ", b"\n" + BODY, b'{"run": "s"}'])
def test_no_byte_of_the_body_can_be_changed(key: Key, body: bytes) -> None:
    assert fault(arrive(signed(key, SUBJECT, SENT, BODY, NOON), body=body)) == "bad_signature"


def test_a_line_cannot_slip_from_the_headers_into_the_body(key: Key) -> None:
    headers = signed(key, SUBJECT, {subjects.MESSAGE_ID: "m-1"}, b"3\n{}", NOON)

    assert fault(arrive(headers | {subjects.EXPECT: "3"}, body=b"{}")) == "bad_signature"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        *((0, ""), (SIGNED_SECONDS, ""), (-SIGNED_SECONDS, ""), (9 * 24 * 3600, "too_old")),
        *((SIGNED_SECONDS + 1, "too_old"), (-SIGNED_SECONDS - 1, "too_old")),
    ],
)
def test_what_was_signed_is_good_for_a_while(key: Key, seconds: int, code: str) -> None:
    got = arrive(signed(key, SUBJECT, SENT, BODY, NOON), at=NOON + timedelta(seconds=seconds))

    assert (got.fault[0] if got.fault else "") == code


@pytest.mark.parametrize("when", ["yesterday", "2026-11-28T12:00:00", "9999999999", "2026-11-28"])
def test_an_instant_that_is_none_is_too_old(key: Key, when: str) -> None:
    headers = {**SENT, subjects.SIGNER: key.public, subjects.SIGNED_AT: when}
    headers[subjects.SIGNATURE] = key.sign(subjects.signed(SUBJECT, headers, BODY))

    assert fault(arrive(headers)) == "too_old"


def test_a_command_without_an_id_could_be_said_again_and_a_question_may(key: Key) -> None:
    asked = "covey.lab.ask.workflow.list"

    assert fault(arrive(signed(key, SUBJECT, {}, BODY, NOON))) == "bad_signature"
    assert proven(asked, signed(key, asked, {}, b"", NOON), b"", micros(NOON)).of == key.public


def test_the_subject_of_a_user_stands_for_the_user_and_no_header_changes_that(key: Key) -> None:
    said = subjects.spoken("bob", SUBJECT)

    assert said == "covey.lab.as.bob.cmd.workflow.w.launch"
    got = arrive(signed(key, said, SENT, BODY, NOON), said)
    assert (got.proof, got.to.kind, got.to.id, got.verb) == ("as/bob", "workflow", "w", "launch")
    sealed = arrive({**SENT, subjects.SENDER: "actor"}, said)
    assert (sealed.sender, sealed.proof, sealed.fault is None) == (NOBODY, "", False)


def test_what_is_not_signed_is_the_operators() -> None:
    assert (arrive(dict(SENT)).sender, arrive(dict(SENT)).proof) == (OPERATOR, "")
