"""Which addresses may be reached: public ones, and what the operator allows. Names are no matter here."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

NAMES_AT_ONCE = 8
"""How many names are looked up at a time."""
ADDRESSES_MOST = 16
"""How many addresses of one name are tried."""
ALLOWANCES_MOST = 100

_FORBIDDEN = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "the metadata of a cloud",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "::/96": "IPv4-compatible",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64",
    "100::/64": "discarded",
    "2001::/32": "Teredo",
    "2001::/23": "reserved",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3ffe::/16": "reserved",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
"""The registries of special addresses of IANA (RFC 6890 and its updates), narrow before wide."""
_NETWORKS = [(ip_network(text), what) for text, what in _FORBIDDEN.items()]
_GLOBAL = IPv6Network("2000::/3")
_ISATAP = 0x00005EFE
_ISATAP_MASK = 0xFDFFFFFF
_ALLOWANCE = re.compile(r"(?:\[([^\]]+)\]|([^\[\]:]+))(?::(\d{1,5}))?")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Refused(OSError):
    """An address may not be reached; the text says why, and what allows it."""


class Allowance(NamedTuple):
    """What the operator lets calls reach beside public addresses."""

    network: Network
    port: int
    """0: every port."""


class Place(NamedTuple):
    """Where a name leads."""

    family: int
    address: str
    port: int


def parse(text: str) -> Allowance:
    """Read ``CIDR[:PORT]``, as in ``10.1.0.0/16``, ``127.0.0.1:8080``, ``[::1]:80``; raises ValueError."""
    found = _ALLOWANCE.fullmatch(text.strip())
    network, port = (found[1] or found[2], int(found[3] or 0)) if found else (text.strip(), 0)
    try:
        read = ip_network(network)
    except ValueError as error:
        told = f"{text!r} is no CIDR[:PORT], as 10.1.0.0/16, 127.0.0.1:8080 or [::1]:8080 are: {error}"
        raise ValueError(told) from None
    if found and found[3] and not 1 <= port <= 65535:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return Allowance(read, port)


def parse_all(texts: Iterable[str]) -> tuple[Allowance, ...]:
    """Read what is allowed; an option may be given many times, or hold many with commas."""
    words = [word for text in texts for word in text.replace(",", " ").split()]
    if len(words) > ALLOWANCES_MOST:
        raise ValueError(f"at most {ALLOWANCES_MOST} networks can be allowed")
    return tuple(map(parse, words))


class Egress:
    """The policy, and the one way from a name to addresses that may be reached."""

    def __init__(self, allowed: Sequence[Allowance] = ()) -> None:
        self._allowed = tuple(allowed)
        self._threads = ThreadPoolExecutor(NAMES_AT_ONCE, thread_name_prefix="covey-names")

    def close(self) -> None:
        """Look up no more names."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check(self, address: str, port: int) -> None:
        """Raise Refused unless this very address and port may be connected to."""
        where = ip_address(address)
        if any(_holds(one, where, port) for one in self._allowed):
            return
        what = forbidden(where)
        if what:
            bits = where.max_prefixlen
            remedy = f"{address}/{bits}:{port}" if where.version == 4 else f"[{address}/{bits}]:{port}"
            raise Refused(f"{address} ({what}) may not be reached; to allow it: --allow-egress {remedy}")

    async def find(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[Place]:
        """Return the addresses of a name that may be reached; raises Refused when all are forbidden.

        Raises OSError when there are none.
        """
        loop = asyncio.get_running_loop()
        places = await loop.run_in_executor(self._threads, _look_up, host, port, family)
        refusals: list[Refused] = []
        reachable = []
        for place in places[:ADDRESSES_MOST]:
            try:
                self.check(place.address, port)
            except Refused as refused:
                refusals.append(refused)
            else:
                reachable.append(place)
        if not reachable and refusals:
            raise refusals[0]
        return reachable


def forbidden(address: Address) -> str:
    """Say what sort of address it is that may not be reached; empty: a public one."""
    for network, what in _NETWORKS:
        if address in network:
            return what
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL:
            return "reserved"
        if (int(address) >> 32) & _ISATAP_MASK == _ISATAP:
            return "ISATAP"
    return ""


def _holds(allowance: Allowance, address: Address, port: int) -> bool:
    return address in allowance.network and allowance.port in (0, port)


def _look_up(host: str, port: int, family: int) -> list[Place]:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no name of a host") from error
    return list(dict.fromkeys(Place(int(kind), str(at[0]), port) for kind, _, _, _, at in found))
