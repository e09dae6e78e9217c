"""Whether a program may be run here: it is there, it is what was meant, and root is not given unasked."""

from __future__ import annotations

import os
import stat
from hashlib import file_digest

from messages.job_run import Result, Run
from node.jobs.means import Means
from node.jobs.probe import Isolation


def refusal(work: Run, means: Means, isolation: Isolation) -> Result | None:
    """Return why a run is refused; None: it is not. Reads the whole program where its digest is known."""
    pinned = work.pinned
    if isolation.level is None:
        return _refused("not_isolated", isolation.refusal)
    if isolation.policy == "require" and isolation.network and not means.gives_network(pinned):
        detail = f"it is to have no network, and that cannot be kept from it here ({isolation.network})"
        return _refused("not_isolated", f"{detail}; or allow it: --sandbox prefer")
    if pinned.requires_root and not means.may_be_root:
        detail = "it needs root, which jobs are not given here; to allow it: --allow-root-jobs"
        return _refused("root_not_allowed", detail)
    return _wrong_file(pinned.argv[0], pinned.sha256)


def _wrong_file(path: str, wanted: str) -> Result | None:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return _refused("no_program", f"{path}: {error.strerror}")
    with open(number, "rb") as file:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode) or not mode & 0o111:
            return _refused("no_program", f"{path} is no program")
        if wanted and (found := file_digest(file, "sha256").hexdigest()) != wanted:
            detail = f"{path} has the sha256 {found}, and not {wanted}; save the executable anew if it should"
            return _refused("digest_changed", detail)
    return None


def _refused(code: str, detail: str) -> Result:
    return Result(state="refused", reason=code, detail=detail)
