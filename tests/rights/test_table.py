"""Nobody may what he was not given: the whole table of commands and questions, roles and scopes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from actors import ACTORS
from actors.rights.judging import NODE, NODE_READS, OPEN
from cli.matrix import INSIDE, NO, ROLES, YES, Row, markdown, rows
from messages.base import tag
from tests.docs.story import ROOT

MARK = "<!-- What follows is written by covey rights table; do not edit. -->\n\n"

ROWS = list(rows())
ACTOR_OF = {actor.kind: actor for actor in ACTORS}
NEVER = ("closed", "none", "inactive", "unknown")

GIVES: Mapping[tuple[str, str], Mapping[str, str]] = {
    # who may do all to grants may not do all to what they are about; a verb alone gives nothing away
    ("grant", "save"): {"kind": NO, "doer": NO},
    ("grant", "delete"): {"kind": NO, "doer": NO},
    # what comes into a perimeter must be one's own
    ("perimeter", "save"): {"kind": NO, "doer": NO},
    # the other workflow is in no perimeter where one may save
    ("workflow", "fork"): {"holder": NO, "doer": NO, "other": NO},
    # what is shared must be one's own
    ("shared_workspace", "save"): {"kind": NO},
}
"""Where a right to the verb is not enough."""


def expected(row: Row) -> Mapping[str, str]:
    """Say who may, from the words of docs/rights.md alone."""
    actor = ACTOR_OF.get(row.kind)
    told = {"node": YES, **dict.fromkeys(NEVER, NO)}
    if row.kind == NODE:
        everybody = YES if row.verb in OPEN else NO
        lesser = dict.fromkeys(("holder", "reader", "doer", "other"), everybody)
        told |= {"peer": NO, "unsigned": YES, "admin": YES, "kind": YES, **lesser}
        return told | ({"none": YES} if row.verb in OPEN else {})
    assert actor is not None
    if row.is_question:
        question = actor.questions.get(row.verb)
        told["peer"] = YES if question is not None and question.peers_may_ask else NO
    else:
        told["peer"] = YES if row.verb in actor.peers_may else NO
    if not row.is_question and row.verb in actor.internal:
        return told | {role: NO for role in ROLES if role not in told}
    inside = dict.fromkeys(("holder", "doer", "other"), INSIDE)
    told |= {"unsigned": YES, "admin": YES, "kind": YES, **inside}
    told["reader"] = INSIDE if row.is_question else NO
    return told | (GIVES.get((row.kind, row.verb), {}) if not row.is_question else {})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}.{row.verb}{'?' * row.is_question}")
def test_each_cell_is_as_the_words_say(row: Row) -> None:
    assert dict(row.cells) == {role: expected(row)[role] for role in ROLES}


def test_every_command_and_question_stands_in_the_table() -> None:
    said = {(row.kind, row.verb) for row in ROWS if not row.is_question}
    asked = {(row.kind, row.verb) for row in ROWS if row.is_question}

    assert said == {tuple(tag(one).split(".")) for actor in ACTORS for one in actor.commands}
    own = {(actor.kind, query) for actor in ACTORS for query in ("get", "list", "history", *actor.questions)}
    assert asked - {one for one in asked if one[0] == NODE} == own
    assert {verb for kind, verb in asked if kind == NODE} >= NODE_READS | OPEN


def test_the_table_of_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "rights.md").read_text().partition(MARK)[2] == markdown(), "say: make docs"


def test_what_is_internal_is_a_command_that_there_is() -> None:
    for actor in ACTORS:
        verbs = {tag(one).partition(".")[2] for one in actor.commands}
        assert actor.internal <= verbs, actor.kind
        assert actor.peers_may <= verbs, actor.kind
        assert actor.belongs_to in {"", *ACTOR_OF}, actor.kind
