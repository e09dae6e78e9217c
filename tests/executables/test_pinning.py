"""What one run of a job is, whatever is saved afterwards."""

from __future__ import annotations

import pytest

from actors.actor import ById, Known, Need, Summary, Turn
from actors.jobs.job import pin
from messages.envelope import Address
from messages.job import Pinned
from tests.actors.entity import AT
from tests.executables.world import GEN, World


async def test_a_run_is_pinned_to_what_is_valid_when_it_begins(world: World) -> None:
    await world.build()
    await world.done("command.GenRSA.save", GEN | {"flags": ["-out", "-pkeyopt", "-algorithm", "genpkey"]})

    pinned = await pinned_of(world, "GenRSA-2048")

    assert pinned.argv == (
        *("/usr/bin/openssl", "genpkey", "-out", "key.pem"),
        *("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    )
    assert (pinned.job_generation, pinned.command_generation, pinned.executable_generation) == (1, 2, 1)
    assert not pinned.requires_root


@pytest.mark.parametrize(("said", "is_root"), [(None, True), (False, False), (True, True)])
async def test_root_is_required_as_said_or_as_a_flag_does(
    world: World, said: bool | None, is_root: bool
) -> None:
    await world.build()
    flags = [*GEN["flags"], "-provider"]
    await world.done("command.GenRSA.save", GEN | {"flags": flags, "requires_root": said})

    assert (await pinned_of(world, "GenRSA-2048")).requires_root == is_root


async def pinned_of(world: World, job: str) -> Pinned:
    """Pin a run as the command of the job does that begins one."""
    state = await world.state("job", job)
    known: dict[Need, Known | None] = {}
    for need in (ById("command", state.content.command), ById("executable", state.executable)):
        live = await world.engine.peek(need.kind, need.id)
        known[need] = Known(need.id, live.summary or Summary())
    return pin(state, Turn(me=Address("job", job), node="here", message="m", at=AT, known=known))
