"""A broker that loses all it has while peers are there, and invitations to those whom we know."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from bus.keys import create_seed
from node.settings import Settings
from tests.jobs.stage import until
from tests.nodes import WAIT_SECONDS, federation


def wipe(data: Path) -> None:
    """Kill the NATS server of a node and take away all that it has stored."""
    pid = int((data / "nats" / "nats.pid").read_text())
    os.kill(pid, signal.SIGSTOP)  # so that nothing is written or restarted meanwhile
    shutil.rmtree(data / "nats" / "jetstream")
    os.kill(pid, signal.SIGKILL)


async def test_what_is_said_to_peers_arrives_though_the_broker_lost_its_streams(tmp_path: Path) -> None:
    async with federation(tmp_path, "lab", "centre") as (lab, centre):
        await lab.done("resource", "before", "save", name="Before", type="data", public=True)
        await centre.event("copy.stored", name="Before")

        wipe(tmp_path / "lab")
        await lab.becomes_reachable()
        await lab.done("resource", "after", "save", name="After", type="data", public=True)

        assert (await centre.event("copy.stored", name="After"))["owner"] == "lab"
        assert len([one for one in await centre.items("resource") if one["owner"] == "lab"]) == 2


async def test_an_invitation_to_a_peer_is_refused_and_changes_nothing_of_the_link(tmp_path: Path) -> None:
    async with federation(tmp_path, "lab", "centre") as (lab, centre):
        refused = await centre.ask("node", "invite", peer="lab")
        await lab.done("resource", "grib", "save", name="Grib", type="data", public=True)

        assert (refused["status"], refused["code"]) == ("rejected", "already_exists")
        assert (await centre.ask("node", "health"))["links"] == {"lab": True}
        assert (await centre.event("copy.stored", name="Grib"))["owner"] == "lab"


@pytest.mark.parametrize("field", ["nats", "advertise"])
def test_a_password_in_a_url_is_refused_before_anybody_is_told_of_it(tmp_path: Path, field: str) -> None:
    settings = Settings(data=tmp_path, node="lab", **{field: "nats://me:s3cret@127.0.0.1:4222"})  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="--creds or --nkey") as refused:
        settings.check()

    assert "s3cret" not in str(refused.value)


class Log(logging.Handler):
    """Tells when something was logged."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.has_come = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.has_come.set()


def told(data: Path, *, instead: tuple[str, str]) -> None:
    """Have the NATS server of a node read its configuration with one word instead of another."""
    path = data / "nats" / "nats.conf"
    path.write_text(path.read_text().replace(*instead))
    os.kill(int((data / "nats" / "nats.pid").read_text()), signal.SIGHUP)


async def test_what_is_said_to_a_peer_arrives_though_the_server_threw_us_out_of_its_account(
    tmp_path: Path,
) -> None:
    async with federation(tmp_path, "lab", "centre") as (lab, centre):
        conf = tmp_path / "lab" / "nats" / "nats.conf"
        await until(lambda: ".meet" not in conf.read_text())  # the invitation is closed: no more reloads
        ours = re.search(r"PEER_centre.*?nkey: (\w+)", conf.read_text(), re.S)
        assert ours is not None
        nobody, log = create_seed(tmp_path / "nobody.nk").public, Log("does not know our key")
        logging.getLogger("covey").addHandler(log)

        told(tmp_path / "lab", instead=(ours[1], nobody))
        await lab.done("resource", "after", "save", name="After", type="data", public=True)
        async with asyncio.timeout(WAIT_SECONDS):
            await log.has_come.wait()
        told(tmp_path / "lab", instead=(nobody, ours[1]))

        assert (await centre.event("copy.stored", name="After"))["owner"] == "lab"
    logging.getLogger("covey").removeHandler(log)
