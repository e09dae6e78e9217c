"""Who may do what: an immutable index of users, groups, perimeters and grants, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

from messages.envelope import MACHINE, NOBODY, PERSON

READ, ADMIN = "read", "admin"
"""The actions that are no verbs: all questions, and all."""
VOUCHED = "as/"
"""How the proof of a user begins whom the server vouches for."""
KINDS = frozenset({"user", "group", "perimeter", "grant", "metadata_term"})
"""The kinds that the index is made of, besides what names its perimeters itself."""
PERIMETERS = "perimeters"
"""The field of a summary by which an entity says itself in which perimeters it is."""
SHARDS = 256
DEPTH_MAX = 64
"""How deep groups and perimeters may be nested."""

Fields: TypeAlias = Mapping[str, Any]
"""The fields of a summary."""


class Place(NamedTuple):
    """One perimeter. Nothing: the root; a sort: ``kind``, ``entity`` (``kind/id``) or ``custom``."""

    sort: str = ""
    name: str = ""


ROOT = Place()


class Known(NamedTuple):
    """What the summary of an entity tells that rights over it depend on."""

    parent: tuple[str, str] = ("", "")
    """Kind and id of what it belongs to: rights over that are rights over this."""
    within: Sequence[str] = ()
    """The perimeters that it names itself."""
    shown_as: str = ""
    """The kind in whose listings it stands, when that is not its own."""


NOTHING = Known()


@dataclass(frozen=True)
class Rights:
    """All rights of a node; each change makes another one."""

    node: str = ""
    is_open: bool = True
    """Whether what comes unsigned over our own bus counts as an admin's."""
    users: Mapping[str, Fields] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    """Whose a public key is."""
    groups: Mapping[str, Fields] = field(default_factory=dict)
    perimeters: Mapping[str, Fields] = field(default_factory=dict)
    grants: Mapping[str, Fields] = field(default_factory=dict)
    declared: tuple[Mapping[str, Sequence[str]], ...] = ({},) * SHARDS
    """The perimeters that entities name themselves, by ``kind/id``; in parts, so that a change copies few."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What a workflow gets under a metadata term that it is saved without."""
    _memory: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found out; it holds as long as this index does."""

    def note(self, kind: str, id: str, fields: Fields | None) -> Rights:
        """Return the index after a change of an entity; without fields it is gone."""
        match kind:
            case "user":
                users = _changed(self.users, id, fields)
                keys = {str(one["public_key"]): name for name, one in users.items()}
                return replace(self, users=users, keys=keys, _memory={})
            case "group":
                return replace(self, groups=_changed(self.groups, id, fields), _memory={})
            case "perimeter":
                return replace(self, perimeters=_changed(self.perimeters, id, fields), _memory={})
            case "grant":
                return replace(self, grants=_changed(self.grants, id, fields), _memory={})
            case "metadata_term":
                default = None if fields is None else fields["default"]
                rest = {name: value for name, value in self.defaults.items() if name != id}
                return replace(self, defaults=rest if default is None else {**rest, id: default})
        if kind == "copy":
            return self  # what a peer says of its own entities gives nobody rights here
        return self._declare(f"{kind}/{id}", (fields or {}).get(PERIMETERS, ()))

    def _declare(self, entity: str, within: Sequence[str]) -> Rights:
        number = crc32(entity.encode()) % SHARDS
        part = dict(self.declared[number])
        if tuple(within) == part.get(entity, ()):
            return self
        part[entity] = tuple(within)
        if not within:
            del part[entity]
        parts = (*self.declared[:number], part, *self.declared[number + 1 :])
        return replace(self, declared=parts, _memory=self._memory)  # nothing there depends on it

    def named(self, entity: str) -> Sequence[str]:
        """Return the perimeters that an entity names itself."""
        return self.declared[crc32(entity.encode()) % SHARDS].get(entity, ())

    def sender(self, proof: str) -> str:
        """Return whom a proof (``Envelope.proof``) stands for: ``user/<id>``, ``machine/<id>``."""
        id = proof.removeprefix(VOUCHED) if proof.startswith(VOUCHED) else self.keys.get(proof, "")
        user = self.users.get(id)
        if user is None:
            return NOBODY
        return f"{MACHINE if user['user_type'] == 'machine' else PERSON}{id}"

    def is_stranger(self, proof: str) -> bool:
        """Say whether a proof stands for nobody; none is the operator's, where that is heeded."""
        return self.sender(proof) == NOBODY if proof else not self.is_open

    def user(self, sender: str) -> Fields | None:
        """Return what is known of a sender that is a user."""
        kind, slash, id = sender.partition("/")
        return self.users.get(id) if kind + slash in (PERSON, MACHINE) else None

    def holders(self, user: str) -> frozenset[str]:
        """Return the user and every group that it is in, directly or not."""
        found = {f"user/{user}"}
        for _ in range(DEPTH_MAX):
            more = {f"group/{id}" for id, one in self.groups.items() if found & set(one["members"])}
            if more <= found:
                break
            found |= more
        return frozenset(found)

    def held(self, user: str) -> Mapping[Place, frozenset[str]]:
        """Return the actions that a user has, by the perimeter that they were given in."""
        if (kept := self._memory.get(user)) is not None:
            return kept  # type: ignore[no-any-return]  # it was put there below
        held: dict[Place, frozenset[str]] = {}
        holders = self.holders(user)
        for grant in self.grants.values():
            place = self.place(grant["perimeter"]) if grant["to"] in holders else None
            if place is not None:
                held[place] = held.get(place, frozenset()) | frozenset(grant["actions"])
        self._memory[user] = held
        return held

    def place(self, perimeter: str) -> Place | None:
        """Return what a dotted name means; None: nothing. What was saved goes before what is a kind."""
        root, *names = perimeter.split(".")
        if root != self.node:
            return None
        if not names:
            return ROOT
        if names[0] in self.perimeters:
            return Place("custom", names[-1]) if self.path(names[-1]) == perimeter else None
        if len(names) <= 2:
            return Place("kind", names[0]) if len(names) == 1 else Place("entity", "/".join(names))
        return None

    def path(self, perimeter: str) -> str:
        """Return the dotted name of a perimeter that was saved."""
        return ".".join([self.node, *reversed([*self.around(perimeter)])])

    def around(self, perimeter: str) -> Iterator[str]:
        """Yield a perimeter that was saved and those that it is in, up to the root."""
        for _ in range(DEPTH_MAX):
            if perimeter not in self.perimeters:
                return
            yield perimeter
            perimeter = self.perimeters[perimeter]["within"]

    def places(self, kind: str, id: str, known: Known = NOTHING) -> Iterator[Place]:
        """Yield the perimeters that an entity is in."""
        yield ROOT
        yield from self._places(kind, id)
        yield from self.customs(known.within)
        if known.shown_as:
            yield Place("kind", known.shown_as)
        if known.parent[1]:
            yield from self._places(*known.parent)

    def _places(self, kind: str, id: str) -> Iterator[Place]:
        entity = f"{kind}/{id}"
        yield Place("kind", kind)
        yield Place("entity", entity)
        if self.perimeters:
            own = [id] if kind == "perimeter" else []
            yield from self.customs([*own, *self._holding().get(entity, ()), *self.named(entity)])

    def customs(self, names: Iterable[str]) -> Iterator[Place]:
        """Yield saved perimeters and those that they are in."""
        for name in names:
            yield from (Place("custom", one) for one in self.around(name))

    def _holding(self) -> Mapping[str, Sequence[str]]:
        """Return the perimeters that hold an entity as a member."""
        if (kept := self._memory.get("")) is not None:
            return kept  # type: ignore[no-any-return]  # it was put there below
        holding: dict[str, list[str]] = {}
        for name, perimeter in self.perimeters.items():
            for entity in perimeter["members"]:
                holding.setdefault(entity, []).append(name)
        self._memory[""] = holding
        return holding

    def may(self, user: str, action: tuple[str, str], places: Iterable[Place]) -> bool:
        """Say whether a user may do (kind, verb) in one of these perimeters."""
        held = self.held(user)
        wanted = covering(action)
        return bool(held) and any(not wanted.isdisjoint(held.get(place, ())) for place in places)

    def readable(self, user: str, kind: str, belongs_to: str = "") -> Readable:
        """Return what of a kind a user may read; what belongs to another kind is read with that, too."""
        wanted = covering((kind, READ))
        places = {place for place, actions in self.held(user).items() if not wanted.isdisjoint(actions)}
        if not places.isdisjoint((ROOT, Place("kind", kind), Place("kind", belongs_to))):
            return Readable(is_all=True)
        entities = {place.name for place in places if place.sort == "entity"}
        inside = self._inside({place.name for place in places if place.sort == "custom"})
        if inside:
            entities |= {f"perimeter/{name}" for name in inside}
            entities |= {one for name in inside for one in self.perimeters[name]["members"]}
            for part in self.declared:
                entities |= {one for one, names in part.items() if not inside.isdisjoint(names)}
        parents = {one.partition("/")[2] for one in entities if one.startswith(f"{belongs_to}/")}
        return Readable(frozenset(entities), frozenset(parents if belongs_to else ()))

    def _inside(self, names: Collection[str]) -> frozenset[str]:
        """Return saved perimeters and all that are in them."""
        if not names:
            return frozenset()
        return frozenset(one for one in self.perimeters if not set(self.around(one)).isdisjoint(names))


class Readable(NamedTuple):
    """What of a kind somebody may read."""

    entities: frozenset[str] = frozenset()
    """These, ``kind/id``."""
    parents: frozenset[str] = frozenset()
    """And what belongs to these."""
    is_all: bool = False


def covering(action: tuple[str, str]) -> frozenset[str]:
    """Return the actions of grants by which one may do (kind, verb)."""
    kind, verb = action
    return frozenset({verb, f"{kind}.{verb}", ADMIN, f"{kind}.{ADMIN}"})


def _changed(entities: Mapping[str, Fields], id: str, fields: Fields | None) -> Mapping[str, Fields]:
    rest = {name: one for name, one in entities.items() if name != id}
    return rest if fields is None else {**rest, id: fields}
