"""``covey run``: how runs go, what they have noted, and how to hold, end and replay them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from actors.flow.actor import ACTOR
from cli import batch, kinds, past, replay, runs, show, timeline, waiting
from cli.actions import Line
from cli.ephemeral import Seconds
from cli.follow import Following, Part, Row
from cli.runs import KIND
from cli.session import Session, flag, verb
from cli.story import Story
from messages.base import encode

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
ALIASES = {"warning": "warn", "critical": "fatal"}

Id = Annotated[str, typer.Argument(help="The id of a run.", metavar="ID")]
Whole = Annotated[bool, flag("--whole", help="All of each input and output.")]
Full = Annotated[bool, flag("--full", help=f"More than {timeline.ROWS_MAX} actions, too.")]
Follow = Annotated[bool, flag("--follow", help="Go on with what it notes, until it has ended.")]
Level = Annotated[str, flag("--level", help=f"Only this level and above: {', '.join(LEVELS)}.")]


def add(group: typer.Typer) -> None:
    """Register the verbs of runs that are more than one command or question."""
    runs.add(group)
    batch.add(group, kinds.public_commands(ACTOR))
    replay.add(group)
    _add_show(group)
    _add_log(group)
    _add_wait(group)


def _add_show(group: typer.Typer) -> None:
    @verb(group, "show", "covey run show 4f1c2d --whole")
    async def show_(session: Session, id: Id, *, whole: Whole = False, full: Full = False) -> None:
        """Show how a run goes: what it was given, each action with its attempts and data, and a timeline."""
        async with session.node() as node:
            run = await node.ask(KIND, "get", {"id": id})
            story = Story().hear(await past.events(node, (KIND, id), run["version"]))
        now = story.ended_at or max(datetime.now(UTC), story.last_at or datetime.now(UTC))
        told = {"run": run, "actions": story.actions, "log": story.lines}
        session.show(told, lambda: lay_out(run, story, now, is_whole=whole, is_full=full))


def lay_out(
    run: Mapping[str, Any], story: Story, now: datetime, *, is_whole: bool = False, is_full: bool = False
) -> RenderableType:
    """Return a heading, the tree of actions and the picture of their times."""
    most = None if is_full else timeline.ROWS_MAX
    actions = story.actions[:most]
    left = len(story.actions) - len(actions)
    parts: list[RenderableType] = [_heading(run, story, now, is_whole)]
    parts.append(timeline.tree(f"{len(story.actions)} actions", actions, now, is_whole=is_whole))
    parts += [Text(f"and {left} more: --full")] if left else []
    parts += [Text(""), timeline.picture(actions, story.begun_at or now, now)] if actions else []
    return Group(*parts)


def _heading(run: Mapping[str, Any], story: Story, now: datetime, is_whole: bool) -> Text:
    begun = story.begun_at or now
    took = timeline.duration((now - begun).total_seconds())
    of = f"workflow {run['workflow']} version {run['workflow_version']}, by {run['trigger']}"
    text = Text(show.clean(f"run {run['id']}  "), style="bold")
    text.append(run["status"], style=timeline.STYLES.get(run["status"], ""))
    text.append(show.clean(f"  {took}  {of}, begun {run['begun_at']}"), style="not bold")
    rows = {"input": run["input"], "output": run["output"]}
    for name, value in rows.items():
        told = encode(value).decode()
        cut = show.clean(told) if is_whole else timeline.short(told, 2 * timeline.DATA_CHARACTERS)
        text.append(f"\n{name:<7} {cut}" if value is not None else "", style="not bold")
    if run["error"]:
        text.append("\n" + show.clean(f"error   {timeline.problem(run['error'])}"), style="not bold red")
    if run["reason"]:
        text.append("\n" + show.clean(f"reason  {run['reason']}"), style="not bold")
    return text


def _add_log(group: typer.Typer) -> None:
    @verb(group, "log", "covey run log 4f1c2d --follow --level warn")
    async def log(session: Session, id: Id, *, follow: Follow = False, level: Level = LEVELS[0]) -> None:
        """Show what a run has noted, with the time, the level and the action."""
        story = Story()
        async with session.node() as node:
            if not follow:
                story.hear(await past.events(node, (KIND, id)))
                lines = [line for line in story.lines if rank(line.level) >= rank(level)]
                session.show(lines, lambda: "\n".join(map(told, lines)))
                return

            def put(row: Row) -> None:
                heard = len(story.lines)
                for line in story.hear([row]).lines[heard:]:
                    if rank(line.level) >= rank(level):
                        _put(session, line)
                if row["type"] in waiting.ENDS:
                    following.end()

            following = Following(node, (KIND, id), Part(0), put)
            await following.run(lambda: show.say(f"following the log of run {id}"))


def _put(session: Session, line: Line) -> None:
    if session.is_json:
        show.put_json(line, is_line=True)
    else:
        show.put(told(line))


def rank(level: str) -> int:
    """Return how urgent a level is; an unknown one is shown with the rest."""
    name = level.lower()
    name = ALIASES.get(name, name)
    return LEVELS.index(name) if name in LEVELS else len(LEVELS)


def told(line: Line) -> str:
    """Return a line of a log as people read it."""
    at = line.at.isoformat().replace("+00:00", "Z")
    return show.clean(f"{at}  {line.level:<5}  {line.message}  ({line.action})")


def _add_wait(group: typer.Typer) -> None:
    @verb(group, "wait", "covey run wait 4f1c2d --for 60")
    async def wait(session: Session, id: Id, *, seconds: Seconds = 0.0) -> int | None:
        """Wait for the end of a run: exit 0 and its output, or 1 and the problem."""
        async with session.node() as node:
            await node.ask(KIND, "get", {"id": id})  # who waits for what is not there waits for ever
            return waiting.report(session, await waiting.ended(session, node, id, seconds), seconds)
