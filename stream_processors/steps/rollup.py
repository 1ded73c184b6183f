"""Roll-up: a node's figures are the sums of the cohorts at or under it, and nothing else."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from schemas.event import State
from schemas.events import BELOW_K, CohortSealed, Heads, NodeState
from schemas.organisation import Organisation

STAFF_GROUP: Final = "staff_group"
"""The kind of the lines that sum up a staff group."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Coded totals of one or more cohorts on one scale; merging is associative and commutative."""

    n: int = 0
    score_low: int = 0
    score_high: int = 0
    at_risk_low: int = 0
    at_risk_high: int = 0
    has_cut: bool = True

    @classmethod
    def of(cls, row: CohortSealed) -> Self:
        """The totals of one sealed row."""
        return cls(
            row.n,
            row.score_low,
            row.score_high,
            row.at_risk_low or 0,
            row.at_risk_high or 0,
            row.at_risk_low is not None,
        )

    def merge(self, other: "Totals") -> "Totals":
        """The totals of both together."""
        return Totals(
            self.n + other.n,
            self.score_low + other.score_low,
            self.score_high + other.score_high,
            self.at_risk_low + other.at_risk_low,
            self.at_risk_high + other.at_risk_high,
            self.has_cut and other.has_cut,
        )

    def without(self, part: "Totals") -> "Totals":
        """The totals of the rest, `part` having been merged into these."""
        return Totals(
            self.n - part.n,
            self.score_low - part.score_low,
            self.score_high - part.score_high,
            self.at_risk_low - part.at_risk_low,
            self.at_risk_high - part.at_risk_high,
            self.has_cut,
        )


def node_states(
    organisation: Organisation,
    leaves: Sequence[str],
    cohort_paths: Mapping[str, Sequence[Sequence[str]]],
    size: int,
    sensitive: Collection[str] = (),
) -> tuple[NodeState, ...]:
    """Every node with its state per form, and the staff groups under it.

    `cohort_paths` holds each form's cohort paths, `size` is K. A sensitive form has states only where it may be sealed,
    and beside sensitive forms alone nothing else is told.
    """
    paths = {form: [tuple(path) for path in found] for form, found in cohort_paths.items()}
    told = _Told(organisation, leaves, paths, size, frozenset(sensitive))
    states = [told.of_node(node) for node in organisation.nodes]
    if not told.is_sensitive_alone:
        states += [told.of_group(node, group, of_it) for (node, group), of_it in staff_groups(organisation).items()]
    return tuple(sorted((one for one in states if one.states), key=lambda one: (one.node, one.staff_group or "")))


def staff_groups(organisation: Organisation) -> dict[tuple[str, str], tuple[str, ...]]:
    """(node, staff group) to the leaves of that group under the node, where there are two or more to sum up."""
    found: dict[tuple[str, str], list[str]] = {}
    for leaf in organisation.leaves():
        group = organisation.nodes[leaf].staff_group
        for node in organisation.paths[leaf][:-1] if group else ():
            found.setdefault((node, group or ""), []).append(leaf)
    return {place: tuple(leaves) for place, leaves in found.items() if len(leaves) > 1}


class _Told:
    """What a round tells of its nodes."""

    def __init__(
        self,
        organisation: Organisation,
        leaves: Sequence[str],
        paths: Mapping[str, Sequence[tuple[str, ...]]],
        size: int,
        sensitive: frozenset[str],
    ) -> None:
        self._organisation, self._size, self._sensitive = organisation, size, sensitive
        self._asked = organisation.asked(leaves)
        self._fielded = {node for leaf in leaves for node in organisation.paths[leaf]}
        self._published = {form: {node for path in found for node in path} for form, found in paths.items()}
        self._sealed = {form: {path[-1] for path in found} for form, found in paths.items()}
        self.is_sensitive_alone = set(paths) <= sensitive

    def of_node(self, node: str) -> NodeState:
        """A node's own line."""
        known, heads = self._organisation.nodes[node], self._organisation.headcounts[node]
        return NodeState(
            node=node,
            path=self._organisation.paths[node],
            name=known.name,
            kind=known.kind,
            headcount=self._shown(heads),
            headcount_asked=self._shown_asked([node]),
            of_group=known.staff_group,
            states=self._states(node),
        )

    def of_group(self, node: str, group: str, leaves: Sequence[str]) -> NodeState:
        """The line of a staff group under a node: what was sealed at its leaves, and nothing that was pooled."""
        return NodeState(
            node=node,
            path=self._organisation.paths[node],
            name=group,
            kind=STAFF_GROUP,
            headcount=self._shown(sum(self._organisation.headcounts[leaf] for leaf in leaves)),
            headcount_asked=self._shown_asked(leaves),
            staff_group=group,
            states={
                form: "published" if sealed.intersection(leaves) else self._unpublished(leaves)
                for form, sealed in self._sealed.items()
                if form not in self._sensitive
            },
        )

    def _states(self, node: str) -> dict[str, State]:
        states: dict[str, State] = {}
        for form, published in self._published.items():
            if form not in self._sensitive:
                states[form] = "published" if node in published else self._unpublished([node])
            elif self._organisation.may_seal_sensitive(node):
                states[form] = "published" if node in published else "not_published"
        return states

    def _unpublished(self, nodes: Sequence[str]) -> State:
        return "not_fielded" if self._fielded.isdisjoint(nodes) else "withheld"

    def _shown(self, heads: int) -> Heads | None:
        if self.is_sensitive_alone:
            return None
        return heads if heads >= self._size else BELOW_K

    def _shown_asked(self, nodes: Sequence[str]) -> Heads | None:
        asked = sum(self._asked[node] for node in nodes)
        # that nobody was asked is no small number of people
        return 0 if asked == 0 and not self.is_sensitive_alone else self._shown(asked)
