"""Kit bugs: each breaks one promise of a workflow, so that ``unfreezes`` must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from actors.actor import Actor, no_needs, no_pointers
from actors.ephemeral import ephemeral, tiers
from actors.ephemeral.table import Job, Plan, Say
from messages import workflow_index
from messages.tiers import Abort, Begin
from node.workers.runner import Runner
from tests.sim.broker import Stored
from tests.sim.hands import Queue
from tests.sim.script import Mood
from tests.sim.unfreezes import ACTORS, KIT, TABLES, Kit

Bug = Callable[[pytest.MonkeyPatch], Kit]
BUGS: dict[str, Bug] = {}


def bug(plant: Bug) -> Bug:
    """List a bug under its name."""
    BUGS[plant.__name__] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[Kit]:
    """Break one thing as long as the context is open; gives what to run with."""
    with pytest.MonkeyPatch.context() as patch:
        yield BUGS[name](patch)


def _instead(kind: str, **changes: Any) -> Kit:
    return Kit([replace(actor, **changes) if actor.kind == kind else actor for actor in ACTORS])


def _with_plans(change: Callable[[Plan], Plan]) -> Kit:
    tables = [
        replace(table, plans={state: change(plan) for state, plan in table.plans.items()}) for table in TABLES
    ]
    made = {table.kind: ephemeral.actor(table) for table in tables}
    return Kit([made.get(actor.kind, actor) for actor in ACTORS], tables)


def _rules(patch: pytest.MonkeyPatch, changes: Mapping[Any, Any]) -> Kit:
    patch.setattr(tiers, "RULES", {**tiers.RULES, **changes})
    return KIT


@bug
def a_begin_of_whatever_workflow(patch: pytest.MonkeyPatch) -> Kit:
    """Nobody looks whether the workflow that takes a repository may still begin."""
    patch.setattr(tiers, "_check_workflow", lambda *_: None)
    return Kit(mood=Mood(("begin_unfreeze",), "expire"))


@bug
def an_abort_that_does_not_release(_patch: pytest.MonkeyPatch) -> Kit:
    """What a workflow holds when it is given up is nobody's business."""

    def forget(plan: Plan) -> Plan:
        return replace(plan, steps=_keeping(plan.steps), undo=_keeping(plan.undo))

    return _with_plans(forget)


def _keeping(steps: Sequence[Say | Job]) -> Any:
    return tuple(step for step in steps if not isinstance(step, Say) or not step.is_release)


@bug
def an_index_commit_that_is_lost(_patch: pytest.MonkeyPatch) -> Kit:
    """Nobody tells the index that a workflow is completed."""
    return _without(workflow_index.Commit)


@bug
def an_index_begin_that_is_lost(_patch: pytest.MonkeyPatch) -> Kit:
    """Nobody tells the index that a workflow has begun."""
    return _without(workflow_index.Begin)


def _without(word: type[Any]) -> Kit:
    def deaf(actor: Actor[Any, Any, Any]) -> Actor[Any, Any, Any]:
        def react(state: Any, event: Any, turn: Any) -> Any:
            effects = actor.react(state, event, turn)
            return [one for one in effects if not isinstance(getattr(one, "command", None), word)]

        return replace(actor, react=react)

    kinds = {table.kind for table in TABLES}
    return Kit([deaf(actor) if actor.kind in kinds else actor for actor in ACTORS])


@bug
def an_index_that_hears_in_order_only(_patch: pytest.MonkeyPatch) -> Kit:
    """A commit that overtakes its begin is forgotten."""
    return _instead("workflow_index", needs=no_needs)._replace(mood=Mood((), "abort"))


@bug
def a_repository_for_two(patch: pytest.MonkeyPatch) -> Kit:
    """A repository that one workflow has begun on may be begun on by another."""
    return _rules(patch, {(Begin, "during"): ("", "during")})


@bug
def a_commit_that_stands(patch: pytest.MonkeyPatch) -> Kit:
    """What was committed for a workflow that then fails is not taken back."""
    return _rules(patch, {(Abort, "done"): ("conflict_workflow", "conflict_workflow")})


@bug
def a_repository_taken_too_early(_patch: pytest.MonkeyPatch) -> Kit:
    """The next workflow begins before it is known how the one before has ended."""
    mood = Mood((".commit", "climate.begin_freeze"), "abort")
    return _instead("registry", points_at=no_pointers)._replace(mood=mood)


@bug
def a_release_that_comes_too_late(patch: pytest.MonkeyPatch) -> Kit:
    """What a workflow holds is only let go of as long as it is not terminated."""
    is_about = Runner._is_about

    def hasty(self: Runner, plan: Any, work: Any, found: Any) -> bool:
        return found.state == work.advance.state or (not found.is_final and is_about(self, plan, work, found))

    patch.setattr(Runner, "_is_about", hasty)
    return KIT


@bug
def acknowledged_before_it_is_done(patch: pytest.MonkeyPatch) -> Kit:
    """The broker may forget a task as soon as a worker has it."""
    take = Queue.take

    def hasty(self: Queue, messages: Sequence[Stored]) -> None:
        take(self, messages)
        for message in messages:
            self.ack(message.sequence)

    patch.setattr(Queue, "take", hasty)
    return KIT
