"""Connections are asked before a workflow is promoted to where they are; what is told if they are silent."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from node.calls.egress import parse_all
from node.calls.outside import Outside
from node.calls.probe import Probe
from tests.calls.served import Site

SECRET = "pl4nted-S3cret"
NOBODY = "127.0.0.1:1"


@pytest_asyncio.fixture
async def probe(tmp_path: Path) -> AsyncIterator[Probe]:
    probe = Probe(Outside(data=tmp_path, allowed=parse_all(["127.0.0.1"])))
    yield probe
    await probe.close()


async def test_who_is_there_answers(probe: Probe, site: Site, tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    with closing(sqlite3.connect(tmp_path / "databases" / "shop.db")):
        pass
    site["/gone"] = web.Response(status=404)

    for kind, url in (
        ("http", site.url),
        ("http", f"{site.url}/gone"),
        ("slack", f"{site.url}/hooks/{SECRET}"),
        ("database", "sqlite:///shop.db"),
    ):
        assert await probe.silence(kind, url, (SECRET,)) == "", (kind, url)


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        ("http", f"http://{NOBODY}/{SECRET}", "cannot be reached"),
        ("http", "http://10.0.0.1/", "--allow-egress"),
        ("slack", f"http://{NOBODY}/{SECRET}", "cannot be reached"),
        ("database", f"postgresql://ann:{SECRET}@{NOBODY}/x", ""),
        ("smtp", f"smtp://ann:{SECRET}@{NOBODY}", NOBODY),
    ],
)
async def test_silence_is_told_without_a_secret(probe: Probe, kind: str, url: str, said: str) -> None:
    told = await probe.silence(kind, url, (SECRET,))

    assert told
    assert said in told
    assert SECRET not in told


async def test_a_server_that_is_broken_does_not_answer(probe: Probe, site: Site) -> None:
    site["/"] = web.Response(status=503, text=SECRET)

    assert await probe.silence("http", f"{site.url}/", (SECRET,)) == f"{site.url}/ answered 503"
