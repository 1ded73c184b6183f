"""Whether the same answers can be in two rounds: rounds that field one form on a common leaf must not share a date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from schemas.errors import InputRefused
from stream_processors.audit.evidence import Asked, Evidence, NodeRow, RoundRow
from stream_processors.audit.identities import closest, grouped
from stream_processors.audit.report import Finding

CHECK: Final = "rounds apart"


@dataclass(frozen=True)
class Fielded:
    """A round of a form and the tree it was fielded on, as far as it is published.

    `groups` are the rows of staff groups under a node. Of a sensitive form only the upper nodes are published, so that
    nothing is known of its leaves.
    """

    sealed: RoundRow
    nodes: Mapping[str, NodeRow]
    groups: tuple[NodeRow, ...] = ()

    @cached_property
    def tree_leaves(self) -> frozenset[str]:
        """The nodes nothing lies under."""
        above = {node.path[-2] for node in self.nodes.values() if len(node.path) > 1}
        return frozenset(self.nodes) - above

    @cached_property
    def leaves(self) -> frozenset[str]:
        """The leaves that were asked."""
        if self.sealed.sensitive:
            return frozenset()
        return frozenset(leaf for leaf in self.tree_leaves if self.nodes[leaf].state != "not_fielded")


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Pairs of rounds in which the same people may have answered on the same days."""
    rows = grouped(evidence.cohorts, lambda row: row.asked)
    for sealed in evidence.rounds:
        if sealed.last < sealed.first:
            yield Finding(CHECK, "unsafe", f"{sealed.round} of {sealed.form} ends before it begins ({sealed.at})")
    for rounds in grouped(fielded(evidence), lambda one: (one.sealed.facility, one.sealed.form)).values():
        for one, other in _same_days(rounds):
            shared = _shared(one, other)
            if shared is not None:
                pair = closest(rows.get(one.sealed.asked, []), rows.get(other.sealed.asked, []))
                people, terms = pair or (0, ())
                yield Finding(CHECK, "unsafe", _what(one.sealed, other.sealed, shared), terms, people or None)


def fielded(evidence: Evidence) -> list[Fielded]:
    """Every sealed form of a round with its nodes; InputRefused if they are no tree."""
    nodes = grouped(evidence.nodes, lambda node: node.asked)
    found = []
    for sealed in evidence.rounds:
        rows = nodes.get(sealed.asked, [])
        of_round = {node.node: node for node in rows if not node.staff_group}
        groups = tuple(node for node in rows if node.staff_group)
        _check_tree([*of_round.values(), *groups], of_round, sealed.asked)
        found.append(Fielded(sealed, of_round, groups))
    return found


def _check_tree(nodes: Iterable[NodeRow], known: Mapping[str, NodeRow], asked: Asked) -> None:
    for node in nodes:
        parent = known.get(node.path[-2]) if len(node.path) > 1 else None
        is_root = node.path == (node.facility,)
        if node.path[-1:] != (node.node,) or not (is_root or (parent and parent.path == node.path[:-1])):
            raise InputRefused(f"{node.at}: node {node.node} of {', '.join(asked)} does not hang on the tree above it")


def _same_days(rounds: list[Fielded]) -> Iterator[tuple[Fielded, Fielded]]:
    ordered = sorted(rounds, key=lambda one: (one.sealed.first, one.sealed.round))
    open_ones: list[Fielded] = []
    for one in ordered:
        open_ones = [other for other in open_ones if other.sealed.last >= one.sealed.first]
        yield from ((other, one) for other in open_ones if other.sealed.round != one.sealed.round)
        open_ones.append(one)


def _shared(one: Fielded, other: Fielded) -> str | None:
    if one.sealed.sensitive or other.sealed.sensitive:
        return "a sensitive form is sealed above the leaves, where they meet"
    common = sorted(one.leaves & other.leaves)
    if common:
        return f"both field {common[0]}"
    # people of a leaf that the other round does not know may have answered there under another leaf's id
    for known, strange in ((one, other), (other, one)):
        unknown = sorted(strange.leaves - known.tree_leaves)
        if unknown:
            return f"{unknown[0]} is no leaf of {known.sealed.round}, whose people may have answered in both"
    return None


def _what(one: RoundRow, other: RoundRow, shared: str) -> str:
    return (
        f"{one.round} ({one.first} to {one.last}) and {other.round} ({other.first} to {other.last}) of {one.form} "
        f"share days, and {shared}: the same answers may have been sealed twice"
    )
