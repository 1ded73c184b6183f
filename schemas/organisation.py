"""The organisation as a checked tree."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.canonical import sha256_hex
from schemas.closed import MOST
from schemas.errors import DataError, Reason
from schemas.events import Node, OrganisationUpdated


@dataclass(frozen=True, slots=True)
class Organisation:
    """One facility's tree. Built by `organisation`; children are in id order."""

    facility: str
    levels: tuple[str, ...]
    nodes: Mapping[str, Node]
    children: Mapping[str, tuple[str, ...]]
    paths: Mapping[str, tuple[str, ...]]
    headcounts: Mapping[str, int]
    hash: str

    def is_leaf(self, node: str) -> bool:
        """Whether people answer at this node: it is of the last level named."""
        return self.nodes[node].kind == self.levels[-1]

    def leaves(self) -> tuple[str, ...]:
        """Every leaf, in id order."""
        return tuple(node for node in sorted(self.nodes) if self.is_leaf(node))

    def asked(self, leaves: Iterable[str]) -> dict[str, int]:
        """How many people a round that fields these leaves asks at or under each node.

        Where it fields every leaf it is the headcount, which may be more than the leaves' together.
        """
        fielded, left = set(leaves), Counter[str]()
        for leaf in self.leaves():
            # nodes with nobody to ask are in neither
            left.update(dict.fromkeys(self.paths[leaf], leaf not in fielded))
        heads: dict[str, int] = {}
        for node in sorted(self.nodes, key=lambda name: -len(self.paths[name])):
            whole = node in left and not left[node]
            heads[node] = self.headcounts[node] if whole else sum(heads[child] for child in self.children[node])
        return heads

    def may_seal_sensitive(self, node: str) -> bool:
        """Whether a sensitive form may be sealed at a node: at a department or above it.

        Without a level of that name, at the first two levels, but not at the last.
        """
        named = self.levels.index("department") if "department" in self.levels else None
        lowest = min(1, max(0, len(self.levels) - 2)) if named is None else named
        return self.levels.index(self.nodes[node].kind) <= lowest


def organisation(event: OrganisationUpdated) -> Organisation:
    """Check a record and build its tree; DataError names the node that is wrong."""
    nodes = {node.id: node for node in event.nodes}
    if len(nodes) != len(event.nodes):
        raise _bad(f"node {_first_repeat(event)} is named twice")
    if len(set(event.levels)) != len(event.levels):
        raise _bad("a level is named twice")
    _check_root(event, nodes)
    children = _children(event, nodes)
    paths = _paths(event.facility, children)
    lost = sorted(set(nodes) - set(paths))
    if lost:
        raise _bad(f"node {lost[0]} is not connected to the facility")
    headcounts = _headcounts(event, nodes, children, paths)
    for node in event.nodes:
        if node.staff_group is not None and node.kind != event.levels[-1]:
            raise _bad(f"node {node.id} has a staff group and is no leaf")
    digest = sha256_hex(event.model_dump(mode="json", include={"facility", "levels", "nodes"}))
    return Organisation(event.facility, event.levels, nodes, children, paths, headcounts, digest)


def _bad(detail: str) -> DataError:
    return DataError(Reason.BAD_ORGANISATION, detail)


def _first_repeat(event: OrganisationUpdated) -> str:
    counts = Counter(node.id for node in event.nodes)
    return next(node for node, count in counts.items() if count > 1)


def _check_root(event: OrganisationUpdated, nodes: Mapping[str, Node]) -> None:
    root = nodes.get(event.facility)
    if root is None or root.parent is not None or root.kind != event.levels[0]:
        raise _bad(f"node {event.facility} must be the root, of kind {event.levels[0]} and without a parent")


def _children(event: OrganisationUpdated, nodes: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {node: [] for node in nodes}
    for node in event.nodes:
        if node.kind not in event.levels:
            raise _bad(f"node {node.id} is of a kind that is not a level")
        if node.parent is None:
            if node.id != event.facility:
                raise _bad(f"node {node.id} has no parent and is not the facility")
            continue
        if node.parent not in nodes:
            raise _bad(f"node {node.id} has a parent that does not exist")
        if event.levels.index(nodes[node.parent].kind) >= event.levels.index(node.kind):
            raise _bad(f"node {node.id} must be of a lower level than its parent")
        found[node.parent].append(node.id)
    return {node: tuple(sorted(below)) for node, below in found.items()}


def _paths(facility: str, children: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    paths: dict[str, tuple[str, ...]] = {facility: (facility,)}
    waiting = [facility]
    while waiting:
        node = waiting.pop()
        for child in children[node]:
            paths[child] = (*paths[node], child)
            waiting.append(child)
    return paths


def _headcounts(
    event: OrganisationUpdated,
    nodes: Mapping[str, Node],
    children: Mapping[str, tuple[str, ...]],
    paths: Mapping[str, tuple[str, ...]],
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in sorted(nodes, key=lambda name: -len(paths[name])):
        given, below = nodes[node].headcount, sum(counts[child] for child in children[node])
        if given is None and nodes[node].kind == event.levels[-1]:
            raise _bad(f"node {node} is a leaf and needs a headcount")
        counts[node] = below if given is None else given
        if counts[node] > MOST:
            raise _bad(f"node {node} has a headcount over {MOST}")
    return counts
