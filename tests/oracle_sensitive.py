"""What readers can reckon with at a place of a sensitive form, for the second implementation. Imports nothing of the
product.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from tests.oracle_organisation import children_of, headcount_of, leaves_of, may_hold_sensitive, nodes_under

Event = dict[str, Any]


@dataclass
class Readers:
    """What readers know: the record, the policy, who was asked, and at which nodes a cohort is sealed."""

    organisation: Event
    policy: dict[str, Any]
    fielded: Set[str]
    asked: Callable[[str], int]
    sealed: Set[str]

    @property
    def smallest(self) -> int:
        """The fewest people of a cohort."""
        return int(max(self.policy["k"] + self.policy["coalition"], self.policy["k_sensitive"]))

    def pooled(self, node: str, without: str = "") -> int:
        """The most people who can be in a node's pool; of these, how many are left without one leaf's."""
        if node in leaves_of(self.organisation):
            heads = headcount_of(self.organisation, node) if node in self.fielded - {without} else 0
        else:
            heads = sum(self.passing(child, without) for child in children_of(self.organisation, node))
        below = self.sealed & nodes_under(self.organisation, node)
        highest = [one for one in below if not any(one in nodes_under(self.organisation, other) for other in below)]
        return max(0, min(heads, self.asked(node) - sum(self.asked(one) for one in highest)))

    def passing(self, node: str, without: str = "") -> int:
        """The most people who can pass up from a node: where a cohort could be and is not, fewer than one."""
        if node in self.sealed:
            return 0
        heads = self.pooled(node, without)
        return min(heads, self.smallest - 1) if self.is_candidate(node) else heads

    def is_candidate(self, node: str) -> bool:
        """Whether a cohort could be sealed at a node so that of those it must be of, enough may not have answered."""
        if not may_hold_sensitive(self.organisation, node):
            return False
        spare = self.policy["coalition"] + 1
        if self.pooled(node) < self.smallest + spare:
            return False
        if node in leaves_of(self.organisation):
            return True
        leaves = self.fielded & nodes_under(self.organisation, node)
        beside = min((self.pooled(node, leaf) for leaf in leaves), default=0)
        return bool(beside >= self.policy["outside"] + spare)
