import shlex
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.cli.commands import APP, commands, verbs
from tests.cli.running import Covey

EVERY = list(commands())
NOT_TALKING = {("up",), ("demo",)}


@pytest.mark.parametrize("words", [words for words, _ in EVERY], ids=" ".join)
def test_the_help_ends_with_an_example(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(APP, [*words, "--help"], prog_name="covey")

    assert told.exit_code == 0
    last = told.output.strip().rpartition("\n\n")[2] if "Example:" in told.output else ""
    assert "Example: covey" in " ".join(last.split()), told.output
    assert " ".join(("covey", *words[:1])) in " ".join(last.split())


@pytest.mark.parametrize(("words", "command"), verbs().items(), ids=str)
def test_every_verb_has_json_and_a_variable_for_each_option(words: tuple[str, ...], command: Any) -> None:
    names = {name for parameter in command.params for name in parameter.opts}

    assert "--json" in names
    if words not in NOT_TALKING:
        assert {"--data", "--timeout"} <= names
    assert command.help


def test_each_option_can_come_from_the_environment() -> None:
    ran = Covey(Path()).run("schema", COVEY_SCHEMA_ASYNCAPI="1")

    assert '"asyncapi": "3.0.0"' in ran.stdout


def test_a_shell_can_complete_it() -> None:
    ran = Covey(Path()).run(_COVEY_COMPLETE="complete_bash", COMP_WORDS="covey work", COMP_CWORD="1")

    assert set(ran.stdout.split()) >= {"workflow", "workflows", "workspace"}


@pytest.mark.parametrize(("words", "command"), verbs().items(), ids=str)
def test_the_example_of_a_verb_is_understood(words: tuple[str, ...], command: Any) -> None:
    typed = shlex.split(command.epilog.removeprefix("Example: covey "))
    typed = list(takewhile(lambda word: word not in ("|", "||", "<", ">", "&&"), typed))

    assert typed[: len(words)] == list(words)
    with command.make_context(words[-1], typed[len(words) :]) as context:
        assert context.params


def test_names_are_typed_with_dashes_and_understood_as_on_the_wire() -> None:
    names = [word for words, _ in EVERY for word in words]

    assert not [name for name in names if "_" in name]
    for words in (["du_root", "list"], ["registry", "init_root"], ["shared_workspace", "save"]):
        assert CliRunner().invoke(APP, [*words, "--help"]).exit_code == 0


def test_what_workers_say_can_be_typed_and_is_not_shown() -> None:
    shown = CliRunner().invoke(APP, ["unfreeze-repo", "--help"]).output

    assert "abort" in shown
    assert "begin-files" not in shown
    assert CliRunner().invoke(APP, ["unfreeze-repo", "begin-files", "--help"]).exit_code == 0


def test_an_unknown_verb_is_the_operators_mistake() -> None:
    assert CliRunner().invoke(APP, ["workflow", "sav"]).exit_code == 2


@pytest.mark.parametrize("words", [(), ("workflow",), ("workflow", "save")])
def test_help_may_be_said_first(words: tuple[str, ...]) -> None:
    ran = Covey(Path()).run("help", *words)

    assert ran.returncode == 0
    assert ran.stdout == Covey(Path()).run(*words, "--help").stdout


def test_the_version_is_told() -> None:
    assert Covey(Path()).run("--version").stdout == f"covey {version('covey')}\n"
