"""The drawings of a schema can be read, whatever its flags are called."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from actors import flags
from actors.flags import Schema

HOSTILE = ["--plain", '"quoted" \\', "<&>'", "two\nlines", "\x00\x1b", "ü→漢字", "n0 -> n1; }", "\ud800"]


def drawn() -> Schema:
    made = Schema(HOSTILE)
    for one, two in pairwise(HOSTILE):
        made.require(one, two)
        made.in_front_of(two, one)
    made.declare("other")
    made.interfere("other", "--plain")
    made.position_at("other", 3)
    return made


def test_graphml_is_read_back_whole() -> None:
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}

    root = ElementTree.fromstring(flags.to_graphml(drawn()))

    names = [data.text for data in root.iterfind(".//g:node/g:data[@key='flag']", space)]
    assert names[:4] == HOSTILE[:4]
    assert names[5:7] == HOSTILE[5:7]
    rules = [data.text for data in root.iterfind(".//g:edge/g:data", space)]
    assert [rules.count(rule) for rule in ("requires", "interferes", "before")] == [7, 1, 7]
    ids = {node.get("id") for node in root.iterfind(".//g:node", space)}
    assert {
        edge.get(end) for edge in root.iterfind(".//g:edge", space) for end in ("source", "target")
    } <= ids


def test_dot_holds_every_flag_as_one_quoted_text() -> None:
    told = flags.to_dot(drawn(), 'a "name"')

    assert told.splitlines()[0] == 'digraph "a \\"name\\"" {'
    labels = [line for line in told.splitlines() if "label=" in line and " -> n" not in line.split("[")[0]]
    assert len(labels) == len(HOSTILE) + 1
    assert '  n1 [label="\\"quoted\\" \\\\"];' in labels
    assert '  n3 [label="two\\nlines"];' in labels
