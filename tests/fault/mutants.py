"""Messages that no node may take: valid ones with one thing made wrong, drawn by a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from messages import subjects
from tests.fault.load import compute, forecast
from tests.fault.process import NODE

BODY_BYTES_MAX = 256 * 1024
"""What the node promises to look at."""
VALID: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("resource", "save"): compute("hpc", 3) | {"labels": {"site": "north"}, "attributes": {"gpu": [1, 2]}},
    ("workspace", "save"): {"name": "bench", "description": "Æ\u2028é"},
    ("workflow", "save"): forecast("dawn", "hpc"),
    ("shared_workspace", "save"): {"name": "team", "peers": [], "workflows": []},
}
"""What would change the state if it were not made wrong."""


class Mutant(NamedTuple):
    """One malformed message, as the bytes that go over the wire."""

    subject: bytes
    headers: bytes
    body: bytes


Draft = tuple[str, str, dict[str, Any]]
"""Kind, verb and body of the valid message."""
Mutate = Callable[[Random, Draft], tuple[bytes, dict[str, str], bytes]]


def mutants(seed: int, count: int) -> Iterator[tuple[str, Mutant]]:
    """Yield so many, half of them calls, each with a word for what is wrong with it."""
    random = Random(seed)
    for number in range(count):
        way = random.choice(("cmd", "call"))
        kind, verb = random.choice(list(VALID))
        name, mutate = random.choice(list(MUTATIONS.items()))
        path, headers, body = mutate(random, (kind, verb, json.loads(json.dumps(VALID[kind, verb]))))
        subject = f"covey.{NODE}.{way}.".encode() + path
        yield (
            f"{way} {name}",
            Mutant(subject, _block(name, {subjects.MESSAGE_ID: f"mutant-{number}"} | headers), body),
        )


def _block(name: str, headers: Mapping[str, str]) -> bytes:
    if name == "no headers":
        return b"NATS/1.0"
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode()
    return b"NATS/1.0%b\r\n%b\r\n" % (b" \xff\xfe 4\xc3\x28" if name == "bad status" else b"", lines)


def _path(draft: Draft, id: str = "victim") -> bytes:
    return f"{draft[0]}.{id}.{draft[1]}".encode()


def _body(body: Any) -> bytes:
    return json.dumps(body).encode()


def _with_body(change: Callable[[Random, dict[str, Any]], bytes]) -> Mutate:
    return lambda random, draft: (_path(draft), {}, change(random, draft[2]))


def _cut(random: Random, body: dict[str, Any]) -> bytes:
    text = _body(body)
    return text[: random.randrange(1, len(text))]


def _splice(random: Random, body: dict[str, Any], what: bytes) -> bytes:
    text = _body(body)
    place = random.randrange(len(text) + 1)
    return text[:place] + what + text[place:]


def _wrong_type(random: Random, body: dict[str, Any]) -> bytes:
    field = random.choice([name for name in body if name != "description"])
    values: list[Any] = [1.5, -7, "x", [[]], {"$": {}}, *([None] if field == "name" else [])]
    wrong = [value for value in values if not isinstance(value, type(body[field]))]
    return _body(body | {field: random.choice(wrong)})


def _unknown_field(random: Random, body: dict[str, Any]) -> bytes:
    return _body(
        body | {random.choice(("nam", "Name", "__proto__", "", "type2", "\u0000", "é" * 99)): random.random()}
    )


def _deep(random: Random, body: dict[str, Any]) -> bytes:
    depth = random.choice((33, 100, 5_000, 60_000))
    ways = (
        b'{"name":' + b"[" * depth + b"]" * depth + b"}",
        b'{"a":' * depth + b"1" + b"}" * depth,
        b"[" * depth,
    )
    return random.choice(ways)


def _large(random: Random, body: dict[str, Any]) -> bytes:
    if random.random() < 0.9:
        return _body(body | {"name": "n" * random.randint(201, 9_000)})
    return _body(body | {"name": "n" * random.randint(BODY_BYTES_MAX, BODY_BYTES_MAX + 9_000)})


def _many(random: Random, body: dict[str, Any]) -> bytes:
    return (
        b'{"name":"n","labels":{'
        + b",".join(b'"%d":"x"' % n for n in range(random.choice((300, 26_000))))
        + b',"":1}}'
    )


def _number(random: Random, body: dict[str, Any]) -> bytes:
    huge = random.choice(
        ("1e400", "-1e400", "1" + "0" * 400, "NaN", "Infinity", "-0.0.1", "0x10", "01", "9" * 5_000)
    )
    return _body(body | {"name": "@"}).replace(b'"@"', huge.encode())


def _text(random: Random, body: dict[str, Any]) -> bytes:
    broken = random.choice(
        (
            rb'"\ud800"',
            rb'"\udc00\ud800"',
            rb'"a\ud83dz"',
            b'"\xed\xa0\x80"',
            b'"\xc0\xaf"',
            b'"\x00"',
            rb'"\x41"',
            b'"a\nb"',
            b'"\xff\xfe"',
        )
    )
    return _body(body | {"name": "@"}).replace(b'"@"', broken)


def _twice(random: Random, body: dict[str, Any]) -> bytes:
    return b'{"name":' + random.choice((b"1", b"[]", b"null")) + b"," + _body(body)[1:]


def _scalar(random: Random, body: dict[str, Any]) -> bytes:
    return random.choice(
        (
            b"",
            b"{}",
            b"[]",
            b"null",
            b"0",
            b'"name"',
            b"\xef\xbb\xbf" + _body(body),
            b"\x00",
            b" ",
            _body([body]),
            _body(body) * 2,
        )
    )


def _subject(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    id = random.choice(
        (
            b"a" * 65,
            b"\xff\xfe",
            "é".encode(),
            b"a%2Fb",
            b"$SYS",
            b"a/b",
            b"a.b",
            b"a:b",
            b"'",
            b"\x01",
            b"\\",
        )
    )
    return b"%b.%b.%b" % (draft[0].encode(), id, draft[1].encode()), {}, _body(draft[2])


def _verb(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    verb = random.choice(
        ("sav", "Save", "alarm", "workflow_changed", "rejected", "dead", "saved", "x" * 64, "__class__")
    )
    return f"{draft[0]}.victim.{verb}".encode(), {}, _body(draft[2])


def _internal(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    """Say what only the node itself says."""
    path, body = random.choice(
        (
            (b"booking.hpc.open", {"generation": 9, "capacity": 9}),
            (b"booking.hpc.close", {"generation": 9}),
            (b"workflow.victim.workspace_taken", {"workspace": "w"}),
            (b"peer.lab.connected", {}),
            (b"copy.lab.announce", {"peer": "lab"}),
        )
    )
    return path, {}, _body(body)


def _kind(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    kind = random.choice(("resources", "Resource", "node", "x" * 64, "evt", "__init__"))
    return f"{kind}.victim.save".encode(), {}, _body(draft[2])


def _sender(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    sender = random.choice(("actor", "alarm", "peer/lab", "operators", "é", "peer/../x", "x" * 2_000))
    seal = {} if random.random() < 0.5 else {subjects.SEAL: random.choice(("", "0" * 64, "é", "A" * 43))}
    return _path(draft), {subjects.SENDER: sender} | seal, _body(draft[2])


def _expect(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    wrong = random.choice(("-1", "7777", "1.0", "1e9", "٣", "9" * 400, "RETRY", "0x1", "null", "1 2"))
    return _path(draft), {subjects.EXPECT: wrong}, _body(draft[2])


def _id(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    id = random.choice(("i" * 201, "a\tb", "a\u200bb", "\u202e", "\x7f", "a\x00b")) + str(random.random())
    return _path(draft), {subjects.MESSAGE_ID: id}, _body(draft[2])


def _header(random: Random, draft: Draft) -> tuple[bytes, dict[str, str], bytes]:
    name = random.choice((subjects.CAUSE, subjects.CORRELATION, subjects.TRACEPARENT))
    return _path(draft), {name: "c" * random.randint(513, 5_000)}, _body(draft[2])


MUTATIONS: Mapping[str, Mutate] = {
    "cut": _with_body(_cut),
    "control character": _with_body(lambda random, body: _splice(random, body, b"\x00")),
    "no text": _with_body(lambda random, body: _splice(random, body, b"\xff")),
    "wrong type": _with_body(_wrong_type),
    "unknown field": _with_body(_unknown_field),
    "deep": _with_body(_deep),
    "large": _with_body(_large),
    "many": _with_body(_many),
    "number": _with_body(_number),
    "broken text": _with_body(_text),
    "same key twice": _with_body(_twice),
    "not an object": _with_body(_scalar),
    "bad subject": _subject,
    "unknown verb": _verb,
    "internal": _internal,
    "unknown kind": _kind,
    "forged sender": _sender,
    "bad expectation": _expect,
    "bad id": _id,
    "long header": _header,
    "bad status": _with_body(_cut),
    "no headers": _with_body(_cut),
}
