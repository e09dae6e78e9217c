"""How a secret may be written where it comes back: escaped, in base64, in hexadecimal, or in several ways."""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from html.entities import codepoint2name
from urllib.parse import quote, quote_plus, unquote, unquote_plus

BASE64_SHORTEST = 5
"""A shorter piece of base64 is found in every longer one."""
ESCAPES_MOST = 300
"""A secret with more characters that may be escaped is looked for as it usually is."""
READINGS_MOST = 40
LAYERS_MOST = 3
"""How often what is encoded may be encoded again."""
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){4,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_ESCAPE = re.compile(r"\\([\\\"'/nrtbf]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})")
_LONG = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", **{one: one for one in "\\\"'/"}}
_URL_SAFE = str.maketrans("-_", "+/")
_NAMED = {**codepoint2name, ord("'"): "apos"}
_SHORT = {"\n": "n", "\r": "r", "\t": "t"}


class Disguised:
    """Finds one or more secrets, however they are written, and puts something else there."""

    def __init__(self, secrets: tuple[str, ...], instead: str) -> None:
        self._instead = instead
        self._words = sorted({form for one in secrets for form in _encoded(one)}, key=len, reverse=True)
        texts = [_escaped(one) for one in sorted(secrets, key=len, reverse=True)]
        self._found = re.compile("|".join(texts))
        self._all = (*secrets, *self._words)

    def cleaned(self, text: str, layers: int = LAYERS_MOST) -> str:
        """Return a text without the secrets; what is base64 or hexadecimal in it is looked into."""
        if layers:
            text = _HEX.sub(lambda run: self._run(run[0], bytes.fromhex, bytes.hex, layers), text)
            text = _BASE64.sub(lambda run: self._run(run[0], _from_base64, _to_base64, layers), text)
        for word in self._words:
            text = text.replace(word, self._instead)
        text = self._found.sub(lambda _: self._instead, text)
        return self._instead if self._is_within(text) else text

    def _is_within(self, text: str) -> bool:
        """Say whether a secret appears when what is escaped, in whatever order, is read."""
        seen, layer = {text}, {text}
        for _ in range(LAYERS_MOST):
            layer = {decode(one) for one in layer for decode in _DECODERS} - seen
            if not layer or len(seen) > READINGS_MOST:
                return False
            if any(secret in one for one in layer for secret in self._all):
                return True
            seen |= layer
        return False

    def _run(
        self, run: str, decode: Callable[[str], bytes], encode: Callable[[bytes], str], layers: int
    ) -> str:
        """Return a run of encoded text without the secrets; the same when there are none."""
        try:
            inner = decode(run).decode(errors="surrogateescape")
        except ValueError:
            return run
        cleaned = self.cleaned(inner, layers - 1)
        return run if cleaned == inner else encode(cleaned.encode(errors="surrogateescape"))


def _from_json(text: str) -> str:
    return _ESCAPE.sub(lambda found: _LONG.get(found[1]) or chr(int(found[1][1:], 16)), text)


def _from_base64(run: str) -> bytes:
    whole = run.rstrip("=").translate(_URL_SAFE)
    return b64decode(whole + "=" * (-len(whole) % 4), validate=True)


def _to_base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _escaped(secret: str) -> str:
    """Return a pattern of the secret, each character escaped in any way, any number of times."""
    if sum(not _is_plain(one) for one in secret) > ESCAPES_MOST:
        return "|".join(re.escape(form) for form in _texts(secret))
    return "".join(one if _is_plain(one) else _ways(one) for one in secret)


def _is_plain(one: str) -> bool:
    return one.isascii() and one.isalnum()


def _ways(one: str) -> str:
    code, octets = ord(one), one.encode(errors="surrogateescape")
    units = one.encode("utf-16-be", errors="surrogatepass")
    in_json = "".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    ways = [
        re.escape(one),
        "".join(f"%(?:25)*{octet:02x}" for octet in octets),
        rf"&(?:amp;)*(?:#0*{code}|#x0*{code:x}|{_NAMED.get(code, f'#{code}')});",
        in_json,
        *([rf"\\+x{code:02x}"] if code < 256 else []),
        *([rf"\\+{_SHORT[one]}"] if one in _SHORT else []),
        *([r"\+|%(?:25)*2b|&(?:amp;)*#43;"] if one == " " else []),
        *([re.escape(octets.decode("latin-1"))] if code > 127 else []),
    ]
    if one == "&":
        ways.insert(0, "&(?:amp;)+")
    return rf"\\*(?i:{'|'.join(ways)})"


def _texts(secret: str) -> set[str]:
    """Return how a secret stands in an address, in HTML and in JSON."""
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, html.escape(secret), *quoted, *in_json}


def _encoded(secret: str) -> Iterator[str]:
    """Yield what base64 and hexadecimal make of a secret."""
    for text in _texts(secret):
        raw = text.encode(errors="surrogateescape")
        yield from (raw.hex(), raw.hex().upper())
        for piece in _base64(raw):
            yield from (piece, quote(piece, safe=""), quote(piece, safe="").replace("%2B", "%2b"))


def _base64(raw: bytes) -> Iterator[str]:
    """Yield what base64 makes of bytes wherever they stand: without the characters that others share."""
    for before in range(3):
        text = b64encode(bytes(before) + raw).decode().rstrip("=")
        is_shared = (before + len(raw)) % 3 != 0
        inner = text[(0, 2, 3)[before] : -1 if is_shared else None]
        if len(inner) >= BASE64_SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


_DECODERS = (unquote, unquote_plus, html.unescape, _from_json)
