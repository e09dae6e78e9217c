"""What an actor is: data and pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from actors.rights.rights import Rights
from messages.base import Message
from messages.envelope import ACTOR, OPERATOR, PEER, Address, Unread

NO_RIGHTS = Rights()

State = TypeVar("State")
Command = TypeVar("Command", bound=Message)
Event = TypeVar("Event", bound=Message)


class Rejected(Exception):
    """The rules forbid the command; nothing happened.

    ``code`` is a word, ``detail`` says what is wrong and how to mend it, ``at`` is a JSON pointer into the
    command, ``extra`` holds whatever a program may want to read (conflicts, the current version).
    """

    def __init__(
        self, code: str, detail: str = "", *, at: str = "", extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.at = at
        self.extra = dict(extra or {})


class Folded(list[Event], Generic[State, Event]):
    """Events along with the state that they lead to, from an actor that has to know it to go on deciding."""

    def __init__(self, state: State, evolve: Callable[[State, Event], State]) -> None:
        super().__init__()
        self.state = state
        self._evolve = evolve

    def add(self, event: Event) -> None:
        """Have one more event happen."""
        self.append(event)
        self.state = self._evolve(self.state, event)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing shows of an entity and filters it by."""

    status: str = ""
    name: str = ""
    parent: str = ""
    """The id of the entity that this one belongs to."""
    owner: str = ""
    """The node that owns it; empty: ours."""
    at: datetime | None = None
    """The instant that listings of this kind are ordered and windowed by."""
    labels: dict[str, str] = {}
    fields: dict[str, Any] = {}
    """A few more fields, each a JSON value."""
    shown_as: str = ""
    """The kind in whose listings it stands, when that is not its own."""
    shown_id: str = ""
    """The id it stands under there, ``owner/id``."""


class ById(msgspec.Struct, frozen=True):
    """A need: the summary of one entity of this node."""

    kind: str
    id: str


class ByName(msgspec.Struct, frozen=True):
    """A need: the summary of the entity of a kind that has this name in this node."""

    kind: str
    name: str


class Users(msgspec.Struct, frozen=True):
    """A need: the entities of a kind in this node that cannot be without this one (their ``Actor.uses``)."""

    kind: str
    id: str
    by: str
    """The kind of those that use it."""


USERS_MAX = 10_000
"""How many users of an entity a decision is told."""

Need: TypeAlias = ById | ByName


class Known(msgspec.Struct, frozen=True):
    """An entity as another one sees it while it decides."""

    id: str
    summary: Summary


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What the outside gives to one decision."""

    me: Address
    node: str
    """The name of this node."""
    message: str
    """The id of the message that is being handled."""
    at: datetime
    """The instant of the message, in UTC; a redelivery has the same."""
    sender: str = OPERATOR
    """``operator``, ``actor``, ``alarm``, ``peer/<name>``, ``user/<id>`` or ``machine/<id>``, verified."""
    cause: str = ""
    correlation: str = ""
    version: int = 0
    """The version of the entity before the command."""
    peers: frozenset[str] = frozenset()
    """The names of the peers that we exchange copies with (state ``partner`` or ``paused``)."""
    known: Mapping[Need, Known | None] = {}
    """What was found of that which ``Actor.needs`` asked for; None = there is none."""
    users: Mapping[Users, Sequence[Known]] = {}
    """Whom ``Actor.needs`` asked for by what they use, at most USERS_MAX each."""
    rights: Rights = NO_RIGHTS
    """Who may do what, as of the message before."""
    unread: Sequence[Unread] = ()
    """The expressions of the definition in the command that are none: only jq itself can tell."""

    @property
    def peer(self) -> str:
        """The name of the peer that said it, or nothing when it came from this node."""
        return self.sender.removeprefix(PEER) if self.sender.startswith(PEER) else ""

    @property
    def origin(self) -> str:
        """The name of the node that said it: the peer's, or ours."""
        return self.peer or self.node

    @property
    def is_internal(self) -> bool:
        """Whether an actor of this node said it, and not a client or a peer."""
        return self.sender == ACTOR


class Order(msgspec.Struct, frozen=True):
    """A command to send. ``to.node`` other than ours goes through that peer's gateway."""

    to: Address
    command: Message
    sender: str = ACTOR
    """A gateway, a fork, and who passes a command on, order in another's name."""


class Task(msgspec.Struct, frozen=True):
    """Work for the world outside, on ``covey.<node>.task.<queue>``; the worker answers with a command."""

    queue: str
    body: Message


class Relay(msgspec.Struct, frozen=True):
    """An order whose body is passed on as it came (a gateway, for the peer that sent it)."""

    to: Address
    verb: str
    body: msgspec.Raw
    id: str
    sender: str
    correlation: str
    cause: str
    expect: int | None = None


class Say(msgspec.Struct, frozen=True):
    """A numbered message to a peer, kept until the peer acknowledges it (a gateway only)."""

    peer: str
    incarnation: int
    """Which life of the link the sequence belongs to."""
    sequence: int
    body: Message


class Acknowledged(msgspec.Struct, frozen=True):
    """The peer has everything up to ``sequence``: forget it (a gateway only)."""

    peer: str
    sequence: int


class Repeat(msgspec.Struct, frozen=True):
    """Say everything from ``sequence`` on again (a gateway only)."""

    peer: str
    sequence: int


class Trim(msgspec.Struct, frozen=True):
    """Forget the entity's events up to now; a snapshot of what they led to is its new start."""


Effect: TypeAlias = Order | Task | Relay | Say | Acknowledged | Repeat | Trim


def no_needs(_command: Any, _turn: Turn) -> Sequence[Need | Users]:
    """Need to know nothing of others."""
    return ()


def leads_nowhere(_command: Any, _known: Mapping[Need, Known | None]) -> Sequence[ById]:
    """Need to know nothing more."""
    return ()


def uses_nothing(_state: Any) -> frozenset[ById]:
    """Be without others."""
    return frozenset()


def no_pointers(_state: Any, _command: Any) -> Sequence[ById]:
    """Point at nobody."""
    return ()


def no_effects(_state: Any, _event: Any, _turn: Turn) -> Sequence[Effect]:
    """Cause nothing."""
    return ()


def no_answer(_command: Any, _refusal: Rejected, _turn: Turn) -> Sequence[Effect]:
    """Tell nobody of a refusal but the sender."""
    return ()


def tell_nothing(_state: Any, _command: Any, _turn: Turn) -> Mapping[str, Any]:
    """Tell nothing."""
    return {}


def pass_nothing(_state: Any, _command: Any, _turn: Turn) -> Sequence[Effect]:
    """Pass nothing on."""
    return ()


def no_alarms(_state: Any) -> Mapping[str, datetime]:
    """Want no alarm."""
    return {}


def no_summary(_state: Any) -> Summary | None:
    """Stand in no listing."""
    return None


def no_copies(_state: Any, _peer: str, _node: str) -> tuple[int, int] | None:
    """Let no peer hold a copy."""
    return None


@dataclass(frozen=True, kw_only=True)
class Question(Generic[State]):
    """A question to one entity that its state answers."""

    query: Any
    """The struct of what is asked; unknown fields are refused."""
    answer: Callable[[State, Any, Turn], Any]
    """Given the state, the question, and who asks when; raises Rejected."""
    peers_may_ask: bool = False
    waits: Callable[[State], bool] | None = None
    """Says of a state that it can be answered; until then the asker waits, at most ``timeout`` seconds."""


@dataclass(frozen=True, kw_only=True)
class Actor(Generic[State, Command, Event]):
    """One kind of entity. Nothing in it does IO, reads a clock or draws a random number."""

    kind: str
    commands: tuple[type[Any], ...]
    """The commands it takes, public ones first; the tag of each is ``<kind>.<verb>``."""
    events: tuple[type[Any], ...]
    """The events it records; the tag of each is ``<kind>.<event>``."""
    initial: State
    decide: Callable[[State, Command, Turn], Sequence[Event]]
    """Return what happens, or raise Rejected; the second time the same command changes nothing."""
    evolve: Callable[[State, Event], State]
    """Return the state after the event; never raises, never decides."""
    react: Callable[[State, Event, Turn], Sequence[Effect]] = no_effects
    """Return what the event causes, given the state after all events of the command."""
    answer: Callable[[Command, Rejected, Turn], Sequence[Effect]] = no_answer
    """Return whom a refusal is told to besides the sender: the asker whose address the command carries."""
    needs: Callable[[Command, Turn], Sequence[Need | Users]] = no_needs
    """Name the entities of this node whose summaries the decision depends on."""
    leads_to: Callable[[Command, Mapping[Need, Known | None]], Sequence[ById]] = leads_nowhere
    """Name what is needed, too, by what is known of that which ``needs`` named."""
    uses: Callable[[State], frozenset[ById]] = uses_nothing
    """Name the entities of this node that it cannot be without; these can ask who their ``Users`` are."""
    points_at: Callable[[State, Command], Sequence[ById]] = no_pointers
    """Name the entities that the state points at, when a decision on the command depends on them, too."""
    alarms: Callable[[State], Mapping[str, datetime]] = no_alarms
    """Name the instants at which the entity wants an ``alarm``; one that was delivered is not repeated."""
    summary: Callable[[State], Summary | None] = no_summary
    """Return what a listing shows; None = it stands in none (never written, or deleted)."""
    filters: frozenset[str] = frozenset()
    """The fields of its summary, which a listing can be asked by."""
    view: Callable[[State], Any] = lambda state: state
    """Return what ``get`` answers beside ``kind``, ``id`` and ``version``; None = not found."""
    questions: Mapping[str, Question[State]] = field(default_factory=dict)
    copies: Callable[[State, str, str], tuple[int, int] | None] = no_copies
    """Return the generation and version of the copy that a peer should hold, given its name and ours."""
    internal: frozenset[str] = frozenset()
    """The verbs that only actors of this node (and granted peers, through their gateway) may say.

    To say any other verb, a user needs a right of that name: nobody but an admin has it for a new kind.
    """
    peers_may: frozenset[str] = frozenset()
    """The verbs that a peer may say; the entity itself checks by ``turn.peer`` what it may touch."""
    tells: Callable[[State, Command, Turn], Mapping[str, Any]] = tell_nothing
    """Return what the outcome of a command tells that has changed nothing."""
    passes: Callable[[State, Command, Turn], Sequence[Effect]] = pass_nothing
    """Return what a command causes that has changed nothing here: it is only passed on."""
    belongs_to: str = ""
    """The kind that ``Summary.parent`` is an id of: rights over that one are rights over this."""
    family: str = ""
    """Kinds of one family share their ids: under an id that another of them has, all is ``wrong_kind``."""
    ids_return: bool = False
    """Whether the id of a deleted one is free again after a while."""
    hides_deleted: bool = False
    """Whether nothing can be asked of a deleted one, its history included."""

    def replay(self, events: Iterable[Event]) -> State:
        """Fold the recorded events into the state they lead to."""
        return reduce(self.evolve, events, self.initial)
