"""Runs of three durable steps in DBOS on SQLite, in a process of its own; prints a JSON line."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS  # type: ignore[import-not-found,unused-ignore]  # installed by ``make bench`` alone


def main(path: str, single: int, many: int, crowds: list[int]) -> None:
    """Measure runs one after the other, then with so many at once."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{path}",
            "log_level": "ERROR",
        }
    )

    @DBOS.step()  # type: ignore[untyped-decorator,unused-ignore]
    def step(number: int) -> int:
        return number + 1

    @DBOS.workflow()  # type: ignore[untyped-decorator,unused-ignore]
    def three(number: int) -> int:
        return int(step(step(step(number))))

    DBOS.launch()
    for number in range(single // 10):
        three(number)
    times = []
    for number in range(single):
        began = time.perf_counter()
        three(number)
        times.append((time.perf_counter() - began) * 1000)
    rates = {}
    for crowd in crowds:
        with ThreadPoolExecutor(crowd) as pool:
            began = time.perf_counter()
            list(pool.map(three, range(many)))
            rates[crowd] = many / (time.perf_counter() - began)
    print(json.dumps({"times": times, "rates": rates}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(word) for word in sys.argv[4:]])
