"""The index against a model that tries every way by hand."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from actors.actor import Summary
from actors.rights.rights import Rights
from tests.rights.made import KINDS, may, may_read, users

USERS, GROUPS, PERIMETERS = ("a", "b"), ("g", "h", "i"), ("p", "q", "r")
WORKFLOWS = ("w", "v")
ACTIONS = ("read", "launch", "workflow.launch", "run.read", "run.cancel", "admin", "workflow.admin")
PLACES = ("lab", "lab.workflow", "lab.run", "lab.workflow.w", "lab.run.r", "x", "lab.nothing", "lab.p.q")

holders = st.sampled_from([*(f"user/{one}" for one in USERS), *(f"group/{one}" for one in GROUPS)])
members = st.sampled_from(["workflow/w", "workflow/v", "run/r"])


@st.composite
def worlds(draw: st.DrawFn) -> Rights:
    """Draw a node; groups may even be within themselves here."""
    rights = users(*USERS)
    for group in GROUPS:
        rights = rights.note("group", group, {"members": draw(st.lists(holders, max_size=3))})
    for number, one in enumerate(PERIMETERS):
        within = draw(st.sampled_from(["", *PERIMETERS[:number]]))
        held = draw(st.lists(members, max_size=2))
        rights = rights.note("perimeter", one, {"within": within, "members": held})
    for workflow in WORKFLOWS:
        named = draw(st.lists(st.sampled_from([*PERIMETERS, "gone"]), max_size=2))
        rights = rights.note("workflow", workflow, {"perimeters": named})
    places = st.sampled_from([*PLACES, *map(rights.path, PERIMETERS)])
    for number in range(draw(st.integers(0, 4))):
        said = {"to": draw(holders), "perimeter": draw(places)}
        actions = draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2))
        rights = rights.note("grant", str(number), {**said, "actions": actions})
    return rights


def within(rights: Rights, holder: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield everybody whose rights a holder has, one step up after the other."""
    yield holder
    for id, group in rights.groups.items():
        if holder in group["members"] and f"group/{id}" not in seen:
            yield from within(rights, f"group/{id}", seen | {f"group/{id}"})


def upward(rights: Rights, name: str) -> Iterator[str]:
    while name in rights.perimeters:
        yield name
        name = rights.perimeters[name]["within"]


def names(rights: Rights, entity: str) -> Iterator[str]:
    """Yield the dotted names of all perimeters that an entity is in."""
    kind, _, id = entity.partition("/")
    yield from ("lab", f"lab.{kind}", f"lab.{kind}.{id}")
    own = rights.named(entity)
    for name, perimeter in rights.perimeters.items():
        if entity in perimeter["members"] or name in own:
            for around in upward(rights, name):
                yield ".".join(["lab", *reversed([*upward(rights, around)])])


def model(rights: Rights, user: str, entities: tuple[str, ...], kind: str, verb: str) -> bool:
    """Say whether a user may, by trying each grant for each perimeter of the entity and of its parent."""
    whose = set(within(rights, f"user/{user}"))
    where = {name for entity in entities for name in names(rights, entity)}
    return any(
        grant["to"] in whose
        and grant["perimeter"] in where
        and any(one in ("admin", f"{kind}.admin", verb, f"{kind}.{verb}") for one in grant["actions"])
        for grant in rights.grants.values()
    )


@given(worlds(), st.sampled_from(USERS), st.sampled_from(WORKFLOWS))
def test_who_may_is_as_in_the_model(rights: Rights, user: str, workflow: str) -> None:
    of = (f"workflow/{workflow}",)
    summary = Summary(parent=workflow)

    assert may(rights, user, of[0], "launch") == model(rights, user, of, "workflow", "launch")
    assert may_read(rights, user, of[0]) == model(rights, user, of, "workflow", "read")
    run = ("run/r", *of)
    assert may(rights, user, "run/r", "cancel", summary=summary) == model(rights, user, run, "run", "cancel")
    assert may_read(rights, user, "run/r", summary) == model(rights, user, run, "run", "read")


@given(worlds(), st.sampled_from(USERS))
def test_a_listing_shows_what_may_be_read(rights: Rights, user: str) -> None:
    readable = rights.readable(user, "workflow")
    runs = rights.readable(user, "run", KINDS["run"].belongs_to)

    for workflow in WORKFLOWS:
        is_shown = readable.is_all or f"workflow/{workflow}" in readable.entities
        assert is_shown == may_read(rights, user, f"workflow/{workflow}")
        is_shown = runs.is_all or "run/r" in runs.entities or workflow in runs.parents
        assert is_shown == may_read(rights, user, "run/r", Summary(parent=workflow))
