"""Where in a file a JSON pointer leads to: people mend lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from cli import show
from cli.documents import FIELD, is_bare


def line_of(text: str, pointer: str) -> int | None:
    """Return the line where a pointer leads to, or the innermost thing around it that is there."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line = None
    for step in pointer.split("/")[1:]:
        found = _below(node, step.replace("~1", "/").replace("~0", "~"))
        if found is None:
            break
        line, node = found
    return line


def _below(node: Any, step: str) -> tuple[int, Any] | None:
    """Return the line and the node of a member."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line + 1, item
    return None


def told(faults: Sequence[dict[str, str]], text: str) -> Iterator[str]:
    """Yield a line for each fault of a definition, with its line in the file."""
    prefix = f"/{FIELD}" if text and is_bare(text) else ""
    for fault in faults:
        line = line_of(text, fault["at"].removeprefix(prefix)) if text else None
        place = f"line {line}, " if line is not None else ""
        yield show.clean(f"  {place}{fault['at'] or '/'}: {fault['detail']}")
