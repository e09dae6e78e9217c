"""Whether a value fits its type, as a program would read it. Nothing here knows of any shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address

PORT_MAX = 65_535
_INT = re.compile(r"[+-]?[0-9]{1,100}")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_PORT = re.compile(r"[0-9]{1,5}")
_DURATION = re.compile(r"[0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|w))+")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")
BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")


def unfit(value_type: str, value: str, *, allows_dash: bool = False) -> str:
    """Return why a value does not fit, or nothing."""
    if "\x00" in value or not _is_encodable(value):
        return "no program can be given this text: it has a NUL, or half of a character"
    if value.startswith("-") and not allows_dash:
        return "it begins with -, so the program would take it for a flag; allow that with allows_dash"
    return "" if _FITS[value_type](value) else _WANTED[value_type]


def is_inside(path: str) -> bool:
    """Say whether a path leads to something inside the directory that it starts from."""
    is_relative = bool(path) and not path.startswith("/")
    return is_relative and "\x00" not in path and ".." not in path.split("/")


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_ip(value: str) -> bool:
    address, percent, zone = value.partition("%")
    try:
        ip_address(address)
    except ValueError:
        return False
    return not percent or (":" in address and _ZONE.fullmatch(zone) is not None)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


_FITS: Mapping[str, Callable[[str], bool]] = {
    "int": _matches(_INT),
    "string": lambda _value: True,
    "tuple": lambda value: all(value.split(",")),
    "path": is_inside,
    "float": _matches(_FLOAT),
    "ip": _is_ip,
    "port": lambda value: _PORT.fullmatch(value) is not None and int(value) <= PORT_MAX,
    "bool": lambda value: value in BOOLEANS,
    "duration": _matches(_DURATION),
    "none": lambda _value: False,
}
_WANTED = {
    "int": "it is no whole number",
    "tuple": "it is no list of texts with a comma between each two, none of them empty",
    "path": "it is no path inside the directory of the run: not absolute, and without ..",
    "float": "it is no number",
    "ip": "it is no IPv4 or IPv6 address",
    "port": f"it is no port, 0 to {PORT_MAX}",
    "bool": f"it is none of {', '.join(BOOLEANS)}",
    "duration": "it is no duration such as 90, 500ms or 1h30m",
    "none": "the flag takes no value",
}
