"""What the help says of each kind, and the example of a verb where a made-up one says too little."""

from __future__ import annotations

ABOUT = {
    "resource": "What workflows read, run, keep and compute on.",
    "workflow": "What runs on which resources, and when.",
    "workspace": "The resources that people work with.",
    "execution": "One run of a workflow at one time.",
    "booking": "The slots of a compute resource, kept by its owner.",
    "shared_workspace": "What some peers work on together.",
    "peer": "The other nodes, and how to meet them.",
}

EXAMPLES: dict[tuple[str, str], str] = {
    ("resource", ""): "hpc",
    ("resource", "save"): "covey resource save hpc --name 'Cluster A' --type compute --capacity 2 --public",
    ("resource", "list"): "covey resource list --where type=compute --where owner=centre",
    ("workflow", ""): "forecast",
    ("workflow", "save"): "covey workflow save forecast -f forecast.yaml --expect 3",
    ("workflow", "fork"): "covey workflow fork lab/forecast --into mine --name 'My forecast'",
    ("workflow", "get"): "covey workflow get forecast --yaml > forecast.yaml",
    ("workflow", "list"): "covey workflow list --label team=storm --order -version --limit 20",
    ("workspace", ""): "forecast_ws",
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
        "covey shared_workspace save storms --name Storms --set 'peers=[\"observatory\"]'"
        " --set 'workflows=[\"forecast\"]'"
    ),
    ("peer", ""): "observatory",
    ("peer", "block"): "covey peer block observatory --reason 'the key has leaked'",
}
