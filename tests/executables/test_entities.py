"""Executables, commands and jobs: what is saved is valid, and stays so as long as others are made of it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import USERS_MAX, Known, Rejected, Summary, Turn, Users
from actors.jobs import using
from actors.jobs.executable import slug
from messages.envelope import Address
from tests.actors.entity import AT
from tests.executables.world import GEN, ID, OPENSSL, PARAMETERS, RSA, World, changed, without


async def test_what_is_saved_is_saved_once(world: World) -> None:
    await world.build()

    assert await world.done(f"executable.{ID}.save", OPENSSL) == []
    assert await world.done("command.GenRSA.save", GEN) == []
    assert await world.done("job.GenRSA-2048.save", RSA) == []


async def test_a_name_left_out_is_the_id_and_a_name_is_had_once(world: World) -> None:
    await world.build()

    assert (await world.state("command", "GenRSA")).content.name == "GenRSA"
    assert await world.refused("command.other.save", GEN | {"name": "GenRSA"}) == ("already_exists", "/name")
    assert await world.refused("job.other.save", RSA | {"name": "GenRSA-2048"}) == ("already_exists", "/name")


async def test_two_jobs_share_a_value(world: World) -> None:
    await world.build()

    values = RSA["values"] | {"-pkeyopt": "rsa_keygen_bits:4096"}

    assert await world.done("job.GenRSA-4096.save", RSA | {"values": values}) == ["job.saved"]


@pytest.mark.parametrize(
    ("tag", "id"),
    [
        ("openssl - 3.0.17", "openssl-3-0-17"),
        ("Nmap - 7.93", "nmap-7-93"),
        ("gs - 10~dfsg-2", "gs-10-dfsg-2"),
        ("工具 - 1", "1"),
        ("工具 - β", slug("工具 - β")),
        ("a" * 80 + " - 1", slug("a" * 80 + " - 1")),
    ],
)
def test_the_id_of_an_executable_is_a_slug_of_its_tag(tag: str, id: str) -> None:
    assert slug(tag) == id
    assert 0 < len(id) <= 64
    assert set(id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def test_tags_that_have_no_slug_of_their_own_differ() -> None:
    assert len({slug("工 - 具"), slug("具 - 工"), slug("a" * 80 + " - 1"), slug("a" * 80 + " - 2")}) == 4


async def test_another_id_than_that_of_the_tag_is_refused(world: World) -> None:
    assert await world.refused("executable.ssl.save", OPENSSL) == ("wrong_id", "/tag")
    assert world.last.extra["id"] == ID


async def test_two_tags_with_one_slug_are_refused(world: World) -> None:
    await world.done(f"executable.{ID}.save", OPENSSL)

    spelt = OPENSSL | {"tag": "openssl - 3-0"}

    assert await world.refused(f"executable.{ID}.save", spelt) == ("already_exists", "/tag")


DIAMOND = "/parameters/4/interferes/0"
LAST = f"/parameters/{len(PARAMETERS) - 1}"


@pytest.mark.parametrize(
    ("body", "code", "at"),
    [
        (OPENSSL | {"path": "bin/openssl"}, "invalid_message", "/path"),
        (OPENSSL | {"path": "/usr/../bin/openssl"}, "invalid_path", "/path"),
        (OPENSSL | {"path": "/usr/bin/"}, "invalid_path", "/path"),
        (OPENSSL | {"tag": "openssl"}, "invalid_message", "/tag"),
        (OPENSSL | {"tag": "openssl - 3 0"}, "invalid_message", "/tag"),
        (OPENSSL | {"sha256": "ABC"}, "invalid_message", "/sha256"),
        (changed("-quiet", value_type="text"), "invalid_message", "/parameters/5/value_type"),
        (changed("-quiet", flag="two words"), "invalid_message", "/parameters/5/flag"),
        (changed("-provider", flag="-quiet"), "duplicate_flag", f"{LAST}/flag"),
        (changed("-provider", requires_value=True), "invalid_parameter", f"{LAST}/value_type"),
        (changed("-provider", value_type="int"), "invalid_parameter", f"{LAST}/value_type"),
        (changed("-provider", requires=["-none"]), "unknown_flag", f"{LAST}/requires/0"),
        (changed("-provider", requires=["-out", "-provider"]), "schema_cycle", f"{LAST}/requires/1"),
        (changed("genpkey", requires=["-out"]), "schema_cycle", "/parameters/3/requires/0"),
        (
            changed("-provider", requires=["-text", "-quiet"]),
            "schema_contradiction",
            "/parameters/4/interferes/0",
        ),
        (changed("-provider", interferes=["-provider"]), "self_interference", f"{LAST}/interferes/0"),
        (changed("-algorithm", behind=["-pkeyopt"]), "order_contradiction", "/parameters/2/behind/0"),
        (changed("-provider", position=0), "order_contradiction", f"{LAST}/position"),
        (changed("-provider", scales={"load": 3}), "unknown_scale", f"{LAST}/scales/load"),
        (changed("-provider", scales={"load": 11}), "invalid_message", f"{LAST}/scales"),
    ],
)
async def test_an_executable_that_cannot_be_is_refused(
    world: World, body: dict[str, Any], code: str, at: str
) -> None:
    assert await world.refused(f"executable.{ID}.save", body) == (code, at)


async def test_all_faults_are_told(world: World) -> None:
    body = changed("-provider", requires=["-none", "-provider"], interferes=["-out", "-provider"])

    await world.refused(f"executable.{ID}.save", body)

    told = [(one["code"], one["at"]) for one in world.last.extra["faults"]]
    assert told == [
        ("unknown_flag", f"{LAST}/requires/0"),
        ("schema_cycle", f"{LAST}/requires/1"),
        ("self_interference", f"{LAST}/interferes/1"),
    ]


@pytest.mark.parametrize(
    ("flags", "code", "at", "shown"),
    [
        (["-pkeyopt", "genpkey"], "missing_requirement", "/flags/0", ["-pkeyopt", "-algorithm"]),
        (["-pkeyopt", "-algorithm"], "missing_requirement", "/flags/1", ["-algorithm", "genpkey"]),
        (["genpkey", "-quiet", "-text"], "interference", "/flags/1", ["-text", "-quiet"]),
        (["genpkey", "-nope"], "unknown_flag", "/flags/1", ["-nope"]),
        (["genpkey", "genpkey"], "duplicate_flag", "/flags/1", ["genpkey"]),
    ],
)
async def test_flags_that_do_not_go_together_are_refused_with_their_path(
    world: World, flags: list[str], code: str, at: str, shown: list[str]
) -> None:
    await world.done(f"executable.{ID}.save", OPENSSL)

    assert await world.refused("command.c.save", GEN | {"flags": flags}) == (code, at)

    assert world.last.extra["flags"] == shown


async def test_what_others_would_be_made_of_must_be_there(world: World) -> None:
    assert await world.refused("command.c.save", GEN) == ("unknown_executable", "/executable")
    assert await world.refused("job.j.save", RSA) == ("unknown_command", "/command")
    for kind, id in (("executable", ID), ("command", "c"), ("job", "j")):
        assert await world.refused(f"{kind}.{id}.delete") == ("not_found", "")


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ({"values": {"-algorithm": "RSA", "-out": "k"}}, "missing_value", "/values"),
        ({"values": RSA["values"] | {"genpkey": "x"}}, "unexpected_value", "/values/genpkey"),
        ({"values": RSA["values"] | {"-text": "x"}}, "unknown_flag", "/values/-text"),
        ({"values": RSA["values"] | {"-out": "../key"}}, "invalid_value", "/values/-out"),
        ({"values": RSA["values"] | {"-out": "-key"}}, "invalid_value", "/values/-out"),
        ({"working_files": [{"path": "/etc/x"}]}, "invalid_path", "/working_files/0/path"),
        ({"working_files": [{"path": "a"}, {"path": "a"}]}, "invalid_path", "/working_files/1/path"),
        ({"environment": {"A=B": "x"}}, "invalid_message", "/environment"),
        ({"timeout_seconds": 0}, "invalid_message", "/timeout_seconds"),
    ],
)
async def test_a_job_that_does_not_fit_its_command_is_refused(
    world: World, changes: dict[str, Any], code: str, at: str
) -> None:
    await world.build()

    assert await world.refused("job.j.save", RSA | changes) == (code, at)


JOB = ("job", "GenRSA-2048")


@pytest.mark.parametrize(
    ("body", "users"),
    [
        (without("-pkeyopt"), [("command", "GenRSA", "unknown_flag")]),
        (changed("-out", interferes=["-pkeyopt"]), [("command", "GenRSA", "interference")]),
        (changed("-out", requires=["-quiet"]), [("command", "GenRSA", "missing_requirement")]),
        (changed("-pkeyopt", value_type="int"), [(*JOB, "invalid_value")]),
        (
            changed("-out", requires_value=False, value_type="none"),
            [("job", "GenRSA-2048", "unexpected_value")],
        ),
        (
            changed("genpkey", requires_value=True, value_type="int"),
            [("job", "GenRSA-2048", "missing_value")],
        ),
    ],
)
async def test_an_executable_is_not_changed_so_that_others_would_not_be_valid(
    world: World, body: dict[str, Any], users: list[tuple[str, str, str]]
) -> None:
    await world.build()

    assert (await world.refused(f"executable.{ID}.save", body))[0] == "in_use"

    told = [(one["kind"], one["id"], one["code"]) for one in world.last.extra["users"]]
    assert told == users


async def test_an_executable_is_changed_when_all_stay_valid(world: World) -> None:
    await world.build()

    assert await world.done(f"executable.{ID}.save", without("-quiet") | {"path": "/opt/openssl"})


async def test_a_command_is_not_changed_so_that_its_jobs_would_not_be_valid(world: World) -> None:
    await world.build()
    await world.done("executable.openssl-3-1.save", OPENSSL | {"tag": "openssl - 3.1"})

    code, _ = await world.refused("command.GenRSA.save", GEN | {"flags": ["genpkey", "-algorithm"]})
    told = [(one["kind"], one["id"], one["code"], one["at"]) for one in world.last.extra["users"]]
    moved = await world.refused("command.GenRSA.save", GEN | {"executable": "openssl-3-1"})

    assert code == moved[0] == "in_use"
    assert told == [
        ("job", "GenRSA-2048", "unknown_flag", "/values/-pkeyopt"),
        ("job", "GenRSA-2048", "unknown_flag", "/values/-out"),
    ]
    assert await world.done("command.GenRSA.save", GEN | {"flags": [*GEN["flags"], "-text"]})


async def test_what_is_used_is_deleted_last(world: World) -> None:
    await world.build()

    assert await world.refused(f"executable.{ID}.delete") == ("in_use", "")
    assert await world.refused("command.GenRSA.delete") == ("in_use", "")
    for name in ("job.GenRSA-2048", "command.GenRSA", f"executable.{ID}"):
        assert await world.done(f"{name}.delete") == [f"{name.split('.')[0]}.deleted"]
        assert await world.done(f"{name}.delete") == []
    await world.build()  # an id is free again: nobody else holds a copy


def test_an_entity_with_more_users_than_can_be_looked_at_is_not_changed() -> None:
    users = Users("executable", ID, "command")
    me = Address("executable", ID)
    many = [Known(f"c-{number}", Summary()) for number in range(USERS_MAX + 1)]

    with pytest.raises(Rejected, match="too_many_users"):
        using.known(Turn(me=me, node="here", message="m", at=AT, users={users: many}), "command")
