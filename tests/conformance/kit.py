"""Plays a scenario of the kit, and says what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.definition.check import check
from actors.flow.errors import standard
from cli.documents import parse
from messages.run import Answered, Begin, Call, Evaluate, Evaluated, Faulted
from messages.task_events import TaskCancelled, TaskEnded, TaskFailed, TaskStarted
from node.calls import caller
from node.calls.caller import Make
from node.dry_run import DryRun
from tests.conformance.suites import Scenario, value
from tests.flow.driver import evaluated, name


class Stage:
    """One scenario while it is played."""

    def __init__(self, makes: Mapping[str, Make]) -> None:
        self._makes = makes
        self._definition: dict[str, Any] = {}
        self._input: Any = None
        self.run = DryRun(self._evaluate, self._call)

    async def _evaluate(self, ask: Evaluate) -> Evaluated:
        return evaluated(ask)

    async def _call(self, call: Call) -> Answered | Faulted:
        timeless = msgspec.structs.replace(call, deadline=None)  # the clock of the run is not ours
        return await caller.answer(self._makes[call.kind], timeless)

    async def step(self, text: str, block: str) -> None:
        """Do what a step says; raises AssertionError where it is not so."""
        for pattern, do in _STEPS.items():
            found = re.fullmatch(pattern, text)
            if found is not None:
                done = do(self, found, block)
                if done is not None:
                    await done
                return
        raise AssertionError(f"no such step: {text}")

    def define(self, _: re.Match[str], block: str) -> None:
        (self._definition,) = parse(block)
        assert check(self._definition) == []

    def take(self, _: re.Match[str], block: str) -> None:
        self._input = value(block)

    async def execute(self, *_: Any) -> None:
        self.run.say(Begin(workflow="dry", definition=self._definition, input=self._input))
        await self.run.go_on()

    def ends(self, found: re.Match[str], block: str) -> None:
        wanted = {"complete": "success", "fault": "failure", "cancel": "cancelled"}[found[1]]
        assert self.run.state.status == wanted, self.run.state.problem
        if block and found[1] == "complete":
            assert self.run.state.output == value(block), self.run.state.output
        elif block:
            _is_like(self.run.state.problem, value(block))

    def has(self, found: re.Match[str], _: str) -> None:
        for path in re.findall(r"'([^']+)'", found[1]):
            _member(self.run.state.output, path)

    def is_(self, found: re.Match[str], block: str) -> None:
        assert _member(self.run.state.output, found[1]) == value(block)

    def holds(self, found: re.Match[str], _: str) -> None:
        assert len(_member(self.run.state.output, found[1])) == int(found[2])

    def ran(self, found: re.Match[str], _: str) -> None:
        names = [name(event.pointer) for event in self.run.events if isinstance(event, TaskStarted)][1:]
        assert names[0 if found[2] == "first" else -1] == found[1], names

    def ran_beside(self, found: re.Match[str], _: str) -> None:
        names = [name(event.pointer) for event in self.run.events if isinstance(event, TaskStarted)]
        one, other = names.index(found[1]), names.index(found[3])
        assert one < other if found[2] == "before" else one > other

    def task_ends(self, found: re.Match[str], block: str) -> None:
        type_ = {"complete": TaskEnded, "fault": TaskFailed, "cancel": TaskCancelled}[found[2]]
        (event,) = (
            one for one in self.run.events if isinstance(one, type_) and name(one.pointer) == found[1]
        )
        if block and isinstance(event, TaskEnded):
            assert event.output == value(block)
        elif block and isinstance(event, TaskFailed):
            _is_like(event.problem, value(block))


def _is_like(problem: Any, wanted: Mapping[str, Any]) -> None:
    for member, one in wanted.items():
        has = getattr(problem, member)
        assert (standard(has) == standard(one)) if member == "type" else has == one, (member, has, one)


def _member(found: Any, path: str) -> Any:
    for step in path.split("."):
        assert isinstance(found, dict), path
        assert step in found, path
        found = found[step]
    return found


_STEPS: dict[str, Callable[[Stage, re.Match[str], str], Any]] = {
    r"a workflow with definition:": Stage.define,
    r"given the workflow input is:": Stage.take,
    r"the workflow is executed": Stage.execute,
    r"the workflow should (complete|fault|cancel)(?: with (?:output|error):)?": Stage.ends,
    r"the workflow output should have properties (.+)": Stage.has,
    r"the workflow output should have a '(.+)' property with value:": Stage.is_,
    r"the workflow output should have a '(.+)' property containing (\d+) items": Stage.holds,
    r"(\w+) should run (first|last)": Stage.ran,
    r"(\w+) should run (before|after) (\w+)": Stage.ran_beside,
    r"(\w+) should (complete|fault|cancel)(?: with (?:output|error):)?": Stage.task_ends,
}


async def play(scenario: Scenario, makes: Mapping[str, Make]) -> Stage:
    """Play a scenario; raises AssertionError where a step does not hold."""
    stage = Stage(makes)
    for step in scenario.steps:
        await stage.step(step.text, step.block)
    return stage
