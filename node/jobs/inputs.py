"""Files of other runs, put into the directory of a run before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from messages.job import Input
from node.jobs.kept import CHUNK_BYTES, Gone, Kept
from node.jobs.scratch import inside


def put(kept: Kept, inputs: Iterable[Input], work: Path) -> None:
    """Copy what is kept to where it is wanted; raises Gone, naming what is not kept here."""
    for wanted in inputs:
        path = work / inside(wanted.path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        size, digest = 0, sha256()
        try:
            with path.open("xb") as file:
                while size < wanted.size and (
                    part := kept.read(wanted.run, wanted.sha256, size, CHUNK_BYTES)
                ):
                    size += file.write(part)
                    digest.update(part)
        except Gone as gone:
            raise Gone(_told(wanted)) from gone
        if digest.hexdigest() != wanted.sha256:
            raise Gone(_told(wanted))


def _told(wanted: Input) -> str:
    return (
        f"{wanted.path} is of another run and is not kept here: it is too old, or a worker elsewhere has it;"
        " run that again, or have one worker do both"
    )
