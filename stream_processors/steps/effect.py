"""Before and after an intervention: the step in a place's course, with what chance alone would make of it.

An interrupted series over single rounds: value = level + trend * time + step * (after), by ordinary least squares, with
one trend for both sides. The interval is Student's, made wider where neighbouring residuals go together (lag 1), since
the same people answer again. How many rounds each side needs was chosen by simulation: docs/indicators.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import cos, pi, sin, sqrt, tan
from typing import Final, Literal, NamedTuple

from stream_processors.steps.spc import Direction

Reason = Literal["too_few_before", "too_few_after", "no_variation"]

LEAST: Final = 8
"""Published rounds needed on either side."""

FITTED: Final = 3
"""Numbers fitted: level, trend and step."""

MOST_TOGETHER: Final = 0.8
"""The largest autocorrelation that the interval is widened for: beyond, so few rounds tell nothing."""

CONFIDENCE: Final = 0.95
UNIT: Final = 10_000


class Point(NamedTuple):
    """A round at a place: the first and last day people answered, and its mean in ten-thousandths or None for a gap."""

    first: date
    last: date
    value: int | None


@dataclass(frozen=True, slots=True)
class Effect:
    """The step at an intervention in ten-thousandths, its 95 % interval, and the published rounds it rests on.

    `left_out` were open when it began and belong to neither side.
    """

    change: int
    low: int
    high: int
    before: int
    after: int
    left_out: int
    autocorrelation: float
    sentence: str

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out that nothing has changed."""
        return _is_clear(self.low, self.high)


@dataclass(frozen=True, slots=True)
class NoEffect:
    """Why no step can be estimated."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class _Sides:
    """The published rounds in time, as (day, whether after, value), and how many had to be left out.

    A gap between two rounds is a None.
    """

    rounds: tuple[tuple[float, int, int] | None, ...]
    left_out: int

    @property
    def known(self) -> list[tuple[float, int, int]]:
        """The rounds without the gaps."""
        return [one for one in self.rounds if one is not None]

    def count(self, side: int) -> int:
        """How many are on a side, two at one time counted once: at one time there is no course."""
        return len({day for day, after, _ in self.known if after == side})


def effect(
    points: Sequence[Point], on: date, direction: Direction, unit: str = "points", least: int = LEAST
) -> Effect | NoEffect:
    """The step at the day `on`; `unit` names what the scale's mean is counted in. `least` is 2 or more."""
    sides = _sides(points, on)
    before, after = sides.count(0), sides.count(1)
    if before < least or after < least:
        return _too_few(before, after, least)
    step, error, together = _step(sides)
    if not error:
        return NoEffect("no_variation", "No estimate: the published means do not vary, so chance cannot be told.")
    half = quantile(CONFIDENCE, len(sides.known) - FITTED) * error
    change, low, high = round(step), round(step - half), round(step + half)
    sentence = _sentence(change, (low, high), on, direction, unit)
    return Effect(change, low, high, before, after, sides.left_out, round(together, 4), sentence)


def _sides(points: Sequence[Point], on: date) -> _Sides:
    rounds: list[tuple[float, int, int] | None] = []
    left_out = 0
    for point in sorted(points, key=lambda one: (one.first, one.last)):
        is_open = point.first < on <= point.last
        left_out += is_open and point.value is not None
        if point.value is None or is_open:
            rounds.append(None)
        else:
            middle = (point.first.toordinal() + point.last.toordinal()) / 2
            rounds.append((middle, int(point.first >= on), point.value))
    return _Sides(tuple(rounds), left_out)


def _too_few(before: int, after: int, least: int) -> NoEffect:
    side, count = ("before", before) if before < least else ("after", after)
    what = "no round" if count == 0 else "one round" if count == 1 else f"{count} rounds"
    return NoEffect(
        "too_few_before" if side == "before" else "too_few_after",
        f"No estimate: {what} with figures {side} it, and {least} are needed on either side.",
    )


def _step(sides: _Sides) -> tuple[float, float, float]:
    """The step, its standard error, and the autocorrelation of neighbouring residuals."""
    known = sides.known
    days, afters, values = (_centred([one[i] for one in known]) for i in range(3))
    # the step is what is left of "after" once time is taken out of it (Frisch and Waugh)
    own = _without(afters, days)
    rest = _without(values, days)
    weight = sum(one * one for one in own)
    step = sum(a * b for a, b in zip(own, rest, strict=True)) / weight
    residuals = [b - step * a for a, b in zip(own, rest, strict=True)]
    squares = sum(one * one for one in residuals)
    # what rounding leaves of equal values is no variation
    if squares < 1e-6:
        return step, 0.0, 0.0
    together = sum(a * b for a, b in _neighbours(sides, residuals)) / squares
    wider = _wider(together, len(known))
    return step, sqrt(squares / (len(known) - FITTED) / weight) * wider, together


def _wider(together: float, rounds: int) -> float:
    """By how much chance exceeds that of independent rounds: as for the mean of a first-order autoregression.

    Each fitted number pulls the autocorrelation of residuals down by about (1 + r) / n, which is given back.
    """
    likely = together + FITTED * (1 + together) / rounds
    held = min(max(likely, 0.0), MOST_TOGETHER)
    return sqrt((1 + held) / (1 - held))


def _neighbours(sides: _Sides, residuals: Sequence[float]) -> Iterator[tuple[float, float]]:
    waiting = iter(residuals)
    placed = [None if one is None else next(waiting) for one in sides.rounds]
    return ((a, b) for a, b in pairwise(placed) if a is not None and b is not None)


def _centred(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _without(values: Sequence[float], other: Sequence[float]) -> list[float]:
    """What is left of centred values once their line on others is taken out."""
    slope = sum(a * b for a, b in zip(values, other, strict=True)) / sum(b * b for b in other)
    return [a - slope * b for a, b in zip(values, other, strict=True)]


def quantile(confidence: float, freedom: int) -> float:
    """Student's t that a share `confidence` of values is within, on either side of 0. By bisection on the angle."""
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return tan(low) * sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """The share of Student's t within tan(angle) * sqrt(freedom) (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    is_odd = freedom % 2
    square = cos(angle) ** 2
    term = total = (cos(angle) if is_odd else 1.0) if freedom > 1 else 0.0
    for i in range(2 + is_odd, freedom - 1, 2):
        term *= square * (i - 1) / i
        total += term
    return 2 / pi * (angle + sin(angle) * total) if is_odd else sin(angle) * total


def _sentence(change: int, interval: tuple[int, int], on: date, direction: Direction, unit: str) -> str:
    digits = 1 if interval[1] - interval[0] >= UNIT else 2
    said = (
        f"Since {on.isoformat()} the mean is {_amount(change, unit, digits)} ({_interval(*interval, digits)}) than the "
        "course before"
    )
    if not _is_clear(*interval):
        return f"{said} would give: no clear change."
    better = (change > 0) == (direction == "higher_is_better")
    way = "better" if better else "worse"
    return f"{said} would give, which is {way}; this does not show that it was the intervention."


def _is_clear(low: int, high: int) -> bool:
    return low > 0 or high < 0


def _amount(change: int, unit: str, digits: int) -> str:
    return f"{abs(change) / UNIT:.{digits}f} {unit} {_way(change)}"


def _interval(low: int, high: int, digits: int) -> str:
    if low < 0 < high:
        return f"95 % interval {-low / UNIT:.{digits}f} lower to {high / UNIT:.{digits}f} higher"
    near, far = sorted((abs(low), abs(high)))
    return f"95 % interval {near / UNIT:.{digits}f} to {far / UNIT:.{digits}f} {_way(low + high)}"


def _way(change: int) -> str:
    return "lower" if change < 0 else "higher"
