"""A registry with a repository of real files, for the tests of workers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REGISTRY, REPO = "reg", "repo-1"
GLOBAL_ROOT, GLOBAL_PATH = "/data/project", "/data/project/raw"
ARGUMENTS = {
    "registry_id": REGISTRY,
    "registry_name": "main",
    "repo_id": REPO,
    "repo_global_path": GLOBAL_PATH,
    "author_name": "Ann",
    "author_email": "ann@example.org",
}


class Files:
    """The directories of a file server: ``/data`` is its ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "project"
        self.repository = self.root / "raw"
        self.file = self.repository / "deep" / "file"
        self.file.parent.mkdir(parents=True)
        self.file.write_text("x")

    @property
    def prefix(self) -> str:
        """What a worker is told."""
        return f"/data={self.home}"

    def is_writable(self) -> bool:
        """Try to write, as the owner of the files and of the directory."""
        try:
            with self.file.open("a"):
                return bool(self.file.stat().st_mode & 0o200)
        except PermissionError:
            return False

    def arguments(self) -> dict[str, Any]:
        """Return what ``du_root`` is begun with."""
        host = {"host": "fs", "host_root": str(self.root)}
        return {"registry_id": REGISTRY, "global_root": GLOBAL_ROOT, **host}


@contextmanager
def files(directory: Path) -> Iterator[Files]:
    """Have files that can be removed afterwards, however they were locked."""
    home = directory / "home"
    try:
        yield Files(home)
    finally:
        subprocess.run(("chattr", "-R", "-f", "-i", home), check=False, capture_output=True)
        subprocess.run(("chmod", "-R", "u+w", home), check=False, capture_output=True)


def commits(shadows: Path, repo: str = REPO) -> list[str]:
    """Return the first lines of the commits of the repository's shadow, the newest first."""
    shadow = shadows / f"{repo}.git"
    argv = ("git", "--git-dir", shadow, "log", "--format=%s", "refs/heads/main")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    told = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
    return told.stdout.splitlines()
