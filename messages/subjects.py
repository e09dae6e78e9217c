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
``covey.<node>.meet``                         an invited node says who it is, in its own account
============================================  ====================================================
"""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COMMAND = re.compile(r"covey\.[^.]+\.(?:cmd|call)\.({0})\.({0})\.({0})".replace("{0}", TOKEN.pattern))

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
"""The Ed25519 signature of a federated message over its exact bytes, base64url."""


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
