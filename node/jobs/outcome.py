"""What is told of the end of a program: how it ended, the last that it wrote, and the files that it left."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from messages.job_run import FILES_MAX, TAIL_CHARACTERS, File, Result, Run
from node.jobs.kept import Kept
from node.jobs.sandbox import Ended
from node.jobs.scratch import Scratch

READ_BYTES = 4 * TAIL_CHARACTERS
"""What is read of the end of an output, of which characters have up to four bytes."""


def of(work: Run, ended: Ended, place: Scratch, keeping: tuple[Kept, int, threading.Event]) -> Result:
    """Keep what a run has left, and return how it has ended; for a thread, as files may be large."""
    kept, most, is_cancelled = keeping
    known = {one.path: _digest(one.content) for one in work.pinned.working_files}
    known |= {one.path: one.sha256 for one in work.pinned.inputs}
    files, left_out = kept.all_of(work.run, place.work, min(most, FILES_MAX), known, is_cancelled)
    paths = {"stdout": place.stdout, "stderr": place.stderr}
    long = [kept.one(work.run, path, name) for name, path in paths.items() if _is_long(path)]
    return Result(
        **_how(work, ended),
        stdout=_tail(place.stdout),
        stderr=_tail(place.stderr),
        code=ended.code,
        files=tuple(files),
        files_left_out=left_out,
        outputs=tuple(one for one in long if isinstance(one, File)),
        seconds=round(ended.seconds, 3),
        memory_bytes=ended.memory_bytes,
    )


def seconds(work: Run) -> float:
    """Return how long it may run: until its timeout, or the end of its slot."""
    timeout = float(work.pinned.timeout_seconds)
    return timeout if work.until is None else min(timeout, max(_left(work.until), 0.0))


def _left(until: datetime) -> float:
    return (until - datetime.now(UTC)).total_seconds()


def _how(work: Run, ended: Ended) -> dict[str, Any]:
    """Return the state in which it has ended, and why."""
    reason, detail, state = ended.reason, ended.fault, "failure"
    if reason in ("timeout", "cancelled"):
        state = reason
    elif not reason and not ended.fault and ended.code == 0:
        state = "success"
    if ended.fault:
        reason = "cannot_start"
    if reason == "timeout" and work.until is not None and _left(work.until) <= 0:
        reason, detail = "slot_ended", "its slot is over"
    if ended.survivors:
        detail = f"{ended.survivors} of its processes could not be ended"
    return {"state": state, "reason": reason, "detail": detail}


def _is_long(path: Path) -> bool:
    return path.stat().st_size > TAIL_CHARACTERS


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - READ_BYTES, 0))
        text = file.read().decode(errors="replace")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[-TAIL_CHARACTERS:]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
