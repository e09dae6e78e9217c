"""The tables of states and commands of the specification, as it writes them, and what each cell says.

The rows ``abort_expired`` and ``delete`` of the second table are ours: upstream has neither.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DU_ROOT = """
| command \\ state | uninitialized | initialized | appending | completed | terminated |
| --- | --- | --- | --- | --- | --- |
| init | started → initialized | same arguments: nothing; other: `init_conflict` | `state_advanced` | `state_advanced` | `state_advanced` |
| append | `state_conflict` | updated → appending | updated (the same path again is allowed) | `state_conflict` | `state_conflict` |
| commit | `state_conflict` | completed(0) | completed(0) | nothing (the outcome tells the stored code) | `state_conflict` |
| fail(code ≠ 0, message) | `state_conflict` | completed(code) | completed(code) | nothing (ditto) | `state_conflict` |
| abort_expired | `state_conflict` | completed(104 "expired") | completed(104 "expired") | nothing | nothing |
| end | `state_conflict` | `state_conflict` | `state_conflict` | committed → terminated | nothing |
| delete | nothing | `state_conflict` | `state_conflict` | deleted | deleted |
"""  # noqa: E501  # as it was written

UNFREEZE_REPO = """
| command \\ state | uninit | initialized | files | files_completed | files_failed | completed | failed | terminated |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| init | started_2 | same registry, name, repo, path: nothing (author, versions not compared); other: `not_idempotent` | conflict | conflict | conflict | conflict | conflict | conflict |
| begin_files | conflict | files_started → files | nothing | conflict | conflict | conflict | conflict | conflict |
| commit_files | conflict | conflict | files_completed(0) | nothing | conflict | conflict | conflict | conflict |
| abort_files(code≠0, msg) | conflict | conflict | files_completed(code) → files_failed | conflict | nothing | conflict | conflict | conflict |
| commit | conflict | conflict | conflict | completed_2(0) | conflict | nothing | conflict | conflict |
| abort(code≠0, msg) | conflict | completed_2(code) → failed | conflict | completed_2 → failed | completed_2 → failed | conflict | nothing | `already_terminated` |
| end | conflict | conflict | conflict | conflict | conflict | committed → terminated | committed → terminated | nothing |
| abort_expired | conflict | completed(104 "expired") → failed | completed(104 "expired") → failed | completed(104 "expired") → failed | completed(104 "expired") → failed | nothing | nothing | nothing |
| delete | nothing | conflict | conflict | conflict | conflict | deleted | deleted | deleted |
"""  # noqa: E501  # as it was written

# Upstream numbers the second edition of an event and puts the workflow's name into it; ours have neither.
CLEAN = {
    "started_2": "started",
    "completed_2": "completed",
    "du_updated": "updated",
    "du_root_completed": "completed",
    "du_root_committed": "committed",
    "uninit": "uninitialized",
}
LEADS = {"started": "initialized"}
"""Where an event leads without an arrow, unless a state is named as the event is, or it stays."""
BROUGHT = "code"
"""In place of a code: the one that the command brings."""

_EVENT = re.compile(r'(?P<event>\w+)(?:\((?P<code>\w+)(?: "(?P<message>\w+)")?\))?(?: → (?P<state>\w+))?')


class Wanted(NamedTuple):
    """A cell: what a command does in a state."""

    verb: str
    state: str
    refusal: str = ""
    """The code; of ``init`` in the state that it led to: when its arguments are others."""
    event: str = ""
    """Nothing: nothing happens."""
    code: str = ""
    """A number, or BROUGHT."""
    message: str = ""
    after: str = ""
    is_same: bool = False
    """Whether the same arguments change nothing."""

    def __str__(self) -> str:
        return f"{self.verb}-{self.state}"


def cells(table: str) -> list[Wanted]:
    """Read all cells of a table."""
    heading, _, *rows = (line.strip("| ").split(" | ") for line in table.strip().splitlines())
    states = [clean(state) for state in heading[1:]]
    return [
        _read(command.partition("(")[0], state, text, states)
        for command, *texts in rows
        for state, text in zip(states, texts, strict=True)
    ]


def clean(name: str) -> str:
    """Return our name of what upstream names otherwise."""
    return CLEAN.get(name, name)


def _read(verb: str, state: str, text: str, states: list[str]) -> Wanted:
    code = re.search(r"`(\w+)`", text)
    if text == "conflict" or code:
        refusal = code[1] if code else "state_conflict"
        return Wanted(verb, state, refusal=refusal, is_same=text.startswith("same"))
    if text.startswith("nothing"):
        return Wanted(verb, state)
    found = _EVENT.match(text)
    assert found, text
    event = clean(found["event"])
    named = event if event in (*states, "deleted") else LEADS.get(event, state)
    after = found["state"] or named
    # where the table gives no code, the command brings it ("completed_2 → failed"), or the event has none
    brought = BROUGHT if after == "failed" else ""
    return Wanted(
        verb, state, event=event, code=found["code"] or brought, message=found["message"] or "", after=after
    )
