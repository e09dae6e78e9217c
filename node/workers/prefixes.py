"""Prefixes: which global paths a file server holds, and where they are on its disks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.workers.tool import Failed

REMEDY = "give it as GLOBAL=HOSTDIR, for example /data=/srv/data"


class Outside(Failed):
    """A path that is not, or not really, below the directory of its prefix."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A part of the global tree, and the directory of this host that holds it."""

    global_root: str
    host_directory: Path

    def holds(self, global_path: str) -> bool:
        """Say whether the path is the root or below it; never true of a path with ``..``."""
        return self._below(global_path) is not None

    def host_path(self, global_path: str) -> Path:
        """Return where the path really is, with symbolic links followed; raises Outside."""
        below = self._below(global_path)
        if below is None:
            raise Outside(f"{global_path!r} is not below {self.global_root}")
        try:
            home = self.host_directory.resolve()
            real = home.joinpath(*below).resolve()
            with suppress(FileNotFoundError):
                real.stat()  # resolve() passes over a loop of links from Python 3.13 on
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a name that cannot be one
            raise Outside(f"{global_path!r} leads nowhere: {error}") from error
        if not real.is_relative_to(home):
            raise Outside(f"{global_path!r} leads out of {self.host_directory}")
        return real

    def _below(self, global_path: str) -> list[str] | None:
        """Return the components that come after the root's, or None when the path is not the root's."""
        root, path = _parts(self.global_root), _parts(global_path)
        if root is None or path is None or path[: len(root)] != root:
            return None
        return path[len(root) :]


def parse(text: str) -> Prefix:
    """Read ``GLOBAL=HOSTDIR``; raises ValueError with a remedy."""
    global_root, equals, directory = text.partition("=")
    if not equals or not global_root or not directory:
        raise ValueError(f"{text!r} is no prefix: {REMEDY}")
    parts = _parts(global_root)
    if parts is None:
        raise ValueError(f"{global_root!r} is no global path: it begins with / and has no ..; {REMEDY}")
    host_directory = Path(directory)
    if not host_directory.is_absolute():
        raise ValueError(f"{directory!r} is not absolute: {REMEDY}")
    if not host_directory.is_dir():
        raise ValueError(f"{directory!r} is no directory of this host: make or mount it first")
    return Prefix("/" + "/".join(parts), host_directory)


def _parts(path: str) -> list[str] | None:
    """Return the components of an absolute path, or None when it is none that we follow."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return parts if path.startswith("/") and ".." not in parts and "\0" not in path else None
