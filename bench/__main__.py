"""``python -m bench [NAME ...]``: run all benchmarks, or those named."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import uvloop

from bench import cascade, drain, flags, histories, http, latency, restart, runs, schedules, size, throughput

BENCHES: Mapping[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "cascade": cascade.run,
    "restart": restart.run,
    "drain": drain.run,
    "size": size.run,
    "histories": histories.run,
    "runs": runs.run,
    "http": http.run,
    "flags": flags.run,
    "schedules": schedules.run,
}


def main(names: list[str]) -> int:
    """Run the benchmarks."""
    unknown = set(names) - BENCHES.keys()
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="covey-bench-") as directory:
            uvloop.run(BENCHES[name](Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
