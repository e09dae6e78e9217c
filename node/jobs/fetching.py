"""Parts of files that runs of jobs have left: from our own store, or from the partner that has them."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from actors.actor import Rejected
from messages.job_run import CHUNK_BYTES
from node.jobs.kept import Gone, Kept
from node.questions import AskPeer

ASK_SECONDS = 20.0
"""How long a partner may take to tell a part."""


class Fetching:
    """Adds what is in a file to the answer that says which file it is."""

    def __init__(self, kept: Kept, ask_peer: AskPeer) -> None:
        self._kept = kept
        self._ask_peer = ask_peer

    async def complete(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer with a part of the file; raises Rejected."""
        told = dict(found)
        owner, run = told.pop("owner"), told.pop("run")
        if owner:
            return await self._from(owner, run, told)
        try:
            part = await asyncio.to_thread(self._kept.read, run, told["sha256"], told["offset"], CHUNK_BYTES)
        except Gone as gone:
            detail = "it is not kept any more, or by a worker elsewhere"
            raise Rejected("not_kept", detail, at="/file") from gone
        return {**told, "data": b64encode(part).decode()}

    async def _from(self, owner: str, run: str, told: dict[str, Any]) -> dict[str, Any]:
        asked = {"file": told["name"], "offset": told["offset"]}
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await self._ask_peer(owner, "job_run", run, "fetch", asked)
        except TimeoutError as error:
            raise Rejected("timeout", f"{owner} has not answered in {ASK_SECONDS:.0f} s") from error
        if "data" not in found:
            raise Rejected(str(found.get("code", "failed")), f"{owner}: {found.get('detail', '')}")
        return {**told, "data": str(found["data"])}
