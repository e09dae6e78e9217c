"""What is encrypted is checked: by the name of the server, though the connection is to a checked address."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from node.calls.egress import Egress, parse_all
from node.calls.email import EmailCalls
from tests.calls.served import answered, calling, faulted, get, get_problem

LETTER = {"from": "ann@example.org", "to": "bob@example.org", "text": "Hello"}

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl on this machine")


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what a server called localhost has; calls of this test trust it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2")
    subprocess.run((*made, "-keyout", key, "-out", certificate, *name), check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@asynccontextmanager
async def listening(
    make: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls", "smtp"])
async def test_mail_is_sent_encrypted_to_who_proves_its_name(sealed: ssl.SSLContext, scheme: str) -> None:
    calls = EmailCalls(Egress(parse_all(["127.0.0.0/8"])))
    starts = {} if scheme == "smtps" else {"tls_context": sealed, "require_starttls": True}

    def post() -> SMTP:
        return SMTP(object(), hostname="post", loop=loop, **starts)

    loop = asyncio.get_running_loop()
    async with listening(post, sealed if scheme == "smtps" else None) as port:
        found = await answered(calls, "email", {"connection": f"{scheme}://localhost:{port}", **LETTER})
        other = await faulted(calls, "email", {"connection": f"{scheme}://127.0.0.1:{port}", **LETTER})

    assert found["sent"] == 1
    assert (other[:2], "certificate" in other[2]) == (("communication", 503), True)


async def test_https_is_believed_only_to_who_proves_its_name(sealed: ssl.SSLContext) -> None:
    async def take(_request: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    async with listening(web.Server(take), sealed) as port, calling("127.0.0.0/8", "::1") as client:
        assert await get(client, f"https://localhost:{port}/") == "hello"
        word, status, detail = await get_problem(client, f"https://127.0.0.1:{port}/")

    assert (word, status, "certificate" in detail) == ("communication", 503, True)
