"""The NATS subject grammar and the headers. No other file spells either.

============================================  ====================================================
``covey.<node>.cmd.<kind>.<id>.<verb>``       a command, durable; the payload is its JSON body
``covey.<node>.call.<kind>.<id>.<verb>``      the same command; the reply is its outcome
``covey.<node>.ask.<kind>.<query>``           a question to a kind; the reply is the answer
``covey.<node>.ask.<kind>.<id>.<query>``      a question to one entity
``covey.<node>.evt.<kind>.<id>.<event>``      what happened
``covey.<node>.task.<queue>``                 work for workers
``covey.<node>.in.<anything>``                 a CloudEvent from outside, durable
``covey.<node>.out.<peer>``                   what this node says to one peer, signed
``covey.<node>.as.<user>.<what>.…``            a cmd, call or ask, by a user whom the server vouches for
``covey.<node>.http.<method> <target>``       no subject: what a signed request over HTTP is signed as
``covey.<node>.meet``                         an invited node says who it is, in its own account
============================================  ====================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMAND = re.compile(r"covey\.[^.]+\.(?:cmd|call)\.({0})\.({0})\.({0})".replace("{0}", TOKEN.pattern))
_AS = re.compile(r"(covey\.[^.]+)\.as\.([^.]+)\.(.*)", re.DOTALL)

MESSAGE_ID = "Nats-Msg-Id"
CE_ID = "ce-id"
CE_SOURCE = "ce-source"
CE_TYPE = "ce-type"
CE_TIME = "ce-time"
CE_SUBJECT = "ce-subject"
CE_VERSION = "ce-specversion"
TRACEPARENT = "traceparent"
CAUSE = "covey-cause"
CORRELATION = "covey-correlation"
EXPECT = "covey-expect"
ENTITY_VERSION = "covey-version"
SENDER = "covey-sender"
SEAL = "covey-seal"
"""Proves that a message on our bus which names a sender was written by this node's own relay."""
SIGNATURE = "covey-signature"
"""An Ed25519 signature, base64url: over the exact bytes for a peer, over ``signed`` of a user's message."""
SIGNER = "covey-signer"
"""The public key of the user who has signed a command or a question."""
SIGNED_AT = "covey-signed-at"
"""When that was, RFC 3339 in UTC."""


class Destination(NamedTuple):
    """Where a command was sent to."""

    kind: str
    id: str
    verb: str


class Question(NamedTuple):
    """What a question is about; ``id`` is empty for a question to the whole kind."""

    kind: str
    id: str
    query: str


def signed(subject: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return what a user signs: five lines, and the exact body. What is not there is an empty line."""
    told = ["covey-1", subject, *[headers.get(name, "").strip() for name in (MESSAGE_ID, SIGNED_AT, EXPECT)]]
    return "\n".join([*told, ""]).encode() + body


def speaker(subject: str) -> str:
    """Return the id of the user on whose own subject something is said, or nothing."""
    found = _AS.fullmatch(subject)
    return found.group(2) if found else ""


def every_of(node: str, user: str, what: str = "") -> str:
    """Name all subjects of a user whom the server vouches for; ``*`` is any user, ``>`` all of all."""
    return f"covey.{node}.as.{user}.{what}.>" if what else f"covey.{node}.as.{user}"


def plain(subject: str) -> str:
    """Return what a subject is without the user on whose own subject it is said."""
    found = _AS.fullmatch(subject)
    return f"{found.group(1)}.{found.group(3)}" if found else subject


def spoken(user: str, subject: str) -> str:
    """Name the subject on which a user whom the server vouches for says what goes to a subject."""
    _, node, rest = subject.split(".", 2)
    return f"covey.{node}.as.{user}.{rest}"


def what(subject: str) -> str:
    """Return which sort of subject it is: ``cmd``, ``call``, ``ask``, …"""
    return (plain(subject).split(".", 3) + [""] * 3)[2]


def is_token(text: str) -> bool:
    """Say whether the text may be one token of a subject."""
    return TOKEN.fullmatch(text) is not None


def command(node: str, kind: str, id: str, verb: str) -> str:
    """Name the subject on which an entity takes a durable command."""
    return f"covey.{node}.cmd.{kind}.{id}.{verb}"


def call(node: str, kind: str, id: str, verb: str) -> str:
    """Name the subject on which an entity takes a command and replies with its outcome."""
    return f"covey.{node}.call.{kind}.{id}.{verb}"


def ask(node: str, kind: str, query: str, id: str = "") -> str:
    """Name the subject of a question."""
    return f"covey.{node}.ask.{kind}.{id}.{query}" if id else f"covey.{node}.ask.{kind}.{query}"


def event(node: str, kind: str, id: str, name: str) -> str:
    """Name the subject on which an entity tells what happened to it."""
    return f"covey.{node}.evt.{kind}.{id}.{name}"


def task(node: str, queue: str) -> str:
    """Name the subject of a queue of work."""
    return f"covey.{node}.task.{queue}"


def incoming(node: str, name: str) -> str:
    """Name a subject on which a node hears CloudEvents from outside; ``name`` may have more tokens."""
    return f"covey.{node}.in.{name}"


def request(node: str, method: str, target: str) -> str:
    """Name what a request over HTTP is signed as: no message can be, for the blank in it."""
    return f"covey.{node}.http.{method} {target}"


def out(node: str, peer: str) -> str:
    """Name the subject of what a node says to one peer."""
    return f"covey.{node}.out.{peer}"


def meet(node: str) -> str:
    """Name the subject, in the account of one invitation, on which the invited node says who it is."""
    return f"covey.{node}.meet"


def every(node: str, what: str, kind: str = "") -> str:
    """Name all subjects of one sort (``cmd``, ``call``, ``ask``, ``evt``, ``task``, ``in``, ``out``)."""
    return f"covey.{node}.{what}.{kind}.>" if kind else f"covey.{node}.{what}.>"


def parse_command(subject: str) -> Destination | None:
    """Return where a ``cmd`` or ``call`` subject leads, or None if it is not one."""
    found = _COMMAND.fullmatch(subject)
    return Destination(*found.groups()) if found else None


def parse_ask(subject: str) -> Question | None:
    """Return what an ``ask`` subject is about, or None if it is not one."""
    parts = subject.split(".")
    if len(parts) not in (5, 6) or parts[2] != "ask" or not all(map(is_token, parts[3:])):
        return None
    return Question(parts[3], parts[4] if len(parts) == 6 else "", parts[-1])
