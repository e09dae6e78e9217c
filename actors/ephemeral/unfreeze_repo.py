"""unfreeze-repo: the files of a frozen repository can be written again."""

from __future__ import annotations

from typing import Any

from actors.actor import Actor
from actors.ephemeral import ephemeral
from actors.ephemeral.progress import State
from actors.ephemeral.repo_moves import move

TABLE = move("unfreeze", "unfreezing", "Make a frozen repository online: its files can be written again.")

ACTOR: Actor[State, Any, Any] = ephemeral.actor(TABLE)
