"""``call: email``: a message to a mail server, over a connection to an address that was checked."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime, parseaddr
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from messages.run import Call
from node.calls.connections import address_of, scheme
from node.calls.egress import Egress, Refused
from node.calls.failed import Failed, misconfigured, refused

THREADS = 4
SECONDS = 20.0
"""How long the server may take for each answer."""
END_SECONDS = 2.0
RECIPIENTS_MOST = 100
TEXT_CHARACTERS = 500_000
PORTS = {"smtp": 587, "smtp+starttls": 587, "smtps": 465}
DOMAIN = "covey"
TO, COPY, HIDDEN = "to", "cc", "bcc"


class Server(NamedTuple):
    """A mail server, and who we are to it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


class EmailCalls:
    """Makes the calls of the queue ``call-email``."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="covey-email")

    async def __call__(self, call: Call) -> Any:
        """Send a message; raises Failed. A repeat has the same Message-ID, so that it is known for one."""
        given = call.arguments
        server = self._server(given.get("connection"))
        message, recipients = _message(given, call.key)
        session = Session(server, await self._place(server))
        send = session.send
        work = asyncio.get_running_loop().run_in_executor(self._threads, send, message, recipients)
        try:
            left_out = await asyncio.shield(work)
        finally:
            if not work.done():
                work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks
                session.stop()
                await asyncio.wait([work], timeout=END_SECONDS)
        return {
            "message_id": f"<{call.key}@{DOMAIN}>",
            "sent": len(recipients) - len(left_out),
            "refused": left_out,
        }

    async def probe(self, url: str) -> None:
        """Connect, say who we are, and go; raises Failed."""
        server = self._server(url)
        session = Session(server, await self._place(server))
        await asyncio.get_running_loop().run_in_executor(self._threads, session.probe)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _server(self, given: Any) -> Server:
        url = address_of(given)
        name = scheme(url)
        parts = urlsplit(url)
        if name not in PORTS or not parts.hostname:
            raise misconfigured(f"a connection of mail begins with {', '.join(PORTS)}, and has a host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return Server(name, parts.hostname, parts.port or PORTS[name], user, password)

    async def _place(self, server: Server) -> str:
        try:
            places = await self._egress.find(server.host, server.port)
        except Refused as error:
            raise refused(error) from None
        except OSError:
            places = []
        if not places:
            raise Failed("communication", f"there is no host {server.host}", 503)
        return places[0].address


class Session:
    """One connection to a mail server, for one message."""

    def __init__(self, server: Server, place: str) -> None:
        self._server = server
        self._place = place
        self._smtp: smtplib.SMTP | None = None

    def stop(self) -> None:
        """End the connection, from another thread."""
        line = getattr(self._smtp, "sock", None)
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def send(self, message: EmailMessage, recipients: list[str]) -> list[str]:
        """Send it in a thread; return who was refused; raises Failed."""
        with self._entered() as smtp:
            return sorted(smtp.send_message(message, to_addrs=recipients))

    def probe(self) -> None:
        """See in a thread whether it lets us in; raises Failed."""
        with self._entered():
            pass

    @contextmanager
    def _entered(self) -> Iterator[smtplib.SMTP]:
        where = f"{self._server.host}:{self._server.port}"
        try:
            with self._open() as smtp:
                self._enter(smtp)
                yield smtp
        except smtplib.SMTPAuthenticationError as error:
            raise Failed("authentication", f"{where} does not know the user: {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise Failed("communication", f"{where} refuses all recipients", 550) from None
        except smtplib.SMTPResponseException as error:
            raise Failed("communication", f"{where} answered {error.smtp_code}", error.smtp_code) from None
        except ssl.SSLError:
            raise Failed(
                "communication", f"{where}: its certificate or TLS is not to be trusted", 503
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Failed("communication", f"{where}: {type(error).__name__}", 503) from None

    def _open(self) -> smtplib.SMTP:
        """Connect; what is not connected yet is known already, so that it can be stopped."""
        place, context = self._place, ssl.create_default_context()

        class Plain(smtplib.SMTP):
            def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
                return socket.create_connection((place, port), timeout)  # what was checked, not the name

        class Sealed(smtplib.SMTP_SSL):
            def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
                line = socket.create_connection((place, port), timeout)
                return context.wrap_socket(line, server_hostname=host)

        sealed = self._server.scheme == "smtps"
        smtp = Sealed(timeout=SECONDS, context=context) if sealed else Plain(timeout=SECONDS)
        vars(smtp)["_host"] = self._server.host  # what the certificate has to name
        self._smtp = smtp
        code, _ = smtp.connect(self._server.host, self._server.port)
        if code != 220:
            smtp.close()
            raise smtplib.SMTPConnectError(code, b"")
        return smtp

    def _enter(self, smtp: smtplib.SMTP) -> None:
        """Encrypt where it can be, and say who we are; a password is not said where others may hear it."""
        smtp.ehlo_or_helo_if_needed()
        is_sealed = self._server.scheme == "smtps"
        if not is_sealed and (smtp.has_extn("starttls") or self._server.scheme == "smtp+starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
            is_sealed = True
        if not self._server.user:
            return
        if not is_sealed and not self._place.startswith("127.") and self._place != "::1":
            raise misconfigured("the mail server offers no encryption, so it is told no password")
        smtp.login(self._server.user, self._server.password)


def _message(given: Mapping[str, Any], key: str) -> tuple[EmailMessage, list[str]]:
    """Return the message, and to whom it goes."""
    message = EmailMessage()
    people = {name: _people(given.get(name), name) for name in (TO, COPY, HIDDEN)}
    recipients = [person for found in people.values() for person in found]
    if not 1 <= len(recipients) <= RECIPIENTS_MOST:
        raise misconfigured(f"a message goes to 1 to {RECIPIENTS_MOST} people: to, cc, bcc")
    try:
        message["From"] = _people(given.get("from"), "from")
        message["To"], message["Cc"] = people[TO], people[COPY]
        if given.get("reply_to"):
            message["Reply-To"] = _people(given["reply_to"], "reply_to")
        message["Subject"] = str(given.get("subject", ""))
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{key}@{DOMAIN}>"
        _write(message, given)
    except (ValueError, MessageError) as error:
        raise misconfigured("from, to, subject and the others are texts of one line") from error
    return message, [person.addr_spec for person in recipients]


def _write(message: EmailMessage, given: Mapping[str, Any]) -> None:
    text, html = given.get("text", given.get("body", "")), given.get("html")
    if not isinstance(text, str) or not isinstance(html, str | None):
        raise misconfigured("text and html are texts")
    if len(text) + len(html or "") > TEXT_CHARACTERS:
        raise misconfigured(f"a message has at most {TEXT_CHARACTERS} characters")
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")


def _people(given: Any, what: str) -> list[Address]:
    """Read addresses, each ``ann@example.org`` or ``Ann <ann@example.org>``; raises Failed."""
    said = given if isinstance(given, list) else [] if given is None else [given]
    people = []
    for one in said:
        name, spec = parseaddr(str(one))
        try:
            person = Address(display_name=name, addr_spec=spec)
        except (ValueError, MessageError, IndexError) as error:
            raise misconfigured(f"{what} is an address, or a list of them") from error
        if not person.username or not person.domain or any(letter in str(one) for letter in "\r\n\0"):
            raise misconfigured(f"{what} is an address, or a list of them")
        people.append(person)
    if what == "from" and len(people) != 1:
        raise misconfigured("from is one address")
    return people
