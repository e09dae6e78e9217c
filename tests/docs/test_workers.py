"""The worker that the page of workers shows is a file too, and the page knows all queues."""

from __future__ import annotations

from node.workers.running import QUEUES
from tests.docs.story import ROOT, blocks

PAGE = (ROOT / "docs" / "workers.md").read_text()
WORKER = (ROOT / "examples" / "clients" / "worker.mjs").read_text()
LINES_MOST = 30


def test_the_worker_of_the_page_is_a_file() -> None:
    assert WORKER in [block.text for block in blocks(PAGE)]
    assert len(WORKER.splitlines()) <= LINES_MOST


def test_the_page_names_all_queues() -> None:
    assert [queue for queue in QUEUES if f"`{queue}`" not in PAGE] == []
