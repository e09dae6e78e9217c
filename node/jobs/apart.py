"""What a job is started through, so that it sees of the machine no more than it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from node.jobs import launch
from node.jobs.scratch import Scratch

INSIDE = "/job"
"""Where the directory of the job is."""
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix")
"""What a job sees of the machine: programs, and what is configured for all."""
NAMES = "/run/systemd/resolve"
"""Where the file is, on some systems, that says who knows the names of the network."""
NO_NETWORK = ("--unshare-net",)
LAUNCH = "/.launch.py"
NO_USERS_SINCE = (0, 8)
VERSION_SECONDS = 5.0

_PYTHON = os.path.realpath(sys.executable)
PLAIN = [_PYTHON, "-I", "-S", launch.__file__]
"""What launches a job that is not apart in its files."""


def bubblewrap() -> str:
    """Return the path of bubblewrap, nothing where it is not installed."""
    return shutil.which("bwrap") or ""


def launcher(
    program: str, scratch: Scratch, readable: tuple[str, ...], *, has_network: bool = True
) -> list[str]:
    """Return what launches a job that has its own directory and reads the system, and nothing else."""
    words = [bubblewrap(), "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--hostname", "job"]
    words += () if has_network else NO_NETWORK
    if os.geteuid():
        words += ["--unshare-user"]
        words += ["--disable-userns"] if _version(bubblewrap()) >= NO_USERS_SINCE else []
    for path in SYSTEM:
        words += ["--ro-bind-try", path, path]
    for path in (NAMES, *_python(), *readable):
        words += [*_parents(path), "--ro-bind-try", path, path]
    words += ["--ro-bind", launch.__file__, LAUNCH, "--proc", "/proc", "--dev", "/dev"]
    for name, at in (("work", INSIDE), ("tmp", "/tmp"), ("tmp", "/var/tmp"), ("shm", "/dev/shm")):
        words += [*_parents(at), "--bind", str(scratch.path / name), at]
    if not _is_below(program, SYSTEM):
        words += [*_parents(program), "--ro-bind", os.path.realpath(program), program]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE]
    return [*words, "--", _PYTHON, "-I", "-S", LAUNCH]


def _parents(path: str) -> list[str]:
    """Have what is above a path open to all: bubblewrap itself makes it for the user that it runs as."""
    above = [str(one) for one in reversed(Path(path).parents) if not _is_below(str(one), ("/dev", *SYSTEM))]
    return [word for one in above[1:] for word in ("--dir", one)]


def _python() -> list[str]:
    """Return where our own Python is, when that is not where the system has its programs."""
    places = {str(Path(_PYTHON).parent.parent), os.path.realpath(sys.base_prefix)}
    return sorted(place for place in places if not _is_below(place, SYSTEM))


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(Path(path).is_relative_to(place) for place in places)


@cache
def _version(bwrap: str) -> tuple[int, ...]:
    told = subprocess.run([bwrap, "--version"], capture_output=True, check=False, timeout=VERSION_SECONDS)
    return tuple(map(int, re.findall(rb"\d+", told.stdout)))
