"""The same people again: what is not prevented. A known joiner of a group that answers alike in two rounds, exactly.

The attacker sees the group's total before and after; the best guess of the joiner's answer is computed over every
pair of totals. Those who stay repeat their answer with probability p and else answer anew.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Final

from tests.attacks.inference import Figure

EVEN: Final = dict.fromkeys(range(1, 6), Fraction(1, 5))
SKEWED: Final = {answer: Fraction(share, 100) for answer, share in enumerate((15, 30, 30, 17, 8), start=1)}

Pairs = Mapping[tuple[int, int], int]
"""Totals before and after, with weights in whole numbers."""


def best_guess_of_joiner(stayers: int, repeat: Fraction, prior: Mapping[int, Fraction]) -> Fraction:
    """How often the best guess of the joiner's answer is right."""
    one = {
        (before, after): prior[before] * ((before == after) * repeat + (1 - repeat) * prior[after])
        for before in prior
        for after in prior
    }
    scale = 100**2 * 10
    whole = {pair: int(chance * scale) for pair, chance in one.items() if chance}
    assert sum(whole.values()) == scale
    seen: dict[tuple[int, int], list[Fraction]] = defaultdict(list)
    for (before, after), weight in _together(whole, stayers).items():
        for answer, share in prior.items():
            seen[before, after + answer].append(share * weight)
    right = sum((max(chances) for chances in seen.values()), Fraction(0))
    return Fraction(right, Fraction(scale**stayers))


@cache
def pairs(stayers: int, repeat: Fraction) -> Pairs:
    """The totals before and after of those who stay, with weights; every answer equally likely."""
    one = {
        (before, after): int(500 * Fraction(1, 5) * ((before == after) * repeat + (1 - repeat) * Fraction(1, 5)))
        for before in EVEN
        for after in EVEN
    }
    return _together({pair: weight for pair, weight in one.items() if weight}, stayers)


def guess_of_joiner(stayers: int, repeat: Fraction, before: Figure, after: Figure) -> int:
    """The best guess of the answer of the one who joined, or with `before` and `after` exchanged of who left."""
    chances = dict.fromkeys(EVEN, 0)
    for (first, second), weight in pairs(stayers, repeat).items():
        if before.low <= first <= before.high:
            for answer in EVEN:
                chances[answer] += weight * (after.low <= second + answer <= after.high)
    return max(EVEN, key=lambda answer: chances[answer])


def _together(one: Pairs, people: int) -> Pairs:
    result: Counter[tuple[int, int]] = Counter({(0, 0): 1})
    for _ in range(people):
        grown: Counter[tuple[int, int]] = Counter()
        for (before, after), weight in result.items():
            for (first, second), more in one.items():
                grown[before + first, after + second] += weight * more
        result = grown
    return result
