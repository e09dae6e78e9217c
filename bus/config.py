"""The configuration of the embedded NATS server, rendered from a frozen description."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from messages import subjects

LOOPBACK = "127.0.0.1"
SYSTEM_ACCOUNT = "SYS"
NODE_ACCOUNT = "NODE"
PEER_ACCOUNT = "PEER_"
"""How the name of a peer's account begins."""
USER_ACCOUNT = "USER_"
"""How the name of a user's account begins."""
ANSWER_WITHIN = "5m"
"""How long the server keeps the way back for an answer to a user."""

GIBIBYTE = 1 << 30
STORE_BYTES_MAX = 1024 * GIBIBYTE
"""What all quotas together may be; fixed, for a running server refuses a smaller sum when a peer goes."""
NODE_QUOTA_BYTES = 16 * GIBIBYTE
PEER_QUOTA_BYTES = 1 * GIBIBYTE
PEER_STREAMS_MAX = 1
PEER_CONSUMERS_MAX = 1
PAYLOAD_BYTES_MAX = 1 << 20

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_OPERATOR_SAYS = ("cmd", "call", "ask", "in")
_USER_SAYS = ("cmd", "call", "ask")
_OPERATOR_API = ("$JS.API.>", "$JS.ACK.>", "$JS.FC.>", "$SRV.>", "_INBOX.>")
_OPERATOR_NEVER = (
    "$SYS.>",
    "$JS.API.STREAM.CREATE.>",
    "$JS.API.STREAM.UPDATE.>",
    "$JS.API.STREAM.DELETE.>",
    "$JS.API.STREAM.RESTORE.>",
)


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Who may read what we say to one peer."""

    name: str
    node_key: str
    """Our nkey in the peer's account; an nkey belongs to one account."""
    peer_key: str = ""
    """The nkey with which the peer reads; empty: it has not accepted our invitation yet."""
    invite_key: str = ""
    """The nkey in an open invitation; empty: there is none."""
    quota_bytes: int = PEER_QUOTA_BYTES


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks to the node with a key of its own."""

    name: str
    key: str
    hears: tuple[str, ...] = ()
    """The subjects of the events that reach it."""


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what on the server."""

    node: str
    """The name of the node."""
    node_key: str
    operator_key: str = ""
    """The nkey of the operator's tools and workers; empty: there is none."""
    system_key: str = ""
    """Our nkey in the system account, to read the server's own figures; empty: there is none."""
    watcher_key: str = ""
    """The nkey that hears commands of unknown kinds alone; empty: there is none."""
    kinds: tuple[str, ...] = ()
    """The kinds that the watcher does not hear."""
    quota_bytes: int = NODE_QUOTA_BYTES
    peers: tuple[Peer, ...] = ()
    users: tuple[User, ...] = ()


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """The server's certificate."""

    certificate: Path
    key: Path


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the embedded server is told."""

    accounts: Accounts
    store: Path
    """The directory of JetStream."""
    port: int
    host: str = LOOPBACK
    tls: Tls | None = None


def render(config: Config) -> str:
    """Return the whole configuration file."""
    accounts = config.accounts
    head = [
        f"listen: {_text(f'{config.host}:{config.port}')}",
        f"server_name: {_text(f'covey-{accounts.node}')}",
        f"max_payload: {PAYLOAD_BYTES_MAX}",
        "jetstream {",
        f"  store_dir: {_text(str(config.store))}",
        # The default loses acknowledged messages on a power cut.
        "  sync_interval: always",
        f"  max_file: {STORE_BYTES_MAX}",
        "}",
    ]
    return "\n".join([*head, *_tls(config.tls), "", render_accounts(accounts)])


def render_accounts(accounts: Accounts) -> str:
    """Return the account block alone: what the owner of an unmanaged NATS pastes into its configuration."""
    lines = ["accounts {", *_node_account(accounts)]
    for peer in accounts.peers:
        lines += render_peer(peer, accounts.node)
    for user in accounts.users:
        lines += _user_account(user, accounts.node)
    system = [f"    {{nkey: {accounts.system_key}}}"] if accounts.system_key else []
    lines += [f"  {SYSTEM_ACCOUNT} {{", "    users: [", *_indent(system), "    ]", "  }", "}"]
    return "\n".join([*lines, f"system_account: {SYSTEM_ACCOUNT}", ""])


def account_of(peer: str) -> str:
    """Name the account of a peer; a name that is no token raises ValueError."""
    if not subjects.is_token(peer):
        raise ValueError(f"{peer!r} cannot be the name of a peer")
    return f"{PEER_ACCOUNT}{peer}"


def write_private(path: Path, text: str) -> None:
    """Replace a file at once by one that only its owner may read; its directory likewise."""
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _node_account(accounts: Accounts) -> list[str]:
    users = [f"{{nkey: {accounts.node_key}}}"]
    if accounts.operator_key:
        users += _user(accounts.operator_key, _operator_permissions(accounts.node))
    if accounts.watcher_key:
        users += _user(accounts.watcher_key, _watcher_permissions(accounts))
    return [
        f"  {NODE_ACCOUNT} {{",
        f"    jetstream: {{max_file: {accounts.quota_bytes}}}",
        *_exports(accounts.node),
        "    users: [",
        *_indent(_indent(_indent(users))),
        "    ]",
        "  }",
    ]


def _exports(node: str) -> list[str]:
    """Return what accounts of users may import: a subject each to speak on, and events."""
    said = _text(subjects.every_of(node, ">"))
    return [
        "    exports: [",
        f"      {{service: {said}, response_threshold: {_text(ANSWER_WITHIN)}}}",
        f"      {{stream: {_text(subjects.every(node, 'evt'))}}}",
        "    ]",
    ]


def _user_account(user: User, node: str) -> list[str]:
    """Return the lines of the account of one user: an account each, so that no reply reaches another's."""
    said = [subjects.every_of(node, user.name, what) for what in _USER_SAYS]
    imports = [f"{{service: {{account: {NODE_ACCOUNT}, subject: {_text(subject)}}}}}" for subject in said]
    imports += [
        f"{{stream: {{account: {NODE_ACCOUNT}, subject: {_text(subject)}}}}}" for subject in user.hears
    ]
    return [
        f"  {_text(USER_ACCOUNT + user.name)} {{",
        f"    users: [{{nkey: {user.key}}}]",
        "    imports: [",
        *_indent(_indent(_indent(imports))),
        "    ]",
        "  }",
    ]


def render_peer(peer: Peer, node: str) -> list[str]:
    """Return the lines of the account of one peer."""
    limits = (
        f"max_file: {peer.quota_bytes}, max_streams: {PEER_STREAMS_MAX}, max_consumers: {PEER_CONSUMERS_MAX}"
    )
    users = [f"{{nkey: {peer.node_key}}}"]
    if peer.peer_key:
        users += _user(peer.peer_key, _peer_permissions(peer.name))
    if peer.invite_key:
        users += _user(peer.invite_key, _invited_permissions(node, peer.name))
    return [
        f"  {_text(account_of(peer.name))} {{",
        f"    jetstream: {{{limits}}}",
        "    users: [",
        *_indent(_indent(_indent(users))),
        "    ]",
        "  }",
    ]


def _operator_permissions(node: str) -> list[str]:
    says = [subjects.every(node, what) for what in _OPERATOR_SAYS]
    return [
        f"publish: {{allow: {_list([*says, *_OPERATOR_API])}, deny: {_list(_OPERATOR_NEVER)}}}",
        f"subscribe: {{allow: {_list(['>'])}, deny: {_list(['$SYS.>'])}}}",
    ]


def _watcher_permissions(accounts: Accounts) -> list[str]:
    known = [subjects.every(accounts.node, "cmd", kind) for kind in accounts.kinds]
    every = subjects.every(accounts.node, "cmd")
    # The server drops what is denied when it delivers, so that known commands never reach the watcher.
    return [
        f"publish: {{deny: {_list(['>'])}}}",
        f"subscribe: {{allow: {_list([every])}, deny: {_list(known)}}}",
    ]


def _peer_permissions(name: str) -> list[str]:
    says = [f"$JS.API.CONSUMER.MSG.NEXT.OUT.{name}", f"$JS.ACK.OUT.{name}.>"]
    return [
        f"publish: {{allow: {_list(says)}}}",
        f"subscribe: {{allow: {_list([f'_INBOX.{name}.>'])}}}",
    ]


def _invited_permissions(node: str, name: str) -> list[str]:
    return [
        f"publish: {{allow: {_list([subjects.meet(node)])}}}",
        f"subscribe: {{allow: {_list([f'_INBOX.{name}.>'])}}}",
    ]


def _user(key: str, permissions: list[str]) -> list[str]:
    return [f"{{nkey: {key}, permissions: {{", *_indent(permissions), "}}"]


def _tls(tls: Tls | None) -> list[str]:
    if tls is None:
        return []
    return [f"tls {{cert_file: {_text(str(tls.certificate))}, key_file: {_text(str(tls.key))}}}"]


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_text(text) for text in texts) + "]"


def _text(text: str) -> str:
    return json.dumps(text)
