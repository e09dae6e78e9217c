"""The index of rights says what is stored, also when what was decided could not be written."""

from __future__ import annotations

from pathlib import Path

from actors import ACTORS
from actors.rights.rights import Rights
from messages import user
from messages.base import encode
from messages.envelope import ACTOR, Address, Envelope
from node.engine import Engine
from node.intake import outcome_of
from node.standing import load
from store.open import open_store
from tests.rights.made import public_key


def said(id: str, message: str, command: user.Save | user.Delete) -> Envelope:
    verb = "save" if isinstance(command, user.Save) else "delete"
    to = Address("user", id)
    return Envelope(id=message, to=to, verb=verb, body=encode(command), at=1, sender=ACTOR)


async def test_what_somebody_else_has_written_is_known_after_the_conflict(tmp_path: Path) -> None:
    async with open_store(tmp_path / "covey.db") as store:
        ours, other = Engine("lab", ACTORS, store), Engine("lab", ACTORS, store)
        one, two = user.Save(public_key=public_key(1)), user.Save(public_key=public_key(2))
        await ours.handle([said("bob", "m-1", one), said("eve", "m-2", two)])
        await other.handle([said("bob", "m-3", user.Delete())])
        assert set(ours.rights.users) == {"bob", "eve"}

        again = user.Save(public_key=public_key(3))
        (result,) = await ours.handle([said("bob", "m-4", again)])

        assert outcome_of(result.outcome).code == "deleted"
        assert set(ours.rights.users) == {"eve"}
        assert (await load(store, Rights("lab"))).users == ours.rights.users


async def test_what_a_batch_has_changed_is_what_its_next_message_is_judged_by(tmp_path: Path) -> None:
    async with open_store(tmp_path / "covey.db") as store:
        engine = Engine("lab", ACTORS, store)
        first, second = user.Save(public_key=public_key(1)), user.Save(public_key=public_key(1))

        results = await engine.handle([said("bob", "m-1", first), said("eve", "m-2", second)])

        codes = [outcome_of(result.outcome).code for result in results]
        assert codes == ["", "already_exists"]
