import json
import logging
import resource
import signal
import socket
import sqlite3
from pathlib import Path

import pytest

from cli.up import QUIET_SECONDS, Repeated
from tests.cli.running import Covey, start, up


def test_one_line_says_that_the_node_is_ready_and_a_signal_stops_it(tmp_path: Path) -> None:
    with up(tmp_path / "data", "lab") as node:
        endpoint = json.loads((node.data / "endpoint.json").read_text())

        assert set(endpoint) == {"node", "nats_url", "nkey_seed_file", "pid", "vouches"}
        assert node.ready == (
            f"covey: node lab is ready at {endpoint['nats_url']} (data {node.data}, pid {node.process.pid})\n"
        )
        assert Path(endpoint["nkey_seed_file"]).stat().st_mode & 0o777 == 0o600

        assert node.stop() == 0
        assert node.process.stdout is not None
        assert node.process.stdout.read() == ""
        assert not (node.data / "endpoint.json").exists()


def test_an_interrupt_stops_it_too_and_json_says_where_it_is(tmp_path: Path) -> None:
    with up(tmp_path, "lab", "--json") as node:
        assert json.loads(node.ready)["node"] == "lab"

        node.process.send_signal(signal.SIGINT)

        assert node.process.wait(timeout=10) == 0


def test_a_directory_has_one_node_at_a_time_and_keeps_its_name(tmp_path: Path) -> None:
    with up(tmp_path, "lab"):
        second = start("up", "--data", str(tmp_path))
        _, told = second.communicate(timeout=30)
        assert second.returncode == 2
        assert told.splitlines()[-1].startswith(f"covey: the node cannot start: {tmp_path} is in use")

        other = start("up", "--node", "other", "--data", str(tmp_path))
        assert "is the data of node lab" in other.communicate(timeout=30)[1]
        assert other.returncode == 2


def test_a_second_node_leaves_the_endpoint_of_the_first_alone(tmp_path: Path) -> None:
    with up(tmp_path, "lab") as node:
        start("up", "--data", str(tmp_path)).communicate(timeout=30)

        assert node.run("workflow", "list").returncode == 0


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        process = start("up", "--node", "lab", COVEY_DATA=str(tmp_path), COVEY_PORT=port)
        out, told = process.communicate(timeout=60)

    assert (process.returncode, out) == (2, "")
    assert told.splitlines()[-1].startswith("covey: the node cannot start: the NATS server")
    assert "Traceback" not in told


def test_a_node_whose_disk_takes_no_more_says_so_and_ends(tmp_path: Path) -> None:
    with start("up", "--node", "lab", "--data", str(tmp_path / "data")) as process:
        assert process.stdout is not None
        assert "is ready" in process.stdout.readline()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))

        Covey(tmp_path / "data").run("workspace", "save", "w", "--name", "w", "--timeout", "1")
        told = process.communicate(timeout=30)[1]

    assert process.returncode == 1
    assert told.splitlines()[-1].startswith("covey: the node failed: ")
    assert told.endswith(f"; make room for {tmp_path / 'data'}, and start it again\n")
    assert "Traceback" not in told


def test_an_address_of_http_that_is_taken_is_told_with_its_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        process = start("up", "--node", "lab", "--data", str(tmp_path / "data"), "--http", port)
        told = process.communicate(timeout=60)[1]

    assert process.returncode == 2
    assert told.splitlines()[-1].startswith(f"covey: the node cannot start: --http {port} cannot be had: ")
    assert told.splitlines()[-1].endswith("; choose another")
    assert "Traceback" not in told


def test_a_directory_that_cannot_be_made_is_told_with_its_option(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    process = start("up", "--node", "lab", "--data", str(file))
    told = process.communicate(timeout=30)[1]

    assert process.returncode == 2
    what = f"--data {file} cannot be made a directory: File exists; choose another"
    assert told == f"covey: the node cannot start: {what}\n"


AWAY = "nats://127.0.0.1:1"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--nats", AWAY, "--port", "4222"), "--port is of the node's own NATS"),
        (("--creds", "{file}"), "--creds is for a NATS of yours"),
        (("--nkey", "{file}"), "--nkey is for a NATS of yours"),
        (
            ("--nats", AWAY, "--creds", "{file}.no"),
            "--creds {file}.no: there is no such file",
        ),
        (("--nats", AWAY, "--nkey", "{file}.no"), "--nkey {file}.no: there is no such file"),
        (("--tls-ca", "{file}.no"), "--tls-ca {file}.no: there is no such file"),
        (("--tls-ca", "{file}"), "--tls-ca {file}: it holds no certificate"),
    ],
)
def test_an_option_that_would_have_no_effect_is_a_mistake(
    tmp_path: Path, given: tuple[str, ...], told: str
) -> None:
    file = tmp_path / "file"
    file.write_text("nothing")
    words = [word.format(file=file) for word in given]

    process = start("up", "--node", "lab", "--data", str(tmp_path / "data"), *words)
    out, said = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, "")
    assert said.splitlines()[-1].startswith(f"covey: the node cannot start: {told.format(file=file)}")
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()


def test_data_of_a_newer_covey_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "covey.db") as database:
        database.execute("PRAGMA user_version = 999")

    process = start("up", "--node", "lab", "--data", str(tmp_path))

    assert "upgrade covey" in process.communicate(timeout=30)[1]
    assert process.returncode == 2


def test_a_line_that_is_logged_again_and_again_is_shown_once() -> None:
    repeated = Repeated()
    lines = [logging.makeLogRecord({"msg": "%s is away", "args": (name,)}) for name in ("a", "b", "a", "a")]

    assert [repeated.filter(line) for line in lines] == [True, True, False, False]
    lines[-1].created += QUIET_SECONDS + 1
    assert repeated.filter(lines[-1])


def test_without_a_node_every_verb_says_how_to_start_one(tmp_path: Path) -> None:
    ran = Covey(tmp_path).run("workflow", "list")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"covey: no node runs in {tmp_path}; choose another --data, or start one:"
        f" covey up --node NAME --data {tmp_path}\n"
    )


def test_what_a_killed_node_left_behind_leads_nobody_astray(tmp_path: Path) -> None:
    with up(tmp_path, "lab") as node:
        node.kill()

        assert node.run("doctor").returncode == 2
        assert (tmp_path / "endpoint.json").exists()
    with up(tmp_path, "lab") as again:
        assert again.done("workflow", "list", "--json")
