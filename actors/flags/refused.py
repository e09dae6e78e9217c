"""What cannot be."""

from __future__ import annotations


class Refused(Exception):
    """A rule or a question that makes no sense; nothing has changed.

    ``code`` is a word, ``detail`` says why, ``flags`` are those that show it: a path, or two that collide.
    """

    def __init__(self, code: str, detail: str, flags: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.flags = flags
