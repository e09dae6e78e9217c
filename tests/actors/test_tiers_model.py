"""Two workflows, each driven by two workers that may sleep at any time, want one repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from actors.actor import Actor, ById, Known, Summary
from actors.ephemeral import registry, repo
from messages import registry as registry_words
from messages import repo as repo_words
from messages.base import Message, tag
from tests.spec import Given
from tests.spec import given as given_actor

PATH = "/org/grib"
REGISTRY = given_actor(
    registry.ACTOR,
    registry_words.Initialized(name="Main"),
    registry_words.RootAdded(global_root="/org", host="files", host_root="/srv"),
    registry_words.RepoAdded(repo="grib", global_path=PATH),
    id="main",
)
REPO = given_actor(
    repo.ACTOR,
    repo_words.Initialized(registry_id="main", registry_name="Main", global_path=PATH),
    id="grib",
)
TIERS = {
    "unfreeze": ("unfreezing", "online", "unfreeze_failed"),
    "freeze": ("freezing", "frozen", "freeze_failed"),
}
FAILURE = {"code": 108, "message": "no"}

PLACES = ("registry", "repo")
STEPS = ("begin", "commit", "abort")

workflows = some.sampled_from(["w-1", "w-2"])
words = some.tuples(workflows, some.sampled_from(STEPS), some.sampled_from(PLACES))


@dataclass
class Workflow:
    """What its workers have said, and what came of it; a word has one id, so its outcome stands."""

    direction: str
    status: str = "initialized"
    said: dict[tuple[str, str], bool] = field(default_factory=dict)

    def has_said(self, step: str) -> bool:
        return all((step, place) in self.said for place in PLACES)

    def has_done(self, step: str) -> bool:
        return all(self.said.get((step, place), False) for place in PLACES)

    def may_say(self, step: str, place: str) -> bool:
        """Say whether the plan of a workflow leads there; what was said may be said again at any time."""
        if (step, place) in self.said:
            return step != "begin" or self.status != "initialized"
        is_undone = any(("abort", other) in self.said for other in PLACES)
        if step == "begin":
            return not is_undone and (place == "registry" or self.said.get(("begin", "registry"), False))
        return step == "abort" or (self.has_done("begin") and not is_undone)


@dataclass
class World:
    """A registry and a repository, and two workflows."""

    workflows: dict[str, Workflow]
    entities: dict[str, Given]

    def hear(self, name: str, step: str, place: str) -> None:
        workflow = self.workflows[name]
        if not workflow.may_say(step, place):
            return
        command = word(place, f"{step}_{workflow.direction}", name)
        summary = Summary(status=workflow.status, fields={"code": CODES[workflow.status]})
        known = {ById(f"{workflow.direction}_repo", name): Known(name, summary)}
        before = self.entities[place]
        result = before.when(command, known=known)
        self.check_taken(before, result.state, name)
        self.entities[place] = Given(before.actor, result.state, before.id)
        workflow.said.setdefault((step, place), result.refusal is None)
        if workflow.status == "initialized" and workflow.has_done("commit"):
            workflow.status = "completed"
        if workflow.status == "initialized" and workflow.has_said("abort"):
            workflow.status = "failed"

    def check_taken(self, before: Given, after: Any, name: str) -> None:
        """Nobody takes what another holds, and who has ended changes nothing."""
        tier, holder = held(before.actor, before.state)
        is_taken = tier in TIERS["freeze"][:1] + TIERS["unfreeze"][:1] and holder != name
        has_ended = self.workflows[name].status != "initialized"
        assert after == before.state or not (is_taken or has_ended), (tier, holder, name)

    def check(self) -> None:
        """What a workflow that has ended still holds is where its outcome says."""
        for name, workflow in self.workflows.items():
            for entity in self.entities.values():
                tier, holder = held(entity.actor, entity.state)
                during, done, failed = TIERS[workflow.direction]
                ends = {"initialized": (during, done, failed), "completed": (done,), "failed": (failed,)}
                assert holder != name or tier in ends[workflow.status], (name, workflow)


CODES = {"initialized": 100, "failed": 108, "completed": 0}


def word(place: str, verb: str, workflow: str) -> Message:
    actor: Actor[Any, Any, Any] = registry.ACTOR if place == "registry" else repo.ACTOR
    command = next(one for one in actor.commands if tag(one) == f"{place}.{verb}")
    fields = {"workflow": workflow, "repo": "grib"} | (FAILURE if verb.startswith("abort") else {})
    return command(**{name: fields[name] for name in command.__struct_fields__ if name in fields})


def held(actor: Actor[Any, Any, Any], state: Any) -> tuple[str, str]:
    one = state.repos["grib"] if actor.kind == "registry" else state.held
    return one.tier, one.workflow


@given(
    directions=some.tuples(*[some.sampled_from(["freeze", "unfreeze"])] * 2),
    start=some.sampled_from(["online", "frozen"]),
    said=some.lists(words, min_size=20, max_size=60),
)
@settings(max_examples=300, deadline=None)
def test_a_workflow_that_has_ended_holds_nothing(
    directions: tuple[str, str], start: Any, said: list[tuple[str, str, str]]
) -> None:
    moved = {
        "registry": REGISTRY.actor.evolve(
            REGISTRY.state, registry_words.TierChanged(repo="grib", tier=start, workflow="w-0")
        ),
        "repo": REPO.actor.evolve(REPO.state, repo_words.TierChanged(tier=start, workflow="w-0")),
    }
    entities = {"registry": REGISTRY, "repo": REPO}
    world = World(
        {"w-1": Workflow(directions[0]), "w-2": Workflow(directions[1])},
        {place: Given(entities[place].actor, state, entities[place].id) for place, state in moved.items()},
    )

    for one in said:
        world.hear(*one)
        world.check()
