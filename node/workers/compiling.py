"""Whether expressions are ones: jq itself tells, in a child; none is evaluated."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from actors.definition.check import FAULTS_MAX
from messages.envelope import Unread
from node.workers.expressions import Evaluator, EvaluatorBusy, EvaluatorClosed, ExpressionSlow

SECONDS = 10.0
"""What the expressions of one definition may take together."""
EXCERPT_CHARACTERS = 100
"""How much of an expression is told."""
REASON_CHARACTERS = 300

_PLACE = re.compile(r" at <top-level>, line 1, column (\d+)")


class Unchecked(Exception):
    """Whether the expressions are ones could not be found out; the text says why."""


async def unread(expressions: Mapping[str, str], evaluator: Evaluator) -> list[Unread]:
    """Return the place of each expression that is none, and what is wrong with it; raises Unchecked."""
    found: list[Unread] = []
    told: dict[str, str | None] = {}
    try:
        async with asyncio.timeout(SECONDS):
            for at, text in expressions.items():
                if text not in told:
                    told[text] = await evaluator.compile(text)
                if (wrong := told[text]) is not None:
                    found.append(
                        (at, f"{_short(text, EXCERPT_CHARACTERS)} is no expression of jq: {_brief(wrong)}")
                    )
                if len(found) == FAULTS_MAX:
                    break
    except TimeoutError:
        raise Unchecked(f"its expressions could not be read within {SECONDS:g} s") from None
    except ExpressionSlow as error:
        raise Unchecked(f"an expression could not be read: {error}") from None
    except (EvaluatorBusy, EvaluatorClosed) as error:
        raise Unchecked(f"its expressions could not be read: {error or 'the node stops'}") from None
    return found


def _brief(told: str) -> str:
    """Return the first line; its line and column are of the expression, and not of the file."""
    first = told.partition("\n")[0].removesuffix(":")
    return _short(_PLACE.sub(r" (at its character \1)", first), REASON_CHARACTERS)


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}…"
