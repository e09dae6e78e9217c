"""What of the language can be run, and why the rest cannot."""

from __future__ import annotations

from typing import Final

CALLS: Final = ("http", "openapi", "log", "database", "email", "slack")
"""What ``call`` knows, beside the functions of the definition."""
RUNS: Final = ("workflow", "shell")

UNSUPPORTED: Final = {
    "call asyncapi": "it needs a broker client for each protocol; emit and listen work on our own bus",
    "call grpc": "it needs compiled stubs; call http, or a worker of your own",
    "call a2a": "the protocol is not implemented",
    "call mcp": "the protocol is not implemented",
    "run container": "no container engine is assumed on a node",
    "run script": "a node runs no code out of a document; run shell with an argument list, or a worker",
    "listen foreach": "events are gathered first; go through them with for",
}
"""Each is refused when it is saved, never ignored."""
