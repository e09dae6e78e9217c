"""The demo is a test of its own: it checks each step, and says what it has seen to be so."""

import json
from pathlib import Path

import pytest

from tests.cli.running import Covey


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        ("plan", "no booking is left at the centre"),
        ("freeze", "the other one brought it to its end"),
    ],
)
def test_every_check_of_an_act_holds(act: str, seen: str) -> None:
    ran = Covey(Path()).run("demo", "--act", act, "--json")

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["status"], seen in told["checks"]) == ("done", True)


def test_an_act_that_there_is_not_is_a_mistake() -> None:
    assert Covey(Path()).run("demo", "--act", "melt").returncode == 2
