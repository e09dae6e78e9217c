"""What the source says of the fields of a message: for the reference, and for the help."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any


def meanings(struct: type[Any]) -> dict[str, str]:
    """Return what the source says below each field, of the bases too."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base.__module__.startswith(("messages", "actors")):
            with suppress(OSError):  # it is made from a table, and has no source
                found |= dict(_documented(ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]))
    return found


def _documented(node: ast.stmt) -> Iterator[tuple[str, str]]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    for field, after in pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, first(text)


def first(text: str | None) -> str:
    """Return the first paragraph of a docstring in one line, as Markdown."""
    paragraph = textwrap.dedent(text or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")
