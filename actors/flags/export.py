"""A schema as a drawing: DOT for Graphviz, GraphML for whatever else reads graphs."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from actors.flags.reach import members
from actors.flags.schema import Schema

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
STYLES = {
    "requires": "",
    "interferes": ' [dir=none, color=red, style=dashed, label="interferes"]',
    "before": ' [color=gray, style=dotted, label="before"]',
}
UNPRINTED = frozenset(map(chr, [*range(9), *range(11, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)]))
"""What no XML document can hold, or gives back otherwise."""


def edges(schema: Schema) -> Iterator[tuple[int, int, str]]:
    """Yield the rules between two flags: from, to, and what it is."""
    for start, ends in enumerate(schema.needs.after):
        yield from ((start, end, "requires") for end in ends)
    for one, foes in enumerate(schema.foes):
        yield from ((one, two, "interferes") for two in members(foes) if one < two)
    for start, ends in enumerate(schema.places.before.after):
        yield from ((start, end, "before") for end in ends)


def to_dot(schema: Schema, name: str = "flags") -> str:
    """Return the schema in the language of Graphviz."""
    lines = [f"digraph {_quoted(name)} {{", "  node [shape=box];"]
    for number, flag in enumerate(schema.flags):
        told = "".join(f"\n{line}" for line in _notes(schema, number))
        lines.append(f"  n{number} [label={_quoted(flag + told)}];")
    lines += [f"  n{start} -> n{end}{STYLES[what]};" for start, end, what in edges(schema)]
    return "\n".join([*lines, "}", ""])


def _notes(schema: Schema, number: int) -> Iterator[str]:
    if number in schema.places.fixed:
        yield f"position {schema.places.fixed[number]}"
    for name, weight in sorted(schema.weights[number].items()):
        yield f"{name} {weight}/{schema.limits[name]}"


def _quoted(text: str) -> str:
    plain = _printed(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("\n", "\\n") + '"'


def to_graphml(schema: Schema) -> str:
    """Return the schema as GraphML; the name of a flag is its node's ``flag``, a rule its edge's ``rule``."""
    root = Element("graphml", xmlns=NAMESPACE)
    for id, owner, type_ in (
        ("flag", "node", "string"),
        ("position", "node", "int"),
        ("rule", "edge", "string"),
    ):
        SubElement(root, "key", {"id": id, "for": owner, "attr.name": id, "attr.type": type_})
    graph = SubElement(root, "graph", edgedefault="directed")
    for number, flag in enumerate(schema.flags):
        node = SubElement(graph, "node", id=f"n{number}")
        SubElement(node, "data", key="flag").text = _printed(flag)
        if number in schema.places.fixed:
            SubElement(node, "data", key="position").text = str(schema.places.fixed[number])
    # readers refuse a directed graph with edges that are not: an interference is one of any direction
    for number, (start, end, what) in enumerate(edges(schema)):
        edge = SubElement(graph, "edge", id=f"e{number}", source=f"n{start}", target=f"n{end}")
        SubElement(edge, "data", key="rule").text = what
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _printed(text: str) -> str:
    return "".join(f"\\u{ord(one):04x}" if one in UNPRINTED else one for one in text)
