"""What a job may use, and what happens where it cannot be kept apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec.structs import asdict, replace

Policy = Literal["require", "prefer", "none"]
"""``require``: a job runs where its files are apart from ours, or not at all; ``prefer``: as far apart as the
machine can; ``none``: only its processes are kept together."""
POLICIES: tuple[Policy, ...] = ("require", "prefer", "none")

Network = Literal["host", "none"]
"""What network jobs have at most: that of the machine, or none."""
NETWORKS: tuple[Network, ...] = ("host", "none")

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d{1,15})([kmgt]?)(?:ib)?", re.IGNORECASE)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The most that one run of a job may use."""

    seconds: int = 7 * 24 * 3600
    """How long it may run, whatever it asks for."""
    memory_bytes: int = 2 << 30
    """Of one of its processes, and of all together."""
    processes: int = 256
    output_bytes: int = 64 << 20
    """What is kept of each of its outputs; one that writes more is ended."""
    file_bytes: int = 1 << 30
    """The largest file that it may write."""
    disk_bytes: int = 4 << 30
    """What it may have on the disk at a time."""
    open_files: int = 1_024
    """Of one of its processes."""
    kept_files: int = 100
    """How many of the files that it leaves are kept, 100 at most."""


def parse_limits(texts: Iterable[str], limits: Limits | None = None) -> Limits:
    """Return the limits with some changed, each ``name=number``, with k, m, g or t; raises ValueError."""
    limits = limits or Limits()
    names = {name.removesuffix("_bytes"): name for name in asdict(limits)}
    for text in texts:
        name, _, value = text.partition("=")
        found = _SIZE.fullmatch(value.strip())
        if name not in names:
            raise ValueError(f"{text}: there is no limit {name}; there are {', '.join(names)}")
        if found is None or int(found[1]) == 0:
            raise ValueError(f"{text}: {value!r} is no number such as 500 or 4g")
        limits = replace(limits, **{names[name]: int(found[1]) * _UNITS[found[2].lower()]})
    return limits
