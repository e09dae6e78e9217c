"""What a workspace is, and what is shown of it."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.actor import Summary, Turn
from actors.sharing import sharing
from actors.sharing.sharing import Shares
from messages.workspace import Content


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What the next decision depends on; without content it was never saved, or was deleted."""

    content: Content | None = None
    generation: int = 0
    revision: int = 0
    """Counts the changes of what the peers are told."""
    workflow: str = ""
    """The workflow that it follows or followed last."""
    workflow_generation: int = 0
    shares: Shares = msgspec.field(default_factory=dict)

    @property
    def is_contextual(self) -> bool:
        """Whether it follows a workflow."""
        return self.content is not None and self.workflow != ""


def owned_by(state: State, turn: Turn) -> sharing.Owned:
    """Return what the peers that it is shared with are told of it."""
    return sharing.Owned(
        address=turn.me,
        node=turn.node,
        name="" if state.content is None else state.content.name,
        generation=state.generation,
        revision=state.revision,
        body={} if state.content is None else msgspec.to_builtins(state.content),
    )


def summary(state: State) -> Summary | None:
    """Show which workflow it follows and which shared workspace it is in."""
    if state.content is None:
        return None
    return Summary(
        status="active" if state.content.active else "inactive",
        name=state.content.name,
        parent=state.workflow,
        labels=state.content.labels,
        fields={"shared": _shared(state), "contextual": state.is_contextual},
    )


def view(state: State) -> dict[str, Any] | None:
    """Show the saved fields, and what it belongs to."""
    if state.content is None:
        return None
    return {
        **msgspec.to_builtins(state.content),
        "contextual": state.is_contextual,
        "workflow": state.workflow,
        "shared": _shared(state),
        "generation": state.generation,
    }


def _shared(state: State) -> str:
    return next(iter(sharing.inside(state.shares)), "")


def copies(state: State, peer: str, node: str) -> tuple[int, int] | None:
    """Return what a peer that it is shared with should hold."""
    is_reader = state.content is not None and peer in sharing.readers(state.shares, node)
    return (state.generation, state.revision) if is_reader else None
