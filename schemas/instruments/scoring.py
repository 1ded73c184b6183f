"""Scoring in integers on one grid per scale.

A score is the sum of the scale's items as if every item were answered: partial answers are carried to that grid by
rounding half up, so nobody's score tells how many items were skipped. Whether a person is at risk is decided before
the rounding, by comparing integers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, NamedTuple

from schemas.errors import DataError, Reason


class Score(NamedTuple):
    """One person's result on one scale: grid units, and at-risk or None where the scale has no cut."""

    value: int
    at_risk: bool | None


@dataclass(frozen=True)
class Scale:
    """One scale of an instrument. All its items share one answer range, `low` to `high`.

    `cut` is in published units (percent of the range, or a sum); at risk means at or beyond it in the bad direction.
    """

    id: str
    items: tuple[str, ...]
    reverse: frozenset[str]
    low: int
    high: int
    min_answered: int
    published_as: Literal["percent", "sum"]
    direction: Literal["higher_is_worse", "higher_is_better"]
    cut: int | None

    @property
    def score_min(self) -> int:
        """Smallest score on the grid."""
        return len(self.items) * self.low

    @property
    def score_max(self) -> int:
        """Largest score on the grid."""
        return len(self.items) * self.high

    def value(self, item: str, raw: int) -> int:
        """What an answer adds to the sum."""
        return self.low + self.high - raw if item in self.reverse else raw

    def score(self, total: int, answered: int) -> Score | None:
        """Score the sum of the answered items; None if too few are answered."""
        return self._scored(total, answered) if answered >= self.min_answered else None

    def _scored(self, total: int, answered: int) -> Score:
        size = len(self.items)
        above = total - answered * self.low
        rounded = (2 * above * size + answered) // (2 * answered)
        return Score(rounded + self.score_min, self._is_at_risk(total, answered))

    def _is_at_risk(self, total: int, answered: int) -> bool | None:
        if self.cut is None:
            return None
        if self.published_as == "percent":
            figure = 100 * (total - answered * self.low)
            line = self.cut * answered * (self.high - self.low)
        else:
            figure, line = total * len(self.items), self.cut * answered
        return figure >= line if self.direction == "higher_is_worse" else figure <= line

    def _possible(self) -> Iterator[Score]:
        for answered in range(max(1, self.min_answered), len(self.items) + 1):
            for total in range(answered * self.low, answered * self.high + 1):
                yield self._scored(total, answered)

    @property
    def divides(self) -> bool:
        """Whether a cut, if there is one, leaves possible scores on both sides."""
        return self.cut is None or {score.at_risk for score in self._possible()} == {True, False}

    @cached_property
    def at_risk_range(self) -> tuple[int, int]:
        """[l1, u1], the scores a person at risk can have. Only for scales with a cut."""
        values = [score.value for score in self._possible() if score.at_risk]
        return min(values), max(values)

    @cached_property
    def not_at_risk_range(self) -> tuple[int, int]:
        """[l0, u0], the scores a person not at risk can have. Only for scales with a cut."""
        values = [score.value for score in self._possible() if score.at_risk is False]
        return min(values), max(values)

    def published(self, total: int, n: int) -> Fraction:
        """The mean of n grid scores in published units, exactly."""
        if self.published_as == "percent":
            return Fraction(100 * (total - n * self.score_min), n * (self.score_max - self.score_min))
        return Fraction(total, n)


@dataclass(frozen=True)
class Form:
    """The scales asked and scored together."""

    id: str
    version: int
    instrument: str
    sensitive: bool
    scales: tuple[Scale, ...]

    @cached_property
    def answer_ranges(self) -> Mapping[str, tuple[int, int]]:
        """Item id to its smallest and largest raw answer."""
        return {item: (scale.low, scale.high) for scale in self.scales for item in scale.items}

    @cached_property
    def _values(self) -> tuple[tuple[tuple[str, Mapping[int, int]], ...], ...]:
        """Per scale and item: raw answer to what it adds to the sum."""
        return tuple(
            tuple(
                (item, {raw: scale.value(item, raw) for raw in range(scale.low, scale.high + 1)})
                for item in scale.items
            )
            for scale in self.scales
        )

    @cached_property
    def _scores(self) -> dict[tuple[int, ...], tuple[Score, ...] | None]:
        """Results by sum and number of answers of each scale: few exist, so each is made and held once."""
        return {}

    def score(self, answers: Mapping[str, int]) -> tuple[Score, ...] | None:
        """Every scale's score, in order, of raw answers by item id; None if one scale cannot be scored.

        DataError for an item the form does not have or an answer outside its range.
        """
        sums: list[int] = []
        used = 0
        for scale in self._values:
            total = answered = 0
            for item, values in scale:
                raw = answers.get(item)
                if raw is not None:
                    if raw not in values:
                        raise DataError(Reason.ANSWER_OUT_OF_RANGE)
                    total += values[raw]
                    answered += 1
            sums += (total, answered)
            used += answered
        if used != len(answers):
            raise DataError(Reason.UNKNOWN_ITEM)
        key = tuple(sums)
        if key not in self._scores:
            self._scores[key] = self._score(sums)
        return self._scores[key]

    def _score(self, sums: list[int]) -> tuple[Score, ...] | None:
        pairs = zip(sums[::2], sums[1::2], strict=True)
        scores = [scale.score(total, answered) for scale, (total, answered) in zip(self.scales, pairs, strict=True)]
        complete = tuple(score for score in scores if score is not None)
        return complete if len(complete) == len(scores) else None


Catalogue = Mapping[str, Form]
