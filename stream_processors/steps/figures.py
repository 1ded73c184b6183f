"""Figures of a window from its rounds' coded totals.

Means and shares are exact rationals until the last step; only Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) use floating point.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import hypot, sqrt
from typing import Any, Final

from schemas.instruments.scoring import Scale
from stream_processors.steps.courses import UNIT, Course
from stream_processors.steps.rollup import Totals
from stream_processors.steps.spc import LEADERS

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


def _merged(totals: Iterable[Totals]) -> Totals:
    result = Totals()
    for item in totals:
        result = result.merge(item)
    return result


def _means(totals: Iterable[Totals], scale: Scale) -> tuple[Fraction, Fraction]:
    merged = _merged(totals)
    return scale.published(merged.score_low, merged.n), scale.published(merged.score_high, merged.n)


def middle(totals: Totals, scale: Scale) -> Fraction:
    """The middle of a mean's bounds, in published units."""
    ends = (totals.score_low, totals.score_high)
    return sum((scale.published(end, totals.n) for end in ends), Fraction()) / 2


def figures_of(totals: Sequence[Totals], asked: int | None, scale: Scale) -> dict[str, Any]:
    """The figures of a window of one or more rounds, all but the change. `asked` is over all its rounds."""
    merged = _merged(totals)
    low, high = _means(totals, scale)
    figures = {
        "responses": merged.n,
        "mean": _number((low + high) / 2),
        "mean_low": _number(low),
        "mean_high": _number(high),
        "coverage": _number(Fraction(merged.n, asked)) if asked else None,
    }
    return figures | (_share(merged, len(totals)) if merged.has_cut else {})


def _share(merged: Totals, rounds: int) -> dict[str, Any]:
    # the same people answer round after round, so precision is that of an average round, not of their sum
    effective = merged.n / rounds
    return {
        "at_risk_low": merged.at_risk_low,
        "at_risk_high": merged.at_risk_high,
        "at_risk_share": _number(Fraction(merged.at_risk_low + merged.at_risk_high, 2 * merged.n)),
        "at_risk_share_low": round(wilson(merged.at_risk_low / merged.n, effective)[0], 4),
        "at_risk_share_high": round(wilson(merged.at_risk_high / merged.n, effective)[1], 4),
    }


Asked = tuple[Sequence[Totals], int | None]
"""A window: the totals of its published rounds, and how many people it asked in all if that is told."""


def changes(current: Asked, before: Asked, scale: Scale) -> dict[str, Any]:
    """Differences to the window before this one, which shares no round with it."""
    (totals, asked), (earlier, asked_before) = current, before
    if not earlier:
        return {}
    found = _change(totals, earlier, scale)
    if asked and asked_before:
        n, n_before = (sum(one.n for one in held) for held in (totals, earlier))
        found["coverage_change"] = _number(Fraction(n, asked) - Fraction(n_before, asked_before))
    return found | (_share_change(totals, earlier) if totals[0].has_cut else {})


def _change(totals: Sequence[Totals], before: Sequence[Totals], scale: Scale) -> dict[str, Any]:
    """Of the mean. Its interval is wider than its bounds by the chance of who answers: the same people in every round
    of a window, and others in the other window. Where the same people answer in both it is too wide."""
    (low, high), (low_before, high_before) = _means(totals, scale), _means(before, scale)
    half = Z * sqrt(sum(_variance(_merged(held), scale) * len(held) / _merged(held).n for held in (totals, before)))
    return {
        "change": _number((low + high - low_before - high_before) / 2),
        "change_low": round(float(low - high_before) - half, 4),
        "change_high": round(float(high - low_before) + half, 4),
    }


def _variance(totals: Totals, scale: Scale) -> Fraction:
    """Of one person's score, in published units: no squares are ever published, so scores are taken to be spread evenly
    over those possible at risk and over those possible else. Few real scales are spread as widely."""
    unit = scale.published(1, 1) - scale.published(0, 1)
    if not totals.has_cut:
        return _even(scale.score_min, scale.score_max) * unit * unit
    share = Fraction(totals.at_risk_low + totals.at_risk_high, 2 * totals.n)
    risk, other = scale.at_risk_range, scale.not_at_risk_range
    apart = Fraction(sum(risk) - sum(other), 2)
    spread = share * (1 - share) * apart * apart + share * _even(*risk) + (1 - share) * _even(*other)
    return spread * unit * unit


def _even(low: int, high: int) -> Fraction:
    """Variance of a whole number that is as likely to be any from low to high."""
    return Fraction((high - low + 1) ** 2 - 1, 12)


def _share_change(totals: Sequence[Totals], before: Sequence[Totals]) -> dict[str, float]:
    """Of the share at risk, with Newcombe's hybrid score interval (Newcombe RG (1998) Stat Med 17:873-890, method 10)
    from the ends of both bounds. It takes the windows for different people; where the same answer it is too wide."""
    now, then = _merged(totals), _merged(before)
    n, n_then = now.n / len(totals), then.n / len(before)
    low, high = now.at_risk_low / now.n, now.at_risk_high / now.n
    low_then, high_then = then.at_risk_low / then.n, then.at_risk_high / then.n
    down = hypot(low - wilson(low, n)[0], wilson(high_then, n_then)[1] - high_then)
    up = hypot(wilson(high, n)[1] - high, low_then - wilson(low_then, n_then)[0])
    middle_now = Fraction(now.at_risk_low + now.at_risk_high, 2 * now.n)
    middle_then = Fraction(then.at_risk_low + then.at_risk_high, 2 * then.n)
    return {
        "share_change": _number(middle_now - middle_then),
        "share_change_low": round(low - high_then - down, 4),
        "share_change_high": round(high - low_then + up, 4),
    }


def of_one_round(totals: Totals, scale: Scale) -> dict[str, Any]:
    """The figures of a single round, from which its place on a chart follows."""
    found: dict[str, Any] = {"round_responses": totals.n, "round_mean": _number(middle(totals, scale))}
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
    # while the limits are a trial nothing is told
    if is_newest_shown and limits is not None and not limits.trial:
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


def _number(value: Fraction) -> float:
    return float(round(value, 4))
