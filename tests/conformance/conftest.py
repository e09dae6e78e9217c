"""Ends a run of these tests with the table of what is not supported, and why."""

from __future__ import annotations

import pytest

from actors.definition.support import UNSUPPORTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    terminalreporter.section("parts of the language that are refused when they are saved")
    for what, reason in UNSUPPORTED.items():
        terminalreporter.line(f"{what:>38}  {reason}")
