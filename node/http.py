"""The node's HTTP listener: requests begin the runs of workflows, and are told what came of them."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from aiohttp import web

from actors.actor import Rejected
from actors.workflow import access, triggers
from messages import subjects
from messages.envelope import ACTOR
from messages.route import Claimed
from messages.triggers import HttpTrigger
from node.answers import Answers
from node.edge import Edge
from node.engine import Engine
from node.intake import Intake, Overloaded, outcome_of
from node.keyring import Keyring
from node.request import CHALLENGE, check_signature, key_of, proof_of, query_of, read_body
from node.routes import Routes
from node.serving import Refused, Serving, told

BODY_BYTES_MAX = 256 * 1024
SEND_SECONDS = 10.0
"""How long a client may take to send its request."""
REQUESTS_MAX = 100
"""How many requests are served at a time."""
STATUS = {
    **{"not_found": 404, "unknown_trigger": 404, "invalid_message": 400, "too_deep": 400, "too_large": 413},
    **{"not_signed": 401, "unknown_signer": 401, "inactive_user": 403, "not_granted": 403},
}
"""How a refusal of a launch is told; 409 otherwise."""


class Means(NamedTuple):
    """What the listener needs of its node."""

    node: str
    edge: Edge
    engine: Engine
    intake: Intake
    answers: Answers
    keyring: Keyring
    secret: bytes
    """What makes the ids of runs from keys of requests, so that nobody can guess them."""
    clock: Callable[[], int]


class Asked(NamedTuple):
    """A request that begins a run."""

    claimed: Claimed
    run: str
    input: Mapping[str, Any]
    by: str
    """Who has signed it, where the trigger asks for that."""
    is_keyed: bool
    """Whether the client says which requests are repeats of one."""


class Listener:
    """Answers requests; all that it says is JSON."""

    def __init__(self, means: Means, routes: Routes) -> None:
        self._means = means
        self._routes = routes
        self._serving = Serving(self._handle, SEND_SECONDS, BODY_BYTES_MAX)
        self._is_stopping = False
        self.url = ""
        """Where it listens."""
        self.busy = 0
        """How many requests are being served."""

    async def open(self, host: str, port: int) -> None:
        """Begin to listen; raises OSError."""
        self.url = await self._serving.open(host, port)

    async def stop(self) -> None:
        """Take no new request; those that wait for a run are told where it is."""
        self._is_stopping = True
        self._means.engine.waiting.close()
        await self._serving.close()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if request.rel_url.raw_path == "/healthz":
            return self._health(request)
        if self._is_stopping or self.busy >= REQUESTS_MAX:
            detail = "the node stops" if self._is_stopping else f"{REQUESTS_MAX} requests are served already"
            return Refused(503, "overloaded", detail, {"Retry-After": "1"}).response()
        self.busy += 1
        try:
            return await self._answer(request)
        except Refused as no:
            return no.response()
        except Overloaded as error:
            return Refused(503, "overloaded", str(error), {"Retry-After": "1"}).response()
        finally:
            self.busy -= 1

    def _health(self, request: web.BaseRequest) -> web.Response:
        if request.method != "GET":
            return _not_allowed(request.method, ("GET",)).response()
        status = 503 if self._is_stopping else 200
        return told(status, {"status": "stopping" if self._is_stopping else "ok", "node": self._means.node})

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        try:
            parts = [unquote(one, errors="strict") for one in triggers.segments(request.rel_url.raw_path)]
        except UnicodeDecodeError as error:
            raise Refused(400, "invalid_path", "the path is not UTF-8") from error
        if parts[:1] == ["runs"] and len(parts) == 2:
            if request.method != "GET":
                raise _not_allowed(request.method, ("GET",))
            return await self._show(parts[1])
        found = self._routes.find(request.method, parts)
        if found.claimed is None:
            if found.methods:
                raise _not_allowed(request.method, found.methods)
            raise Refused(404, "not_found", "nothing is served under this path")
        if not found.claimed.is_active:
            raise Refused(409, "inactive", f"the workflow {found.claimed.workflow} is not active")
        return await self._trigger(await self._read(request, found.claimed, found.parameters))

    async def _read(self, request: web.BaseRequest, claimed: Claimed, parameters: Mapping[str, str]) -> Asked:
        body = await read_body(request, SEND_SECONDS, BODY_BYTES_MAX)
        trigger = claimed.trigger
        if trigger.secret is not None:
            signing = await self._means.keyring.key(claimed.environment, trigger.secret)
            check_signature(request, body, signing, self._means.clock())
        by = "" if trigger.access is None else self._member(request, claimed, body)
        try:
            read = triggers.body_of(request.headers.get("Content-Type", ""), body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "invalid_body", f"the body cannot be read: {error}") from error
        input = {
            "method": request.method,
            "path": request.rel_url.raw_path,
            "parameters": parameters,
            "query": query_of(request),
            "headers": triggers.kept_headers(request.headers),
            "body": read,
        }
        key = key_of(request, trigger)
        return Asked(claimed, self._run_id(claimed, by, key), input, by, bool(key))

    def _member(self, request: web.BaseRequest, claimed: Claimed, body: bytes) -> str:
        """Return who has signed a request, if he may fire the trigger: of a repeat it is asked here alone."""
        means, rights = self._means, self._means.engine.rights
        proof = proof_of(request, means.node, body, means.clock())
        by = rights.sender(proof) if proof else ""
        try:
            access.check(rights, by, claimed.workflow, [str(claimed.trigger.access)])
        except Rejected as no:
            raise _refused(no.code, no.detail) from no
        return by

    def _run_id(self, claimed: Claimed, by: str, key: str) -> str:
        if not key:
            return uuid.uuid4().hex
        said = f"http/{claimed.workflow}/{claimed.trigger.id}/{by and f'{by}/'}{key}".encode()
        return hmac.new(self._means.secret, said, hashlib.sha256).hexdigest()[:32]

    async def _trigger(self, asked: Asked) -> web.Response:
        before = await self._run(asked.run) if asked.is_keyed else None
        if before is None:
            await self._launch(asked)
        elif not triggers.is_repeat(before.get("input"), asked.input):
            raise Refused(422, "key_reused", "the key was of another request; give each one its own")
        trigger = asked.claimed.trigger
        if trigger.response == "accepted":
            return _accepted(asked.run)
        return await self._result(asked, trigger)

    async def _launch(self, asked: Asked) -> None:
        means, id = self._means, uuid.uuid4().hex
        fired = {"trigger": "http", "fired": asked.claimed.trigger.id, "by": asked.by}
        body = msgspec.json.encode({"run": asked.run, "input": asked.input, **fired})
        subject = subjects.call(means.node, "workflow", asked.claimed.workflow, "launch")
        envelope = means.edge.envelope(subject, {}, body, (lambda: id, means.clock(), 1))
        envelope = msgspec.structs.replace(envelope, sender=ACTOR)
        outcome = outcome_of(await means.intake.call(envelope))
        if outcome.status != "done":
            raise _refused(outcome.code, outcome.detail)

    async def _result(self, asked: Asked, trigger: HttpTrigger) -> web.Response:
        await self._ask(asked.run, "wait", {"timeout": trigger.timeout})
        run = await self._run(asked.run)
        if run is None or run["ended_at"] is None:
            return _accepted(asked.run)
        if not triggers.is_repeat(run["input"], asked.input):
            raise Refused(422, "key_reused", "the key was of another request; give each one its own")
        location = {"Location": f"/runs/{asked.run}"}
        if run["status"] == "success":
            return told(200, run["output"], location)
        return told(500, _problem(asked.run, run), location)

    async def _show(self, id: str) -> web.Response:
        """Tell how a run goes; only of those that requests have begun, whose ids nobody can guess."""
        run = await self._run(id) if subjects.is_token(id) else None
        if run is None or run["trigger"] != "http":
            raise Refused(404, "not_found", "there is no such run")
        shown = {name: run[name] for name in ("status", "output", "error", "begun_at", "ended_at")}
        return told(200, {"run": id, "is_final": run["ended_at"] is not None, **shown})

    async def _run(self, id: str) -> dict[str, Any] | None:
        run = await self._ask(id, "get", {})
        return run if "input" in run else None

    async def _ask(self, id: str, query: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        means = self._means
        reply = await means.answers.answer("run", id, query, msgspec.json.encode(asked), means.clock())
        return msgspec.json.decode(reply, type=dict[str, Any])


def _refused(code: str, detail: str) -> Refused:
    status = STATUS.get(code, 409)
    return Refused(status, code, detail, CHALLENGE if status == 401 else {})


def _not_allowed(method: str, methods: tuple[str, ...]) -> Refused:
    allow = ", ".join(methods)
    return Refused(405, "method_not_allowed", f"{method} is not served here; {allow} is", {"Allow": allow})


def _accepted(run: str) -> web.Response:
    return told(202, {"run": run}, {"Location": f"/runs/{run}"})


def _problem(run: str, view: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem of a run as RFC 9457 has it: its status is the one of the answer."""
    error = view["error"] or {"type": "cancelled", "title": "Cancelled", "detail": view["reason"]}
    return {**error, "status": 500, "cause_status": error.get("status", 499), "run": run}
