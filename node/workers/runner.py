"""The runner: brings an ephemeral workflow on from a state, as the plan in its table says.

It knows no workflow: who is told what in which state is data (``actors.ephemeral.table.Plan``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from actors.ephemeral.table import Job, Plan, Say, Table
from messages.envelope import Address, derive
from messages.ephemeral import Advance
from node.fault import around
from node.workers.voice import Voice, refusal_of

MESSAGE_CHARACTERS = 120
"""What participants and workflows keep of a reason."""
MORE = "..."
GONE = ("not_found", "wrong_kind")
"""How a question to a workflow is refused that was deleted, and whose id may be another's by now."""

_LOG = logging.getLogger("covey.worker")


class LeftToOthers(Exception):
    """Somebody else is at it; should that not be so, the task comes again."""


@dataclass(frozen=True, slots=True)
class Work:
    """A task that was taken."""

    id: str
    """The same at each delivery."""
    advance: Advance
    attempt: int = 1
    """How often it was delivered: more than once, and whoever had it in hand was interrupted."""

    @property
    def workflow(self) -> Address:
        """The workflow that it is about."""
        return Address(self.advance.workflow_kind, self.advance.id)

    def argument(self, name: str) -> str:
        """Return an argument of the workflow as text."""
        return str(self.advance.arguments[name])


class Jobs(Protocol):
    """The work on files that a worker can do."""

    def takes(self, job: Job, work: Work) -> bool:
        """Say whether it is to be done here."""

    async def do(self, job: Job, work: Work, state: str) -> None:
        """Do it, for a workflow that is in ``state``, and tell the workflow how it went."""


class NoJobs:
    """The work on files of a worker that has none."""

    def takes(self, _job: Job, _work: Work) -> bool:
        """Leave it to others."""
        return False

    async def do(self, _job: Job, _work: Work, _state: str) -> None:
        """Do nothing."""


class Found(NamedTuple):
    """How far a workflow is."""

    state: str
    is_final: bool


class Reason(NamedTuple):
    """Why a workflow is to fail, or has failed."""

    code: int
    message: str


class Runner:
    """Follows the plans of all tables on one queue."""

    def __init__(
        self,
        queue: str,
        tables: Iterable[Table],
        voice: Voice,
        *,
        jobs: Jobs | None = None,
        reach: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._queue = queue
        self._plans = {(table.kind, state): plan for table in tables for state, plan in table.plans.items()}
        self._voice = voice
        self._jobs: Jobs = jobs or NoJobs()
        self._reach = reach

    async def advance(self, work: Work) -> None:
        """Do what is to be done in the state that the task is about, if the workflow is still in it.

        Every other state that asks for work has a task of its own.
        """
        plan = self._plans.get((work.advance.workflow_kind, work.advance.state))
        if plan is None or plan.queue != self._queue or not self._can(plan, work):
            return
        found = await self._look(work)
        if found is None:
            await self._release(plan, work)
        elif self._is_about(plan, work, found):
            complaint = await self._follow(plan, work, found.state)
            if complaint and await self._look(work) == found:
                _LOG.warning(
                    "%s stays %s until it is aborted or expires: %s", work.workflow, found.state, complaint
                )

    def _can(self, plan: Plan, work: Work) -> bool:
        return all(self._jobs.takes(step, work) for step in plan.steps if isinstance(step, Job))

    def _is_about(self, plan: Plan, work: Work, found: Found) -> bool:
        """Say whether it is in the state of the task, in the midst of its job, or holds something still."""
        if found.state == work.advance.state:
            return True
        if found.is_final:  # it is over sooner than what it holds is let go of
            return all(isinstance(step, Say) and step.is_release for step in plan.steps)
        has_job = any(isinstance(step, Job) for step in plan.steps)
        has_task = (work.advance.workflow_kind, found.state) in self._plans
        return has_job and not has_task

    async def _look(self, work: Work) -> Found | None:
        """Return how far the workflow is, None when it was deleted."""
        answer = await self._voice.ask(work.workflow, "get")
        if "state" in answer:
            return Found(str(answer["state"]), bool(answer["is_final"]))
        if answer.get("code") in GONE:
            return None
        raise RuntimeError(f"{work.workflow} cannot be looked at: {answer}")

    async def _follow(self, plan: Plan, work: Work, state: str) -> str:
        """Take all steps; return why one was refused that the plan does without, nothing when all is done."""
        known = Reason(work.advance.code, work.advance.message)
        for place, step in enumerate(plan.steps):
            if isinstance(step, Job):
                await self._do(step, work, state)
                continue
            refusal = await self._say(step, work, known, place)
            if refusal and step.otherwise:
                return await self._undo(plan, work, Reason(step.otherwise, refusal))
            if refusal and not step.is_release:
                return refusal
        return ""

    async def _undo(self, plan: Plan, work: Work, reason: Reason) -> str:
        for place, step in enumerate(plan.undo, len(plan.steps)):
            refusal = await self._say(step, work, reason, place)
            if refusal and not step.is_release:
                return refusal
        return ""

    async def _release(self, plan: Plan, work: Work) -> None:
        """Let go of what a workflow may hold that is no more."""
        known = Reason(work.advance.code, work.advance.message)
        for place, step in enumerate(plan.steps):
            if isinstance(step, Say) and step.is_release:
                await self._say(step, work, known, place)

    async def _do(self, job: Job, work: Work, state: str) -> None:
        before, after = around(step_name(job))
        self._reach(before)
        await self._jobs.do(job, work, state)
        self._reach(after)

    async def _say(self, say: Say, work: Work, reason: Reason, place: int) -> str:
        """Say it, with the same id at each delivery of the task; return why it was refused."""
        to = Address(say.kind, work.argument(say.to)) if say.kind else work.workflow
        before, after = around(step_name(say))
        self._reach(before)
        message = derive(work.id, f"step/{place}")
        outcome = await self._voice.call(to, say.verb, _body(say, work, reason), message)
        self._reach(after)
        return "" if outcome.status == "done" else refusal_of(outcome)


def step_name(step: Say | Job) -> str:
    """Return what a step is called in the names of the points at which tests let a worker die."""
    return step.name if isinstance(step, Job) else f"{step.kind or 'workflow'}_{step.verb}"


def brief(message: str) -> str:
    """Cut a reason to what is kept of it."""
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    return message[: MESSAGE_CHARACTERS - len(MORE)] + MORE


def _body(say: Say, work: Work, reason: Reason) -> dict[str, Any]:
    facts = work.advance.arguments | {
        "id": work.advance.id,
        "code": reason.code,
        "message": brief(reason.message),
    }
    return {name: facts[source] for name, source in say.body.items() if facts.get(source) is not None}
