"""The library's client, made to go on reading whatever it is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.protocol.parser import PERMISSIONS_ERR

from bus.tasks import end
from messages import subjects

UNREADABLE = {subjects.EXPECT: "unreadable"}
"""The headers of a message whose own cannot be read: no command with these is taken."""

QUOTES = "'"


class Reader(Client):
    """A client that survives what the server lets pass; the library itself would be deaf from then on."""

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any) -> None:
        if not subject.isascii():
            subject = subject.decode(errors="replace").encode()
        await super()._process_msg(sid, subject, reply, data, headers)

    async def _process_headers(self, headers: Any) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (UnicodeDecodeError, IndexError):
            return dict(UNREADABLE)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            # the library makes the next attempt with another and forgets this one
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # the library ships no type of it
            raise

    async def _process_err(self, err_msg: str) -> None:
        # The server hangs up after it has said this, and may take us the next time: one that reads its
        # configuration again throws out whoever is just coming in. The library would be closed for good.
        if PERMISSIONS_ERR in f"nats: {err_msg}":
            await super()._process_err(err_msg)
        else:
            await self._process_op_err(Error(f"nats: {err_msg.strip(QUOTES)}"))

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        if not self.is_connected:
            # the library would write what is left to the connection that was lost, and fail half closed
            self._pending, self._pending_data_size = [], 0
        try:
            await super()._close(status, do_cbs)
        except asyncio.CancelledError:
            closing = asyncio.current_task()
            if closing is None or closing.cancelling():
                raise
            # the library has cancelled its attempt to reconnect, and with it the end that both waited for
            await self._tell_closed(do_cbs=do_cbs)
        reconnecting = self._reconnection_task
        # the library cancels it once, and it may lose that: it would try to connect for ever
        if reconnecting is not None and reconnecting is not asyncio.current_task():
            await end([reconnecting])

    async def _tell_closed(self, *, do_cbs: bool) -> None:
        for tell in (self._disconnected_cb, self._closed_cb):
            if do_cbs and tell is not None:
                await tell()
