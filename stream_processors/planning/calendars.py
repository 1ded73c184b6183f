"""Which leaves can be heard in a short round, by headcount alone, and which wait for the long one."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from math import exp, lgamma, log
from random import Random
from typing import Final

RELIABLE: Final = 0.8
"""A unit of the short calendar has figures of its own in this share of its rounds, or more."""
MOST_HEADS: Final = 100_000


@cache
def _distribution(heads: int, chance: float) -> tuple[float, ...]:
    """P(n answer) for n = 0 to heads, each with the same chance, independently of one another in one round."""
    if not 0 < chance < 1:
        return tuple(float(n == round(heads * chance)) for n in range(heads + 1))
    yes, no = log(chance), log(1 - chance)
    # by logarithms: the coefficients of a large leaf are no floating point numbers
    ways = (lgamma(heads + 1) - lgamma(n + 1) - lgamma(heads - n + 1) for n in range(heads + 1))
    return tuple(exp(way + n * yes + (heads - n) * no) for n, way in enumerate(ways))


@cache
def _cumulated(heads: int, chance: float) -> Sequence[float]:
    return list(accumulate(_distribution(heads, chance)))


def answers(random: Random, heads: int, chance: float) -> int:
    """How many of a leaf answer a round."""
    return min(bisect_right(_cumulated(heads, chance), random.random()), heads)


def chance_of_figures(heads: int, chance: float, cohort_size: int) -> float:
    """The chance that at least a cohort's size of a leaf answer one round."""
    return sum(_distribution(heads, chance)[cohort_size:])


def expected_answers(heads: int, chance: float, cohort_size: int) -> float:
    """How many answer, on average over the rounds in which the leaf has figures of its own; 0 if it never has."""
    shares = _distribution(heads, chance)[cohort_size:]
    total = sum(shares)
    return sum(n * share for n, share in enumerate(shares, start=cohort_size)) / total if total else 0.0


def proposed_threshold(chance: float, cohort_size: int, reliable: float = RELIABLE) -> int:
    """The smallest headcount from which on a short round publishes a leaf in at least this share of rounds.

    `chance` is that of a person to answer one short round. Leaves below it are for the long round.
    """
    least, most = cohort_size, cohort_size
    while chance_of_figures(most, chance, cohort_size) < reliable:
        least, most = most + 1, min(2 * most, MOST_HEADS)
        if least > most:
            return MOST_HEADS
    while least < most:
        middle = (least + most) // 2
        if chance_of_figures(middle, chance, cohort_size) < reliable:
            least = middle + 1
        else:
            most = middle
    return least
