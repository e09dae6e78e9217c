"""The one decision whether somebody may say a command or ask a question. The default is no."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.actor import Actor, Rejected, Summary
from actors.rights.delegation import further
from actors.rights.rights import NOTHING, PERIMETERS, READ, ROOT, Known, Place, Rights
from messages.envelope import ACTOR, ALARM, NOBODY, OPERATOR, PEER

NODE = "node"
"""The kind of the questions to the node itself."""
NODE_READS = frozenset({"trace", "dead_letters", "dead_letter", "health", "rights"})
"""The questions to the node that ``read`` is for; each other one is an action of its own."""
OPEN = frozenset({"whoami", "secret_key"})
"""The questions to the node that everybody may ask whom it knows: the key only seals."""
TRUSTED = frozenset({ACTOR, ALARM})
"""The senders that are the node itself."""


class Asked(NamedTuple):
    """What somebody wants of one entity."""

    sender: str
    kind: str
    id: str
    verb: str
    command: Any = None
    """None: a question."""
    summary: Summary | None = None
    """What is stored of the entity."""


def forbidden(rights: Rights, actor: Actor[Any, Any, Any] | None, asked: Asked) -> Rejected | None:
    """Return why somebody may not, or None; ``actor`` is the kind's, None for the node itself."""
    sender = asked.sender
    if sender in TRUSTED:
        return None
    if sender.startswith(PEER):
        return _of_peer(actor, asked)
    if actor is not None and asked.command is not None and asked.verb in actor.internal:
        return no(f"{asked.kind}.{asked.verb} is said by the node itself, not from outside")
    if is_free(rights, sender):
        return None
    return stranger(rights, sender) or _of_user(rights, actor, asked)


def stranger(rights: Rights, sender: str) -> Rejected | None:
    """Return why somebody who is not the node may say nothing at all, or None."""
    if sender == OPERATOR:
        return UNSIGNED
    user = None if sender == NOBODY else rights.user(sender)
    if user is None:
        return Rejected("unknown_signer", "no user of this node has this key: covey user add NAME")
    if not user["active"]:
        return Rejected("inactive_user", f"{sender} is not active: covey user enable NAME")
    return None


def is_free(rights: Rights, sender: str) -> bool:
    """Say whether a sender may do all that is not the node's own."""
    return sender in TRUSTED or (sender == OPERATOR and rights.is_open)


def _of_peer(actor: Actor[Any, Any, Any] | None, asked: Asked) -> Rejected | None:
    if asked.command is not None:
        may = actor is not None and asked.verb in actor.peers_may
        return None if may else no(f"a peer may not say {asked.kind}.{asked.verb}")
    question = None if actor is None else actor.questions.get(asked.verb)
    may = question is not None and question.peers_may_ask
    return None if may else no(f"peers may not ask {asked.verb}")


def _of_user(rights: Rights, actor: Actor[Any, Any, Any] | None, asked: Asked) -> Rejected | None:
    user, verb = asked.sender.partition("/")[2], action_of(asked)
    if actor is None:
        places: Iterable[Place] = (ROOT, Place("kind", NODE))
        if asked.verb in OPEN or rights.may(user, (NODE, verb), places):
            return None
        return lacks(rights, asked, (verb, f"{rights.node}.{NODE}"))
    more = further(rights, user, (asked.kind, asked.id), asked.command, asked.summary)
    if more is not None:
        return None if more.may else lacks(rights, asked, (more.action, more.perimeter))
    places = rights.places(asked.kind, asked.id, known_of(actor, asked.summary))
    if rights.may(user, (asked.kind, verb), places):
        return None
    return lacks(rights, asked, (verb, f"{rights.node}.{asked.kind}.{asked.id}".rstrip(".")))


def action_of(asked: Asked) -> str:
    """Return the action that a grant must name."""
    if asked.command is not None:
        return asked.verb
    return READ if asked.kind != NODE or asked.verb in NODE_READS else asked.verb


def known_of(actor: Actor[Any, Any, Any], summary: Summary | None) -> Known:
    """Return what rights over an entity depend on besides its id."""
    if summary is None:
        return NOTHING
    parent = (actor.belongs_to, summary.parent) if actor.belongs_to else ("", "")
    within = () if summary.owner else summary.fields.get(PERIMETERS, ())  # a peer's are not ours
    return Known(parent, within, summary.shown_as)


def lacks(rights: Rights, asked: Asked, lacking: tuple[str, str]) -> Rejected:
    """Return the refusal for an action that is lacking in a perimeter, with the remedy."""
    action, perimeter = lacking
    who = asked.sender.partition("/")[2]
    what = f"{asked.kind} {asked.id}".rstrip()
    detail = (
        f"{asked.sender} may not {asked.verb} {what}: it has no right {action} in {perimeter}, nor in a"
        f" perimeter around it; an admin gives it with: covey grant give {who} {perimeter} {action}"
    )
    return Rejected("not_granted", detail, extra={"perimeter": perimeter, "action": action})


def no(detail: str) -> Rejected:
    """Return a refusal for which no grant helps."""
    return Rejected("not_granted", detail)


UNSIGNED = no("it is not signed, and this node heeds only its users; sign it: covey … --as KEYFILE")
