# publish.py
"""Save a workflow, then hear all that it causes."""

import asyncio
import json
import sys
from pathlib import Path

import nats


async def main(endpoint):
    """Publish one message, and print the subjects of what it caused."""
    client = await nats.connect(endpoint["nats_url"], nkeys_seed=endpoint["nkey_seed_file"])
    here = f"covey.{endpoint['node']}"
    heard = await client.subscribe(f"{here}.evt.>")
    schedule = {"start": "2030-02-01T00:00:00", "end": "2030-02-03T00:00:00", "cron": "0 12 * * *"}
    body = {"name": "Noon check", "schedule": schedule, "schedule_active": True}
    await client.jetstream().publish(f"{here}.cmd.workflow.noon.save", json.dumps(body).encode())
    for _ in range(6):
        print((await heard.next_msg(timeout=10)).subject)
    await client.close()


asyncio.run(main(json.loads(Path(sys.argv[1], "endpoint.json").read_text())))
