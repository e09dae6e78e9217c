"""What may be said to and by a route: one method and path of the HTTP listener, which one workflow has."""

from __future__ import annotations

from typing import TypeAlias

from messages import base
from messages.base import Token
from messages.triggers import HttpTrigger


class Claim(base.Command, tag="route.claim"):
    """Serve a trigger of a workflow (said by it)."""

    workflow: Token
    generation: int
    """Counts the saves of the workflow; what an older one said is not heard."""
    trigger: HttpTrigger
    is_active: bool
    """Whether the workflow is active; one that is not gives way to one that is."""
    environment: str = "main"
    """Whose secret signs its requests."""


class Release(base.Command, tag="route.release"):
    """Serve the workflow no longer (said by it)."""

    workflow: Token
    generation: int


class Claimed(base.Event, tag="route.claimed"):
    """Requests begin runs of this workflow, if it is active."""

    workflow: str
    generation: int
    trigger: HttpTrigger
    is_active: bool
    environment: str = "main"


class Released(base.Event, tag="route.released"):
    """Requests begin nothing."""

    workflow: str
    generation: int


Command: TypeAlias = Claim | Release
Event: TypeAlias = Claimed | Released
