"""``covey``: the command line of a node."""

from __future__ import annotations

import sys

import typer

from cli import (
    apply,
    context,
    demo,
    dlq,
    doctor,
    ephemeral,
    explain,
    kinds,
    peers,
    schema,
    show,
    thaw,
    trace,
    up,
    watch,
    worker,
    workflows,
)
from cli.errors import FAILED, MISTAKE, Failed, Mistake

EPILOG = (
    "Every option can come from the environment: COVEY_DATA is --data, COVEY_WATCH_COUNT is --count of watch."
    "\n\nExample: covey up --node lab --data ~/lab"
)


def application() -> typer.Typer:
    """Put the whole command line together."""
    app = typer.Typer(
        name="covey",
        help="Run a node of a federation, and tell it what to do.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "auto_envvar_prefix": "COVEY"},
    )
    for module in (up, demo, apply, explain, watch, trace, doctor, context, schema):
        module.add(app)
    dlq.add(app)
    groups = kinds.add(app)
    peers.add(groups["peer"])
    thaw.add(groups["resource"])
    ephemeral.add(app)
    workflows.add(app)
    worker.add(app)
    return app


def main() -> None:
    """Run one command line and exit: 0 done, 1 refused or failed, 2 the operator's mistake."""
    try:
        application()(prog_name="covey")
    except Mistake as mistake:
        show.say(str(mistake))
        sys.exit(MISTAKE)
    except Failed as failed:
        show.say(str(failed))
        sys.exit(FAILED)
