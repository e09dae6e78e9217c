"""An exported history leads to the same state, and each message to the same events, or it says where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from actors.flow.actor import ACTOR
from messages import run
from messages.base import Alarm, encode, tag
from messages.envelope import ACTOR as SENDER
from messages.envelope import ALARM, derive, micros, rfc3339
from messages.run import Answered, Call, Evaluate, Evaluated, Faulted
from node.dry_run import DryRun
from node.runs import Differs, Export, Replayed, Unreadable, read, replay

HEAD = {"document": {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0"}}
PROBLEM = run.Problem(
    type="https://open-workflow-specification.org/spec/1.0.0/errors/communication", status=503
)


class Recorded(DryRun):
    """A dry run that keeps its history as a node does."""

    def __init__(self, *work: Any) -> None:
        super().__init__(*work)
        self.rows: list[dict[str, Any]] = []

    def say(self, command: Any) -> list[Any]:
        number = self._messages + 1
        events = super().say(command)
        sender = ALARM if isinstance(command, Alarm) else SENDER
        for event in events:
            self.rows.append(
                {
                    "line": "event",
                    "version": len(self.rows) + 1,
                    "type": tag(event),
                    "body": msgspec.json.decode(encode(event)),
                    "message": derive("dry", number),
                    "sender": sender,
                    "at": rfc3339(micros(self.now)),
                }
            )
        return events

    def export(self) -> Export:
        state = msgspec.json.decode(encode(ACTOR.view(self.state)))
        begin = {"line": "begin", "format": 1, "kind": "run", "id": "dry", "node": "dry"}
        end = {"line": "end", "version": len(self.rows), "events": len(self.rows), "state": state}
        return Export(begin, self.rows, end)


async def evaluate(ask: Evaluate) -> Evaluated:
    if any("boom" in one.text for one in ask.expressions.values()):
        return Evaluated(frame=ask.frame, ask=ask.ask, problem=PROBLEM)
    return Evaluated(frame=ask.frame, ask=ask.ask, values={name: 7 for name in ask.expressions})


async def call(asked: Call) -> Answered | Faulted:
    if asked.arguments.get("endpoint") == "http://down/":
        return Faulted(frame=asked.frame, call=asked.call, problem=PROBLEM)
    return Answered(frame=asked.frame, call=asked.call, output={"ok": True})


def http(place: str) -> dict[str, Any]:
    return {"call": "http", "with": {"method": "get", "endpoint": place}}


FLOWS: Mapping[str, list[dict[str, Any]]] = {
    "sums": [{"a": {"set": {"n": "${ 3 + 4 }"}}}],
    "call": [{"a": http("http://up/")}],
    "retries": [
        {
            "a": {
                "try": [{"b": http("http://down/")}],
                "catch": {"retry": {"delay": {"seconds": 5}, "limit": {"attempt": {"count": 3}}}},
            }
        }
    ],
    "caught": [
        {"a": {"try": [{"b": {"set": {"n": "${ boom(1) }"}}}], "catch": {"do": [{"c": {"set": {"x": 1}}}]}}}
    ],
    "late": [{"a": {"wait": {"hours": 1}, "timeout": {"after": {"seconds": 1}}}}],
    "race": [
        {
            "a": {
                "fork": {
                    "compete": True,
                    "branches": [{"b": {"wait": {"days": 1}}}, {"c": {"wait": {"days": 2}}}],
                }
            }
        }
    ],
    "loop": [
        {"a": {"set": {"n": list(range(400))}}},
        {"b": {"for": {"in": "${ .n }"}, "do": [{"c": {"set": {"n": [1]}}}]}},
    ],
}


async def recorded(tasks: Sequence[dict[str, Any]]) -> Recorded:
    dry = Recorded(evaluate, call)
    await dry.play({**HEAD, "do": list(tasks)})
    return dry


@pytest.mark.parametrize("tasks", FLOWS.values(), ids=FLOWS)
async def test_all_is_decided_again_as_it_was(tasks: list[dict[str, Any]]) -> None:
    dry = await recorded(tasks)

    found = replay(dry.export())

    assert found.differs is None
    assert dry.state.is_over
    assert found.decided == found.messages > 0
    assert found.events == len(dry.events)


@pytest.mark.parametrize("tasks", FLOWS.values(), ids=FLOWS)
async def test_what_an_older_version_told_in_two_events_is_decided_again(tasks: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.flow.decide.told", list)
        dry = await recorded(tasks)

    found = replay(dry.export())

    assert found.differs is None
    assert found.decided == found.messages > 0
    assert found.events == len(dry.events) > len((await recorded(tasks)).events)


async def test_what_an_operator_has_said_is_decided_again() -> None:
    dry = Recorded(evaluate, call)
    dry.say(
        run.Begin(workflow="dry", definition={**HEAD, "do": [{"a": {"wait": {"days": 1}}}]}, input={"x": 1})
    )
    for command in (run.Pause(reason="lunch"), run.Resume(), run.Terminate(reason="enough")):
        dry.say(command)
    dry.say(run.Retry(start="start"))
    dry.say(run.Cancel(reason="again"))

    found = replay(dry.export())

    assert (found.differs, found.decided, found.messages) == (None, 6, 6)


async def test_what_a_run_was_told_of_its_own_past_is_decided_again() -> None:
    dry = await recorded(FLOWS["sums"] + [{"b": {"raise": {"error": {"type": "x", "status": 500}}}}])
    dry.say(run.Retry(start="failed"))
    await dry.go_on()
    dry.say(run.Retry(start="/do/0/a"))
    await dry.go_on()
    other = {**HEAD, "do": FLOWS["sums"] + [{"b": {"set": {"x": 1}}}]}
    dry.say(run.Retry(start="/do/1/b", definition=other, workflow_version=2))
    await dry.settle()

    found = replay(dry.export())

    assert (found.differs, dry.state.restarts) == (None, 2)
    assert found.decided == found.messages


def rows_of(export: Export, type_: str) -> list[dict[str, Any]]:
    return [row for row in export.rows if row["type"] == type_]


async def changed(flow: str, type_: str, place: int = -1, **fields: Any) -> Replayed:
    """Replay a history in which one event says something else."""
    export = (await recorded(FLOWS[flow])).export()
    row = rows_of(export, type_)[place]
    row["body"] |= fields
    return replay(export)


async def test_an_event_that_would_be_another_today_is_named_with_its_field() -> None:
    found = await changed("sums", "run.task_ended", 0, output={"n": 8})

    assert found.differs is not None
    assert (found.differs.what, found.differs.at) == ("run.task_ended", "/output/n")
    assert (found.differs.was, found.differs.now) == (8, 7)


async def test_a_state_that_is_another_today_is_named_with_its_field() -> None:
    export = (await recorded(FLOWS["call"])).export()
    export.end["state"]["actions"] = 5

    found = replay(export)

    assert found.differs == Differs(
        version=export.end["version"], what="the state", at="/actions", was=5, now=2
    )


async def test_a_field_that_is_new_in_the_state_is_no_difference() -> None:
    export = (await recorded(FLOWS["call"])).export()
    del export.end["state"]["actions"]

    assert replay(export).differs is None


async def test_events_that_are_missing_or_unknown_are_told() -> None:
    export = (await recorded(FLOWS["call"])).export()
    missing = replay(Export(export.begin, export.rows[:-1], export.end))
    export.rows[3]["type"] = "run.dreamt"

    assert missing.differs is not None
    assert "led to" in missing.differs.what
    unknown = replay(export).differs
    assert unknown is not None
    assert "cannot be read any more" in unknown.what


async def test_an_export_is_read_back_and_one_that_was_cut_off_is_refused() -> None:
    export = (await recorded(FLOWS["call"])).export()
    lines = [encode(line) for line in (export.begin, *export.rows, export.end)]

    assert read(b"\n".join(lines)) == export
    for text, told in (
        (b"\n".join(lines[:-2]), "cut off"),
        (b"", "line 1"),
        (lines[0] + b"\n{", "line 2"),
        (encode({**export.begin, "format": 2}), "form 2"),
    ):
        with pytest.raises(Unreadable, match=told):
            read(text)
