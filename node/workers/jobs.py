"""The work on files: measure a root, lock and unlock a repository. The workflow is told how it went."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.ephemeral.phased import ATTEMPTS_MAX
from actors.ephemeral.repo_moves import FILES_FAILED
from actors.ephemeral.table import Job
from messages.envelope import Outcome, derive
from node.fault import around
from node.workers import immutable, shadow
from node.workers.du import MESSAGE_CHARACTERS, usage
from node.workers.prefixes import Prefix
from node.workers.runner import LeftToOthers, Work, brief
from node.workers.tool import Failed
from node.workers.voice import Voice, refusal_of

DU, FREEZE, UNFREEZE = "du", "freeze", "unfreeze"
DU_FAILED = 1
"""The code of a measurement that failed."""
RETRY_SECONDS_FIRST = 1.0
"""How long to wait before work that failed is tried again, doubled each time."""
RETRY_SECONDS_MAX = 30.0
EXHAUSTED = "retries_exhausted"
INTERRUPTED = "the worker was interrupted"
DU_INTERRUPTED = "du was interrupted"

_LOG = logging.getLogger("covey.worker")


class Given(Failed):
    """The workflow refuses to be told more; the text says why."""


@dataclass(frozen=True, kw_only=True)
class FilesJobs:
    """What is done on the files below one prefix."""

    prefix: Prefix
    nested: Sequence[Prefix] = ()
    """The prefixes of this worker that lie deeper: what they hold is theirs."""
    shadows: Path
    """The directory of the shadow repositories."""
    voice: Voice
    reach: Callable[[str], None] = lambda _point: None
    retry_seconds: float = RETRY_SECONDS_FIRST

    def takes(self, job: Job, work: Work) -> bool:
        """Say whether the path is below our prefix."""
        path = work.argument(job.below)
        is_ours = self.prefix.holds(path) and not any(prefix.holds(path) for prefix in self.nested)
        return is_ours and job.name in (DU, FREEZE, UNFREEZE)

    async def do(self, job: Job, work: Work, state: str) -> None:
        """Do it, unless whoever had it before us was interrupted too often."""
        telling = Telling(work, self.voice, self.reach)
        if job.name == DU:
            await self._measure(work, telling, is_begun=state != work.advance.state)
        else:
            await self._move(job, work, telling)

    async def _measure(self, work: Work, telling: Telling, *, is_begun: bool) -> None:
        if is_begun and work.attempt == 1:
            raise LeftToOthers  # we slept over it; where nobody is at it, it comes again
        if is_begun or work.attempt > ATTEMPTS_MAX:
            await telling.say("fail", code=DU_FAILED, message=DU_INTERRUPTED)
            return
        try:
            await self._append(work, telling)
        except (Failed, OSError) as error:
            await telling.say("fail", code=DU_FAILED, message=str(error)[:MESSAGE_CHARACTERS])
            return
        await telling.say("commit")

    async def _append(self, work: Work, telling: Telling) -> None:
        async with aclosing(usage(self._root(work))) as lines:
            async for line in lines:
                outcome = await telling.say("append", path=line.path, usage=line.bytes)
                if outcome.status != "done":
                    raise Given(refusal_of(outcome))

    def _root(self, work: Work) -> Path:
        """Return the directory of a root; raises Failed when the registry has it elsewhere."""
        global_root, host_root = work.argument("global_root"), work.argument("host_root")
        directory = self.prefix.host_path(global_root)
        if Path(host_root).resolve() != directory:
            raise Failed(f"{global_root} is {directory} here, and not {host_root}, as the registry says")
        return directory

    async def _move(self, job: Job, work: Work, telling: Telling) -> None:
        complaint = INTERRUPTED if work.attempt > 1 else ""
        delay = 0.0
        for _ in range(ATTEMPTS_MAX):  # the workflow counts, over all who have tried
            if complaint and not await self._may_retry(telling, complaint):
                return
            await asyncio.sleep(delay)
            complaint = await self._try(job, work, telling)
            if not complaint:
                await telling.say("commit_files")
                return
            delay = min(max(delay * 2, self.retry_seconds), RETRY_SECONDS_MAX)
            _LOG.warning("%s of %s failed: %s", job.name, work.argument(job.below), complaint)
        await self._may_retry(telling, complaint)

    async def _may_retry(self, telling: Telling, complaint: str) -> bool:
        """Let the workflow count a failure; say whether it is to be tried again."""
        outcome = await telling.say("retry_files", message=brief(complaint))
        if outcome.code == EXHAUSTED:
            await telling.say("abort_files", code=FILES_FAILED, message=brief(complaint))
        return outcome.status == "done"

    async def _try(self, job: Job, work: Work, telling: Telling) -> str:
        """Lock or unlock the files and record what there is; return what went wrong."""
        try:
            directory = self.prefix.host_path(work.argument(job.below))
            kept = self.shadows / f"{work.argument('repo_id')}.git"
            change = immutable.lock if job.name == FREEZE else immutable.unlock
            before, after = around(change.__name__)
            telling.reach(before)
            await change(directory, memory=shadow.memory(kept))
            telling.reach(after)
            await shadow.commit(
                kept,
                directory,
                message=f"{job.name} {work.argument(job.below)}",
                workflow=work.advance.id,
                author=shadow.Author(work.argument("author_name"), work.argument("author_email")),
            )
            telling.reach("after_shadow")
        except (Failed, ValueError, OSError) as error:
            return str(error) or type(error).__name__
        return ""


class Telling:
    """What one run of a job tells its workflow; the next run tells it anew, with ids of its own."""

    def __init__(self, work: Work, voice: Voice, reach: Callable[[str], None]) -> None:
        self._work = work
        self._voice = voice
        self._run = uuid.uuid4().hex
        self._said = 0
        self.reach = reach

    async def say(self, verb: str, **body: Any) -> Outcome:
        """Tell it something, and return what became of that."""
        self._said += 1
        message = derive(self._run, self._said)
        before, after = around(f"workflow_{verb}")
        self.reach(before)
        outcome = await self._voice.call(self._work.workflow, verb, body, message)
        self.reach(after)
        return outcome
