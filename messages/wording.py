"""What a text should be, in words: what the check of the wire tells is a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import inspect as wire

from messages import (
    base,
    environment,
    executable,
    grant,
    group,
    job,
    peer,
    perimeter,
    registry,
    resource,
    routine,
    tiers,
    user,
)

_CHOICE = "Invalid enum value"
_AT = " - at `$"
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_TOLD = "Expected `str` matching regex "

OF: tuple[tuple[Any, str], ...] = (
    (base.Token, "1 to 64 letters, digits, - and _"),
    (base.Reference, "an id, or <node>/<id> for another node's"),
    (job.RunId, "at most 64 letters, digits, - and _"),
    (resource.RepoId, "at most 64 letters, digits, - and _"),
    (perimeter.Within, "at most 64 letters, digits, - and _"),
    (job.OnCompute, "a compute: its id, or <node>/<id> of a partner's"),
    (job.Variable, "the name of a variable: letters, digits and _, no digit first"),
    (environment.VariableName, "the name of a variable: letters, digits and _, no digit first"),
    (job.Setting, "a text without null characters"),
    (executable.Tag, "<name> - <version>, as in 'openssl - 3'"),
    (executable.Flag, "one word without blanks, as in -out or genpkey"),
    (executable.Path, "an absolute path, as in /usr/bin/openssl"),
    (executable.Sha256, "64 hexadecimal digits in small letters, or nothing"),
    (routine.FilePath, "a path inside the directory of a job"),
    (routine.StepFile, "<step>/<path>, a file that a step leaves, as in make/key.pem"),
    (grant.Place, "names with dots between them, as in lab.workflow"),
    (grant.Action, "a verb, or <kind>.<verb>"),
    (group.Holder, "user/<id> or group/<id>"),
    (perimeter.Entity, "<kind>/<id>"),
    (peer.Word, "at most 512 characters on one line"),
    (registry.Host, "the name of a host"),
    (tiers.GlobalPath, "an absolute path without empty parts, . and .."),
    (tiers.Author, "1 to 200 characters without < and >"),
    (user.PublicKey, "a public key: U and 55 letters and digits"),
)


def pattern(type_: Any) -> str:
    """Return the pattern that a type of the wire has, or nothing."""
    found = get_args(type_)[1:] if get_origin(type_) is Annotated else ()
    return next((one.pattern for one in found if isinstance(one, msgspec.Meta) and one.pattern), "")


WORDS: Mapping[str, str] = {pattern(type_): words for type_, words in OF}
"""By pattern."""
_SHOWN: Mapping[str, str] = {f"{_TOLD}{found!r}": f"Expected {words}" for found, words in WORDS.items()}


def worded(error: object, of: Any = None) -> str:
    """Return what an error of the check says, in words; with the type that was checked, its choices, too."""
    text = str(error)
    if _TOLD in text:
        return next((text.replace(shown, words) for shown, words in _SHOWN.items() if shown in text), text)
    if _CHOICE not in text or of is None:
        return text
    told, at, path = text.partition(_AT)
    choices = _choices(wire.type_info(of), _STEP.findall(path))
    return f"{told}; there are {', '.join(map(str, choices))}{at}{path}" if choices else text


def _choices(type_: Any, path: Sequence[tuple[str, str]]) -> Sequence[Any]:
    """Return what may stand where a path leads."""
    if isinstance(type_, wire.UnionType):
        return next((found for one in type_.types if (found := _choices(one, path))), ())
    if not path:
        if isinstance(type_, wire.EnumType):
            return [member.value for member in type_.cls]
        return type_.values if isinstance(type_, wire.LiteralType) else ()
    (name, _), *rest = path
    match type_:
        case wire.StructType():
            return next((_choices(one.type, rest) for one in type_.fields if one.encode_name == name), ())
        case wire.ListType() | wire.VarTupleType():
            return _choices(type_.item_type, rest)
        case wire.DictType():
            return _choices(type_.value_type, rest)
    return ()
