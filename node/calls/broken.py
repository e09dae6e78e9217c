"""What went wrong with an HTTP request, in words of ours: those of a library may repeat what is secret."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import aiohttp

from node.calls.egress import Refused
from node.calls.failed import Failed, misconfigured, refused

CONNECT_SECONDS = 10.0
CAUSES_MOST = 50


def too_large(place: str, most: int) -> Failed:
    """Return the failure of an answer that is longer than it may be."""
    return Failed("communication", f"{place}: the answer has more than {most} bytes", 502)


def failure(error: Exception, place: str, host: str | None) -> Failed:
    """Return what an error of a request at a place comes to."""
    found = _causes(error)
    for cause in found:
        if isinstance(cause, Refused):
            return refused(cause)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return misconfigured(f"{host!r} is no host that can be called")
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return misconfigured("a header or the method holds a character that it may not hold")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Failed("communication", f"{place}: its certificate or TLS is not to be trusted", 503)
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return Failed("communication", f"{place}: there is no such host", 503)
    if isinstance(error, aiohttp.ConnectionTimeoutError | TimeoutError):
        return Failed("communication", f"{place} cannot be reached in {CONNECT_SECONDS:.0f} s", 503)
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionRefusedError):
        number = getattr(error, "errno", None)
        reason = f": {os.strerror(number)}" if number else ""
        return Failed("communication", f"{place} cannot be reached{reason}", 503)
    return Failed("communication", f"{place}: the connection broke, or the answer is no HTTP", 500)


def _causes(error: BaseException) -> Sequence[BaseException]:
    """Return an error and those that it was made of."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < CAUSES_MOST:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__, getattr(one, "os_error", None)]
        waiting += list(getattr(one, "exceptions", ()))
    return found
