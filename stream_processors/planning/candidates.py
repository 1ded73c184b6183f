"""What can be chosen: the policy, how many levels of the organisation, the length of a round, and the calendars."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from math import exp, lgamma, log, log1p
from typing import Final

from producers.simulation.habits import MEAN_RESPONSE
from schemas.errors import InputRefused
from schemas.events import Node, OrganisationUpdated
from schemas.organisation import Organisation, organisation
from schemas.policy import Policy
from stream_processors.steps.seasons import assigned

BASE_DAYS: Final = 14
"""The length of round that a response is said for: one chance to answer."""
MOST_PEOPLE: Final = 10_000
"""No unit is larger, so a threshold over it means that no unit is reliably heard in a short round."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken to be so. `response` is the share who answer a round of two weeks, `opt_in` a sensitive form."""

    response: float = MEAN_RESPONSE
    season_days: int = 84
    reliable: float = 0.8
    at_risk: float = 0.4
    opt_in: float = 0.25

    def chances(self, days: int) -> float:
        """How many chances to answer a round of so many days gives."""
        return days / BASE_DAYS


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to set the programme up. `long_below` is 0 with one calendar."""

    policy: Policy
    organisation: Organisation
    round_days: int
    long_below: int

    @property
    def leaf_level(self) -> str:
        """What the places are at which people answer."""
        return self.organisation.levels[-1]

    @property
    def long_leaves(self) -> tuple[str, ...]:
        """The leaves of the long calendar."""
        return assigned(self.organisation, self.long_below)["long"]


def to_level(record: OrganisationUpdated, depth: int) -> Organisation:
    """The organisation as it would be with only its first levels: what is deeper answers at the place above it.

    A place whose next place above is not of the last level left becomes one of that level, so that nobody is lost.
    """
    whole, levels = organisation(record), record.levels[:depth]
    nodes = [
        node if node.kind in levels[:-1] else _leaf(node, levels[-1], whole)
        for node in record.nodes
        if _stays(node, whole, levels)
    ]
    return organisation(record.model_copy(update={"levels": levels, "nodes": tuple(nodes)}))


def _stays(node: Node, whole: Organisation, levels: tuple[str, ...]) -> bool:
    """Whether it is of a level that is kept, or right under one that is not the last of them."""
    above = whole.nodes[node.parent].kind if node.parent else None
    return node.kind in levels or above in levels[:-1]


def _leaf(node: Node, level: str, whole: Organisation) -> Node:
    # a staff group is a leaf's of the whole organisation
    group = node.staff_group if whole.is_leaf(node.id) else None
    return node.model_copy(update={"kind": level, "headcount": whole.headcounts[node.id], "staff_group": group})


def threshold(size: int, response: float, reliable: float) -> int:
    """The smallest headcount from which on a unit is published by itself with the chance asked for.

    By headcount alone: at least `size` of so many people answer, each with this probability.
    """
    sizes = range(size, MOST_PEOPLE + 1)
    # more people are never less likely to give enough answers
    found = bisect_left(sizes, True, key=lambda people: _at_least(size, people, response) >= reliable)
    if found == len(sizes):
        raise InputRefused(
            f"with {response:.1%} answering, no unit of up to {MOST_PEOPLE} people is published by itself with a "
            f"chance of {reliable:.0%}: ask for less, or make the rounds longer"
        )
    return sizes[found]


def _at_least(size: int, people: int, response: float) -> float:
    return 1 - sum(binomial(people, count, response) for count in range(size))


@cache
def binomial(people: int, count: int, chance: float) -> float:
    """The probability that so many of the people answer."""
    if chance >= 1:
        return float(count == people)
    choices = lgamma(people + 1) - lgamma(count + 1) - lgamma(people - count + 1)
    return exp(choices + count * log(chance) + (people - count) * log1p(-chance))
