"""Each test counts the processes of its own."""

import pytest

from tests.workers.children import forget_children


@pytest.fixture(autouse=True)
def _own_children() -> None:
    forget_children()
