"""The shadow of a repository: a git repository that records what was there, and for whom."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from node.workers import tool, tree
from node.workers.tool import Failed, readable

BRANCH = "refs/heads/main"
MANIFEST = "manifest.jsonl"
NAME, EMAIL = "Covey", "covey@localhost"

STALE_LOCK_SECONDS = 2.0
"""A lock file that is older is nobody's: git holds one for milliseconds."""
LOCK_MILLISECONDS = 3_000
"""How long git waits for a lock; longer than the above, so that the attempt after finds it stale."""
ATTEMPTS = 3
HISTORY_COMMITS = 100
"""How far back a commit of the same workflow is looked for."""
GIT_SECONDS = 60.0
MANIFEST_SECONDS = 600.0
LINES_AT_ONCE = 1_000
NAME_CHARACTERS = 500
MESSAGE_CHARACTERS = 10_000

_NONE = "0" * 40
_CRUD = " .,:;<>\"\\'" + "".join(map(chr, range(32)))
"""What git takes off the ends of a name."""
_LAYOUT = {"HEAD": f"ref: {BRANCH}\n", "config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"}
_LOCKS = (f"{BRANCH}.lock", "HEAD.lock", "packed-refs.lock")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsync=committed",
    f"core.filesRefLockTimeout={LOCK_MILLISECONDS}",
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}


class ShadowFailed(Failed):
    """The shadow could not be committed; trying again is safe."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who asked for the change; raises ValueError when git could not write it down as it is."""

    name: str
    email: str

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("email", self.email)):
            if text.splitlines() != [text] or any(mark in text for mark in "<>\0"):
                raise ValueError(
                    f"the author's {what} is one line, not empty, without <, > and NUL: not {text!r}"
                )
            if not text.strip(_CRUD) or len(text) > NAME_CHARACTERS:
                raise ValueError(
                    f"the author's {what} has 1 to {NAME_CHARACTERS} characters: not {text[:80]!r}"
                )


class Line(msgspec.Struct, omit_defaults=True):
    """What the manifest says of a path; ``raw`` is the path in hexadecimal digits where it is no UTF-8."""

    path: str
    type: str
    size: int
    mode: str
    mtime_ns: int
    target: str = ""
    raw: str = ""


def memory(shadow: Path) -> Path:
    """Return the file of a shadow in which ``immutable`` remembers the permission bits that it took."""
    return shadow / "permission-bits"


async def commit(shadow: Path, directory: Path, *, message: str, workflow: str, author: Author) -> str:
    """Record the tree below a directory for a workflow; return the hash of the commit; raises ShadowFailed.

    Recorded is a manifest of the metadata, a sorted line of JSON a path, and not the contents: repositories
    may be huge. The same workflow and tree again is the same commit. Where we are killed, the next goes on.
    """
    _check(shadow, directory, message, workflow)
    lines = await tool.in_thread(lambda is_cancelled: _manifest(directory, is_cancelled))
    await tool.in_thread(lambda _: _prepare(shadow))
    blob = await _git(shadow, "hash-object", "-w", "--stdin", feed=lines, seconds=MANIFEST_SECONDS)
    recorded = await _git(shadow, "mktree", feed=[f"100644 blob {blob}\t{MANIFEST}\n".encode()])
    text = f"{message.strip()}\n\nWorkflow: {workflow}\n".encode()
    complaint = ""
    for _ in range(ATTEMPTS):
        tip = await _tip(shadow)
        known = await _known(shadow, tip, recorded, workflow)
        if known:
            return known
        parents = ("-p", tip) if tip else ()
        fresh = await _git(shadow, "commit-tree", recorded, *parents, feed=[text], author=author)
        complaint = await _move(shadow, tip, fresh)
        if not complaint:
            return fresh
    raise ShadowFailed(f"git failed: {complaint}")


def _check(shadow: Path, directory: Path, message: str, workflow: str) -> None:
    if not workflow.isprintable() or len(workflow.split()) != 1:
        raise ValueError(f"{workflow!r} is no id of a workflow: it is one word")
    if not message.strip() or "\0" in message or len(message) > MESSAGE_CHARACTERS:
        raise ValueError(f"a message has 1 to {MESSAGE_CHARACTERS} characters, and no NUL")
    if shadow.resolve().is_relative_to(directory.resolve()):
        raise ValueError(f"{shadow} is within {directory}, which it records: put it elsewhere")


def _manifest(directory: Path, is_cancelled: threading.Event) -> list[bytes]:
    """Return the manifest in chunks."""
    entries = sorted(tree.look(directory, is_cancelled), key=lambda entry: os.fsencode(entry.path))
    return list(_chunks(map(_line, entries)))


def _line(entry: tree.Entry) -> bytes:
    path = readable(entry.path)
    line = Line(
        path=path,
        type=entry.type,
        size=entry.size,
        mode=f"{entry.mode:04o}",
        mtime_ns=entry.mtime_ns,
        target=readable(entry.target),
        raw="" if path == entry.path else os.fsencode(entry.path).hex(),
    )
    return msgspec.json.encode(line) + b"\n"


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    lines = iter(lines)
    while chunk := b"".join(islice(lines, LINES_AT_ONCE)):
        yield chunk


def _prepare(shadow: Path) -> None:
    """Make the shadow a bare repository, as far as it is none; remove the locks that a killed git has left.

    By hand (see gitrepository-layout): a ``git init`` that is killed leaves a lock on its configuration.
    """
    try:
        for folder in ("objects", "refs/heads"):
            (shadow / folder).mkdir(parents=True, exist_ok=True)
        for name, text in _LAYOUT.items():
            if not (shadow / name).exists():
                tool.write_whole(shadow / name, [text])
        _remove_stale_locks(shadow)
    except OSError as error:
        raise ShadowFailed(f"{readable(str(shadow))} cannot be made a repository: {error}") from error


def _remove_stale_locks(shadow: Path) -> None:
    for name in _LOCKS:
        lock = shadow / name
        with suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > STALE_LOCK_SECONDS:
                lock.unlink()


async def _tip(shadow: Path) -> str:
    """Return the newest commit, nothing when there is none."""
    return await _git(shadow, "for-each-ref", "--format=%(objectname)", BRANCH)


async def _known(shadow: Path, tip: str, recorded: str, workflow: str) -> str:
    """Return the commit that already records the tree for the workflow, or nothing."""
    if not tip:
        return ""
    trailer = "%(trailers:key=Workflow,valueonly,separator=)"
    told = await _git(shadow, "log", f"--max-count={HISTORY_COMMITS}", f"--format=%H %T {trailer}", tip)
    commits = (line.split(" ") for line in told.splitlines())
    return next((found for found, *what in commits if what == [recorded, workflow]), "")


async def _move(shadow: Path, tip: str, fresh: str) -> str:
    """Make the commit the newest, if none came in between; return what git complained of."""
    try:
        await _git(shadow, "update-ref", BRANCH, fresh, tip or _NONE)
    except ShadowFailed as error:
        await tool.in_thread(lambda _: _remove_stale_locks(shadow))
        return str(error)
    return ""


async def _git(
    shadow: Path,
    *arguments: str,
    feed: Iterable[bytes] | None = None,
    author: Author | None = None,
    seconds: float = GIT_SECONDS,
) -> str:
    """Run a plumbing command, of no configuration but ours; return what it says; raises ShadowFailed."""
    environment = {**_ENVIRONMENT, "GIT_DIR": "."}
    if author is not None:
        environment |= {"GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email}
    settings = (part for setting in _SETTINGS for part in ("-c", setting))
    done = await tool.run(
        ("git", *settings, *arguments), shadow, seconds=seconds, environment=environment, feed=feed
    )
    if done.code:
        raise ShadowFailed(f"git {arguments[0]} failed: {done.errors or done.code}")
    return done.output.decode().strip()
