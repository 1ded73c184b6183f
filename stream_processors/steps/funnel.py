"""Funnel plot: which places' at-risk shares differ from that of all by more than chance, whatever their size.

Limits are exact binomial ones (Spiegelhalter DJ (2005) Stat Med 24:1185-1202), without interpolation between counts: a
place that is like the others is outside of a limit at most as often as the limit says, and less often where it is
small. Only coded bounds are known of each count, so a place is outside only where it is so for every count that the
bounds leave open, its own and the others'. All of it is decided in integers.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, Literal, NamedTuple

Verdict = Literal["within", "high", "very_high", "low", "very_low"]

TAIL_95: Final = Fraction(1, 40)
"""Beyond one limit of 95 %: about two standard deviations. Of 40 places alike, one is there at either end."""

TAIL_998: Final = Fraction(1, 1000)
"""Beyond one limit of 99.8 %: about three standard deviations."""


class Place(NamedTuple):
    """One round's answers at a place that no other place of the comparison holds: n > 0, and the bounds at risk."""

    node: str
    n: int
    at_risk_low: int
    at_risk_high: int


class Range(NamedTuple):
    """The counts at risk of a place that are within limits, both included."""

    least: int
    most: int


class Standing(NamedTuple):
    """A place in the funnel: its shares as coded, its limits as shares, and whether it is outside.

    `high` and `low` are outside of 95 %, `very_high` and `very_low` outside of 99.8 %.
    """

    node: str
    n: int
    share_low: float
    share_high: float
    limits_95: tuple[float, float]
    limits_998: tuple[float, float]
    verdict: Verdict


class Funnel(NamedTuple):
    """The share of all together, between its coded bounds, and every place beside it."""

    share: float
    share_low: float
    share_high: float
    places: tuple[Standing, ...]


def funnel(places: Sequence[Place]) -> Funnel | None:
    """Compare places with all of them together; None without places."""
    people = sum(place.n for place in places)
    if not people:
        return None
    low = Fraction(sum(place.at_risk_low for place in places), people)
    high = Fraction(sum(place.at_risk_high for place in places), people)
    standings = tuple(_standing(place, low, high) for place in places)
    return Funnel(_number((low + high) / 2), _number(low), _number(high), standings)


def limits(n: int, low: Fraction, high: Fraction, tail: Fraction) -> Range:
    """The counts of n that a place may have by chance, where the share of all is somewhere from `low` to `high`."""
    return Range(_least(n, low, tail), n - _least(n, 1 - high, tail))


def _standing(place: Place, low: Fraction, high: Fraction) -> Standing:
    usual, rare = (limits(place.n, low, high, tail) for tail in (TAIL_95, TAIL_998))
    return Standing(
        place.node,
        place.n,
        _number(Fraction(place.at_risk_low, place.n)),
        _number(Fraction(place.at_risk_high, place.n)),
        (_number(Fraction(usual.least, place.n)), _number(Fraction(usual.most, place.n))),
        (_number(Fraction(rare.least, place.n)), _number(Fraction(rare.most, place.n))),
        _verdict(place, usual, rare),
    )


def _verdict(place: Place, usual: Range, rare: Range) -> Verdict:
    if place.at_risk_low > usual.most:
        return "very_high" if place.at_risk_low > rare.most else "high"
    if place.at_risk_high < usual.least:
        return "very_low" if place.at_risk_high < rare.least else "low"
    return "within"


def _least(n: int, share: Fraction, tail: Fraction) -> int:
    """The smallest count of n that is not in the lower tail: so many or fewer are more likely than `tail`."""
    at_risk, rest = share.numerator, share.denominator - share.numerator
    if not rest:
        return n
    # probabilities times denominator ** n, which makes them whole
    term = total = rest**n
    line = tail * share.denominator**n
    count = 0
    while total <= line:
        term = term * (n - count) * at_risk // ((count + 1) * rest)
        total += term
        count += 1
    return count


def _number(value: Fraction) -> float:
    return round(float(value), 4)
