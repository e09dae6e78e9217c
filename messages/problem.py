"""What went wrong in a run."""

from __future__ import annotations

from messages import base


class Problem(base.Value, frozen=True, kw_only=True):
    """What went wrong (RFC 9457); ``instance`` is the JSON pointer of the task."""

    type: str
    status: int
    title: str = ""
    detail: str = ""
    instance: str = ""
