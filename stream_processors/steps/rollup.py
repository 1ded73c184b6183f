"""Roll-up: a node's figures are the sums of the cohorts at or under it, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from schemas.events import BELOW_K, CohortSealed, NodeState, State
from schemas.organisation import Organisation


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


def roll_up(rows: Iterable[CohortSealed]) -> dict[tuple[str, str, str], Totals]:
    """(form, node, scale) to the totals of the cohorts at or under that node."""
    sums: dict[tuple[str, str, str], Totals] = {}
    for row in rows:
        for node in row.path:
            key = (row.form, node, row.scale)
            sums[key] = sums.get(key, Totals()).merge(Totals.of(row))
    return sums


def node_states(
    organisation: Organisation, leaves: Sequence[str], cohort_paths: Mapping[str, Sequence[Sequence[str]]], size: int
) -> tuple[NodeState, ...]:
    """Every node with its state per form; `cohort_paths` holds each form's cohort paths, `size` is K."""
    fielded = {node for leaf in leaves for node in organisation.paths[leaf]}
    published = {form: {node for path in paths for node in path} for form, paths in cohort_paths.items()}
    return tuple(
        NodeState(
            node=node,
            path=organisation.paths[node],
            name=organisation.nodes[node].name,
            kind=organisation.nodes[node].kind,
            headcount=_headcount(organisation.headcounts[node], size),
            states={form: _state(node, fielded, nodes) for form, nodes in published.items()},
        )
        for node in sorted(organisation.nodes)
    )


def _headcount(headcount: int, size: int) -> int | Literal["<K"]:
    return headcount if headcount >= size else BELOW_K


def _state(node: str, fielded: set[str], published: set[str]) -> State:
    if node not in fielded:
        return "not_fielded"
    return "published" if node in published else "withheld"
