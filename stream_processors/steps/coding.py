"""Coding of a cohort's totals: what is published leaves room for every score of every member.

The rule is public, so a total on an edge of its box is published as the interval it stands for.
Source: docs/privacy.md, "Coding".
"""

from dataclasses import dataclass

from schemas.instruments.scoring import Scale


@dataclass(frozen=True, slots=True)
class Coded:
    """Coded totals of one cohort and scale; bounds are inclusive, scores in grid units."""

    score_low: int
    score_high: int
    at_risk_low: int | None
    at_risk_high: int | None


def code(scale: Scale, n: int, total: int, at_risk: int, guard: int) -> Coded:
    """Code a cohort of n with its score total and number at risk; `guard` is e = coalition + 1."""
    if scale.cut is None:
        room = guard * (scale.score_max - scale.score_min)
        lowest, highest = n * scale.score_min, n * scale.score_max
        return Coded(*_boxed(total, lowest + room, highest - room, lowest, highest), None, None)
    count = min(max(at_risk, guard), n - guard)
    low = 0 if count == guard else count
    high = n if count == n - guard else count
    (l1, u1), (l0, u0) = scale.at_risk_range, scale.not_at_risk_range
    room = guard * max(u1 - l1, u0 - l0)
    lowest = min(a * l1 + (n - a) * l0 for a in (low, high))
    highest = max(a * u1 + (n - a) * u0 for a in (low, high))
    bottom, top = count * l1 + (n - count) * l0 + room, count * u1 + (n - count) * u0 - room
    return Coded(*_boxed(total, bottom, top, lowest, highest), low, high)


def _boxed(total: int, bottom: int, top: int, lowest: int, highest: int) -> tuple[int, int]:
    """The interval a total stands for after clamping to [bottom, top]; the whole range where that box is empty."""
    if bottom > top:
        return lowest, highest
    clamped = min(max(total, bottom), top)
    return (lowest if clamped == bottom else clamped), (highest if clamped == top else clamped)
