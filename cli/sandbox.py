"""The options that say how jobs are run: of the node, and of a worker of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from node.jobs.limits import Network, Policy
from node.jobs.means import Means
from node.settings import Settings

Sandbox = Annotated[
    str,
    typer.Option(
        "--sandbox",
        envvar="COVEY_SANDBOX",
        help="Jobs are kept apart: require (or they are refused), prefer (as far as can be), none.",
    ),
]
JobLimit = Annotated[
    list[str] | None,
    typer.Option(
        "--job-limit", envvar="COVEY_JOB_LIMIT", help="What a job may use, as memory=4g; many times."
    ),
]
JobNetwork = Annotated[
    str,
    typer.Option(
        "--job-network",
        envvar="COVEY_JOB_NETWORK",
        help="What network jobs have at most: host (that of the machine) or none.",
    ),
]
RootJobs = Annotated[
    bool,
    typer.Option(
        "--allow-root-jobs", envvar="COVEY_ALLOW_ROOT_JOBS", help="Let jobs be root that require it."
    ),
]
JobRead = Annotated[
    list[str] | None,
    typer.Option(
        "--job-read",
        envvar="COVEY_JOB_READ",
        help="A path that jobs may read beside the programs of the system; many times.",
    ),
]
PREFER: Policy = "prefer"
HOST: Network = "host"


def means(settings: Settings) -> Means:
    """Return what a worker's options say; raises ValueError."""
    found = settings.means(settings.data.expanduser().resolve())
    found.check()
    return found
