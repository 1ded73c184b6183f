"""What is the best guess of one person's answer, given a figure about a group that the person is in? Exactly.

Everyone answers 1 to 5 with equal probability, independently; at risk from 3. The attacker knows this and the
coding rule. For a group of n with published row r the best guess has the probability
    max over x of P(answer = x | r),   on average   sum over r of max over x of P(answer = x and r).
Both are computed in whole numbers: among 5^n equally likely groups each is a count.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

from deploy.resources import catalogue
from stream_processors.steps.coding import Coded, code

ANSWERS: Final = range(1, 6)
CUT: Final = 3
BLIND: Final = Fraction(1, 5)
SIB5: Final = catalogue()["sib5"].scales[0]


@dataclass(frozen=True)
class Figure:
    """A published figure about a group of n: bounds of the sum of its answers and of the number at risk."""

    n: int
    low: int
    high: int
    risk_low: int
    risk_high: int

    def minus(self, other: "Figure") -> "Figure":
        """What is left of this group without another that is part of it."""
        return Figure(
            self.n - other.n,
            self.low - other.high,
            self.high - other.low,
            self.risk_low - other.risk_high,
            self.risk_high - other.risk_low,
        )

    def plus(self, other: "Figure") -> "Figure":
        """Two groups together."""
        return NOBODY.minus(NOBODY.minus(self).minus(other))


NOBODY: Final = Figure(0, 0, 0, 0, 0)


def exact(answers: list[int]) -> Figure:
    """The figure of answers that are known one by one."""
    risk = sum(answer >= CUT for answer in answers)
    return Figure(len(answers), sum(answers), sum(answers), risk, risk)


@cache
def groups(n: int) -> Counter[tuple[int, int]]:
    """Of the 5^n groups of n people, how many have each (sum of answers, number at risk)."""
    if n == 0:
        return Counter({(0, 0): 1})
    result = Counter[tuple[int, int]]()
    for (total, risk), count in groups(n - 1).items():
        for answer in ANSWERS:
            result[total + answer, risk + (answer >= CUT)] += count
    return result


@cache
def posterior(figure: Figure) -> dict[int, Fraction]:
    """The probability of each answer of a member of the group, given its figure as bounds."""
    weights = {answer: _weight(figure, answer) for answer in ANSWERS}
    whole = sum(weights.values())
    return {answer: Fraction(weight, whole) for answer, weight in weights.items()}


def _weight(figure: Figure, answer: int) -> int:
    return sum(
        count
        for (total, risk), count in groups(figure.n - 1).items()
        if figure.low <= total + answer <= figure.high and figure.risk_low <= risk + (answer >= CUT) <= figure.risk_high
    )


def guess(figure: Figure | None) -> int:
    """The best guess of a member's answer; a blind one without a figure."""
    chances = posterior(figure) if figure else dict.fromkeys(ANSWERS, BLIND)
    return max(ANSWERS, key=lambda answer: chances[answer])


Publishing = Callable[[int, int, int], object]
"""What is published of (n, sum, number at risk)."""


def coded(guard: int = 2) -> Publishing:
    """The rule of sealed cohorts, itself."""

    def row(n: int, total: int, risk: int) -> Coded:
        return code(SIB5, n, total, risk, guard)

    return row


def total_alone(n: int, total: int, risk: int) -> int:
    """A sum of answers and nothing else."""
    return total


@cache
def best_guess(n: int, publishing: Publishing, known: tuple[int, ...] = ()) -> Fraction:
    """How often the best guess of one of n members is right, before anything is published.

    `known` are answers of further members, which the attacker takes off.
    """
    rows: dict[object, Counter[int]] = defaultdict(Counter)
    for (total, risk), count in groups(n - 1).items():
        for answer in ANSWERS:
            whole = total + answer + sum(known), risk + sum(one >= CUT for one in (answer, *known))
            rows[publishing(n + len(known), *whole)][answer] += count
    return Fraction(sum(max(chances.values()) for chances in rows.values()), 5**n)
