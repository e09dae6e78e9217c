"""Tier by command as the specification has it, typed out by hand; ``ours`` is the workflow that speaks."""

from __future__ import annotations

from collections.abc import Iterator

VERBS = (
    "begin_unfreeze",
    "commit_unfreeze",
    "abort_unfreeze",
    "begin_freeze",
    "commit_freeze",
    "abort_freeze",
)

# - nothing happens; >tier it is in this tier from now on; S state_conflict; W conflict_workflow
#                          unfreeze                       freeze
# tier            holder   begin       commit  abort             begin      commit  abort
TABLE = """
  online          nobody   S           W       W                 >freezing  S       W
  online          ours     -           -       >unfreeze_failed  >freezing  S       W
  online          other    S           W       W                 >freezing  S       W
  freezing        ours     S           S       W                 -          >frozen >freeze_failed
  freezing        other    S           S       W                 W          W       W
  frozen          ours     >unfreezing S       W                 -          -       >freeze_failed
  frozen          other    >unfreezing S       W                 S          W       W
  freeze_failed   ours     S           S       W                 >freezing  S       -
  freeze_failed   other    S           S       W                 >freezing  S       W
  unfreezing      ours     -           >online >unfreeze_failed  S          S       W
  unfreezing      other    W           W       W                 S          S       W
  unfreeze_failed ours     >unfreezing S       -                 S          S       W
  unfreeze_failed other    >unfreezing S       W                 S          S       W
  archived        ours     S           S       W                 S          S       W
  archived        other    S           S       W                 S          S       W
"""
CODES = {"S": "state_conflict", "W": "conflict_workflow", "-": ""}
HOLDERS = {"nobody": "", "ours": "w-1", "other": "w-2"}


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Return the tier, the holder, the verb, and what comes of it: ``>tier``, a code, or nothing."""
    for line in TABLE.strip().splitlines():
        tier, holder, *row = line.split()
        for verb, cell in zip(VERBS, row, strict=True):
            yield tier, HOLDERS[holder], verb, CODES.get(cell, cell)
