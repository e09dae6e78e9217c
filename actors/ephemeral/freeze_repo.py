"""freeze-repo: the files of a repository cannot be changed any more."""

from __future__ import annotations

from typing import Any

from actors.actor import Actor
from actors.ephemeral import ephemeral
from actors.ephemeral.progress import State
from actors.ephemeral.repo_moves import move

TABLE = move("freeze", "freezing", "Freeze an online repository: its files cannot be changed any more.")

ACTOR: Actor[State, Any, Any] = ephemeral.actor(TABLE)
