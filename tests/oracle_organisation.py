"""What the second implementation reads from an organisation record, which is a list of nodes. Imports nothing of the
product.
"""

from typing import Any

Event = dict[str, Any]


def reorders(before: Event, after: Event) -> bool:
    """Whether the levels that two records share are in another order in the second."""
    ranks = [after["levels"].index(level) for level in before["levels"] if level in after["levels"]]
    return ranks != sorted(ranks)


def leaves_of(organisation: Event) -> set[str]:
    """The ids of the nodes of the last level."""
    return {node["id"] for node in organisation["nodes"] if node["kind"] == organisation["levels"][-1]}


def children_of(organisation: Event, node: str) -> list[str]:
    """The ids of a node's children, in id order."""
    return sorted(other["id"] for other in organisation["nodes"] if other["parent"] == node)


def headcount_of(organisation: Event, node: str) -> int:
    """The recorded headcount, or the sum of the children's."""
    (recorded,) = (other.get("headcount") for other in organisation["nodes"] if other["id"] == node)
    if recorded is not None:
        return int(recorded)
    return sum(headcount_of(organisation, child) for child in children_of(organisation, node))


def leaves_under(organisation: Event, node: str) -> set[str]:
    """The leaves at or under a node."""
    own = {node} & leaves_of(organisation)
    return own.union(*(leaves_under(organisation, child) for child in children_of(organisation, node)))


def nodes_under(organisation: Event, node: str) -> set[str]:
    """The nodes under a node."""
    children = set(children_of(organisation, node))
    return children.union(*(nodes_under(organisation, child) for child in children))


def may_hold_sensitive(organisation: Event, node: str) -> bool:
    """Whether a sensitive form may be sealed at a node."""
    levels = organisation["levels"]
    (kind,) = (other["kind"] for other in organisation["nodes"] if other["id"] == node)
    if "department" in levels:
        return bool(levels.index(kind) <= levels.index("department"))
    return kind in (levels[0], *levels[1:-1][:1])
