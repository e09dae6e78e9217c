"""What the help says of each kind, and the example of a verb where a made-up one says too little."""

from __future__ import annotations

ABOUT = {
    "resource": "What workflows read, run, keep and compute on.",
    "workflow": "What runs on which resources, and when.",
    "workspace": "The resources that people work with.",
    "execution": "One run of a workflow at one time.",
    "run": "The runs of workflows that say what to do: how they go, and what came of them.",
    "booking": "The slots of a compute resource, kept by its owner.",
    "reservation": "Time on a compute that a task of a run has booked.",
    "shared_workspace": "What some peers work on together.",
    "peer": "The other nodes, and how to meet them.",
    "registry": "The roots on file servers, and the repositories below them.",
    "repo": "The files below a path: which tier they are in, and what went wrong.",
    "environment": "What the runs of workflows are given, and where workflows come from into it.",
    "promotion": "Workflows on their way to another environment: what was checked, and what came of it.",
    "route": "What requests over HTTP begin: one workflow for each method and path.",
    "executable": "The programs of this node: their parameters, and which of them go together.",
    "command": "Flags of an executable that go together.",
    "job": "Commands with their values, ready to run.",
    "job_run": "The runs of jobs: see covey job runs.",
    "routine": "Jobs in an order, run together as one.",
    "routine_run": "The runs of routines: see covey routine runs.",
    "user": "Who speaks to the node: people and machines, each with a key.",
    "group": "Users that have rights together, and groups of groups.",
    "perimeter": "What rights are given over as one: entities, and perimeters within it.",
    "grant": "What a user or a group may do, and where.",
    "metadata_term": "What the metadata of workflows may be, name by name.",
    "workflow_index": "The ephemeral workflows of a registry: see covey workflows index.",
}

EXAMPLES: dict[tuple[str, str], str] = {
    ("resource", ""): "hpc",
    ("resource", "save"): "covey resource save hpc --name 'Cluster A' --type compute --capacity 2 --public",
    ("resource", "list"): "covey resource list --where type=compute --where owner=centre",
    ("resource", "thaw"): "covey resource thaw grib --for 600",
    ("workflow", ""): "forecast",
    ("workflow", "save"): "covey workflow save forecast -f forecast.yaml --expect 3",
    ("workflow", "fork"): "covey workflow fork lab/forecast --into mine --name 'My forecast'",
    ("workflow", "get"): "covey workflow get forecast --yaml > forecast.yaml",
    ("workflow", "list"): "covey workflow list --label team=storm --order -version --limit 20",
    ("workflow", "history"): "covey workflow history forecast --follow --after 3",
    ("workflow", "launch"): "covey workflow launch forecast --input '{\"day\": 3}' --wait",
    ("workflow", "pause"): "covey workflow pause forecast --note 'the disk is full'",
    ("workflow", "resume"): "covey workflow resume forecast --note 'there is a new one'",
    ("workflow", "backfill"): (
        "covey workflow backfill forecast --from 2026-10-24T00:00:00Z --to 2026-10-28T00:00:00Z"
    ),
    ("workflow", "next"): "covey workflow next forecast --count 5",
    ("workflow", "promote"): "covey workflow promote forecast --to prod --plan",
    ("workflow", "promotions"): "covey workflow promotions forecast",
    ("workflow", "versions"): "covey workflow versions forecast",
    ("workflow", "version"): "covey workflow version forecast 2 --yaml",
    ("workflow", "diff"): "covey workflow diff forecast 1 2",
    ("workflow", "roll_back"): "covey workflow roll-back forecast 1",
    ("workspace", ""): "forecast_ws",
    ("run", ""): "4f1c2d",
    ("run", "history"): "covey run history 4f1c2d --export run.jsonl",
    ("workspace", "save"): "covey workspace save storms --name Storms --set 'resources.data=[\"grib\"]'",
    ("execution", ""): "EXECUTION",
    ("execution", "list"): "covey execution list --where workflow=forecast --from 2026-10-24T00:00:00Z",
    ("execution", "fail"): "covey execution fail EXECUTION --reason 'the disk is full'",
    ("execution", "cancel"): "covey execution cancel EXECUTION --reason 'no longer needed'",
    ("booking", ""): "hpc",
    ("booking", "freebusy"): (
        "covey booking freebusy hpc --from 2026-10-24T00:00:00Z --to 2026-10-28T00:00:00Z --units 1"
    ),
    ("shared_workspace", ""): "storms",
    ("shared_workspace", "save"): (
        "covey shared-workspace save storms --name Storms --set 'peers=[\"observatory\"]'"
        " --set 'workflows=[\"forecast\"]'"
    ),
    ("peer", ""): "observatory",
    ("peer", "block"): "covey peer block observatory --reason 'the key has leaked'",
    ("registry", ""): "lab",
    ("registry", "init"): "covey registry init lab --name Laboratory",
    ("registry", "init_root"): (
        "covey registry init-root lab --global-root /lab --host files1 --host-root /srv/lab"
    ),
    ("registry", "init_repo"): "covey registry init-repo lab --repo storms --global-path /lab/storms",
    ("registry", "repo"): "covey registry repo lab --repo storms",
    ("repo", ""): "storms",
    ("repo", "list"): "covey repo list --where tier=frozen --where registry_id=lab",
    ("workflow_index", ""): "lab",
    ("user", ""): "bob",
    ("user", "save"): "covey user save bob --public-key UBOB --user-type person --active",
    ("group", ""): "crew",
    ("group", "save"): 'covey group save crew --set \'members=["user/bob", "group/guests"]\'',
    ("perimeter", ""): "storms",
    ("perimeter", "save"): "covey perimeter save storms --set 'members=[\"workflow/forecast\"]'",
    ("grant", ""): "bob-storms",
    ("grant", "save"): (
        "covey grant save bob-storms --to user/bob --perimeter lab.storms --set 'actions=[\"read\"]'"
    ),
    ("grant", "list"): "covey grant list --where to=user/bob",
    ("metadata_term", ""): "grid",
    ("metadata_term", "save"): "covey term save grid --term-type number --set 'accepted=[1, 2]'",
    ("metadata_term", "delete"): "covey term delete grid",
    ("metadata_term", "get"): "covey term get grid",
    ("metadata_term", "list"): "covey term list --json",
    ("metadata_term", "history"): "covey term history grid",
    ("environment", ""): "prod",
    ("environment", "create"): "covey environment create prod --from staging --follows staging",
    ("environment", "set_policy"): "covey environment policy prod --follows staging",
    ("environment", "rename"): "covey environment rename prod --label Production",
    ("environment", "delete"): "covey environment delete dev --confirm dev",
    ("promotion", ""): "PROMOTION",
    ("promotion", "list"): "covey promotion list --where workflow=forecast",
    ("route", "list"): "covey route list --where workflow=orders",
    ("executable", ""): "openssl-3-0-17",
    ("executable", "save"): "covey executable save openssl-3-0-17 -f openssl.yaml",
    ("command", ""): "GenRSA",
    ("command", "save"): (
        "covey command save GenRSA --executable openssl-3-0-17"
        ' --set \'flags=["genpkey", "-algorithm", "-out"]\''
    ),
    ("command", "list"): "covey command list --where executable=openssl-3-0-17",
    ("job", ""): "GenRSA-2048",
    ("job", "save"): (
        "covey job save GenRSA-2048 --command GenRSA --set values.-algorithm=RSA --set values.-out=key.pem"
    ),
    ("job", "run"): "covey job run GenRSA-2048 --on centre/hpc --follow",
    ("job_run", ""): "RUN",
    ("job_run", "list"): "covey job runs --job GenRSA-2048 --status failure",
    ("job_run", "get"): "covey job show RUN",
    ("job_run", "cancel"): "covey job cancel RUN --reason 'no longer needed'",
    ("job_run", "fetch"): "covey job fetch RUN key.pem > key.pem",
    ("job", "list"): "covey job list --where command=GenRSA",
    ("reservation", ""): "RESERVATION",
    ("reservation", "list"): "covey reservation list --where run=RUN",
    ("reservation", "cancel"): "covey reservation cancel RESERVATION --reason 'no longer needed'",
    ("routine", ""): "keys",
    ("routine", "save"): "covey routine save keys -f keys.yaml",
    ("routine", "run"): "covey routine run keys --follow",
    ("routine_run", ""): "RUN",
    ("routine_run", "list"): "covey routine runs --routine keys --status failure",
    ("routine_run", "get"): "covey routine show RUN",
    ("routine_run", "cancel"): "covey routine cancel RUN --reason 'no longer needed'",
    ("routine_run", "wait"): "covey routine wait RUN --for 60",
    ("du_root", ""): "du-1",
    ("du_root", "begin"): "covey du-root begin --registry-id lab --global-root /lab --wait",
    ("du_root", "fail"): "covey du-root fail du-1 --message 'the disk is being replaced'",
    ("unfreeze_repo", ""): "thaw-1",
    ("unfreeze_repo", "begin"): "covey unfreeze-repo begin --repo storms --wait",
    ("unfreeze_repo", "wait"): "covey unfreeze-repo wait thaw-1 --for 60",
    ("unfreeze_repo", "abort"): "covey unfreeze-repo abort thaw-1 --message 'no longer needed'",
    ("freeze_repo", ""): "freeze-1",
    ("freeze_repo", "begin"): "covey freeze-repo begin --repo storms --wait",
    ("freeze_repo", "wait"): "covey freeze-repo wait freeze-1 --for 60",
    ("freeze_repo", "abort"): "covey freeze-repo abort freeze-1 --message 'it is still written to'",
    ("ping_registry", ""): "ping-1",
    ("ping_registry", "begin"): "covey ping-registry begin --registry-id lab --wait",
}
"""By kind and verb as on the wire; the verb ``""`` has the id of the made-up ones."""


def about(kind: str) -> str:
    """Return what the help says of a kind."""
    return ABOUT.get(kind, f"Entities of the kind {kind}.")


def example(kind: str, name: str) -> str:
    """Return the example of a verb."""
    id = "--json" if name == "list" else EXAMPLES.get((kind, ""), "x-1")
    made_up = f"covey {kind} {name} ".replace("_", "-") + id
    return EXAMPLES.get((kind, name), made_up)
