"""Which flags go together, and in which order: a library of its own that knows nothing of the rest.

A ``Schema`` holds the declared flags of one program and the rules between them; a rule that cannot be is
refused when it is added, and leaves all as it was. ``check`` judges a combination and names its faults.
"""

from actors.flags.combination import Verdict, Violation, check
from actors.flags.explain import Explanation, explain
from actors.flags.export import to_dot, to_graphml
from actors.flags.order import execution_order
from actors.flags.refused import Refused
from actors.flags.schema import WEIGHT_MAX, Schema
from actors.flags.search import shortest_path

__all__ = (
    "WEIGHT_MAX",
    "Explanation",
    "Refused",
    "Schema",
    "Verdict",
    "Violation",
    "check",
    "execution_order",
    "explain",
    "shortest_path",
    "to_dot",
    "to_graphml",
)
