"""``covey route call``: a request over HTTP that is signed with the key of a user."""

from __future__ import annotations

import asyncio
import sys
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, get_args
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import typer

from bus.keys import Key, load
from bus.signing import signed
from cli.client import FIRST_KEY, read_endpoint
from cli.documents import FILE_BYTES_MAX
from cli.errors import FAILED, Failed, Mistake
from cli.launch import FILE, STDIN
from cli.session import Session, flag, verb
from messages import subjects
from messages.triggers import Method as Methods
from node.home import Endpoint

ANSWER_BYTES_MAX = 64 << 20
ID_CHARACTERS_MAX = 200

Method = Annotated[str, typer.Argument(help=f"{', '.join(get_args(Methods))}.", metavar="METHOD")]
Target = Annotated[str, typer.Argument(help="The path, with its query.", metavar="PATH")]
Body = Annotated[str, flag("--body", help="What is sent, as it is: text, @FILE, or - for what comes in.")]
ContentType = Annotated[str, flag("--content-type", help="What the body is.")]
RequestId = Annotated[str, flag("--id", help="The id of the request; said again, it takes effect once.")]
Url = Annotated[str, flag("--url", help="Where the node listens; else as its data directory tells.")]
Headers = Annotated[bool, flag("--headers", help="Only write the headers that sign it, for another program.")]


def add(group: typer.Typer) -> None:
    """Register ``call`` among the verbs of routes."""

    @verb(group, "call", "covey route call POST /refunds --body '{\"order\": 17}' --data ~/bob")
    async def call(
        session: Session,
        method: Method,
        target: Target,
        *,
        body: Body = "",
        content_type: ContentType = "application/json",
        id: RequestId = "",
        url: Url = "",
        headers: Headers = False,
    ) -> int | None:
        """Send a request, signed as a trigger with `access` asks for, and write the answer."""
        sent, endpoint = _read(body), read_endpoint(session.data)
        _check(method, target, id)
        subject, told = subjects.request(endpoint.node, method, target), {subjects.MESSAGE_ID: id or _new()}
        proof = signed(_key(session, endpoint), subject, told, sent)
        if headers:
            session.show(proof, lambda: "\n".join(f"{name}: {value}" for name, value in proof.items()))
            return None
        proof |= {"Content-Type": content_type} if sent else {}
        request = Request(_where(url or endpoint.http_url) + target, sent or None, proof, method=method)
        status, answer = await asyncio.to_thread(_answer, request, session.seconds)
        sys.stdout.write(answer.decode(errors="backslashreplace") + "\n")
        return None if status < 400 else FAILED


def _new() -> str:
    return uuid.uuid4().hex


def _read(text: str) -> bytes:
    try:
        if text == STDIN:
            return sys.stdin.buffer.read(FILE_BYTES_MAX)
        return Path(text.removeprefix(FILE)).read_bytes() if text.startswith(FILE) else text.encode()
    except OSError as error:
        raise Mistake(f"--body {text}: {error}") from error


def _check(method: str, target: str, id: str) -> None:
    if method not in get_args(Methods):
        raise Mistake(f"METHOD {method!r} is none of {', '.join(get_args(Methods))}")
    if not (target.startswith("/") and _is_plain(target)):
        raise Mistake(f"PATH {target!r} does not begin with /, or has what is written as %XX there")
    if id and not (_is_plain(id) and len(id) <= ID_CHARACTERS_MAX):
        raise Mistake(f"--id {id!r} is no id: up to {ID_CHARACTERS_MAX} characters of ASCII without blanks")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _where(url: str) -> str:
    if not url:
        raise Mistake("the node listens to no requests: start it with --http, or say where it is: --url")
    if urlsplit(url).scheme not in ("http", "https"):
        raise Mistake(f"--url {url!r}: give http://HOST:PORT, or https://HOST")
    return url.rstrip("/")


def _key(session: Session, endpoint: Endpoint) -> Key:
    """Return the key that is named, or that of the user of the data directory, or the first admin's."""
    own = Path(endpoint.nkey_seed_file) if endpoint.user else session.data / FIRST_KEY
    path = (session.key or own).expanduser()
    try:
        return load(path)
    except (OSError, ValueError) as error:
        raise Mistake(f"--as {path}: {error}; covey user add NAME makes a key") from error


class _Stays(HTTPRedirectHandler):
    """What was signed is for one path of one node."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere else."""


def _answer(request: Request, seconds: float) -> tuple[int, bytes]:
    try:
        with build_opener(_Stays).open(request, timeout=seconds) as answer:
            return answer.status, answer.read(ANSWER_BYTES_MAX)
    except HTTPError as error:
        with error:
            return error.code, error.read(ANSWER_BYTES_MAX)
    except (OSError, HTTPException, ValueError) as error:
        raise Failed(f"{request.full_url} is not answered: {error}") from error
