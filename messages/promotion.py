"""What may be said to and by a promotion: a workflow that is to be in another environment, too."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from messages import base
from messages.base import Text, Token
from messages.workflow import Definition

Status = Literal["checking", "refused", "planned", "deploying", "deployed", "rolling_back", "rolled_back"]
What = Literal["right", "policy", "variable", "secret", "connection", "workflow", "expression"]


class Check(base.Value, frozen=True, kw_only=True):
    """One thing that has to be so before a workflow goes to another environment."""

    what: What
    name: str = ""
    is_met: bool
    at: str = ""
    """Where the workflow names it, as a JSON pointer."""
    detail: str = ""
    """Why it is not met, and what to do."""


class Facts(base.Value, frozen=True, kw_only=True):
    """What was found out for the checks."""

    follows: dict[str, tuple[str, ...]]
    """Of each environment, from which ones a workflow may come into it."""
    variables: dict[str, bool] = msgspec.field(default_factory=dict)
    """Of the target: whether each is set."""
    secrets: dict[str, bool] = msgspec.field(default_factory=dict)
    connections: dict[str, str] = msgspec.field(default_factory=dict)
    """Of the target: the kind of each."""
    silent: dict[str, str] = msgspec.field(default_factory=dict)
    """Which connections that are used do not answer, and why."""
    children: dict[str, bool] = msgspec.field(default_factory=dict)
    """Of the workflows that it runs, whether each is in the target."""
    unread: dict[str, str] = msgspec.field(default_factory=dict)
    """By JSON pointer, the expressions of the workflow that are none, and why."""
    target: Definition | None = None
    """What is there now."""
    generation: int = 0
    """Of that."""


class Begin(base.Command, tag="promotion.begin"):
    """Find out whether a workflow may go to another environment (said by it)."""

    workflow: Token
    origin: Token
    """The workflow that it was first; itself, if it was not promoted."""
    workflow_version: int
    environment: Token
    """Where it is."""
    to: Token
    into: Token
    """The id that it has there."""
    definition: Definition
    is_plan: bool = False
    by: str = ""


class Checked(base.Command, tag="promotion.checked"):
    """Know what was found out (said by the node)."""

    facts: Facts


class Deployed(base.Command, tag="promotion.deployed"):
    """Know that it is there (said by the workflow there)."""

    generation: int
    workflow_version: int


class Failed(base.Command, tag="promotion.failed"):
    """Know that it is not there (said by the workflow there)."""

    code: str
    detail: Text = ""


class RollBack(base.Command, tag="promotion.roll_back"):
    """Have what was there before there again, unless it was changed since."""


class Look(base.Command, tag="promotion.look"):
    """The work of the queue ``promotions``: find out what the checks need, and answer with ``checked``."""

    promotion: Token
    workflow: Token
    to: Token
    into: Token
    definition: Definition


class Begun(base.Event, tag="promotion.begun"):
    """It is being checked."""

    workflow: str
    origin: str
    workflow_version: int
    environment: str
    to: str
    into: str
    definition: Definition
    is_plan: bool
    by: str
    at: datetime


class Weighed(base.Event, tag="promotion.weighed"):
    """All checks were made."""

    status: Status
    """``refused``, ``planned`` or ``deploying``."""
    checks: tuple[Check, ...]
    target: Definition | None
    """What was there."""
    generation: int
    at: datetime


class Arrived(base.Event, tag="promotion.arrived"):
    """It is there."""

    generation: int
    workflow_version: int
    at: datetime


class Refused(base.Event, tag="promotion.refused"):
    """The workflow there could not be changed."""

    code: str
    detail: str
    at: datetime


class RollingBack(base.Event, tag="promotion.rolling_back"):
    """What was there before is to be there again."""


class RolledBack(base.Event, tag="promotion.rolled_back"):
    """What was there before is there again."""

    generation: int
    workflow_version: int
    at: datetime


class Wait(base.Value, frozen=True, kw_only=True):
    """Ask what came of it; waits until something has."""

    timeout: float = 30.0


Command: TypeAlias = Begin | Checked | Deployed | Failed | RollBack
Event: TypeAlias = Begun | Weighed | Arrived | Refused | RollingBack | RolledBack
