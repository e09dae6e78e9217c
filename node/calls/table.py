"""Who makes calls of which kind; it is loaded with the first call, for its libraries are large."""

from __future__ import annotations

from node.calls.caller import Make
from node.calls.client import Client
from node.calls.database import DatabaseCalls
from node.calls.egress import Egress
from node.calls.email import EmailCalls
from node.calls.http import HttpCalls
from node.calls.openapi import OpenApiCalls
from node.calls.outside import Outside
from node.calls.shell import ShellCalls
from node.calls.slack import SlackCalls


class Calls:
    """All kinds of calls, under one policy."""

    def __init__(self, outside: Outside) -> None:
        self._egress = Egress(outside.allowed)
        self._client = Client(self._egress)
        self._database = DatabaseCalls(self._egress, outside)
        self._email = EmailCalls(self._egress)
        self.makes: dict[str, Make] = {
            "http": HttpCalls(self._client),
            "openapi": OpenApiCalls(self._client),
            "database": self._database,
            "email": self._email,
            "slack": SlackCalls(self._client),
            "shell": ShellCalls(outside),
        }

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()
        self._database.close()
        self._email.close()
        self._egress.close()
