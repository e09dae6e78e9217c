"""``python -m bench [NAME ...]``: run all benchmarks, or those named."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench import (
    cascade,
    drain,
    flags,
    histories,
    http,
    jobs,
    killed,
    latency,
    restart,
    runs,
    schedules,
    size,
    throughput,
)
from bench.report import say

BENCHES: Mapping[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "cascade": cascade.run,
    "restart": restart.run,
    "killed": killed.run,
    "drain": drain.run,
    "size": size.run,
    "histories": histories.run,
    "runs": runs.run,
    "http": http.run,
    "jobs": jobs.run,
    "flags": flags.run,
    "schedules": schedules.run,
}
BENCH_SECONDS = 1_200.0
"""What one of them may take, before it is given up and the next one begins."""


def main(names: list[str]) -> int:
    """Run the benchmarks; one that fails does not keep the others from running."""
    unknown = set(names) - BENCHES.keys()
    if unknown:
        told = ", ".join(sorted(unknown))
        say(f"there is no {told}; python -m bench [NAME ...], with {', '.join(BENCHES)}; none: all")
        return 2
    chosen = names or list(BENCHES)
    failed = [name for place, name in enumerate(chosen, 1) if not _is_done(name, f"{place} of {len(chosen)}")]
    if failed:
        say(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _is_done(name: str, place: str) -> bool:
    say(f"{name} ({place}) …")
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="covey-bench-", ignore_cleanup_errors=True) as directory:
            uvloop.run(_bounded(name, Path(directory)))
    except Exception:
        traceback.print_exc()
        return False
    finally:
        say(f"{name}: {time.perf_counter() - began:.0f} s")
    return True


async def _bounded(name: str, directory: Path) -> None:
    async with asyncio.timeout(BENCH_SECONDS):
        await BENCHES[name](directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
