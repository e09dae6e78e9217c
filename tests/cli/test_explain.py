from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.explain import lay_out, with_remedies


def shown(**row: Any) -> str:
    console = Console(width=120, file=StringIO())
    console.print(lay_out(with_remedies({"data": [row]}), None))
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO


@pytest.mark.parametrize("tier", ["frozen", "unfreeze_failed"])
def test_data_that_can_be_thawed_are_shown_with_the_remedy(tier: str) -> None:
    text = shown(resource="grib", repo="r-1", tier=tier)

    assert "data: 1" in text
    assert tier in text
    assert "covey resource thaw grib" in text


@pytest.mark.parametrize("tier", ["freezing", "unfreezing", "freeze_failed", ""])
def test_data_that_cannot_be_thawed_have_no_remedy(tier: str) -> None:
    assert "covey" not in shown(resource="grib", repo="r-1", tier=tier)


def test_a_peer_is_to_be_asked_for_its_data() -> None:
    text = shown(resource="centre/grib", repo="r-1", tier="")

    assert "ask centre" in text
    assert "covey" not in text
