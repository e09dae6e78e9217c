"""The one HTTP client: it checks where each connection goes, and bounds all that is sent and read."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from node.calls.broken import CONNECT_SECONDS, failure, too_large
from node.calls.egress import Egress
from node.calls.failed import Failed, misconfigured
from node.calls.secrecy import PUT_IN, is_telling, written
from node.calls.unpacking import unpacked

REQUEST_BYTES = 1 << 20
RESPONSE_BYTES = 1 << 20
"""What a body may have, when it is unpacked."""
REDIRECTS_MOST = 5
CONNECTIONS_MOST = 256
"""As many as a worker may have calls in hand, be they all to one host."""
KEEP_SECONDS = 15.0
"""How long a connection that nobody uses is kept."""
URL_CHARACTERS = 8_000
AGENT = "covey/1"

_MOVED = (301, 302, 303, 307, 308)
_SAME_AGAIN = (307, 308)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None
    is_followed: bool = False
    """Whether redirects are followed."""
    response_bytes: int = RESPONSE_BYTES
    is_path_secret: bool = False

    @property
    def place(self) -> str:
        """Where it goes, without what may be secret in an address."""
        if self.is_path_secret:
            return str(self.url.origin())
        return str(self.url.with_user(None).with_query(None).with_fragment(None))


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back, and the request that it answers: the last one, after redirects."""

    request: Request
    status: int
    reason: str
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes


class Client:
    """Sends requests over connections to addresses that may be reached."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        connector = aiohttp.TCPConnector(
            resolver=Resolver(egress),
            socket_factory=self._socket,
            use_dns_cache=False,
            limit=CONNECTIONS_MOST,
            keepalive_timeout=KEEP_SECONDS,
            ssl=_tls(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """Send a request and read the answer, whatever its status; raises Failed."""
        for _ in range(REDIRECTS_MOST + 1):
            response = await self._once(request)
            target = response.headers.get("location")
            if not request.is_followed or response.status not in _MOVED or not target:
                return response
            request = _redirected(request, response.status, target)
        raise Failed("communication", f"{request.place}: more than {REDIRECTS_MOST} redirects", 502)

    async def _once(self, request: Request) -> Response:
        _check(request)
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer:
                body = await _read(answer, request)
                headers = _joined(answer)
                return Response(
                    request=request,
                    status=answer.status,
                    reason=answer.reason or "",
                    headers=headers,
                    body=unpacked(
                        body, headers.get("content-encoding", ""), request.place, request.response_bytes
                    ),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise failure(error, request.place, request.url.host) from None

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket of one connection: the last look at where it goes, whoever found the address."""
        family, type_, proto, _, at = found
        self._egress.check(str(at[0]), int(at[1]))
        made = socket.socket(family, type_, proto)
        made.setblocking(False)
        return made


class Resolver(AbstractResolver):
    """Finds the addresses of names, but none that may not be reached."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name; raises OSError."""
        return [
            ResolveResult(
                hostname=host,
                host=place.address,
                port=place.port,
                family=place.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for place in await self._egress.find(host, port, family)
        ]

    async def close(self) -> None:
        """Have nothing to end."""


def address(text: str) -> URL:
    """Read an address that may be called; raises Failed."""
    if len(text) > URL_CHARACTERS:
        raise misconfigured(f"the address has more than {URL_CHARACTERS} characters")
    if any(letter <= " " or letter in '\\"<>^`\x7f' for letter in text):
        raise misconfigured("the address holds a character that no address may hold: encode it")
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise misconfigured("the address cannot be read") from error
    if url.scheme not in _PORTS:
        raise misconfigured(
            f"an address begins with http:// or https://, not with {url.scheme or 'nothing'!r}"
        )
    if not url.host or not port:
        raise misconfigured("the address has no host, or a port that there is not")
    return url


def _tls() -> ssl.SSLContext:
    """Trust whom the machine trusts when the worker starts, or SSL_CERT_FILE says."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check(request: Request) -> None:
    if request.body is not None and len(request.body) > REQUEST_BYTES:
        raise misconfigured(f"the body has more than {REQUEST_BYTES} bytes")
    if len(str(request.url)) > URL_CHARACTERS:
        raise misconfigured(f"the address has more than {URL_CHARACTERS} characters")


def _redirected(request: Request, status: int, target: str) -> Request:
    """Return the request to where a redirect leads; another origin is told no secret."""
    try:
        url = address(str(request.url.join(URL(target))))
    except (ValueError, Failed) as error:
        raise Failed("communication", f"{request.place} redirects to no address", 502) from error
    if request.url.scheme == "https" and url.scheme != "https":
        raise Failed("communication", f"{request.place} redirects from https to http", 502)
    headers = dict(request.headers)
    is_elsewhere = url.origin() != request.url.origin()
    if is_elsewhere:
        headers = {name: value for name, value in headers.items() if not _is_secret(name, value)}
    moved = replace(request, url=url, headers=headers)
    if status in _SAME_AGAIN and is_elsewhere and _has_secret(request.body or b""):
        raise Failed("authorization", f"{request.place} redirects a secret to another origin")
    if status in _SAME_AGAIN or request.method in ("GET", "HEAD"):
        return moved
    if status == 303 or request.method == "POST":
        without = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        return replace(moved, method="GET", headers=without, body=None)
    return moved


def _is_secret(name: str, value: str) -> bool:
    """Say whether a header is nobody's business but the first origin's."""
    return is_telling(name) or _has_secret(value.encode())


def _has_secret(text: bytes) -> bool:
    return any(form in text for one in PUT_IN.get() for form in written(one))


async def _read(answer: aiohttp.ClientResponse, request: Request) -> bytes:
    """Read a body, but no more of it than there may be."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > request.response_bytes:
            answer.close()
            raise too_large(request.place, request.response_bytes)
        parts.append(part)
    return b"".join(parts)


def _joined(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return headers by lower-case names; what came many times is one with commas."""
    found: dict[str, list[str]] = {}
    for name, value in answer.headers.items():
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
