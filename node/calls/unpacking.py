"""Bodies that were packed though nobody asked for it: by servers that do not care, or mean harm."""

from __future__ import annotations

import zlib

from node.calls.broken import too_large
from node.calls.failed import Failed

ENCODINGS = ("gzip", "x-gzip", "deflate")
ENCODINGS_MOST = 3
"""How often a body may be packed over."""


def unpacked(body: bytes, encodings: str, place: str, most: int) -> bytes:
    """Return a body as it was before it was packed; raises Failed."""
    names = [name for name in encodings.lower().replace(",", " ").split() if name != "identity"]
    if len(names) > ENCODINGS_MOST:
        raise Failed("communication", f"{place} answered packed more than {ENCODINGS_MOST} times over", 502)
    for name in reversed(names):
        if name not in ENCODINGS:
            raise Failed("communication", f"{place} answered in the encoding {name[:20]!r}", 502)
        body = _inflated(body, place, most)
    return body


def _inflated(body: bytes, place: str, most: int) -> bytes:
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # some say deflate and leave its header out
        unpacking = zlib.decompressobj(bits)
        try:
            plain = unpacking.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(plain) > most:
            raise too_large(place, most)
        return plain
    raise Failed("communication", f"{place}: the packed body is damaged", 502)
