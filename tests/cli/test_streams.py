"""A command line whose streams are closed or take no more ends in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.running import COVEY, Node, environment


def run(data: Path, words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as a shell does that redirects its streams."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COVEY, *words.split()]
    own = environment() | {"COVEY_DATA": str(data)}
    return subprocess.run(line, env=own, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("apply -f -", 2, "-: there is no document to read"),
        ("peer accept -", 2, "no invitation came in"),
        ("secret set shop", 2, "a secret has 4 to 10000 characters"),
        ("run replay -", 2, "-: "),
    ],
)
def test_a_closed_input_has_nothing_in_it(lab: Node, words: str, code: int, told: str) -> None:
    ran = run(lab.data, words, "<&-")

    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr.startswith(f"covey: {told}")
    assert "Traceback" not in ran.stderr


def test_what_would_be_written_to_a_closed_output_is_let_go(lab: Node) -> None:
    ran = run(lab.data, "workflow list", ">&-")

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("words", ["workflow list", "workflow list --json", "schema", "--help"])
def test_an_output_that_is_full_is_told(lab: Node, words: str) -> None:
    ran = run(lab.data, words, ">/dev/full")

    assert ran.returncode == 1
    assert "cannot be written: [Errno 28] No space left on device; make room" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
