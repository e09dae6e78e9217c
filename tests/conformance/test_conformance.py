"""The conformance kit of the language, its examples, and what is none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import jsonschema
import pytest
import referencing
import yaml

from actors.definition.schema import published
from actors.definition.support import UNSUPPORTED
from cli.documents import parse
from node.calls.caller import Make
from tests.conformance import report
from tests.conformance.kit import play
from tests.conformance.sites import served
from tests.conformance.suites import SUITE, Scenario, files, is_there, scenarios

WHOLE = jsonschema.Draft202012Validator(published(), registry=referencing.Registry())


@pytest.fixture
async def makes() -> AsyncIterator[Mapping[str, Make]]:
    async with served() as found:
        yield found


@is_there
def test_the_suites_are_whole() -> None:
    assert (len(scenarios()), len(files("examples")), len(files("invalid"))) == (21, 68, 3)


@is_there
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: f"{one.feature}: {one.name}")
async def test_a_scenario_of_the_kit_passes(scenario: Scenario, makes: Mapping[str, Make]) -> None:
    await play(scenario, makes)


@is_there
@pytest.mark.parametrize("path", files("examples"), ids=lambda path: path.stem)
def test_an_example_fits_the_schema(path: Path) -> None:
    assert report.unfit(path) == ""


@is_there
@pytest.mark.parametrize("path", files("invalid"), ids=lambda path: path.stem)
def test_what_is_no_definition_is_refused(path: Path) -> None:
    assert report.unfit(path)
    assert not WHOLE.is_valid(yaml.safe_load(path.read_text()))


@is_there
@pytest.mark.parametrize("path", files("examples")[::7], ids=lambda path: path.stem)
def test_the_published_schema_as_a_whole_says_the_same(path: Path) -> None:
    assert WHOLE.is_valid(parse(path.read_text())[0])


@is_there
@pytest.mark.parametrize("path", files("examples"), ids=lambda path: path.stem)
def test_what_of_an_example_is_not_run_is_listed(path: Path) -> None:
    assert set(report.unrunnable(path)) <= UNSUPPORTED.keys()


@is_there
def test_the_schema_in_the_package_is_the_published_one() -> None:
    ours = Path(report.__file__).parents[2] / "actors" / "definition" / "ows-1.0.3.yaml"

    assert ours.read_bytes() == (SUITE / "schema" / "workflow.yaml").read_bytes()


def test_the_page_tells_what_is_not_supported_now() -> None:
    told = report.PAGE.read_text()

    assert "\n".join(report.unsupported()) in told
    assert told.startswith(report.HEAD)


@is_there
def test_the_page_tells_what_the_suites_say_now() -> None:
    assert report.PAGE.read_text() == report.page()
