"""Figures of a window from its rounds' coded totals.

Means and shares are exact until they are rounded; only Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) use floating point.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import Any, Final, Self

from schemas.instruments.scoring import Scale
from stream_processors.steps.courses import UNIT, Course
from stream_processors.steps.rollup import Totals
from stream_processors.steps.spc import LEADERS, LEADERS_FROM

Z: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""

NO_FIGURES: Final[Mapping[str, None]] = dict.fromkeys(
    (
        "responses",
        "mean",
        "mean_low",
        "mean_high",
        "at_risk_low",
        "at_risk_high",
        "at_risk_share",
        "at_risk_share_low",
        "at_risk_share_high",
        "coverage",
        "change",
        "change_low",
        "change_high",
    )
)
"""Every figure that an indicator must name, for where nothing is published."""


@dataclass(frozen=True, slots=True)
class Summed:
    """A window: the sums of its published rounds, how many those are, and how many people it asked in all if told."""

    totals: Totals
    rounds: int
    asked: int | None

    @classmethod
    def of(cls, rounds: Iterable[Totals], asked: int | None) -> Self:
        """The sums of one or more rounds."""
        merged, count = Totals(), 0
        for one in rounds:
            merged, count = merged.merge(one), count + 1
        return cls(merged, count, asked)

    @property
    def answers(self) -> float:
        """Of an average round. The same people answer round after round, so precision is that of as many."""
        return self.totals.n / self.rounds

    @property
    def shares(self) -> tuple[float, float]:
        """The bounds of the share at risk."""
        return self.totals.at_risk_low / self.totals.n, self.totals.at_risk_high / self.totals.n

    def means(self, scale: Scale) -> tuple[Fraction, Fraction]:
        """The bounds of the mean, in published units."""
        n = self.totals.n
        return scale.published(self.totals.score_low, n), scale.published(self.totals.score_high, n)


def middle(totals: Totals, scale: Scale) -> Fraction:
    """The middle of a mean's bounds, in published units."""
    return scale.published(totals.score_low + totals.score_high, 2 * totals.n)


def middle_share(totals: Totals) -> Fraction:
    """The middle of the bounds of a share at risk."""
    return Fraction(totals.at_risk_low + totals.at_risk_high, 2 * totals.n)


def figures_of(window: Summed, scale: Scale) -> dict[str, Any]:
    """The figures of a window by itself."""
    totals, asked = window.totals, window.asked
    low, high = window.means(scale)
    figures = {
        "responses": totals.n,
        "mean": in_decimals(middle(totals, scale)),
        "mean_low": in_decimals(low),
        "mean_high": in_decimals(high),
        "coverage": in_decimals(Fraction(totals.n, asked)) if asked else None,
    }
    return figures | (_share(window) if totals.has_cut else {})


def _share(window: Summed) -> dict[str, Any]:
    low, high = window.shares
    return {
        "at_risk_low": window.totals.at_risk_low,
        "at_risk_high": window.totals.at_risk_high,
        "at_risk_share": in_decimals(middle_share(window.totals)),
        "at_risk_share_low": round(wilson(low, window.answers)[0], 4),
        "at_risk_share_high": round(wilson(high, window.answers)[1], 4),
    }


def of_one_round(totals: Totals, scale: Scale) -> dict[str, Any]:
    """The figures of a single round, from which its place on a chart follows."""
    found: dict[str, Any] = {"round_responses": totals.n, "round_mean": in_decimals(middle(totals, scale))}
    if totals.has_cut:
        found |= {"round_at_risk_low": totals.at_risk_low, "round_at_risk_high": totals.at_risk_high}
    return found


def chart(course: Course, scale: Scale, *, is_newest_shown: bool) -> dict[str, Any]:
    """Where a course stands after a round: smoothed, and on its control chart."""
    limits = course.track.limits()
    found: dict[str, Any] = {"smoothed": _of_units(course.smoothed), "rebased_on": course.since}
    if limits is not None:
        found |= {
            "centre": _of_units(limits.centre),
            "limit_low": _of_units(limits.lower),
            "limit_high": _of_units(limits.upper),
            "limit_points": limits.points,
        }
    signal = course.track.signal(scale.direction)
    # on fewer points nothing is told
    if is_newest_shown and limits is not None and limits.points >= LEADERS_FROM:
        found |= {"signal": signal.kind if signal.for_leaders else "common"}
        found |= {"signal_rules": tuple(rule for rule in signal.rules if rule in LEADERS)}
    return found


def _of_units(value: int | None) -> float | None:
    return None if value is None else value / UNIT


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share in [0, 1] of n > 0."""
    centre = share + Z * Z / (2 * n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def in_decimals(value: Fraction) -> float:
    """A figure as it is published, rounded to four decimals, half to even."""
    whole, rest = divmod(value.numerator * UNIT, value.denominator)
    twice = 2 * rest
    return (whole + (twice > value.denominator or (twice == value.denominator and whole % 2))) / UNIT
