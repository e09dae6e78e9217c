"""``covey``: the command line of a node."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module, metadata
from typing import Annotated

import typer

from cli import show, streams
from cli.errors import FAILED, MISTAKE, Failed, Mistake

VERBS = ("up", "demo", "apply", "explain", "watch", "trace", "doctor", "context", "schema", "dlq")
"""What stands before the kinds in the help."""
BEHIND = (
    *("workflows", "worker", "secret", "variable", "connection", "import", "export", "flags", "test"),
    *("whoami", "rights"),
)
"""What stands behind them."""
MODULES = {"import": "importing", "export": "exporting"}
"""Where a verb is that no module is named after."""
EPILOG = (
    "Every option can come from the environment: COVEY_DATA is --data, COVEY_WATCH_COUNT is --count of watch."
    "\n\nExample: covey up --node lab --data ~/lab"
)


def application(word: str = "") -> typer.Typer:
    """Put the command line together: no more than a first word names, or all when it names nothing."""
    app = typer.Typer(
        name="covey",
        help="Run a node of a federation, and tell it what to do.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "auto_envvar_prefix": "COVEY"},
    )
    if word in (*VERBS, *BEHIND):
        _add(app, [word])
    elif not (word and import_module("cli.nouns").add(app, word)):
        _add(app, VERBS)
        import_module("cli.nouns").add(app)
        _add(app, BEHIND)
    app.callback()(_all)
    return app


def _add(app: typer.Typer, words: Iterable[str]) -> None:
    for word in words:
        import_module(f"cli.{MODULES.get(word, word)}").add(app)


def asked(words: list[str]) -> list[str]:
    """Return the words of a command line: ``help`` before a verb is ``--help`` behind it."""
    return [*words[1:], "--help"] if words[:1] == ["help"] else words


def _version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"covey {metadata.version('covey')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_version, is_eager=True, show_envvar=False, help="Tell the version."),
]


def _all(*, version: Version = False) -> None:
    """Have options of the whole; one verb alone is still said by its name."""


def main() -> None:
    """Run one command line and exit: 0 done, 1 refused or failed, 2 the operator's mistake."""
    streams.open_closed()
    try:
        sys.argv[1:] = asked(sys.argv[1:])
        application(next(iter(sys.argv[1:]), ""))(prog_name="covey")
    except Mistake as mistake:
        show.say(str(mistake))
        sys.exit(MISTAKE)
    except Failed as failed:
        show.say(str(failed))
        sys.exit(FAILED)
    except OSError as error:
        if not streams.is_full(error):
            raise
        streams.drop()
        show.say(f"what was found cannot be written: {error}; make room, and ask again")
        sys.exit(FAILED)
