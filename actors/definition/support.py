"""What of the language can be run, and why the rest cannot."""

from __future__ import annotations

from typing import Final

CALLS: Final = ("http", "openapi", "log", "database", "email", "slack", "job", "routine", "book")
"""What ``call`` knows, beside the functions of the definition."""
PROGRAM_ARGUMENTS: Final = {"job": ("job", "on", "mayRepeat"), "routine": ("routine",)}
"""What a call is given: the id; for a job, a compute that is booked, whether it may be started again."""
RUNS: Final = ("workflow", "shell")
AUTHENTICATIONS: Final = ("basic", "bearer")

UNSUPPORTED: Final = {
    "call asyncapi": "it needs a broker client for each protocol; emit and listen work on our own bus",
    "call grpc": "it needs compiled stubs; call http, or a worker of your own",
    "call a2a": "the protocol is not implemented",
    "call mcp": "the protocol is not implemented",
    "run container": "no container engine is assumed on a node",
    "run script": "a node runs no code out of a document; run shell with an argument list, or a worker",
    "listen foreach": "events are gathered first; go through them with for",
    "listen correlate": "events are taken by their filters alone; compare them in the data of a filter",
    "authentication digest": "it is of the past, and is not implemented",
    "authentication oauth2": "tokens are not fetched; keep one as a secret and use bearer",
    "authentication oidc": "tokens are not fetched; keep one as a secret and use bearer",
    "authentication by the name of a secret": "write its parts as expressions on $secrets",
    "schedule": "what begins runs are the triggers of the workflow; write one there",
    "extensions": "what a task does stands in the task; write a function and call it",
    "catalogs": "nothing is fetched that a run depends on; write the function in use.functions",
    "evaluate language": "expressions are jq",
    "evaluate mode loose": "a text is an expression or is none; write ${ } around what is one",
}
"""Each is refused when it is saved, never ignored."""
