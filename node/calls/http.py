"""``call: http``: arguments become a request, and the answer an output, as the language says."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from yarl import URL

from messages.run import Call
from node.calls.authentication import header
from node.calls.client import Client, Request, Response, address
from node.calls.failed import Failed, misconfigured
from node.calls.secrecy import HIDDEN, is_telling

METHODS_NEVER = ("CONNECT", "TRACE")
HEADERS_NEVER = (
    *("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "accept-encoding"),
)
"""What the client alone says: how a message is cut, and to whom it goes."""
HEADERS_MOST = 100
OUTPUTS = ("content", "response", "raw")
KEY = "Idempotency-Key"
JSON, TEXT, FORM = "application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class HttpCalls:
    """Makes the calls of the queue ``call-http``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, call: Call) -> Any:
        """Return the output of a call; raises Failed."""
        given = call.arguments
        uri, policy = endpoint(given.get("endpoint"))
        url = with_query(address(uri), given.get("query"))
        body, kind = written(given.get("body"), _header(given.get("headers"), "content-type"))
        headers = {KEY: call.key, **kind, **checked(given.get("headers")), **header(policy)}
        request = Request(
            method=method(given.get("method", "")),
            url=url,
            headers=headers,
            body=body,
            is_followed=given.get("redirect") is True,
        )
        return await exchange(self._client, request, given.get("output", "content"))


async def exchange(client: Client, request: Request, output: Any) -> Any:
    """Send a request and return what the output is to be; raises Failed for a status that is an error."""
    if output not in OUTPUTS:
        raise misconfigured(f"output is one of {', '.join(OUTPUTS)}")
    response = await client.send(request)
    highest = 400 if request.is_followed else 300
    if not 200 <= response.status < highest:
        told = f"{request.method} {request.place} answered {response.status} {response.reason}".rstrip()
        raise Failed("communication", told, response.status)
    return shown(response, output)


def endpoint(given: Any) -> tuple[str, Mapping[str, Any] | None]:
    """Return the address of an endpoint and its authentication."""
    uri = given.get("uri") if isinstance(given, Mapping) else given
    policy = given.get("authentication") if isinstance(given, Mapping) else None
    if not isinstance(uri, str):
        raise misconfigured("endpoint is an address, or has one as uri")
    if policy is not None and not isinstance(policy, Mapping):
        raise misconfigured("an authentication is an object with one scheme")
    return uri, policy


def method(given: Any) -> str:
    """Return a method in capitals."""
    name = str(given).upper()
    if not _TOKEN.fullmatch(name) or name in METHODS_NEVER:
        raise misconfigured("method is the name of an HTTP method, as get or post")
    return name


def with_query(url: URL, query: Any) -> URL:
    """Add parameters to an address; a list is said once for each of its members, null not at all."""
    if query is None:
        return url
    if not isinstance(query, Mapping):
        raise misconfigured("query is an object")
    pairs = [(str(name), plain(one)) for name, value in query.items() for one in _each(value)]
    return url.extend_query(pairs)


def checked(headers: Any) -> dict[str, str]:
    """Return headers that may be sent; raises Failed."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping) or len(headers) > HEADERS_MOST:
        raise misconfigured(f"headers is an object of at most {HEADERS_MOST} members")
    said = {str(name): plain(value) for name, value in headers.items() if value is not None}
    for name, value in said.items():
        if not _TOKEN.fullmatch(name) or any(letter in value for letter in "\r\n\0"):
            raise misconfigured("a header has a name of letters, digits and -, and a value of one line")
        if name.lower() in HEADERS_NEVER:
            raise misconfigured(f"the header {name} is said by the client itself; leave it out")
    return said


def written(body: Any, kind: str) -> tuple[bytes | None, dict[str, str]]:
    """Return a body as bytes, and the header that says of which kind it is where nobody did."""
    if body is None:
        return None, {}
    if isinstance(body, str):
        return body.encode(), {} if kind else {"Content-Type": TEXT}
    if kind.startswith(FORM) and isinstance(body, Mapping):
        return urlencode(
            [(str(name), plain(one)) for name, value in body.items() for one in _each(value)]
        ).encode(), {}
    return msgspec.json.encode(body), {} if kind else {"Content-Type": JSON}


def shown(response: Response, output: str) -> Any:
    """Return an answer as an output: its content, all of it, or its bytes in base64."""
    if output == "raw":
        return b64encode(response.body).decode()
    content = read(response)
    if output == "content":
        return content
    request = response.request
    told = {name: HIDDEN if is_telling(name) else value for name, value in request.headers.items()}
    uri = str(request.url.with_user(None))
    return {
        "request": {"method": request.method, "uri": uri, "headers": told},
        "statusCode": response.status,
        "headers": dict(response.headers),
        "content": content,
    }


def read(response: Response) -> Any:
    """Return a body as its content type says: JSON as a value, text as text, all else in base64."""
    if not response.body:
        return None
    kind = response.headers.get("content-type", "").lower()
    name = kind.partition(";")[0].strip()
    if name.endswith(("/json", "+json")):
        try:
            return msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Failed(
                "communication", f"{response.request.place} answered what is no JSON", 502
            ) from error
    charset = _CHARSET.search(kind)
    try:
        return response.body.decode(charset[1] if charset else "utf-8")
    except (UnicodeDecodeError, LookupError):
        return b64encode(response.body).decode()


def plain(value: Any) -> str:
    """Return a JSON value as it stands in an address or a header."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _each(value: Any) -> Iterable[Any]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if one is not None]


def _header(headers: Any, wanted: str) -> str:
    if not isinstance(headers, Mapping):
        return ""
    return next((plain(value).lower() for name, value in headers.items() if str(name).lower() == wanted), "")
