"""How an address that is forbidden may be written: each may lead to a server that must never be asked."""

# ruff: noqa: RUF001  # letters that look like others are the trick

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

FULL = str.maketrans("0123456789abcdef", "０１２３４５６７８９ａｂｃｄｅｆ")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
DOTS = ".。．｡"

LOCAL_V4 = ("127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "0.0.0.1", "127.1.2.3")
NETWORKS_V4 = (
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255"),
    *("100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "168.63.129.16", "192.0.0.192"),
    *("198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1"),
)
V6 = (
    *("::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0001", "0::1", "::0:1", "::"),
    *("0:0:0:0:0:0:0:0", "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:7F00:0001", "0:0:0:0:0:ffff:127.0.0.1"),
    *("::ffff:0:127.0.0.1", "::127.0.0.1", "::7f00:1", "::ffff:0.0.0.0", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
    *("64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("2002:7f00:0001::1", "2002:a00:1::", "2002:c0a8:101::1", "2001:0:7f00:1::80ff:fffe", "2001::1"),
    *("2001:0:4136:e378:8000:63bf:80ff:fffe", "fe80::1", "fe80::1%25lo", "::1%25lo", "fec0::1", "fc00::1"),
    *("fd00:ec2::254", "fdff:ffff::1", "ff02::1", "ff05::2", "ff0e::1", "100::1", "2001:db8::1", "3fff::1"),
    *("5f00::1", "2606:4700:0:0:0:5efe:7f00:1", "2606:4700::200:5efe:127.0.0.1", "3ffe::1", "4000::1", "::2"),
)
NAMES = ("localhost", "LOCALHOST", "localhost.", "LocalHost", "ｌｏｃａｌｈｏｓｔ", "loc%61lhost")
SCHEMES = (
    *(
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/_GET",
        "ws://127.0.0.1:{port}/",
    ),
    *(
        "unix:///var/run/docker.sock",
        "dict://127.0.0.1:{port}/",
        "data:text/plain,x",
        "javascript:1",
        "//127.0.0.1:{port}/",
    ),
    *(
        "127.0.0.1:{port}",
        "/127.0.0.1:{port}",
        "http:127.0.0.1:{port}",
        "http:/127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
    ),
    *(
        "http+unix://%2Ftmp%2Fx/",
        "https://127.0.0.1:{port}/",
        "https://[::1]:{port}/",
        "wss://[::1]:{port}/",
        "",
        "http://",
        "?",
    ),
)
TRICKS = (
    *(
        "http://example.com@127.0.0.1:{port}/",
        "http://example.com:80@127.0.0.1:{port}/",
        "http://a:b@[::1]:{port}/",
    ),
    *(
        "http://127.0.0.1:{port}#@example.com/",
        "http://127.0.0.1:{port}?@example.com/",
        "http://@127.0.0.1:{port}/",
    ),
    *("http://:@127.0.0.1:{port}/", "http://a@b@127.0.0.1:{port}/", "http://example.com%40127.0.0.1:{port}/"),
    *(
        "http://127.0.0.1:{port}\\@example.com/",
        "http://example.com\\@127.0.0.1:{port}/",
        "http:\\\\127.0.0.1:{port}/",
    ),
    *(
        "http://127.0.0.1\t:{port}/",
        "http://127.0.0.1\n:{port}/",
        " http://127.0.0.1:{port}/",
        "http://127.0.0.1 :{port}/",
    ),
    *(
        "http://127.0.0.1:0{port}/",
        "http://127.0.0.1:00000{port}/",
        "http://127.0.0.1:+{port}/",
        "http://127.0.0.1:{port}:80/",
    ),
    *(
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:{port}/../",
        "HTTP://127.0.0.1:{port}/",
    ),
    *(
        "http://127.0.0.1%00.example.com:{port}/",
        "http://127.0.0.1\x00:{port}/",
        "http://[127.0.0.1]:{port}/",
        "http://[::1:{port}/",
    ),
    *(
        "http://::1:{port}/",
        "http://[::1]%25:{port}/",
        "http://127.0.0.1%2f:{port}/",
        "http://127.0.0.1%20:{port}/",
    ),
    *(
        "http://127\u00ad.0.0.1:{port}/",
        "http://127.0.0.1\u200b:{port}/",
        "http://127.0.0.1:{port}/\r\nHost: a",
        "http:// 127.0.0.1:{port}/",
    ),
    *(
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://[::ⓕⓕⓕⓕ:127.0.0.1]:{port}/",
        "http://１２７.１:{port}/",
        "http://127。1:{port}/",
    ),
)


def spellings(port: int) -> list[str]:
    """Return many addresses, all of them different."""
    hosts = [*_numbers(), *NAMES, *NETWORKS_V4, *(f"[{address}]" for address in V6)]
    told = [f"http://{host}:{port}/" for host in hosts]
    told += [text.replace("{port}", str(port)) for text in (*SCHEMES, *TRICKS)]
    return list(dict.fromkeys(told))


def _numbers() -> Iterator[str]:
    """Write an address of four numbers in all the ways that a system may read."""
    for address in LOCAL_V4:
        parts = [int(part) for part in address.split(".")]
        whole = int.from_bytes(bytes(parts), "big")
        yield from (
            address,
            f"{address}.",
            f"{whole}",
            f"{whole:#x}",
            f"0{whole:o}",
            f"{whole:#X}",
            f"{whole}.",
        )
        yield f"{parts[0]}.{whole & 0xFFFFFF}"
        yield f"{parts[0]}.{parts[1]}.{whole & 0xFFFF}"
        yield from (".".join(form(part) for part in parts) for form in (hex, _octal, _padded, _long_hex))
        yield ".".join(form(part) for form, part in zip((hex, str, _octal, str), parts, strict=True))
        yield from (address.translate(table) for table in (FULL, CIRCLED))
        yield from (address.replace(".", dot) for dot in DOTS[1:])
        yield "".join(f"%{ord(letter):02x}" for letter in address)
    for short, dot in product(
        ("127.1", "127.0.1", "0", "00", "0x0", "0177.1", "0x7f.1", "127.0x1"), ("", ".")
    ):
        yield short + dot
    yield from (str(2**32 + 0x7F000001), "127.0.0.1.1", "127.0.0.257", "256.0.0.1", "127.00.00.01")


def _octal(part: int) -> str:
    return f"0{part:o}"


def _padded(part: int) -> str:
    return f"0000{part:o}"


def _long_hex(part: int) -> str:
    return f"0x000000{part:x}"
