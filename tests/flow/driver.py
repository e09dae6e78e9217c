"""Plays a definition to its end: expressions by the real jq, calls as a test scripts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from textwrap import dedent
from typing import Any

import jq
import msgspec

from actors.definition.check import check
from actors.flow.errors import fault
from actors.flow.fast import names
from actors.flow.state import State
from cli.documents import parse
from messages import run
from messages.problem import Problem
from messages.task_events import Called, TaskEnded, TaskStarted
from node.dry_run import BEGIN, DryRun

Calls = Callable[[run.Call], Any]
"""Given a call, its output; a Problem is how it fails, NEVER that nobody answers."""
NEVER = object()


def workflow(text: str, *, is_checked: bool = True) -> dict[str, Any]:
    """Return the definition of these tasks; ``do:`` may be left out when there is nothing else."""
    stands = {"dsl": "1.0.3", "namespace": "tests", "name": "test", "version": "0.1.0"}
    text = dedent(text)
    body = parse(text if "\ndo:" in f"\n{text}" else f"do:\n{text}")[0]
    definition = {"document": stands, **body}
    assert not is_checked or check(definition) == []
    return definition


def problem(word: str = "communication", status: int = 503, title: str = "", detail: str = "") -> Problem:
    """Return an error of a standard type."""
    standing = fault(word, "", detail, status=status).problem
    return msgspec.structs.replace(standing, title=title or standing.title)


@dataclass
class Play:
    """A run and what was said to the world."""

    dry: DryRun
    answer: Calls | Mapping[str, Any] | None = None
    calls: list[run.Call] = field(default_factory=list)
    asks: list[run.Evaluate] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.dry.state

    @property
    def output(self) -> Any:
        assert self.state.status == "success", self.state.problem or self.state.status
        return self.state.output

    @property
    def problem(self) -> Problem:
        assert self.state.problem is not None, self.state.output
        return self.state.problem

    @property
    def word(self) -> str:
        """The last word of the type of the error that it ended with."""
        return self.problem.type.rsplit("/", 1)[-1]

    @property
    def seconds(self) -> float:
        """How long it took."""
        assert self.state.begun_at is not None
        assert self.state.ended_at is not None
        return (self.state.ended_at - self.state.begun_at).total_seconds()

    def of(self, *types: type[Any]) -> list[Any]:
        return [event for event in self.dry.events if isinstance(event, types)]

    def ran(self) -> list[str]:
        """Return the names of the tasks that started, in their order."""
        return [name(event.pointer) for event in self.of(TaskStarted) if event.pointer]

    def outputs(self) -> dict[str, Any]:
        """Return what each task put out last."""
        return {name(event.pointer): event.output for event in self.of(TaskEnded)}

    def called(self) -> list[str]:
        return [name(event.pointer) for event in self.of(Called)]

    async def go_on(self) -> Play:
        await self.dry.go_on()
        return self

    async def settle(self) -> Play:
        await self.dry.settle()
        return self

    def say(self, command: Any) -> list[Any]:
        return self.dry.say(command)


def name(pointer: str) -> str:
    return pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")


def start(
    text: str,
    given: Any = None,
    calls: Calls | Mapping[str, Any] | None = None,
    *,
    at: datetime = BEGIN,
    is_checked: bool = True,
) -> Play:
    """Begin a run of these tasks; calls are answered by a function, or by the names of their tasks."""
    return begin(workflow(text, is_checked=is_checked), given, calls, at)


def begin(
    definition: dict[str, Any],
    given: Any = None,
    calls: Calls | Mapping[str, Any] | None = None,
    at: datetime = BEGIN,
) -> Play:
    """Begin a run of a definition."""

    async def evaluate(ask: run.Evaluate) -> run.Evaluated:
        play.asks.append(ask)
        return evaluated(ask)

    async def call(work: run.Call) -> run.Answered | run.Faulted:
        play.calls.append(work)
        answer = _answer(play.answer, work)
        if answer is NEVER:
            return run.Answered(frame=work.frame, call=0)
        return faulted(work, answer) if isinstance(answer, Problem) else answered(work, answer)

    play = Play(DryRun(evaluate, call, at), calls)
    play.say(run.Begin(workflow="dry", definition=definition, input=given))
    return play


def _answer(calls: Calls | Mapping[str, Any] | None, work: run.Call) -> Any:
    if callable(calls):
        return calls(work)
    return (calls or {})[name(work.pointer) or work.arguments["name"]]


def play(
    text: str, given: Any = None, calls: Calls | Mapping[str, Any] | None = None, *, is_checked: bool = True
) -> Play:
    """Play a run to its end, or until it waits for what will not come."""
    return asyncio.run(start(text, given, calls, is_checked=is_checked).go_on())


def answered(call: run.Call, output: Any = None) -> run.Answered:
    """Answer a call."""
    return run.Answered(frame=call.frame, call=call.call, output=output)


def faulted(call: run.Call, wrong: Problem | None = None) -> run.Faulted:
    """Say that a call has failed."""
    return run.Faulted(frame=call.frame, call=call.call, problem=wrong or problem())


def evaluated(ask: run.Evaluate) -> run.Evaluated:
    """Answer as the evaluator of a node does."""
    values = {}
    for slot, one in ask.expressions.items():
        try:
            values[slot] = value(one)
        except ValueError as error:
            broken = fault("expression", ask.pointer, f"{slot}: {error}").problem
            return run.Evaluated(frame=ask.frame, ask=ask.ask, problem=broken)
    return run.Evaluated(frame=ask.frame, ask=ask.ask, values=values)


def value(one: run.Expression) -> Any:
    """Return what jq gives first; raises ValueError when it gives nothing, or an error."""
    bound = tuple(sorted(names(one.text) & one.variables.keys()))
    found = _program(one.text, bound).input_value([one.data, one.variables]).first()
    return json.loads(found)


@cache
def _program(text: str, bound: tuple[str, ...]) -> Any:
    known = ", ".join(f'"{one}": ${one}' for one in bound)
    program = f".[1] as {{{known}}} | .[0]" if bound else ".[0]"
    return jq.compile(f'{program} | first(({text}\n), error("gave no value")) | tojson')
