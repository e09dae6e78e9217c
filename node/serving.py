"""A bare HTTP server: limits, answers in JSON, a stop that lets requests end."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

HEADERS_MAX = 100
FIELD_BYTES_MAX = 8_190
LINGER_SECONDS = 1.0
"""How long what is left of a request that was answered is read and thrown away."""
STOP_SECONDS = 5.0
PROBLEM = "application/problem+json"
SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Handle = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Refused(Exception):
    """A request is not served; told as a problem (RFC 9457)."""

    def __init__(self, status: int, type: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Return the answer that says so."""
        problem = {"type": self.type, "status": self.status, "detail": str(self)}
        return told(self.status, problem, self.headers)


def told(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer in JSON; one of a failure is a problem."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json" if status < 400 else PROBLEM,
        headers={**SAFE, **(headers or {})},
    )


class Connection(RequestHandler):
    """One connection; what is wrong before a request is read is told in JSON, too."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that cannot be read, or met a bug."""
        if status >= 500:
            self.log_exception("a request failed", exc_info=exc)
        detail = "the request cannot be read" if status < 500 else "the node failed; its log says how"
        answer = Refused(status, "invalid_request" if status < 500 else "failed", detail).response()
        answer.force_close()
        return answer


class Connections(web.Server):
    """Makes connections."""

    def __call__(self) -> RequestHandler:
        """Make one."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Serving:
    """Listens at one address."""

    def __init__(self, handle: Handle, send_seconds: float, body_bytes_max: int) -> None:
        self._handle = handle
        self._send_seconds = send_seconds
        self._body_bytes_max = body_bytes_max
        self._runner: web.ServerRunner | None = None

    async def open(self, host: str, port: int) -> str:
        """Begin to listen and return the URL; raises OSError."""
        server = Connections(
            self._handle,
            request_factory=self._request,
            keepalive_timeout=self._send_seconds,  # the first request has as long
            max_line_size=FIELD_BYTES_MAX,
            max_field_size=FIELD_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
            access_log=None,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        found = self._runner.addresses[0]
        at = f"[{found[0]}]" if ":" in found[0] else found[0]
        return f"http://{at}:{found[1]}"

    async def close(self) -> None:
        """Take no new connection, let requests end, and close."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: Task[None],
    ) -> web.BaseRequest:
        loop = task.get_loop()
        size = self._body_bytes_max
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=size)
