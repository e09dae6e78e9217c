"""What compose.yaml says is played without containers: the same files and commands, in the same order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from bus.config import STORE_BYTES_MAX, Accounts, Config, render
from tests.docs.story import ROOT, Reader, reader

SERVER = Path(sys.executable).with_name("nats-server")
STOP_SECONDS = 30
HEALTH_SECONDS = 30
MEET_SECONDS = 90.0
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]

STORM = """
kind: workflow
id: storm
name: Storm
graph:
  items: {model: {resource: wrf}, cluster: {resource: centre/hpc}}
  links: [{source: model, destination: cluster}]
schedule: {start: "2030-01-04T00:00:00Z"}
schedule_active: true
"""


class Organisation:
    """One node of compose.yaml with its NATS: directories in place of volumes, ports in place of hosts."""

    def __init__(self, name: str, directory: Path, somebody: Reader) -> None:
        self.name = name
        self.data = directory / "data"
        self.etc = directory / "etc"
        self._somebody = somebody
        self.port, self.health_port = free_port(), free_port()
        self.server: subprocess.Popen[str] | None = None
        self.etc.mkdir(parents=True)
        config = (ROOT / "compose" / "nats.conf").read_text()
        (self.etc / "nats.conf").write_text(config.replace('"/data"', f'"{directory}/jetstream"'))

    def write_accounts(self) -> None:
        """Run the service that writes the accounts."""
        _node, _data, target = SERVICES[f"{self.name}-accounts"]["command"]
        path = self.etc / target.removeprefix("/")
        said = self._somebody.run(
            f"python {ROOT}/compose/accounts.py {self.name} {self.data} {path}",
        )
        assert said.startswith(f"the accounts of {self.name} are in "), said

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Run the NATS service; flags stand for what the container would give."""
        config = ["--config", str(self.etc / "nats.conf")]
        ports = ["-a", "127.0.0.1", "-p", str(self.port), "-m", str(self.health_port)]
        server = self.server = subprocess.Popen(
            [str(SERVER), *config, *ports],
            env=os.environ | SERVICES[f"{self.name}-nats"]["environment"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self._hear("Server is ready")
            yield
        finally:
            server.terminate()
            server.communicate(timeout=STOP_SECONDS)

    def reload(self) -> None:
        """Say what ``docker compose kill --signal HUP`` says."""
        assert self.server is not None
        self.server.send_signal(signal.SIGHUP)
        self._hear("Reloaded server configuration")

    def start_node(self) -> str:
        """Run the node's service."""
        command = " ".join(SERVICES[self.name]["command"])
        command = command.replace(f"{self.name}-nats:4222", f"127.0.0.1:{self.port}")
        command = command.replace("/data", str(self.data))
        return self._somebody.run(f"covey {command} --data {self.data} &")

    def health(self) -> str:
        """Ask what the container's health check asks."""
        url = SERVICES[f"{self.name}-nats"]["healthcheck"]["test"][-1].replace("8222", str(self.health_port))
        with urllib.request.urlopen(url, timeout=HEALTH_SECONDS) as answer:
            return str(json.load(answer)["status"])

    def covey(self, command: str) -> str:
        """Say a command as ``docker compose exec`` would."""
        return self._somebody.run(f"covey {command} --data {self.data}")

    def _hear(self, text: str) -> None:
        assert self.server is not None
        assert self.server.stderr is not None
        said = []
        for line in self.server.stderr:
            said.append(line)
            if text in line:
                return
        raise AssertionError("".join(said))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def organisations(tmp_path: Path) -> Iterator[tuple[Organisation, Organisation]]:
    """Start what ``docker compose up`` starts, in its order."""
    with ExitStack() as stack:
        somebody = stack.enter_context(reader(tmp_path.resolve()))
        both = [Organisation(name, tmp_path / name, somebody) for name in ("lab", "centre")]
        for one in both:
            one.write_accounts()
            stack.enter_context(one.serve())
        ready = [one.start_node() for one in both]
        assert all("is ready" in line for line in ready), ready
        yield both[0], both[1]


def test_the_compose_file_is_valid() -> None:
    pytest.importorskip("check_jsonschema", reason="it brings the schema of the Compose specification")
    schema = files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()

    jsonschema.validate(COMPOSE, json.loads(schema))


def test_every_file_and_volume_that_a_service_mounts_exists() -> None:
    mounted = [volume.partition(":")[0] for one in SERVICES.values() for volume in one["volumes"]]

    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert all((ROOT / name).is_file() for name in mounted if name.startswith("."))


def test_the_image_has_all_that_a_node_needs() -> None:
    copied = [
        line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:4] == "COPY"
    ]
    named = {name for names in copied for name in names}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}

    assert packages <= named
    assert all((ROOT / name).exists() for name in named)


def test_the_server_takes_the_configuration(tmp_path: Path) -> None:
    target = tmp_path / "accounts" / "accounts.conf"
    target.parent.mkdir()
    target.write_text("")
    shutil.copy(ROOT / "compose" / "nats.conf", tmp_path)

    tested = subprocess.run(
        [str(SERVER), "-t", "-c", str(tmp_path / "nats.conf")],
        env=os.environ | {"SERVER_NAME": "lab-nats"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert tested.returncode == 0, tested.stderr


def test_the_configuration_is_that_of_the_embedded_server(tmp_path: Path) -> None:
    ours = (ROOT / "compose" / "nats.conf").read_text()
    config = Config(accounts=Accounts(node="lab", node_key="U"), store=tmp_path, port=4222)

    embedded = [line.strip() for line in render(config).splitlines()]

    assert {"sync_interval: always", f"max_file: {STORE_BYTES_MAX}"} <= set(embedded)
    for name in ("sync_interval", "max_file", "max_payload"):
        assert next(line for line in embedded if line.startswith(name)) in ours


def again() -> Iterator[None]:
    """Yield until the time is up: how often it is asked in that time depends on the machine."""
    until = time.monotonic() + MEET_SECONDS
    while time.monotonic() < until:
        yield


def test_two_nodes_under_compose_meet_and_plan_together(
    organisations: tuple[Organisation, Organisation],
) -> None:
    lab, centre = organisations
    assert [one.health() for one in organisations] == ["ok", "ok"]
    invited = json.loads(lab.covey("peer invite centre --json 2> /dev/null"))
    lab.write_accounts()
    lab.reload()
    # the node looks for its new account once a second
    met = (centre.covey(f"peer accept {invited['token']}") for _ in again())
    assert any("lab is a peer" in said for said in met)
    for one in organisations:
        one.write_accounts()
        one.reload()

    centre.covey("resource save hpc --name HPC --type compute --capacity 1 --public")
    lab.covey("resource save wrf --name Model --type processing")
    (lab.etc / "storm.yaml").write_text(STORM)
    answers = (lab.covey(f"apply -f {lab.etc}/storm.yaml --wait") for _ in again())

    # refused until the centre's catalogue has come
    assert any("workflow storm: scheduled" in answer for answer in answers)
