"""``covey test run``: a workflow without a node, on a clock that jumps over all waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from actors.definition.check import check
from actors.definition.expressions import expressions
from actors.flow.program import read as read_program
from cli import fixtures, launch, places, show, timeline, tried
from cli.actions import Line
from cli.documents import FIELD, parse, read
from cli.errors import FAILED, Failed, Mistake
from cli.session import Session, flag, verb
from cli.story import Story
from messages.base import tag
from messages.run import Answered, Call, Evaluate, Evaluated, Faulted
from node.dry_run import BEGIN
from node.dry_runs import DryRuns, Played, Unknown
from node.workers.compiling import Unchecked, unread
from node.workers.expressions import Evaluator, work

EXAMPLE = "covey test run flow.yaml --http answers.yaml --skip-time"
WORKFLOWS_MAX = 100
"""How many workflows a test may consist of."""

File = Annotated[
    str, typer.Argument(help="A definition, or a workflow with one; YAML or JSON.", metavar="FILE")
]
Skip = Annotated[bool, flag("--skip-time", help="Jump over all waiting; it is always so here.")]
Http = Annotated[str, flag("--http", help="A file with the answers to calls: method, url, status, body, …")]
Given = Annotated[str, flag("--environment", help="A file with variables, secrets and connections.")]
With = Annotated[list[str], flag("--with", help="A file with another workflow that it runs.")]
Whole = Annotated[bool, flag("--whole", help="All of each input and output.")]


def add(group: typer.Typer) -> None:
    """Register ``run`` among the verbs of tests."""

    @verb(group, "run", EXAMPLE)
    async def run(
        session: Session,
        file: File,
        *,
        input: launch.Input = "",
        settings: launch.Set = [],  # noqa: B006  # typer takes no tuple
        skip_time: Skip = False,
        http: Http = "",
        environment: Given = "",
        more: With = [],  # noqa: B006
        whole: Whole = False,
    ) -> int | None:
        """Run a workflow on a virtual clock; calls get their answers from a file: exit 0 when it succeeds."""
        name, workflows = gathered(file, more)
        await understood(workflows, file)
        trial = Trial(fixtures.load(http), workflows, tried.load(environment))
        if not skip_time:
            show.say("time is virtual here, as with --skip-time: nothing waits")
        failure = await trial.play(name, launch.input_of(input, settings))
        session.show(trial.told(failure), lambda: trial.drawn(is_whole=whole))
        took = f"{timeline.duration(trial.seconds)} of virtual time, in {timeline.duration(trial.took)}"
        show.say(f"{name}: {failure or 'success'}, after {took}")
        return FAILED if failure else None


class Trial:
    """One workflow that is tried, and what came of it."""

    def __init__(
        self,
        answers: list[fixtures.Fixture],
        workflows: Mapping[str, dict[str, Any]],
        environment: tried.Environment,
    ) -> None:
        self._environment = environment
        self._workflows = workflows
        self._stack = AsyncExitStack()
        self._evaluator: Evaluator | None = None
        self.took = 0.0
        """How many seconds it has taken in truth."""
        self.world = fixtures.World(answers)
        self.dry = DryRuns(self._evaluate, self._call, workflows)

    @property
    def seconds(self) -> float:
        """How much time has passed on its clock."""
        return (self.dry.now - BEGIN).total_seconds()

    async def play(self, name: str, given: Any) -> str:
        """Run it to its end; return why it has not succeeded, nothing when it has."""
        began = time.perf_counter()
        async with self._stack:
            try:
                await self.dry.play(name, given)
            except Unknown as unknown:
                remedy = f"name its file by --with, or put it beside as {unknown.workflow}.yaml"
                return f"it runs the workflow {unknown.workflow}, which is not there; {remedy}"
            except (Failed, RuntimeError) as error:
                return str(error)
            finally:
                self.took = time.perf_counter() - began
        return self._failure()

    def _failure(self) -> str:
        state = self.dry.runs[0].state
        if state.problem is not None:
            return f"failed: {timeline.problem(msgspec.to_builtins(state.problem))}"
        if not state.is_over:
            waiting = ", ".join(frame.pointer for frame in state.frames.values() if frame.is_parked)
            return f"it waits for ever at {waiting}: nobody tells events here"
        return "" if state.status == "success" else state.status

    async def _evaluate(self, ask: Evaluate) -> Evaluated:
        if self._evaluator is None:
            self._evaluator = await self._stack.enter_async_context(Evaluator())
        given = self._environment.expressions(ask)
        return given if isinstance(given, Evaluated) else await work(self._evaluator, given)

    async def _call(self, call: Call) -> Answered | Faulted:
        return await self.world.answer(self._environment.call(call))

    def told(self, failure: str) -> dict[str, Any]:
        """Return all of it as data."""
        state, (main, *children) = self.dry.runs[0].state, map(story_of, self.dry.runs)
        return {
            "status": state.status,
            "failure": failure,
            "output": state.output,
            "error": state.problem,
            "seconds": self.seconds,
            "took_seconds": self.took,
            "begun_at": BEGIN,
            "ended_at": self.dry.now,
            "actions": main.actions,
            "log": main.lines,
            "children": [story.actions for story in children],
            "calls": self.world.calls,
        }

    def drawn(self, *, is_whole: bool) -> RenderableType:
        """Return the trees, the picture, the log and the output."""
        parts: list[RenderableType] = []
        for one in self.dry.runs:
            story = story_of(one)
            actions = story.actions[: timeline.ROWS_MAX]
            left = len(story.actions) - len(actions)
            parts.append(timeline.tree(one.state.workflow, actions, self.dry.now, is_whole=is_whole))
            parts += [Text(f"and {left} more: --json has all")] if left else []
            parts += [timeline.picture(actions, BEGIN, self.dry.now)] if actions else []
            parts += [_noted(line) for line in story.lines]
        output = msgspec.json.encode(self.dry.runs[0].state.output).decode()
        return Group(*parts, Text(show.clean(f"output  {output}")))


def story_of(one: Played) -> Story:
    """Return what became of the actions of a run."""
    events = (
        {"at": at, "type": tag(event), "body": msgspec.to_builtins(event)} for at, event in one.happened
    )
    story = Story().hear(events)
    for action in story.actions:
        action.run = ""  # a run that is tried has no id that means anything
    return story


def _noted(line: Line) -> Text:
    after = timeline.duration((line.at - BEGIN).total_seconds())
    return Text(show.clean(f"log     {after:<10} {line.level:<5} {line.message}"))


def gathered(file: str, more: list[str]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the name of the workflow of a file, and all that it may run, each checked."""
    (name, definition), *rest = list(opened(file))
    found = {name: definition, **dict(rest)}
    for path in more:
        found |= dict(opened(path))
    missing = list(_children(found))
    while missing and len(found) < WORKFLOWS_MAX:
        found |= _beside(file, missing.pop())
        missing += [child for child in _children(found) if child not in missing and _has(file, child)]
        missing = [child for child in missing if child not in found]
    return name, found


def opened(file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the definitions of a file with their names; raises Failed with all faults and their lines."""
    text = read(file)
    documents = parse(text)
    if not documents:
        raise Mistake(f"{file} has no document")
    for document in documents:
        definition = document.get(FIELD, document)
        faults = [{"at": wrong.at, "detail": wrong.detail} for wrong in check(definition)]
        if faults:
            for line in places.told(faults, text if len(documents) == 1 else ""):
                show.say(line)
            raise Failed(f"{file} cannot be run: {len(faults)} fault{'s' if len(faults) > 1 else ''}")
        yield str(document.get("id") or definition["document"]["name"]), definition


async def understood(workflows: Mapping[str, dict[str, Any]], file: str) -> None:
    """Raise Failed, having told each fault, when an expression is none."""
    texts = {name: read(file) if place == 0 else "" for place, name in enumerate(workflows)}
    found = await _unread({name: expressions(definition) for name, definition in workflows.items()})
    for name, faults in found.items():
        for line in places.told(faults, texts[name] if len(parse(texts[name])) == 1 else ""):
            show.say(line)
    count = sum(map(len, found.values()))
    if count:
        raise Failed(f"{file} cannot be run: {count} fault{'s' if count > 1 else ''}")


async def _unread(workflows: Mapping[str, Mapping[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Return by workflow which expressions are none; without any, no process is started."""
    if not any(workflows.values()):
        return {}
    async with Evaluator(1) as evaluator:
        try:
            found = {name: await unread(texts, evaluator) for name, texts in workflows.items()}
        except Unchecked as error:
            raise Failed(str(error)) from None
    return {name: [{"at": at, "detail": detail} for at, detail in faults] for name, faults in found.items()}


def _children(workflows: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the workflows that others run, and that are not there."""
    for definition in workflows.values():
        for task in read_program(msgspec.json.encode(definition).decode()).tasks.values():
            name = task.body.get("run", {}).get("workflow", {}).get("name", "") if task.kind == "run" else ""
            if name and name not in workflows:
                yield name


def _has(file: str, name: str) -> bool:
    return (Path(file).parent / f"{name}.yaml").is_file()


def _beside(file: str, name: str) -> dict[str, dict[str, Any]]:
    """Return the workflow that stands in a file of its name beside the first one, if there is such."""
    if not _has(file, name):
        return {}
    return {name: next(definition for _, definition in opened(str(Path(file).parent / f"{name}.yaml")))}
