"""The demo is a test of its own: it checks each step, and says what it has seen to be so."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Covey

PAGE = (ROOT / "docs" / "demo.md").read_text()
SHOWN = re.findall(r"^  ✓ (.*)$", PAGE, re.M)
"""What the page shows of all acts."""
ACT_SECONDS = 300.0
"""On a machine that has much else to do."""
ACTS = ["plan", "freeze", "run", "jobs"]


@pytest.mark.parametrize("act", ACTS)
def test_every_check_of_an_act_holds_and_the_page_shows_it(act: str) -> None:
    ran = Covey(Path()).run_outside("demo", "--act", act, "--json", seconds=ACT_SECONDS)

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    seen = told["checks"]
    assert told["status"] == "done"
    begin = SHOWN.index(seen[0])
    assert seen == SHOWN[begin : begin + len(seen)]


def test_the_readme_shows_a_part_of_the_page() -> None:
    excerpt = re.search(r"demo excerpt: begin -->\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.S)

    assert excerpt is not None
    assert all(part.strip("\n") in PAGE for part in excerpt[1].split("…\n"))


def test_where_openssl_is_not_its_act_is_left_out_and_says_so() -> None:
    ran = Covey(Path()).run("demo", "--act", "jobs", PATH="/nowhere")

    assert ran.returncode == 0, ran.stderr
    assert "Left out: this act needs openssl" in ran.stdout


def test_an_act_that_there_is_not_is_a_mistake() -> None:
    assert Covey(Path()).run("demo", "--act", "melt").returncode == 2
