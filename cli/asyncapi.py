"""The AsyncAPI 3 document of a node: every subject, from the registry of the actors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from actors.actor import Actor
from messages import subjects
from messages.base import tag

NODE, ID, PEER = "{node}", "{id}", "{peer}"
PARAMETERS = {
    "node": "The name of the node.",
    "id": "The id of the entity.",
    "peer": "The name of the peer.",
}
TEXT = {"type": "string"}
INSTANT = {"type": "string", "format": "date-time"}
PAGE = {"type": "integer", "minimum": 1, "maximum": 500}
QUESTIONS: dict[str, dict[str, Any]] = {
    "get": {"type": "object", "properties": {"id": TEXT}},
    "history": {"type": "object", "properties": {"id": TEXT, "after": {"type": "integer"}, "limit": PAGE}},
    "list": {
        "type": "object",
        "properties": {
            **{"from": INSTANT, "to": INSTANT, "order": TEXT, "limit": PAGE, "cursor": TEXT},
            "labels": {"type": "object", "additionalProperties": TEXT},
        },
    },
}
"""What every kind can be asked; a listing takes more fields to filter by."""
_SAID = (subjects.MESSAGE_ID, subjects.CE_ID, subjects.EXPECT, subjects.CAUSE, subjects.CORRELATION)
_TOLD = (
    *(subjects.CE_VERSION, subjects.CE_SOURCE, subjects.CE_TYPE, subjects.CE_TIME, subjects.CE_SUBJECT),
    *(subjects.TRACEPARENT, subjects.ENTITY_VERSION),
)

REFUSALS = ("rejected", "dead")
"""What every kind tells besides its own events: the outcome of a message that changed nothing."""

Channel = tuple[str, str, str, str]
"""Its name, its address, its message, and what the node does with it."""


def document(actors: Sequence[Actor[Any, Any, Any]], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the document; ``schemas`` holds that of each message under its name on the wire."""
    found = list(channels(actors))
    asked = {message for _, _, message, _ in found if message.startswith("ask.")}
    queries = {name: QUESTIONS.get(name.rpartition(".")[2], {"type": "object"}) for name in asked}
    messages = {message: _message(message) for _, _, message, _ in found} | {"answer": _message("answer")}
    messages["outcome"] = _message("outcome")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Covey node", "version": _version(), "description": "What a node hears and tells."},
        "defaultContentType": "application/json",
        "servers": {
            "nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "See endpoint.json"}
        },
        "channels": _channels(found),
        "operations": {name: _operation(name, message, action) for name, _, message, action in found},
        "components": {
            "messages": messages,
            "schemas": {**schemas, **queries, "answer": {"type": "object"}, **_headers()},
        },
    }


def channels(actors: Sequence[Actor[Any, Any, Any]]) -> Iterator[Channel]:
    """Name every subject of a node once."""
    for actor in actors:
        for command in actor.commands:
            name = tag(command)
            word = name.partition(".")[2]
            yield f"cmd.{name}", subjects.command(NODE, actor.kind, ID, word), name, "receive"
            if word not in actor.internal:
                yield f"call.{name}", subjects.call(NODE, actor.kind, ID, word), name, "receive"
        for event in actor.events:
            name = tag(event)
            word = name.partition(".")[2]
            yield f"evt.{name}", subjects.event(NODE, actor.kind, ID, word), name, "send"
        for name, message in ((f"{actor.kind}.{word}", "outcome") for word in REFUSALS):
            yield f"evt.{name}", subjects.event(NODE, actor.kind, ID, name.partition(".")[2]), message, "send"
        for query in (*QUESTIONS, *actor.questions):
            name = f"ask.{actor.kind}.{query}"
            yield name, subjects.ask(NODE, actor.kind, query), name, "receive"
    yield "task.execution", subjects.task(NODE, "execution"), "execution.run", "send"
    yield "out", subjects.out(NODE, PEER), "peer.said", "send"


def _channels(found: Sequence[Channel]) -> dict[str, Any]:
    made = {
        name: {
            "address": address,
            "parameters": _parameters(address),
            "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        }
        for name, address, message, _ in found
    }
    replies = {
        f"reply.{message}": {
            "address": None,
            "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        }
        for message in ("outcome", "answer")
    }
    return made | replies


def _parameters(address: str) -> dict[str, Any]:
    return {key: {"description": told} for key, told in PARAMETERS.items() if f"{{{key}}}" in address}


def _operation(name: str, message: str, action: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{message}"}],
    }
    reply = {"call": "outcome", "ask": "answer"}.get(name.partition(".")[0])
    if reply:
        made["reply"] = {
            "channel": {"$ref": f"#/channels/reply.{reply}"},
            "messages": [{"$ref": f"#/channels/reply.{reply}/messages/{reply}"}],
        }
    return made


def _message(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _headers() -> dict[str, Any]:
    return {"headers": {"type": "object", "properties": dict.fromkeys((*_SAID, *_TOLD), TEXT)}}


def _version() -> str:
    try:
        return version("covey")
    except PackageNotFoundError:
        return "0.0.0"
