"""A second implementation of the control charts, for tests: the rules as their sources word them, in fractions.

Written point by point from NHSRplotthedots (`ptd_spc_standard`, `ptd_calculate_point_type`), with what it offers and we
do not use: the screening of moving ranges. It knows nothing of `stream_processors.steps.spc`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

Values = Sequence[int | None]


@dataclass(frozen=True)
class Lines:
    """Mean, mean moving range and limits of a series, exactly."""

    mean: Fraction
    moving: Fraction

    @property
    def limits(self) -> tuple[Fraction, Fraction]:
        """Lower and upper process limit."""
        return self.at(Fraction(1))

    def at(self, part: Fraction) -> tuple[Fraction, Fraction]:
        """The two lines at a part of the way from the mean to the limits."""
        away = part * Fraction(266, 100) * self.moving
        return self.mean - away, self.mean + away


def lines(values: Values, fix_after: int | None = None, *, screened: bool = False) -> Lines | None:
    """The lines of a series; None where no two points follow each other."""
    used = list(_first(values, fix_after))
    points = [value for value in used if value is not None]
    moved = [Fraction(abs(b - a)) for a, b in pairwise(used) if a is not None and b is not None]
    if screened and moved:
        screen = Fraction(3267, 1000) * sum(moved, Fraction()) / len(moved)
        moved = [one for one in moved if one < screen]
    if not moved:
        return None
    return Lines(Fraction(sum(points)) / len(points), sum(moved, Fraction()) / len(moved))


def _first(values: Values, fix_after: int | None) -> Values:
    """The series up to its first so many points."""
    if fix_after is None:
        return values
    places = [at for at, value in enumerate(values) if value is not None][:fix_after]
    return values[: places[-1] + 1] if places else []


def flags(
    values: Values, fix_after: int | None = None, *, screened: bool = False
) -> list[tuple[bool, bool, bool, bool]]:
    """Per round whether it is outside, in a run of seven, in a trend of seven, and in two of three."""
    found = lines(values, fix_after, screened=screened)
    if found is None:
        return [(False,) * 4] * len(values)
    outside = [value is not None and not _within(value, found.limits) for value in values]
    sides = [0 if value is None else _sign(value - found.mean) for value in values]
    close = [
        value is not None and not out and not _within(value, found.at(Fraction(2, 3)))
        for value, out in zip(values, outside, strict=True)
    ]
    runs = [abs(sum(sides[i : i + 7])) == 7 for i in range(len(values) - 6)]
    trends = [_is_trend(values[i : i + 7]) for i in range(len(values) - 6)]
    three = [abs(sum(sides[i : i + 3])) == 3 and sum(close[i : i + 3]) >= 2 for i in range(len(values) - 2)]
    return [
        (
            outside[i],
            any(runs[max(0, i - 6) : i + 1]),
            any(trends[max(0, i - 6) : i + 1]),
            close[i] and any(three[max(0, i - 2) : i + 1]),
        )
        for i in range(len(values))
    ]


def side(values: Values, at: int, fix_after: int | None = None) -> int:
    """On which side of the mean a point is."""
    found, value = lines(values, fix_after), values[at]
    assert found is not None
    assert value is not None
    return _sign(value - found.mean)


def _within(value: int | Fraction, pair: tuple[Fraction, Fraction]) -> bool:
    return pair[0] <= value <= pair[1]


def _is_trend(seven: Values) -> bool:
    known = [value for value in seven if value is not None]
    if len(known) < 7:
        return False
    steps = [b - a for a, b in pairwise(known)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _sign(number: int | Fraction) -> int:
    return (number > 0) - (number < 0)
