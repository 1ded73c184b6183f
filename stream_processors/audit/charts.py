"""The course of a scale over single rounds, worked out again from its values: smoothed, and on a control chart.

As docs/indicators.md describes it: the weighted mean takes three tenths of each new value; limits are the mean and 2.66
mean moving ranges of all values so far; three rules tell special causes from common ones, from eight values on.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

Value = Fraction | None
"""A published mean, or None for a round that published nothing there."""

_TOLD_FROM: Final = 8
_RUN: Final = 7
_WIDTH: Final = Fraction(266, 100)
_GRID: Final = 10_000


class Point(NamedTuple):
    """A round: its first answer date, and the mean there."""

    first: date
    value: Value


def expected(points: Sequence[Point], since: date | None, direction: str) -> dict[str, object]:
    """What a figure of the last of these rounds tells of the course, by column; what it does not tell is None."""
    values = [point.value for point in points if since is None or point.first >= since]
    result: dict[str, object] = dict.fromkeys(("centre", "limit_low", "limit_high", "limit_points"))
    result |= {"smoothed": _smoothed(point.value for point in points), "signal": "", "signal_rules": ()}
    limits = _limits(values)
    if limits is None:
        return result
    result |= limits.columns()
    if values[-1] is not None and limits.points >= _TOLD_FROM:
        rules = tuple(_broken(values, limits))
        result |= {"signal": _cause(values[-1], limits, direction) if rules else "common", "signal_rules": rules}
    return result


class _Limits(NamedTuple):
    centre: Fraction
    away: Fraction
    points: int

    def columns(self) -> dict[str, object]:
        """As they are published: limits are rounded towards the centre, so that no value changes sides."""
        low, high = (self.centre - self.away) * _GRID, (self.centre + self.away) * _GRID
        return {
            "centre": Fraction((self.centre * _GRID + Fraction(1, 2)).__floor__(), _GRID),
            "limit_low": Fraction(low.__ceil__(), _GRID),
            "limit_high": Fraction(high.__floor__(), _GRID),
            "limit_points": self.points,
        }

    def steps(self, value: Fraction) -> int:
        """How far a value is from the centre: beyond the limit 3, beyond two thirds of the way 2, else 1, on it 0."""
        distance = abs(value - self.centre)
        if distance > self.away:
            return 3
        return 2 if 3 * distance > 2 * self.away else int(distance > 0)


def _smoothed(values: Iterable[Value]) -> Value:
    found: Value = None
    for value in values:
        if found is None:
            found = value
        elif value is not None:
            found = Fraction(((3 * value + 7 * found) * _GRID / 10 + Fraction(1, 2)).__floor__(), _GRID)
    return found


def _limits(values: Sequence[Value]) -> _Limits | None:
    used: list[Fraction] = []
    ranges: list[Fraction] = []
    before: Value = None
    for value in values:
        if value is not None:
            used.append(value)
            ranges += [] if before is None else [abs(value - before)]
        before = value
    if not ranges:
        return None
    return _Limits(sum(used, Fraction()) / len(used), _WIDTH * sum(ranges, Fraction()) / len(ranges), len(used))


def _broken(values: Sequence[Value], limits: _Limits) -> Iterable[str]:
    """The rules that the last value breaks: beyond a limit; seven on one side of the centre; two of three on one side
    near a limit."""
    steps = [0 if value is None else limits.steps(value) for value in values[-3:]]
    sides = [0 if value is None else (value > limits.centre) - (value < limits.centre) for value in values[-_RUN:]]
    if steps[-1] == 3:
        yield "outside"
    if abs(sum(sides)) == _RUN:
        yield "run"
    if abs(sum(sides[-3:])) == 3 and steps[-1] == 2 and steps.count(2) >= 2:
        yield "two_of_three"


def _cause(value: Fraction, limits: _Limits, direction: str) -> str:
    is_good = value > limits.centre if direction == "higher_is_better" else value < limits.centre
    return "improvement" if is_good else "concern"
