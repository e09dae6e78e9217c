"""Who reaches whom in a graph that has no cycle, kept up to date as it grows.

Sets of nodes are integers, a bit a node: the union of two sets of 10,000 nodes takes less than a microsecond.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

SPARSE = 64
"""Up to so many nodes are taken out of a set one by one."""
_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]


def members(nodes: int) -> Iterator[int]:
    """Yield the nodes of a set, the lowest first."""
    if nodes.bit_count() > SPARSE:
        for place, byte in enumerate(nodes.to_bytes(nodes.bit_length() // 8 + 1, "little")):
            if byte:
                yield from [place * 8 + bit for bit in _BITS[byte]]
        return
    while nodes:
        lowest = nodes & -nodes
        yield lowest.bit_length() - 1
        nodes ^= lowest


def united(nodes: Iterable[int]) -> int:
    """Return the set of some nodes."""
    found = 0
    for node in nodes:
        found |= 1 << node
    return found


class Reach:
    """Nodes 0, 1, … and the edges between them."""

    def __init__(self) -> None:
        self.after: list[list[int]] = []
        """The ends of the edges that begin at a node, the lowest first."""
        self.below: list[int] = []
        """All that a node reaches, itself included."""
        self.above: list[int] = []
        """All that reach a node, itself included."""

    def grow(self) -> None:
        """Add a node."""
        itself = 1 << len(self.after)
        self.after.append([])
        self.below.append(itself)
        self.above.append(itself)

    def reaches(self, start: int, end: int) -> bool:
        """Say whether a path leads from one to the other; each reaches itself."""
        return bool(self.below[start] >> end & 1)

    def connect(self, start: int, end: int) -> None:
        """Add an edge; the end must not reach the start."""
        if end in self.after[start]:
            return
        insort(self.after[start], end)
        if self.reaches(start, end):
            return
        above, below = self.above[start], self.below[end]
        for node in members(above):
            self.below[node] |= below
        for node in members(below):
            self.above[node] |= above

    def path(self, start: int, end: int) -> list[int]:
        """Return the nodes of the shortest path, the lowest of several; nothing when there is none."""
        return self.paths([start], 1 << end).get(end, [])

    def paths(self, starts: Iterable[int], wanted: int) -> dict[int, list[int]]:
        """Return the shortest path from any of the starts to each wanted node, the lowest of several."""
        came_from: dict[int, int | None] = dict.fromkeys(sorted(starts))
        queue, left = deque(came_from), set(members(wanted)) - came_from.keys()
        while queue and left:
            node = queue.popleft()
            for end in self.after[node]:
                if end not in came_from:
                    came_from[end] = node
                    queue.append(end)
                    left.discard(end)
        return {node: _back(came_from, node) for node in members(wanted) if node in came_from}


def _back(came_from: Mapping[int, int | None], node: int) -> list[int]:
    path, step = [node], came_from[node]
    while step is not None:
        path.append(step)
        step = came_from[step]
    return path[::-1]
