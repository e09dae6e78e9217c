"""Fifty documents that cannot be imported, each with every fault that it has."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.executables.world import GEN, ID, OPENSSL, RSA

BASE: dict[str, Any] = {
    "executables": [OPENSSL],
    "commands": [{"id": "GenRSA", **GEN}, {"id": "Quiet", "executable": ID, "flags": ["-quiet"]}],
    "jobs": [{"id": "GenRSA-2048", **RSA}, {"id": "hush", "command": "Quiet"}],
    "routines": [{"id": "both", "steps": [{"job": "hush"}, {"job": "GenRSA-2048", "needs": ["hush"]}]}],
}
GONE = object()
Change = dict[str, Any]
Faults = list[tuple[str, str]]

E, P, C, J, R = "/executables/0", "/executables/0/parameters", "/commands/0", "/jobs/0", "/routines/0"
DOUBLED = [("duplicate_step", "/routines/0/steps/1/id"), ("unknown_step", "/routines/0/steps/1/needs/0")]
BAD = "invalid_message"

LOST = [("unknown_executable", f"/commands/{number}/executable") for number in (0, 1)]

BROKEN: list[tuple[Change, Faults]] = [
    ({"/format": "other/1"}, [(BAD, "/format")]),
    ({"/programs": []}, [(BAD, "/programs")]),
    ({"/executables": {}}, [(BAD, "/executables"), *LOST]),
    (
        {"/commands": "GenRSA"},
        [(BAD, "/commands"), ("unknown_command", f"{J}/command"), ("unknown_command", "/jobs/1/command")],
    ),
    ({"/jobs/0": "x", "/jobs/1": 1, "/routines": []}, [(BAD, J), (BAD, "/jobs/1")]),
    ({f"{E}/tag": GONE}, [(BAD, E), *LOST]),
    ({f"{E}/tag": "openssl"}, [(BAD, f"{E}/tag"), *LOST]),
    ({f"{E}/id": "ssl"}, [("wrong_id", f"{E}/id")]),
    ({f"{E}/path": "openssl"}, [(BAD, f"{E}/path")]),
    ({f"{E}/path": "/usr/../x"}, [("invalid_path", f"{E}/path")]),
    ({f"{E}/path": 7, f"{E}/sha256": "no"}, [(BAD, f"{E}/path"), (BAD, f"{E}/sha256")]),
    ({f"{E}/colour": "red"}, [(BAD, f"{E}/colour")]),
    ({f"{E}/labels": {"a": 1, "b": 2}}, [(BAD, f"{E}/labels/a"), (BAD, f"{E}/labels/b")]),
    ({f"{E}/scales": {"load": -1}}, [(BAD, f"{E}/scales/load")]),
    ({f"{E}/offered_to": ["a b", "c", "d e"]}, [(BAD, f"{E}/offered_to/0"), (BAD, f"{E}/offered_to/2")]),
    ({f"{E}/offered_to": ["c"], f"{E}/network_to": ["c", "d"]}, [("not_offered", f"{E}/network_to/1")]),
    (
        {f"{E}/offered_to": ["c"], f"{E}/network_to": ["c"], f"{E}/network": False},
        [("no_network", f"{E}/network_to")],
    ),
    ({f"{P}/5/flag": "two words"}, [(BAD, f"{P}/5/flag")]),
    ({f"{P}/5/value_type": "text", f"{P}/6/flag": ""}, [(BAD, f"{P}/5/value_type"), (BAD, f"{P}/6/flag")]),
    ({f"{P}/5/why": 1, f"{P}/5/flag": GONE}, [(BAD, f"{P}/5"), (BAD, f"{P}/5/why")]),
    ({f"{P}/5/requires_root": "yes", f"{C}/flags": 3}, [(BAD, f"{P}/5/requires_root"), (BAD, f"{C}/flags")]),
    ({f"{P}/6/position": -1}, [(BAD, f"{P}/6/position")]),
    ({f"{P}/6/scales": {"load": 11}}, [(BAD, f"{P}/6/scales/load")]),
    ({f"{P}/6/scales": {"load": 1}}, [("unknown_scale", f"{P}/6/scales/load")]),
    ({f"{P}/6/flag": "-quiet"}, [("duplicate_flag", f"{P}/6/flag")]),
    ({f"{P}/6/value_type": "int"}, [("invalid_parameter", f"{P}/6/value_type")]),
    ({f"{P}/6/requires_value": True}, [("invalid_parameter", f"{P}/6/value_type")]),
    (
        {f"{P}/6/requires": ["-a", "-b"]},
        [("unknown_flag", f"{P}/6/requires/0"), ("unknown_flag", f"{P}/6/requires/1")],
    ),
    ({f"{P}/6/requires": ["-provider"]}, [("schema_cycle", f"{P}/6/requires/0")]),
    ({f"{P}/0/requires": ["-out"]}, [("schema_cycle", f"{P}/3/requires/0")]),
    ({f"{P}/6/requires": ["-text", "-quiet"]}, [("schema_contradiction", f"{P}/4/interferes/0")]),
    ({f"{P}/6/interferes": ["-provider"]}, [("self_interference", f"{P}/6/interferes/0")]),
    ({f"{P}/3/interferes": ["-text", "-pkeyopt"]}, [("interference", f"{C}/flags/2")]),
    ({f"{P}/1/behind": ["-pkeyopt"]}, [("order_contradiction", f"{P}/2/behind/0")]),
    ({f"{P}/6/position": 0}, [("order_contradiction", f"{P}/6/position")]),
    ({f"{C}/id": GONE}, [(BAD, f"{C}/id"), ("unknown_command", f"{J}/command")]),
    ({f"{C}/id": "a b"}, [(BAD, f"{C}/id"), ("unknown_command", f"{J}/command")]),
    (
        {"/commands/1/id": "GenRSA"},
        [("already_exists", "/commands/1"), ("unknown_command", "/jobs/1/command")],
    ),
    ({"/commands/1/name": "GenRSA"}, [("already_exists", "/commands/1/name")]),
    ({f"{C}/executable": "nmap-7"}, [("unknown_executable", f"{C}/executable")]),
    ({f"{C}/flags": ["genpkey", "-x"], "/jobs/0": GONE, "/routines": []}, [("unknown_flag", f"{C}/flags/1")]),
    ({f"{C}/flags/0": "-quiet"}, [("missing_requirement", f"{C}/flags/1")]),
    (
        {f"{C}/flags": ["genpkey", "-text", "-quiet", "-text"], "/jobs/0": GONE, "/routines": []},
        [("duplicate_flag", f"{C}/flags/3"), ("interference", f"{C}/flags/1")],
    ),
    ({f"{J}/command": "Nobody"}, [("unknown_command", f"{J}/command")]),
    ({f"{J}/command": GONE, "/jobs/1/command": ""}, [(BAD, J), (BAD, "/jobs/1/command")]),
    (
        {f"{J}/values/-out": "../key", f"{J}/values/-algorithm": "-x"},
        [("invalid_value", f"{J}/values/-out"), ("invalid_value", f"{J}/values/-algorithm")],
    ),
    ({f"{J}/values": {}}, [("missing_value", f"{J}/values")] * 3),
    (
        {f"{J}/values/genpkey": "1", f"{J}/values/-text": "2"},
        [("unexpected_value", f"{J}/values/genpkey"), ("unknown_flag", f"{J}/values/-text")],
    ),
    (
        {f"{J}/values/-out": None, f"{J}/values/-algorithm": []},
        [(BAD, f"{J}/values/-out"), (BAD, f"{J}/values/-algorithm")],
    ),
    (
        {f"{J}/timeout_seconds": 0, "/jobs/1/environment": {"A=": "x"}},
        [(BAD, f"{J}/timeout_seconds"), (BAD, "/jobs/1/environment/A=")],
    ),
    (
        {f"{J}/working_files": [{"path": "/a"}, {"path": "b"}, {"path": "b"}]},
        [("invalid_path", f"{J}/working_files/0/path"), ("invalid_path", f"{J}/working_files/2/path")],
    ),
    (
        {f"{J}/working_files": [{"path": ""}, {"content": "x"}]},
        [(BAD, f"{J}/working_files/0/path"), (BAD, f"{J}/working_files/1")],
    ),
    (
        {f"{P}/6/requires": ["-none"], f"{C}/flags/3": "-no", f"{J}/timeout_seconds": -1, "/x/y": 1},
        [
            ("unknown_flag", f"{P}/6/requires/0"),
            ("unknown_flag", f"{C}/flags/3"),
            (BAD, f"{J}/timeout_seconds"),
            (BAD, "/x/y"),
        ],
    ),
    ({"/routines": {"both": []}}, [(BAD, "/routines")]),
    (
        {f"{R}/steps/0/job": "nobody", f"{R}/steps/1/needs": ["a", "b"]},
        [
            ("unknown_job", f"{R}/steps/0/job"),
            ("unknown_step", f"{R}/steps/1/needs/0"),
            ("unknown_step", f"{R}/steps/1/needs/1"),
        ],
    ),
    ({f"{R}/steps/0/needs": ["GenRSA-2048"]}, [("routine_cycle", f"{R}/steps")]),
    (
        {f"{R}/steps/0/mode": "both", f"{R}/steps/1/why": 1, f"{R}/at_once": 0},
        [(BAD, f"{R}/steps/0/mode"), (BAD, f"{R}/steps/1/why"), (BAD, f"{R}/at_once")],
    ),
    ({f"{R}/steps/0/id": "x", f"{R}/steps/1/id": "x"}, DOUBLED),
]


def changed(change: Change) -> dict[str, Any]:
    """Return the document with the places of a change set, or gone."""
    document = deepcopy(BASE)
    for at, value in change.items():
        *steps, last = at.split("/")[1:] if not at.startswith("/x/") else ["x/y"]
        place: Any = document
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        key = int(last) if isinstance(place, list) else last
        if value is GONE:
            del place[key]
        else:
            place[key] = value
    return document
