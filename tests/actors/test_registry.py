from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.actor import ById, ByName, Known, Order, Summary
from actors.ephemeral import registry
from actors.ephemeral.registry import ACTOR
from messages import repo
from messages.base import Message, tag
from messages.envelope import Address
from messages.registry import (
    AbortUnfreeze,
    BeginFreeze,
    BeginUnfreeze,
    CommitUnfreeze,
    FindRepo,
    Init,
    Initialized,
    InitRepo,
    InitRoot,
    RepoAdded,
    RootAdded,
    TierChanged,
)
from tests.actors.tiers_table import VERBS, cells
from tests.spec import Given, Result, given

MADE = Initialized(name="Main")
ROOT = RootAdded(global_root="/org/data", host="files-1", host_root="/srv/data")
REPO = RepoAdded(repo="grib", global_path="/org/data/grib")
LONG = "/" + "a" * 1024
COMMANDS = {tag(command).partition(".")[2]: command for command in ACTOR.commands}


def held(tier: str, workflow: str, *past: Message) -> Given:
    moved = [] if (tier, workflow) == ("online", "") else [changed(tier, workflow)]
    return given(ACTOR, MADE, ROOT, REPO, *moved, *past, id="main")


def changed(tier: Any, workflow: str, code: int = 0) -> TierChanged:
    return TierChanged(repo="grib", tier=tier, workflow=workflow, code=code)


def workflows(status: str = "initialized", code: int = 100) -> dict[str, Any]:
    summary = Summary(status=status, fields={"code": code})
    kinds = ("unfreeze_repo", "freeze_repo")
    return {"known": {ById(kind, "w-1"): Known("w-1", summary) for kind in kinds}}


def say(entity: Given, verb: str, **fields: Any) -> Result:
    usual: dict[str, Any] = {"repo": "grib", "workflow": "w-1"}
    code = {"code": 108} if verb.startswith("abort") else {}
    return entity.when(COMMANDS[verb](**usual | code | fields), **workflows())


@pytest.mark.parametrize(("tier", "holder", "verb", "becomes"), list(cells()))
def test_a_repository_moves_as_the_table_says(tier: str, holder: str, verb: str, becomes: str) -> None:
    result = say(held(tier, holder), verb)

    if becomes.startswith(">"):
        code = 108 if verb.startswith("abort") else 0
        result.then(changed(becomes[1:], "w-1", code)).ordering()
    elif becomes:
        result.then_rejected(becomes)
    else:
        result.then_nothing()


@pytest.mark.parametrize(("tier", "holder", "verb", "becomes"), list(cells()))
def test_a_word_heard_again_changes_nothing(tier: str, holder: str, verb: str, becomes: str) -> None:
    first = say(held(tier, holder), verb)

    again = say(Given(ACTOR, first.state, "main"), verb)

    assert not again.events
    assert (again.refusal and again.refusal.code) == (first.refusal and first.refusal.code)


def test_the_table_is_of_every_tier_and_verb() -> None:
    assert len(list(cells())) == len(set(cells())) == 15 * len(VERBS)
    assert set(VERBS) == {verb for verb in COMMANDS if not verb.startswith("init")}


@pytest.mark.parametrize("verb", COMMANDS)
def test_what_was_never_made_is_not_found(verb: str) -> None:
    if verb == "init":
        return
    fields: dict[str, Any] = {
        "init_root": {"global_root": "/a", "host": "h", "host_root": "/b"},
        "init_repo": {"repo": "grib", "global_path": "/a/b"},
    }.get(verb, {"repo": "grib", "workflow": "w-1"} | ({"code": 1} if "abort" in verb else {}))

    given(ACTOR).when(COMMANDS[verb](**fields)).then_rejected("not_found")


@pytest.mark.parametrize(
    ("code", "becomes"), [(100, "conflict_workflow"), (104, "conflict_workflow"), (0, "")]
)
def test_a_repository_is_not_taken_from_a_workflow_that_may_yet_fail(code: int, becomes: str) -> None:
    entity, command = held("online", "w-0"), BeginFreeze(repo="grib", workflow="w-1")
    before = ById("unfreeze_repo", "w-0")
    known = {
        **workflows()["known"],
        before: Known("w-0", Summary(status="files_completed", fields={"code": code})),
    }
    assert ACTOR.points_at(entity.state, command) == [before]

    result = entity.when(command, known=known)

    result.then_rejected(becomes) if becomes else result.then(changed("freezing", "w-1"))


def test_a_registry_is_made_once() -> None:
    given(ACTOR).when(Init(name="Main")).then(MADE)
    given(ACTOR, MADE).when(Init(name="Main")).then_nothing()
    given(ACTOR, MADE).when(Init(name="Other")).then_rejected("not_idempotent")


def test_no_two_registries_have_one_name() -> None:
    known = {ByName("registry", "Main"): Known("first", Summary(name="Main"))}

    given(ACTOR, id="second").when(Init(name="Main"), known=known).then_rejected("already_exists")


def test_a_root_is_added_once() -> None:
    root = InitRoot(global_root="/org/data", host="files-1", host_root="/srv/data")

    given(ACTOR, MADE).when(root).then(ROOT)
    given(ACTOR, MADE, ROOT).when(root).then_nothing()
    given(ACTOR, MADE, ROOT).when(msgspec.structs.replace(root, host="files-2")).then_rejected(
        "not_idempotent"
    )


def test_adding_a_repository_makes_it() -> None:
    said = given(ACTOR, MADE, ROOT, id="main").when(InitRepo(repo="grib", global_path="/org/data/grib"))

    made = repo.Init(registry_id="main", registry_name="Main", global_path="/org/data/grib")
    assert said.then(REPO).orders == [Order(Address("repo", "grib"), made)]


def test_a_root_can_be_a_repository_itself() -> None:
    said = given(ACTOR, MADE, ROOT).when(InitRepo(repo="all", global_path="/org/data"))

    said.then(RepoAdded(repo="all", global_path="/org/data"))


@pytest.mark.parametrize(
    ("id", "path", "code"),
    [
        ("grib", "/org/data/grib", ""),
        ("grib", "/org/data/other", "not_idempotent"),
        ("other", "/org/data/grib", "already_exists"),
        ("other", "/org/database", "unknown_root"),
        ("other", "/org", "unknown_root"),
        ("taken", "/org/data/taken", "already_exists"),
    ],
)
def test_a_repository_is_added_once_and_below_a_root(id: str, path: str, code: str) -> None:
    known = {ById("repo", "taken"): Known("taken", Summary(parent="elsewhere"))}

    said = held("online", "").when(InitRepo(repo=id, global_path=path), known=known)

    said.then_rejected(code) if code else said.then_nothing()


@pytest.mark.parametrize(
    "tier", ["freezing", "frozen", "freeze_failed", "unfreezing", "unfreeze_failed", "archived"]
)
def test_a_repository_that_is_not_online_takes_no_children(tier: str) -> None:
    entity = held(tier, "w-2")

    entity.when(InitRepo(repo="child", global_path="/org/data/grib/2026")).then_rejected("repo_frozen")
    entity.when(InitRepo(repo="sibling", global_path="/org/data/grib2")).then(
        RepoAdded(repo="sibling", global_path="/org/data/grib2")
    )


def test_a_repository_that_is_online_takes_children() -> None:
    entity = held("online", "w-2")

    entity.when(InitRepo(repo="child", global_path="/org/data/grib/2026")).then(
        RepoAdded(repo="child", global_path="/org/data/grib/2026")
    )


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_never_added_is_an_unknown_repository(verb: str) -> None:
    say(held("online", ""), verb, repo="other").then_rejected("unknown_repo")


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, "unknown_workflow"),
        (workflows("files"), "state_conflict"),
        (workflows("failed", 104), "state_conflict"),
        (workflows("terminated", 0), "state_conflict"),
    ],
)
def test_only_a_workflow_that_is_about_to_begin_takes_a_repository(known: dict[str, Any], code: str) -> None:
    begin = BeginUnfreeze(repo="grib", workflow="w-1")

    held("frozen", "w-2").when(begin, **known).then_rejected(code)
    held("unfreezing", "w-1").when(begin, **known).then_nothing()
    held("online", "w-1").when(begin, **known).then_nothing()


def test_each_direction_asks_for_its_own_kind_of_workflow() -> None:
    def needed(command: Message) -> object:
        return ACTOR.needs(command, None)  # type: ignore[arg-type]  # it looks at the command alone

    assert needed(BeginUnfreeze(repo="grib", workflow="w-1")) == [ById("unfreeze_repo", "w-1")]
    assert needed(BeginFreeze(repo="grib", workflow="w-1")) == [ById("freeze_repo", "w-1")]


@pytest.mark.parametrize(
    ("status", "code", "is_undone"),
    [
        ("files_completed", 100, True),
        ("failed", 104, True),
        ("terminated", 104, True),
        ("completed", 0, False),
        ("terminated", 0, False),
    ],
)
def test_what_a_workflow_that_succeeded_did_is_not_undone(status: str, code: int, is_undone: bool) -> None:
    abort = AbortUnfreeze(repo="grib", workflow="w-1", code=104)

    said = held("online", "w-1").when(abort, **workflows(status, code))

    if is_undone:
        said.then(changed("unfreeze_failed", "w-1", 104))
    else:
        said.then_rejected("conflict_workflow")


def test_an_abort_needs_a_code() -> None:
    abort = AbortUnfreeze(repo="grib", workflow="w-1", code=0)

    held("unfreezing", "w-1").when(abort).then_rejected("invalid_status_code")


def test_the_start_version_is_compared_unless_it_has_begun() -> None:
    begin = BeginUnfreeze(repo="grib", workflow="w-1", start_version=3)

    no = held("frozen", "w-2").when(begin, version=4, **workflows()).then_rejected("version_conflict")
    assert no.refusal is not None
    assert no.refusal.extra == {"stored": 4, "expected": 3}
    held("frozen", "w-2").when(begin, version=3, **workflows()).then(changed("unfreezing", "w-1"))
    held("unfreezing", "w-1").when(begin, version=5, **workflows()).then_nothing()
    held("online", "w-1").when(begin, version=6, **workflows()).then_nothing()


def test_a_refusal_names_the_tier_and_who_holds_it() -> None:
    no = say(held("unfreezing", "w-2"), "commit_unfreeze").then_rejected("conflict_workflow")

    assert no.refusal is not None
    assert no.refusal.extra == {"tier": "unfreezing", "workflow": "w-2"}


def test_roots_and_repositories_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ROOTS_MAX", 1)
    monkeypatch.setattr(registry, "REPOS_MAX", 1)
    entity = held("online", "")

    entity.when(InitRoot(global_root="/b", host="h", host_root="/b")).then_rejected("too_many")
    entity.when(InitRepo(repo="b", global_path="/org/data/b")).then_rejected("too_many")
    entity.when(InitRepo(repo="grib", global_path="/org/data/grib")).then_nothing()


def test_the_view_shows_where_everything_is() -> None:
    state = held("unfreeze_failed", "w-2").state

    shown = {
        "repo": "grib",
        "global_path": "/org/data/grib",
        "tier": "unfreeze_failed",
        "workflow": "w-2",
        "code": 0,
    }
    assert ACTOR.view(state) == {
        "name": "Main",
        "roots": [{"global_root": "/org/data", "host": "files-1", "host_root": "/srv/data"}],
        "roots_count": 1,
        "repos": [shown],
        "repos_count": 1,
    }
    assert ACTOR.questions["repo"].answer(state, FindRepo(repo="grib"), None) == shown  # type: ignore[arg-type]
    assert (ACTOR.view(ACTOR.initial), ACTOR.summary(ACTOR.initial)) == (None, None)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a",
        "a/b",
        "//a",
        "/a//b",
        "/a/",
        "/.",
        "/a/.",
        "/./a",
        "/a/../b",
        "/..",
        "/a/..",
        "/\0",
        LONG,
    ],
)
def test_a_global_path_is_absolute_and_normal(path: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"repo": "grib", "global_path": path}, InitRepo)


@pytest.mark.parametrize("path", ["/a", "/a/b", "/a/.b", "/a/..b", "/a/b.", "/.../ä b", "/" + "a" * 1023])
def test_a_global_path_may_have_any_other_name(path: str) -> None:
    assert msgspec.convert({"repo": "grib", "global_path": path}, InitRepo).global_path == path


def test_a_commit_is_of_no_use_before_it_has_begun() -> None:
    held("frozen", "").when(CommitUnfreeze(repo="grib", workflow="w-1")).then_rejected("state_conflict")
