"""Mail, to a real server."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from messages.run import Faulted
from node.calls import caller
from node.calls.egress import Egress, parse_all
from node.calls.email import EmailCalls
from node.calls.failed import Failed
from tests.calls.served import answered, call, faulted

PASSWORD = "s3cr3t-m41l"
LETTER = {"from": "Ann <ann@example.org>", "to": "bob@example.org", "subject": "Häl", "text": "Hello\n"}


@dataclass
class Post:
    """A mail server that keeps what it is given."""

    port: int = 0
    kept: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://ann:{PASSWORD}@127.0.0.1:{self.port}"

    async def handle_RCPT(  # the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.kept.append((envelope.rcpt_tos, message))
        return "554 not today" if "refuse" in str(message["Subject"]) else "250 OK"

    def judge(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _way: str, said: Any
    ) -> AuthResult:
        is_known = isinstance(said, LoginPassword) and said.password == PASSWORD.encode()
        return AuthResult(success=is_known, handled=False)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    post = Post()

    def protocol() -> SMTP:
        return SMTP(post, hostname="post", authenticator=post.judge, auth_require_tls=False, loop=loop)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    yield post
    server.close()


@pytest.fixture
def calls() -> EmailCalls:
    return EmailCalls(Egress(parse_all(["127.0.0.1"])))


async def test_a_message_is_sent_with_its_parts(post: Post, calls: EmailCalls) -> None:
    more = {"cc": ["Carl <carl@example.org>"], "bcc": "dora@example.org", "html": "<b>Hello</b>"}

    found = await answered(calls, "email", {"connection": post.url, **LETTER, **more})

    assert found == {"message_id": "<key-1@covey>", "sent": 3, "refused": []}
    ((recipients, message),) = post.kept
    assert recipients == ["bob@example.org", "carl@example.org", "dora@example.org"]
    assert (message["Subject"], message["From"], message["Cc"]) == (
        "Häl",
        "Ann <ann@example.org>",
        "Carl <carl@example.org>",
    )
    assert "dora" not in str(message)
    assert [part.get_content().strip() for part in message.iter_parts()] == ["Hello", "<b>Hello</b>"]  # type: ignore[attr-defined]


async def test_a_repeat_has_the_same_message_id(post: Post, calls: EmailCalls) -> None:
    for _ in range(2):
        await answered(calls, "email", {"connection": post.url, **LETTER}, key="k")

    assert [message["Message-ID"] for _, message in post.kept] == ["<k@covey>"] * 2


async def test_who_is_refused_is_told_and_the_others_have_it(post: Post, calls: EmailCalls) -> None:
    given = {"connection": post.url, **LETTER, "to": ["bob@example.org", "nobody@example.org"]}

    assert await answered(calls, "email", given) == {
        "message_id": "<key-1@covey>",
        "sent": 1,
        "refused": ["nobody@example.org"],
    }
    assert (await faulted(calls, "email", {**given, "to": "nobody@example.org"}))[:2] == (
        "communication",
        550,
    )
    assert (await faulted(calls, "email", {**given, "subject": "refuse"}))[:2] == ("communication", 554)


async def test_a_wrong_password_is_said_without_it(post: Post, calls: EmailCalls) -> None:
    wrong = post.url.replace(PASSWORD, "wr0ng-one")

    word, status, detail = await faulted(calls, "email", {"connection": wrong, **LETTER})

    assert (word, status) == ("authentication", 401)
    assert "wr0ng-one" not in detail


async def test_no_password_is_told_where_others_may_hear_it(post: Post, calls: EmailCalls) -> None:
    calls._egress.check = lambda _address, _port: None  # type: ignore[method-assign]  # no address of this machine is public
    url = post.url.replace("127.0.0.1", "0.0.0.0")

    word, _, detail = await faulted(calls, "email", {"connection": url, **LETTER})

    assert (word, "no encryption" in detail, post.kept) == ("configuration", True, [])


async def test_a_server_is_reached_only_where_calls_may_go(post: Post) -> None:
    calls = EmailCalls(Egress())

    word, status, _ = await faulted(calls, "email", {"connection": post.url, **LETTER})

    assert (word, status, post.kept) == ("authorization", 403, [])


async def test_a_server_that_is_away_or_says_nothing_is_a_problem(calls: EmailCalls) -> None:
    is_left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        is_left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asked = call("email", {"connection": f"smtp://127.0.0.1:{port}", **LETTER})

    told = await caller.answer(calls, asked, 0.3)
    away = await faulted(calls, "email", {"connection": "smtp://127.0.0.1:1", **LETTER})
    async with asyncio.timeout(30):
        await is_left.wait()
    server.close()

    assert isinstance(told, Faulted)
    assert (told.problem.status, away[:2]) == (504, ("communication", 503))


@pytest.mark.parametrize(
    "more",
    [
        {"to": None},
        {"to": []},
        {"to": "bob"},
        {"to": "bob@example.org\r\nBcc: eve@example.org"},
        {"from": ["a@example.org", "b@example.org"]},
        {"from": ""},
        {"subject": "a\r\nBcc: eve@example.org"},
        {"to": [f"a{place}@example.org" for place in range(101)]},
        {"text": 5},
        {"html": []},
        {"text": "x" * 500_001},
        {"connection": "http://127.0.0.1/"},
        {"connection": "unknown"},
        {"connection": None},
    ],
    ids=lambda more: str(more)[:50],
)
async def test_what_is_no_message_is_a_mistake(post: Post, calls: EmailCalls, more: dict[str, Any]) -> None:
    word, status, _ = await faulted(calls, "email", {"connection": post.url, **LETTER, **more})

    assert (word, status, post.kept) == ("configuration", 400, [])


async def test_a_server_is_asked_whether_it_lets_us_in(post: Post, calls: EmailCalls) -> None:
    await calls.probe(post.url)

    with pytest.raises(Failed, match="does not know the user"):
        await calls.probe(post.url.replace(PASSWORD, "wrong-one"))
    assert post.kept == []
