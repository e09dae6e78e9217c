"""A job that is to have no network reaches nothing of the machine; one that is to have it does."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest

from cli.client import read_endpoint
from messages.job import Pinned
from messages.job_run import Run
from node.jobs import processes
from node.jobs.checks import refusal
from node.jobs.limits import NETWORKS, POLICIES, Network, Policy
from node.jobs.means import Means
from node.jobs.probe import Isolation, probe
from node.jobs.sandbox import Level
from tests.jobs.local import program
from tests.jobs.local import ran as ran_at
from tests.jobs.stage import ALL, CONNECTED, PYTHON, python, ran
from tests.nodes import one_node

REACHES = """
import json, socket, sys
told = {}
for name, family, where in json.loads(sys.argv[1]):
    where = '\\0' + where if name == 'abstract' else tuple(where)
    try: socket.socket(getattr(socket, family)).connect(where); told[name] = True
    except OSError: told[name] = False
with socket.create_server(('127.0.0.1', 0)) as own:
    try: socket.create_connection(own.getsockname(), 5).close(); told['own'] = True
    except OSError: told['own'] = False
print(json.dumps(told))
"""
HAS_IPV6 = Path("/proc/net/if_inet6").exists() and "lo" in Path("/proc/net/if_inet6").read_text()
NOBODY = 65_534
PR_SET_DUMPABLE = 4


class Canaries:
    """Listeners of the machine, and which of them somebody has reached."""

    def __init__(self) -> None:
        self.places: list[tuple[str, str, object]] = []
        self.hits: list[str] = []

    async def listen(self, name: str, family: str, where: object) -> asyncio.Server:
        listener = socket.socket(getattr(socket, family))
        listener.bind(where)

        async def hit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.hits.append(name)
            writer.close()

        at = listener.getsockname()
        self.places.append((name, family, at[1:].decode() if isinstance(at, bytes) else at))
        return await asyncio.start_server(hit, sock=listener)


@asynccontextmanager
async def canaries() -> AsyncIterator[Canaries]:
    """Listen on both loopback addresses and on a socket that has no file."""
    found = Canaries()
    wanted: list[tuple[str, str, object]] = [
        ("loopback", "AF_INET", ("127.0.0.1", 0)),
        ("abstract", "AF_UNIX", f"\0canary-{uuid4().hex}"),
        *([("loopback 6", "AF_INET6", ("::1", 0))] if HAS_IPV6 else []),
    ]
    servers = [await found.listen(*one) for one in wanted]
    try:
        yield found
    finally:
        for server in servers:
            server.close()


@pytest.fixture(params=ALL)
def level(request: pytest.FixtureRequest) -> Level:
    """Each level at which this machine can keep a job from the network."""
    found: Level = request.param
    if why := CONNECTED[found]:
        pytest.skip(f"{found}: {why}")
    return found


async def test_without_the_network_it_reaches_no_listener_of_the_machine_but_itself(
    tmp_path: Path, level: Level
) -> None:
    async with canaries() as here:
        argv = python(REACHES, json.dumps(here.places))

        seen = await ran(tmp_path, level, argv, has_network=False)

    assert seen.ended.code == 0, seen.stderr
    assert json.loads(seen.stdout) == dict.fromkeys([name for name, *_ in here.places], False) | {"own": True}
    assert here.hits == []


async def test_with_the_network_it_reaches_all_of_them(tmp_path: Path, level: Level) -> None:
    async with canaries() as here:
        argv = python(REACHES, json.dumps(here.places))

        seen = await ran(tmp_path, level, argv)

    assert set(json.loads(seen.stdout).values()) == {True}, (seen.stdout, seen.stderr)
    assert sorted(here.hits) == sorted(name for name, *_ in here.places)


@pytest.mark.parametrize("is_alone", [False, True])
async def test_who_is_not_root_can_be_kept_from_the_network_as_well(is_alone: bool) -> None:
    """As its keeper does it, in a process that has given root up."""
    if os.geteuid():
        pytest.skip("what runs here is not root anyway")
    async with canaries() as here:
        code = await asyncio.to_thread(_reached_by_nobody, here.places, is_alone)

    if code == 2:
        pytest.skip("there are no namespaces of users here")
    assert (code, here.hits) == (0, [])


def _reached_by_nobody(places: list[tuple[str, str, object]], is_alone: bool) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as after a start; its maps are its own
            try:
                processes.separate(is_alone=is_alone, has_network=False, has_users=True)
            except OSError:
                os._exit(2)
            argv = python(REACHES, json.dumps(places))
            reading, writing = os.pipe()
            os.dup2(writing, 1)
            os.spawnv(os.P_WAIT, PYTHON, argv)
            told = json.loads(os.read(reading, 4_096))
            code = 0 if told.pop("own") and not any(told.values()) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


PINNED = Pinned(
    job="j",
    job_generation=1,
    command="c",
    command_generation=1,
    executable="e",
    executable_generation=1,
    argv=(PYTHON,),
)


@pytest.mark.parametrize(
    ("policy", "most", "wants", "can"),
    list(product(POLICIES, NETWORKS, (True, False), (True, False))),
)
def test_it_is_refused_where_it_cannot_be_kept_from_the_network_and_must_be(
    tmp_path: Path, policy: Policy, most: Network, wants: bool, can: bool
) -> None:
    means = Means(data=tmp_path, policy=policy, network=most)
    isolation = Isolation(policy=policy, level="bubblewrap", network="" if can else "not permitted")
    pinned = msgspec.structs.replace(PINNED, network=wants)

    refused = refusal(Run(run="r", key="k", pinned=pinned), means, isolation)

    is_to_have_none = most == "none" or not wants
    assert (refused is not None) == (policy == "require" and is_to_have_none and not can)
    if refused is not None:
        assert (refused.state, refused.reason) == ("refused", "not_isolated")
        assert "no network" in refused.detail
        assert "not permitted" in refused.detail
        assert "--sandbox prefer" in refused.detail


async def test_what_is_in_the_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if CONNECTED["bubblewrap"]:
        pytest.skip(CONNECTED["bubblewrap"])
    assert (await probe(tmp_path, "prefer")).network == ""

    monkeypatch.setattr("node.jobs.apart.NO_NETWORK", ("--unshare-net", "--ro-bind", "/nowhere", "/x"))

    assert "nowhere" in (await probe(tmp_path, "prefer")).network


def to_nats(data: Path) -> str:
    """Return a script that reaches for the node's own NATS."""
    port = urlsplit(read_endpoint(data).nats_url).port
    return f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('reached')"


async def test_an_executable_says_whether_it_has_the_network(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab") as lab:
        script = to_nats(tmp_path / "lab")

        open_ = await ran_at(lab, await program(lab), script)
        shut = await ran_at(lab, await program(lab, network=False), script)

    assert (open_["stdout"], open_["network"]) == ("reached\n", True)
    if shut["network"]:
        pytest.skip("nothing can be kept from the network here")
    assert (shut["state"], shut["stdout"], shut["network"]) == ("failure", "", False)
    assert "refused" in shut["stderr"]


async def test_a_node_may_give_none_of_its_jobs_the_network(tmp_path: Path) -> None:
    async with one_node(tmp_path / "lab", "lab", job_network="none") as lab:
        script = to_nats(tmp_path / "lab")

        result = await ran_at(lab, await program(lab), script)

    if result["network"]:
        pytest.skip("nothing can be kept from the network here")
    assert (result["state"], result["stdout"]) == ("failure", "")
