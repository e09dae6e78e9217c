"""Parameters alone come as the array that OTO writes."""

from __future__ import annotations

from typing import Any

import pytest

from cli.importing import judged
from cli.interchange import upstream
from tests.executables.imported import faults_of, had
from tests.executables.world import ID, OPENSSL

ARRAY: list[dict[str, Any]] = [
    {
        "flag": "-pause",
        "description": "Wait so long.",
        "executable_tag": OPENSSL["tag"],
        "requires_root": False,
        "requires_value": True,
        "value_type": "string (time)",
        "require_ids": ["genpkey"],
        "interfer_ids": ["-fast"],
    },
    {
        "flag": "genpkey",
        "description": "Make a key.",
        "executable_tag": OPENSSL["tag"],
        "requires_root": False,
        "requires_value": False,
        "value_type": "none",
        "require_ids": [],
        "interfer_ids": [],
    },
    {"flag": "-fast", "executable_tag": OPENSSL["tag"], "value_type": None},
]


def test_an_array_of_oto_becomes_the_parameters_of_its_executable_with_forward_references() -> None:
    have = had({"executables": [OPENSSL]})

    (item,), faults, _ = judged(ARRAY, have, "here")

    assert not faults
    assert item.id == ID
    assert item.save.path == OPENSSL["path"]
    pause, genpkey, _ = item.save.parameters
    assert (pause.value_type, pause.requires, pause.interferes) == ("duration", ("genpkey",), ("-fast",))
    assert genpkey.position == 0  # what the array cannot say stays
    assert upstream.from_executable(item.save)[:2] == ARRAY[:2]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"executable_tag": "nmap - 7"}, [("unknown_executable", "/0/executable_tag")]),
        ({"value_type": "strings"}, [("invalid_message", "/0/value_type")]),
        (
            {"require_ids": ["-a", "-b"]},
            [("unknown_flag", "/0/require_ids/0"), ("unknown_flag", "/0/require_ids/1")],
        ),
        ({"interfer_ids": ["genpkey"]}, [("schema_contradiction", "/0/interfer_ids/0")]),
        (
            {"interfer_ids": 1, "why": 2},
            [("invalid_message", "/0/interfer_ids"), ("invalid_message", "/0/why")],
        ),
        ({"flag": "genpkey"}, [("duplicate_flag", "/1/flag"), ("schema_cycle", "/0/require_ids/0")]),
    ],
)
def test_a_broken_array_is_refused_with_every_fault(
    change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    have = had({"executables": [OPENSSL]})

    assert sorted(faults_of([ARRAY[0] | change, *ARRAY[1:]], have)) == sorted(faults)
