"""Headers as the lines that NATS carries: written once, and parsed only by those who look into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_NO_NEWLINES = str.maketrans("\r\n", "  ")


def lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as lines; a line break in a value becomes a space, or it would begin another header."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        return lines({name: value.translate(_NO_NEWLINES) for name, value in headers.items()})
    return text.encode()


class HeaderLines(Mapping[str, str]):
    """Header lines that can be read like any other headers."""

    __slots__ = ("_parsed", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._parsed: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return self.raw.count(b"\n")

    def _read(self) -> dict[str, str]:
        if self._parsed is None:
            pairs = (line.split(": ", 1) for line in self.raw.decode().split("\r\n") if line)
            self._parsed = {name: value for name, value in pairs}
        return self._parsed
