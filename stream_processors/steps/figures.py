"""Figures of a window from its rounds' coded totals.

Means and shares are exact rationals until the last step; only Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) use floating point.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import sqrt
from typing import Any, Final

from schemas.instruments.scoring import Scale
from stream_processors.steps.rollup import Totals

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
"""Every figure, for where nothing is published."""


def _merged(totals: Iterable[Totals]) -> Totals:
    result = Totals()
    for item in totals:
        result = result.merge(item)
    return result


def _means(totals: Iterable[Totals], scale: Scale) -> tuple[Fraction, Fraction]:
    merged = _merged(totals)
    return scale.published(merged.score_low, merged.n), scale.published(merged.score_high, merged.n)


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


def change(totals: Sequence[Totals], before: Sequence[Totals], scale: Scale) -> dict[str, float]:
    """Difference to the window before this one, which shares no round with it."""
    if not before:
        return {}
    (low, high), (low_before, high_before) = _means(totals, scale), _means(before, scale)
    return {
        "change": _number((low + high - low_before - high_before) / 2),
        "change_low": _number(low - high_before),
        "change_high": _number(high - low_before),
    }


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share in [0, 1] of n > 0."""
    centre = share + Z * Z / (2 * n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _number(value: Fraction) -> float:
    return float(round(value, 4))
