"""Control charts of one series (XmR): limits and signals, after each point or for a whole chart.

The rules are those of NHS England's "Making Data Count", as the R package NHSRplotthedots has them: the limits are the
mean and 2.66 times the mean moving range, and four rules tell special from common cause. All of it is compared as
integers, so every reader of the same figures draws the same chart. Which rules leaders are told of, and how many points
the limits rest on, was chosen by simulation: docs/indicators.md, "Control charts".

Values are published figures in ten-thousandths, one for each round in which the form was fielded at the place. None is
a gap: a round that published nothing there. Nothing is put in its place, and it ends every run, trend and range.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, NamedTuple

Direction = Literal["higher_is_worse", "higher_is_better"]
Kind = Literal["none", "improvement", "concern", "common"]
Rule = Literal["outside", "run", "trend", "two_of_three"]
Assurance = Literal["meets", "hit_and_miss", "fails"]

BASELINE: Final[int | None] = None
"""Limits rest on the first points up to this many, and are held from then on. None: on all points."""

FIRM: Final = 12
"""Points from which limits are no longer a trial."""

LEADERS: Final[frozenset[Rule]] = frozenset({"outside", "run", "two_of_three"})
"""The rules that leaders are told of. All are drawn."""

LEADERS_FROM: Final = 8
"""Points from which leaders are told."""

RUN: Final = 7
"""Points in a run or a trend."""

HUNDREDTHS: Final = 266
"""Mean moving ranges from the mean to a limit, times 100: three standard deviations of normal values."""


class Limits(NamedTuple):
    """Mean and control limits of a series in ten-thousandths, and how many points they rest on.

    The limits are rounded towards the mean, so that a value is outside of them exactly if it is outside the true ones.
    """

    centre: int
    lower: int
    upper: int
    points: int

    @property
    def trial(self) -> bool:
        """Whether too few points are there to rely on them."""
        return self.points < FIRM


class Signal(NamedTuple):
    """What a chart says of one point, and on how many points its limits rest. `none`: of this one, nothing."""

    kind: Kind
    rules: tuple[Rule, ...] = ()
    points: int = 0

    @property
    def for_leaders(self) -> bool:
        """Whether leaders are told: enough points, and a rule that counts for them."""
        return self.points >= LEADERS_FROM and not LEADERS.isdisjoint(self.rules)


class Judged(NamedTuple):
    """One round of a chart: its value if there is one, the limits of its stretch, and what the chart says of it."""

    value: int | None
    limits: Limits | None
    signal: Signal


class _Ruler(NamedTuple):
    """What a value is compared with: the mean as a fraction, the limits, and the lines at two thirds of the way."""

    total: int
    points: int
    lower: int
    upper: int
    near_lower: int
    near_upper: int

    def side(self, value: int) -> int:
        """Where a value is: above the mean 1, below -1, on it 0."""
        exact = value * self.points
        return (exact > self.total) - (exact < self.total)

    def is_outside(self, value: int) -> bool:
        """Whether a value is beyond a limit."""
        return not self.lower <= value <= self.upper

    def is_near(self, value: int) -> bool:
        """Whether a value is beyond two thirds of the way to a limit, and not beyond the limit."""
        return not self.near_lower <= value <= self.near_upper and not self.is_outside(value)


@dataclass(frozen=True, slots=True)
class Track:
    """A series so far, as much of it as limits and rules need; each further point takes the same time.

    `recent` are the last points without a gap between them, at most as many as a run.
    """

    baseline: int | None = BASELINE
    count: int = 0
    total: int = 0
    ranges: int = 0
    range_total: int = 0
    recent: tuple[int, ...] = ()

    def add(self, value: int | None) -> "Track":
        """The series with one more round."""
        if value is None:
            return replace(self, recent=())
        recent = (*self.recent, value)[-RUN:]
        if self.baseline is not None and self.count >= self.baseline:
            return replace(self, recent=recent)
        moved = abs(value - self.recent[-1]) if self.recent else 0
        return Track(
            self.baseline,
            self.count + 1,
            self.total + value,
            self.ranges + bool(self.recent),
            self.range_total + moved,
            recent,
        )

    def rebase(self) -> "Track":
        """A series that starts anew, with limits of its own, after a known and lasting change."""
        return Track(self.baseline)

    def limits(self) -> Limits | None:
        """The limits; None before two points follow each other."""
        ruler = self._ruler()
        if ruler is None:
            return None
        centre = (2 * self.total + self.count) // (2 * self.count)
        return Limits(centre, ruler.lower, ruler.upper, self.count)

    def signal(self, direction: Direction) -> Signal:
        """What the chart says of the newest point."""
        ruler = self._ruler()
        if ruler is None or not self.recent:
            return Signal("none")
        rules = tuple(rule for rule, breaks in _RULES.items() if breaks(self.recent, ruler))
        return self._signal(self.recent[-1], rules, ruler, direction)

    def _signal(self, value: int, rules: tuple[Rule, ...], ruler: _Ruler, direction: Direction) -> Signal:
        if not rules:
            return Signal("common", (), self.count)
        good = 1 if direction == "higher_is_better" else -1
        # a point on the mean itself, at the end of a trend, is a concern, as in NHSRplotthedots
        return Signal("improvement" if ruler.side(value) == good else "concern", rules, self.count)

    def _ruler(self) -> _Ruler | None:
        if not self.ranges:
            return None
        centre = 300 * self.ranges * self.total
        step = HUNDREDTHS * self.range_total * self.count
        below = 300 * self.ranges * self.count
        up = [(centre + way * step) // below for way in (2, 3)]
        down = [-((way * step - centre) // below) for way in (2, 3)]
        return _Ruler(self.total, self.count, down[1], up[1], down[0], up[0])


def _ends_outside(recent: Sequence[int], ruler: _Ruler) -> bool:
    return ruler.is_outside(recent[-1])


def _ends_run(recent: Sequence[int], ruler: _Ruler) -> bool:
    sides = {ruler.side(value) for value in recent[-RUN:]}
    return len(recent) >= RUN and sides in ({1}, {-1})


def _ends_trend(recent: Sequence[int], _: _Ruler) -> bool:
    last = recent[-RUN:]
    ways = {(after > before) - (after < before) for before, after in pairwise(last)}
    return len(last) == RUN and ways in ({1}, {-1})


def _ends_two_of_three(recent: Sequence[int], ruler: _Ruler) -> bool:
    return ruler.is_near(recent[-1]) and _is_two_of_three(recent[-3:], ruler)


def _is_two_of_three(last: Sequence[int], ruler: _Ruler) -> bool:
    """Two of three near a limit, all three on one side of the mean. One beyond a limit is not near it."""
    sides = {ruler.side(value) for value in last}
    return len(last) == 3 and sides in ({1}, {-1}) and sum(map(ruler.is_near, last)) >= 2


_RULES: Final[dict[Rule, Callable[[Sequence[int], _Ruler], bool]]] = {
    "outside": _ends_outside,
    "run": _ends_run,
    "trend": _ends_trend,
    "two_of_three": _ends_two_of_three,
}


def chart(
    values: Sequence[int | None],
    direction: Direction,
    rebased_at: Collection[int] = (),
    baseline: int | None = BASELINE,
) -> list[Judged]:
    """Every round of a series, with all points of a run, a trend or a two of three told, as the NHS draws them.

    `rebased_at` are the positions of the rounds that are the first of a new stretch. The newest round is judged as
    `Track.signal` judges it.
    """
    starts = sorted({0, *rebased_at} & set(range(len(values))))
    found: list[Judged] = []
    for start, end in pairwise([*starts, len(values)]):
        found += _judged(values[start:end], direction, baseline)
    return found


def _judged(values: Sequence[int | None], direction: Direction, baseline: int | None) -> Iterator[Judged]:
    track = Track(baseline)
    for value in values:
        track = track.add(value)
    ruler, limits = track._ruler(), track.limits()
    told = _told(values, ruler) if ruler else {}
    for at, value in enumerate(values):
        if ruler is None or value is None:
            yield Judged(value, limits, Signal("none"))
        else:
            rules = tuple(rule for rule in _RULES if at in told[rule])
            yield Judged(value, limits, track._signal(value, rules, ruler, direction))


def _told(values: Sequence[int | None], ruler: _Ruler) -> dict[Rule, set[int]]:
    """Per rule the positions that take part in what breaks it."""
    told: dict[Rule, set[int]] = {rule: set() for rule in _RULES}
    recent: list[int] = []
    for at, value in enumerate(values):
        if value is None:
            recent = []
            continue
        recent = [*recent, value][-RUN:]
        if _ends_outside(recent, ruler):
            told["outside"].add(at)
        if _ends_run(recent, ruler):
            told["run"].update(range(at - RUN + 1, at + 1))
        if _ends_trend(recent, ruler):
            told["trend"].update(range(at - RUN + 1, at + 1))
        if _is_two_of_three(recent[-3:], ruler):
            told["two_of_three"].update(at - 2 + i for i in range(3) if ruler.is_near(recent[i - 3]))
    return told


def assurance(limits: Limits, target: int, direction: Direction) -> Assurance:
    """Whether common cause alone always meets a target, never does, or now and then."""
    if limits.lower <= target <= limits.upper:
        return "hit_and_miss"
    is_above = limits.lower > target
    return "meets" if is_above == (direction == "higher_is_better") else "fails"
