"""An executable as the flag matching engine sees it, and which of its flags go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from actors import flags
from actors.fault import Fault, pointer
from messages.executable import Description, Parameter


def schema(executable: Description) -> flags.Schema:
    """Return the schema of an executable that was saved."""
    return judged(executable)[0]


def judged(executable: Description) -> tuple[flags.Schema, list[Fault]]:
    """Return the schema of an executable as far as it can be, and what is wrong with its rules."""
    made, faults = flags.Schema(), []
    for name, limit in executable.scales.items():
        made.scale(name, limit)
    for number, one in enumerate(executable.parameters):
        at = pointer("parameters", number)
        if (one.value_type == "none") == one.requires_value:
            detail = (
                f"{one.flag} requires a value: say of which type"
                if one.requires_value
                else (f"{one.flag} requires no value: its type is none")
            )
            faults.append(Fault("invalid_parameter", f"{at}/value_type", detail, (one.flag,)))
        faults += _tried(f"{at}/flag", made.declare, one.flag)
    for at, add, given in _rules(executable.parameters, made):
        faults += _tried(at, add, *given)
    return made, faults


def _tried(at: str, add: Callable[..., None], *given: object) -> list[Fault]:
    try:
        add(*given)
    except flags.Refused as refused:
        return [Fault(refused.code, at, refused.detail, refused.flags)]
    return []


Rule = tuple[str, Callable[..., None], tuple[object, ...]]


def _rules(parameters: Sequence[Parameter], made: flags.Schema) -> Iterator[Rule]:
    """Yield the rules, those on what goes together before those on the order, which depend on them."""
    for word, add in (("requires", made.require), ("interferes", made.interfere)):
        yield from _between(parameters, word, add)
    for number, one in enumerate(parameters):
        for name, weight in one.scales.items():
            yield pointer("parameters", number, "scales", name), made.scale_at, (one.flag, name, weight)
    for number, one in enumerate(parameters):
        if one.position is not None:
            yield pointer("parameters", number, "position"), made.position_at, (one.flag, one.position)
    for word, add in (("behind", made.behind), ("in_front_of", made.in_front_of)):
        yield from _between(parameters, word, add)


def _between(parameters: Sequence[Parameter], word: str, add: Callable[[str, str], None]) -> Iterator[Rule]:
    for number, one in enumerate(parameters):
        for place, other in enumerate(getattr(one, word)):
            yield pointer("parameters", number, word, place), add, (one.flag, other)


def together(rules: flags.Schema, asked: Sequence[str]) -> list[Fault]:
    """Return what is wrong with a combination, each fault at the flag in it that shows it."""
    faults = [
        Fault("duplicate_flag", pointer("flags", place), f"{flag} stands there twice; leave one out", (flag,))
        for place, flag in enumerate(asked)
        if flag in asked[:place]
    ]
    for one in flags.check(rules, asked).violations:
        place = next(place for place, flag in enumerate(asked) if flag in one.flags)
        faults.append(Fault(one.code, pointer("flags", place), one.detail, one.flags))
    return faults
