"""What must not be told of a call: passwords, tokens and keys among its arguments."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from node.calls.disguises import Disguised

HIDDEN = "***"
SHORTEST = 3
"""A shorter text is no secret, and would be found in every word."""
DEPTH_MOST = 8

_TELLING = re.compile(
    r"authoriz|authent|(?:^|[-_])auth(?:$|[-_])|passw|pwd|secret|token|cookie|credential|signature|webhook|dsn"
    r"|^api[-_]?key$|(?<!idempotency)[-_]key$",
    re.IGNORECASE,
)
_USER = re.compile(r"(?<=://)[^/?#\s]*@")


def is_telling(name: str) -> bool:
    """Say whether what goes by this name may be a secret."""
    return _TELLING.search(name) is not None


PUT_IN: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())
"""The secrets that were put into the call which is being made."""


class Secrecy:
    """Hides what is secret in the arguments of one call wherever it turns up in a text."""

    def __init__(self, arguments: Any, secrets: Sequence[str] = ()) -> None:
        self._disguised = Disguised(tuple(secrets), HIDDEN) if secrets else None
        forms = {form for secret in _secrets(arguments, False, 0) for form in _forms(secret)}
        self._forms = sorted((form for form in forms if len(form) >= SHORTEST), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return the text without secrets."""
        if self._disguised is not None:
            text = self._disguised.cleaned(text)
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return _USER.sub(f"{HIDDEN}@", text)

    def cleaned(self, value: Any) -> Any:
        """Return an output without the secrets that were put in, however they are written."""
        if self._disguised is None:
            return value
        if isinstance(value, Mapping):
            return {self.cleaned(name): self.cleaned(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.cleaned(one) for one in value]
        if isinstance(value, str):
            return self._disguised.cleaned(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return (
                value if self._disguised.cleaned(repr(value)) == repr(value) else HIDDEN
            )  # it was all digits
        return value


def _secrets(value: Any, is_secret: bool, depth: int) -> Iterator[str]:
    """Find the texts that are secret by their name, or as part of an address."""
    if depth > DEPTH_MOST:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _secrets(inner, is_secret or is_telling(str(name)), depth + 1)
        if "username" in value and "password" in value:
            yield b64encode(f"{value['username']}:{value['password']}".encode()).decode()
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, is_secret, depth + 1)
    elif isinstance(value, str):
        yield from _of_text(value, is_secret)


def _of_text(text: str, is_secret: bool) -> Iterator[str]:
    if is_secret:
        yield text
        yield from (word for word in text.split() if len(word) > SHORTEST and word.lower() not in _SCHEMES)
    if "://" not in text:
        return
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        return
    if password:
        yield password
        yield b64encode(f"{unquote(parts.username or '')}:{unquote(password)}".encode()).decode()
    for name, value in parse_qsl(parts.query):
        if is_telling(name):
            yield value


_SCHEMES = ("basic", "bearer", "digest", "token")


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written."""
    plain = unquote(secret)
    return {secret, plain, quote(plain, safe=""), quote(plain), quote_plus(plain)}


def written(secret: str) -> set[bytes]:
    """Return how a secret may stand in a request."""
    in_json = {json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (False, True)}
    texts = {*_forms(secret), *in_json, b64encode(secret.encode()).decode()}
    return {text.encode() for text in texts}
