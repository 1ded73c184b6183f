"""Changes from the window before to this one, which share no round, with 95 % intervals of who happens to answer."""

from fractions import Fraction
from functools import cache
from math import hypot, sqrt
from typing import Any, NamedTuple

from schemas.instruments.scoring import Scale
from stream_processors.steps.figures import Summed, Z, in_decimals, middle, middle_share, wilson


def changes(now: Summed, then: Summed, scale: Scale) -> dict[str, Any]:
    """The changes of mean, share at risk and coverage, as far as both windows tell them."""
    found = _change(now, then, scale)
    if now.asked and then.asked:
        coverages = (Fraction(one.totals.n, one.asked or 1) for one in (now, then))
        found["coverage_change"] = in_decimals(next(coverages) - next(coverages))
    return found | (_share_change(now, then) if now.totals.has_cut else {})


def _change(now: Summed, then: Summed, scale: Scale) -> dict[str, Any]:
    """Of the mean. Its interval is wider than its bounds by the chance of who answers: the same people in every round
    of a window, and others in the other window. Where the same people answer in both it is too wide."""
    (low, high), (low_then, high_then) = now.means(scale), then.means(scale)
    half = Z * sqrt(sum(_variance(one, scale) / one.answers for one in (now, then)))
    return {
        "change": in_decimals(middle(now.totals, scale) - middle(then.totals, scale)),
        "change_low": round(float(low) - float(high_then) - half, 4),
        "change_high": round(float(high) - float(low_then) + half, 4),
    }


class _Spread(NamedTuple):
    """Variances of a score: between those at risk and the others, and within either, in published units squared."""

    between: float
    at_risk: float
    others: float


@cache
def _spread(scale: Scale) -> _Spread:
    """No squares are ever published, so scores are taken to be spread evenly over those possible at risk and over those
    possible else. Few real scales are spread as widely."""
    unit = scale.published(1, 1) - scale.published(0, 1)
    if scale.cut is None:
        return _Spread(0.0, 0.0, float(_even(scale.score_min, scale.score_max) * unit**2))
    risk, other = scale.at_risk_range, scale.not_at_risk_range
    between = (Fraction(sum(risk) - sum(other)) / 2) ** 2
    return _Spread(*(float(variance * unit**2) for variance in (between, _even(*risk), _even(*other))))


def _even(low: int, high: int) -> Fraction:
    """Variance of a whole number that is as likely to be any from low to high."""
    return Fraction((high - low + 1) ** 2 - 1) / 12


def _variance(window: Summed, scale: Scale) -> float:
    """Of one person's score."""
    spread, share = _spread(scale), sum(window.shares) / 2
    return share * (1 - share) * spread.between + share * spread.at_risk + (1 - share) * spread.others


def _share_change(now: Summed, then: Summed) -> dict[str, float]:
    """Of the share at risk, with Newcombe's hybrid score interval (Newcombe RG (1998) Stat Med 17:873-890, method 10)
    from the ends of both bounds. It takes the windows for different people; where the same answer it is too wide."""
    (low, high), (low_then, high_then) = now.shares, then.shares
    down = hypot(low - wilson(low, now.answers)[0], wilson(high_then, then.answers)[1] - high_then)
    up = hypot(wilson(high, now.answers)[1] - high, low_then - wilson(low_then, then.answers)[0])
    return {
        "share_change": in_decimals(middle_share(now.totals) - middle_share(then.totals)),
        "share_change_low": round(low - high_then - down, 4),
        "share_change_high": round(high - low_then + up, 4),
    }
