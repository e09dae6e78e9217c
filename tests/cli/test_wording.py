"""What is wrong with a value is told in words, and the help says what a field means."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect as wire

import messages
from messages import executable, job, routine
from messages.wording import WORDS, worded
from tests.cli.running import Covey


def patterns() -> set[str]:
    """Return every pattern that a message of ours has somewhere."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(messages.__path__):
        named = vars(importlib.import_module(f"messages.{module.name}")).values()
        for struct in (one for one in named if isinstance(one, type) and issubclass(one, msgspec.Struct)):
            _collect(wire.type_info(struct), found, set())
    return found


def _collect(type_: Any, found: set[str], seen: set[type]) -> None:
    if isinstance(type_, wire.StrType) and type_.pattern:
        found.add(type_.pattern)
    if isinstance(type_, wire.StructType):
        if type_.cls in seen:
            return
        seen.add(type_.cls)
        for field in type_.fields:
            _collect(field.type, found, seen)
    inner = [getattr(type_, name, None) for name in ("item_type", "key_type", "value_type")]
    for one in [*inner, *getattr(type_, "types", ()), *getattr(type_, "item_types", ())]:
        if one is not None:
            _collect(one, found, seen)


def test_every_pattern_of_the_wire_has_words() -> None:
    assert patterns() <= WORDS.keys()


@pytest.mark.parametrize(
    ("struct", "body", "told"),
    [
        (
            executable.Save,
            {"tag": "openssl", "path": "/x"},
            "Expected <name> - <version>, as in 'openssl - 3'",
        ),
        (executable.Save, {"tag": "a - 1", "path": "x"}, "Expected an absolute path"),
        (job.Save, {"command": "a b"}, "Expected 1 to 64 letters, digits, - and _ - at `$.command`"),
        (routine.Save, {"steps": [{"job": "j", "takes": {"k": "x"}}]}, "Expected <step>/<path>"),
        (
            routine.Save,
            {"steps": [{"job": "j", "mode": "both"}]},
            "'both'; there are conc, seq - at `$.steps[0].mode",
        ),
        (routine.Save, {"steps": [{"job": "j"}], "on_failure": "x"}, "'x'; there are go_on, stop - at"),
        (routine.Save, {"steps": 1}, "Expected `array`, got `int`"),
    ],
)
def test_what_is_wrong_is_told_in_words(struct: Any, body: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(body, struct)

    assert told in worded(caught.value, struct)


def test_the_command_line_tells_it_so() -> None:
    ran = Covey(Path()).run("executable", "save", "openssl", "--tag", "openssl", "--path", "/x")

    assert ran.returncode == 2
    assert "Expected <name> - <version>, as in 'openssl - 3'" in ran.stderr


def test_the_help_of_a_verb_says_what_its_fields_mean() -> None:
    told = " ".join(Covey(Path()).run("routine", "save", "--help").stdout.split())

    assert "How many steps run side by side at most" in told
    assert "With --file or --set also: steps (needed)." in told
