"""A value is one argument, exactly as it was given, or it is refused: whatever is in it."""

from __future__ import annotations

from random import Random
from typing import get_args

import msgspec
import pytest

from actors.jobs import valid
from actors.jobs.argv import argv, text
from actors.jobs.fitting import unfit
from messages.command import Content as Command
from messages.executable import Description, Parameter, ValueType
from messages.job import Content as Job
from messages.job import Save, Value

TYPES = [one for one in get_args(ValueType) if one != "none"]
HOSTILE_COUNT = 500
SEED = 5
PIECES = [
    *("; rm -rf /", "$(id)", "`id`", "&& id", "| id", "> /etc/passwd", "'", '"', "\\", "\n", "\r\n", "\t"),
    *(
        " ",
        "  ",
        "*",
        "?",
        "[a-z]",
        "{a,b}",
        "~",
        "~root",
        "$HOME",
        "${IFS}",
        "%00",
        "\x00",
        "\x1b[2J",
        "\x7f",
    ),
    *("\u202e", "é", "漢", "-", "--", "-o", "--help", "=", ",", ".", "..", "../", "/", "//", "/etc/passwd"),
    *(
        "a",
        "0",
        "65535",
        "1e9",
        "::1",
        "127.0.0.1",
        "true",
        "10s",
        "\ud800",
        "\ufeff",
        "😀",
        "#",
        "!",
        "@file",
    ),
    *("%s", "0x10", "½", "٣"),
]


def hostile() -> list[str]:
    """Return 500 texts that have hurt programs before, the same ones each time."""
    draw, found = Random(SEED), list(dict.fromkeys(PIECES))
    while len(found) < HOSTILE_COUNT:  # ends: there are far more combinations
        one = "".join(draw.choices(PIECES, k=draw.randint(2, 5)))
        if one not in found:
            found.append(one)
    return found


def made(value_type: ValueType, value: str, *, dash: bool = False) -> tuple[Description, Command, Job]:
    one = Parameter(flag="-v", requires_value=True, value_type=value_type, allows_dash=dash)
    parameters = (one, Parameter(flag="-plain"))
    executable = Description(tag="tool - 1", path="/bin/tool", parameters=parameters)
    command = Command(executable="tool-1", flags=("-v", "-plain"))
    return executable, command, Job(command="c", values={"-v": value})


@pytest.mark.parametrize("dash", [False, True])
@pytest.mark.parametrize("value_type", TYPES)
def test_a_hostile_value_is_one_item_or_refused(value_type: ValueType, dash: bool) -> None:
    values = hostile()
    assert len(values) == HOSTILE_COUNT

    for value in values:
        executable, command, job = made(value_type, value, dash=dash)
        if valid.of_job(job, command, executable):
            continue
        assert argv(executable, command, job) == ["/bin/tool", "-v", value, "-plain"]
        assert "\x00" not in value
        assert dash or not value.startswith("-")
        value.encode()  # a program can be given it


def test_a_string_takes_whatever_a_program_can_be_given() -> None:
    refused = [value for value in hostile() if unfit("string", value)]

    assert 0 < len(refused) < HOSTILE_COUNT / 2
    assert all("\x00" in value or "\ud800" in value or value.startswith("-") for value in refused)


FITS: dict[str, tuple[list[str], list[str]]] = {
    "int": (["0", "42", "+7", "007"], ["", "4.2", "0x1", "1e3", "٣", " 1", "1\n", "1 000"]),
    "string": (["", "a b", "a\nb", "; rm"], ["\x00"]),
    "tuple": (["a", "80,443", "a b,c"], ["", ",", "a,", ",a", "a,,b"]),
    "path": (
        ["key.pem", "a/b", "./a", ".", "a b", "..a", "a\\..\\b"],
        ["", "/etc", "..", "../a", "a/../b", "a/.."],
    ),
    "float": (["0", "4.2", ".5", "5.", "1e-3", "+1"], ["", "nan", "inf", "1e", "e1", ".", "1,5", "0x1p3"]),
    "ip": (
        ["127.0.0.1", "::1", "fe80::1%eth0", "2001:db8::8a2e"],
        ["", "256.1.1.1", "1.2.3", "::1%", "fe80::1%a;b"],
    ),
    "port": (["0", "22", "65535"], ["", "65536", "+1", "1.0", "22 ", "99999", "000022"]),
    "bool": (["true", "no", "1", "off"], ["", "True", "2", "maybe"]),
    "duration": (["30", "1.5", "500ms", "30m", "1h30m", "2d"], ["", "30 m", "m", "1y", "1:30", "10m "]),
    "none": ([], ["", "x"]),
}


@pytest.mark.parametrize("value_type", FITS)
def test_what_fits_a_type(value_type: str) -> None:
    good, bad = FITS[value_type]

    assert [value for value in good if unfit(value_type, value)] == []
    assert [value for value in bad if not unfit(value_type, value)] == []


def test_every_type_of_the_wire_is_in_the_table() -> None:
    assert set(FITS) == set(get_args(ValueType))


@pytest.mark.parametrize("value", ["-5", "-"])
def test_a_value_with_a_dash_is_taken_where_that_is_allowed(value: str) -> None:
    assert "flag" in unfit("string", value)
    assert not unfit("string", value, allows_dash=True)
    assert not unfit("int", "-5", allows_dash=True)


@pytest.mark.parametrize(
    ("said", "told"), [(b"2048", "2048"), (b"true", "true"), (b'"a"', "a"), (b"1.5", "1.5")]
)
def test_what_json_has_is_told_as_text(said: bytes, told: str) -> None:
    assert text(msgspec.json.decode(said, type=Value)) == told


@pytest.mark.parametrize("value", ["[]", "{}", "null", str(2**63)])
def test_what_is_no_value_is_not_understood(value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"command": "c", "values": {{"-v": {value}}}}}', type=Save)
