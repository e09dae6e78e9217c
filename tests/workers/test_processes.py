"""Workers as an operator starts them: ``covey worker``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nkeys import from_seed

from bus.keys import create_seed
from tests.cli.running import Covey, start
from tests.cli.running import up as node_up
from tests.fault.moving import living, stage

STOP_SECONDS = 20.0


@contextmanager
def worker(data: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with start("worker", *words, log=data.with_name("worker.log"), COVEY_DATA=str(data)) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_one_line_says_that_a_worker_is_ready_and_a_signal_stops_it(tmp_path: Path) -> None:
    with node_up(tmp_path / "data", "lab") as node:
        endpoint = json.loads((node.data / "endpoint.json").read_text())
        url = endpoint["nats_url"]
        with worker(node.data, "registry", "--name", "r-1") as process:
            assert ready(process) == f"covey: registry worker r-1 of node lab is ready at {url}\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0
        with worker(
            node.data, "files", "--prefix", f"/data={tmp_path}", "--shadow", "/tmp/s", "--json"
        ) as process:
            told = json.loads(ready(process))
            assert told["prefixes"] == {"/data": str(tmp_path)}
            assert (told["role"], told["node"], told["pid"]) == ("files", "lab", process.pid)
            assert told["name"].endswith(f"-{process.pid}")
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_SECONDS) == 0


def test_a_worker_that_the_server_refuses_for_good_says_so_and_ends(tmp_path: Path) -> None:
    with node_up(tmp_path / "data", "lab") as node, worker(node.data, "registry") as process:
        ready(process)
        conf, pid = node.data / "nats" / "nats.conf", int((node.data / "nats" / "nats.pid").read_text())
        endpoint = json.loads((node.data / "endpoint.json").read_text())
        ours = from_seed(bytearray(Path(endpoint["nkey_seed_file"]).read_bytes().strip())).public_key.decode()
        nobody = create_seed(tmp_path / "nobody.nk").public

        conf.write_text(conf.read_text().replace(ours, nobody))
        os.kill(pid, signal.SIGHUP)

        assert process.wait(STOP_SECONDS) == 1
        assert "does not let us in any more" in (tmp_path / "worker.log").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--prefix GLOBAL=HOSTDIR"),
        (["--prefix", "data=/srv"], "no global path"),
        (["--prefix", "/data=/nowhere/at/all"], "no directory of this host"),
        (["--prefix", "/data=/", "--prefix", "/data=/tmp"], "two directories"),
        (["--prefix", "/data=/"], "--shadow that is elsewhere"),
    ],
)
def test_the_operators_mistakes_are_told(words: list[str], told: str, tmp_path: Path) -> None:
    ran = Covey(tmp_path).run("worker", "files", *words)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr


def test_tools_that_are_missing_are_told_with_their_packages(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()

    ran = Covey(tmp_path).run("worker", "files", "--prefix", f"/data={tmp_path / 'home'}", PATH="/nowhere")

    assert ran.returncode == 2
    assert "install git" in ran.stderr


def test_without_a_node_a_worker_says_how_to_start_one(tmp_path: Path) -> None:
    ran = Covey(tmp_path).run("worker", "registry")

    assert ran.returncode == 2
    assert "no node runs in" in ran.stderr


async def test_a_worker_goes_on_when_its_node_comes_back(tmp_path: Path) -> None:
    async with stage(tmp_path, "p", words=["--no-workers"]) as here:
        place = here.places[0]
        async with living(here.worker("registry"), here.files_worker(place)):
            await here.node.end()
            await here.node.start()

            await here.freeze_again(place)

        assert await here.wrongs() == []


async def test_a_worker_that_is_stopped_while_its_node_is_silent_lets_go(tmp_path: Path) -> None:
    async with stage(tmp_path, "p", words=["--no-workers"]) as here:
        place = here.places[0]
        first = here.worker("registry")
        async with living(first):
            here.node.signal(signal.SIGSTOP)
            await here.order("freeze_repo", "f-p", "init", **place.move())
            await first.stop()
            here.node.signal(signal.SIGCONT)
        async with living(here.worker("registry"), here.files_worker(place)):
            assert await here.code("freeze_repo", "f-p") == 0
        assert await here.wrongs() == []


async def test_every_worker_answers_a_ping(tmp_path: Path) -> None:
    async with stage(tmp_path, "p") as here:
        named = here.worker("registry", "--name", "named"), here.files_worker(here.places[0])
        async with living(*named):
            await here.say("ping_registry", "ping-1", "init", registry_id="reg")
            assert await here.code("ping_registry", "ping-1") == 0

            servers = (await here.ask("ping_registry", "ping-1", "result"))["servers"]

    assert sorted(servers.values()) == ["files", "registry", "registry"]
    assert servers["named"] == "registry"
    assert {int(name.rpartition("-")[2]) for name in servers if name != "named"} == {
        here.node.pid,
        named[1].pid,
    }
