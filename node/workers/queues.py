"""The queues of the workers of registries, and the consumers with which they read them."""

from __future__ import annotations

from hashlib import blake2b

from bus.streams import ConsumerSettings, work_settings
from messages import subjects

REGISTRY = "registry"
FILES = "files"


def registry_source(node: str) -> ConsumerSettings:
    """Return the consumer that all registry workers share."""
    return work_settings(REGISTRY, subjects.task(node, REGISTRY))


def files_source(node: str, global_root: str) -> ConsumerSettings:
    """Return the consumer that all files workers of one prefix share."""
    name = blake2b(global_root.encode(), digest_size=8).hexdigest()
    return work_settings(f"{FILES}-{name}", subjects.task(node, FILES))
