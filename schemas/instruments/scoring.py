"""Scoring in integers on one grid per scale.

A score is the sum of the scale's items as if every item were answered: partial answers are carried to that grid by
rounding half up, so nobody's score tells how many items were skipped. Whether a person is at risk is decided before
the rounding, by comparing integers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from schemas.canonical import sha256_hex
from schemas.errors import DataError, Reason

PublishedAs = Literal["percent", "sum", "mean", "ten"]
Direction = Literal["higher_is_worse", "higher_is_better"]
Range = tuple[int, int]

_SPANS: Final[Mapping[str, int]] = {"percent": 100, "ten": 10}
"""How far units go that start at 0 whatever the sum starts at."""


class Score(NamedTuple):
    """One person's result on one scale: grid units, and at-risk or None where the scale has no cut."""

    value: int
    at_risk: bool | None


@dataclass(frozen=True)
class Scale:
    """One scale of an instrument. Its items share the answer range `low` to `high`, but for those in `other`.

    `cut` is a sum of all items; at risk means at or beyond it in the bad direction.
    """

    id: str
    items: tuple[str, ...]
    reverse: frozenset[str]
    low: int
    high: int
    min_answered: int
    published_as: PublishedAs
    direction: Direction
    cut: int | None
    other: tuple[tuple[str, Range], ...] = ()

    @cached_property
    def ranges(self) -> Mapping[str, Range]:
        """Item id to its smallest and largest raw answer."""
        return dict.fromkeys(self.items, (self.low, self.high)) | dict(self.other)

    @cached_property
    def score_min(self) -> int:
        """Smallest score on the grid."""
        return sum(low for low, _ in self.ranges.values())

    @cached_property
    def score_max(self) -> int:
        """Largest score on the grid."""
        return sum(high for _, high in self.ranges.values())

    def value(self, item: str, raw: int) -> int:
        """What an answer adds to the sum."""
        low, high = self.ranges[item]
        return low + high - raw if item in self.reverse else raw

    def score(self, total: int, answered: int) -> Score | None:
        """Score the sum of the answered items; None if too few are answered."""
        return self._scored(total, answered) if answered >= self.min_answered else None

    def is_beyond(self, cut: int, total: int, answered: int) -> bool:
        """Whether answers are at a sum of all items or beyond it in the bad direction, before any rounding."""
        reached, line = total * len(self.items), cut * answered
        return reached >= line if self.direction == "higher_is_worse" else reached <= line

    def _scored(self, total: int, answered: int) -> Score:
        rounded = (2 * total * len(self.items) + answered) // (2 * answered)
        return Score(rounded, None if self.cut is None else self.is_beyond(self.cut, total, answered))

    def _possible(self) -> Iterator[Score]:
        size = len(self.items)
        # items of a scale that may be left out share one range
        for answered in range(max(1, self.min_answered), size):
            for total in range(answered * self.low, answered * self.high + 1):
                yield self._scored(total, answered)
        for total in range(self.score_min, self.score_max + 1):
            yield self._scored(total, size)

    @property
    def divides(self) -> bool:
        """Whether a cut, if there is one, leaves possible scores on both sides."""
        return self.cut is None or {score.at_risk for score in self._possible()} == {True, False}

    @cached_property
    def at_risk_range(self) -> Range:
        """[l1, u1], the scores a person at risk can have. Only for scales with a cut."""
        values = [score.value for score in self._possible() if score.at_risk]
        return min(values), max(values)

    @cached_property
    def not_at_risk_range(self) -> Range:
        """[l0, u0], the scores a person not at risk can have. Only for scales with a cut."""
        values = [score.value for score in self._possible() if score.at_risk is False]
        return min(values), max(values)

    def published(self, total: int, n: int) -> Fraction:
        """The mean of n grid scores in published units, exactly."""
        if self.published_as == "sum":
            return Fraction(total, n)
        if self.published_as == "mean":
            return Fraction(total, n * len(self.items))
        span = _SPANS[self.published_as]
        return Fraction(span * (total - n * self.score_min), n * (self.score_max - self.score_min))

    def key(self) -> dict[str, Any]:
        """All that decides a score of this scale and what is published of it."""
        return {
            "id": self.id,
            "items": {item: list(limits) for item, limits in self.ranges.items()},
            "reverse": sorted(self.reverse),
            "min_answered": self.min_answered,
            "published_as": self.published_as,
            "direction": self.direction,
            "at_risk": self.cut,
        }


@dataclass(frozen=True)
class Gate:
    """A first question: whoever answers it with another than `opens` has the smallest score of every scale."""

    item: str
    opens: int
    low: int
    high: int


@dataclass(frozen=True)
class Form:
    """The scales asked and scored together."""

    id: str
    version: int
    instrument: str
    sensitive: bool
    scales: tuple[Scale, ...]
    gate: Gate | None = None

    @cached_property
    def answer_ranges(self) -> Mapping[str, Range]:
        """Item id to its smallest and largest raw answer; the gate's first."""
        first = {} if self.gate is None else {self.gate.item: (self.gate.low, self.gate.high)}
        return first | {item: limits for scale in self.scales for item, limits in scale.ranges.items()}

    @cached_property
    def key_hash(self) -> str:
        """SHA-256 over all that decides a score and what is published of it: figures of two keys are no one series."""
        gate = None if self.gate is None else [self.gate.item, self.gate.opens, self.gate.low, self.gate.high]
        named = {"form": self.id, "instrument": self.instrument, "version": self.version}
        # what is promised to people when a round is opened: figures of departments alone
        promised = {"sensitive": True} if self.sensitive else {}
        return sha256_hex({**named, **promised, "gate": gate, "scales": [scale.key() for scale in self.scales]})

    @cached_property
    def _values(self) -> tuple[tuple[tuple[str, Mapping[int, int]], ...], ...]:
        """Per scale and item: raw answer to what it adds to the sum."""
        return tuple(
            tuple(
                (item, {raw: scale.value(item, raw) for raw in range(low, high + 1)})
                for item, (low, high) in scale.ranges.items()
            )
            for scale in self.scales
        )

    @cached_property
    def _scores(self) -> dict[tuple[int, ...], tuple[Score, ...] | None]:
        """Results by sum and number of answers of each scale: few exist, so each is made and held once."""
        return {}

    @cached_property
    def _lowest(self) -> tuple[Score, ...] | None:
        """What somebody scores for whom the gate stays shut."""
        return self._score([number for scale in self.scales for number in (scale.score_min, len(scale.items))])

    def score(self, answers: Mapping[str, int]) -> tuple[Score, ...] | None:
        """Every scale's score, in order, of raw answers by item id; None if one scale cannot be scored.

        DataError for an item the form does not have or an answer outside its range.
        """
        if self.gate is not None:
            return self._gated(self.gate, answers)
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

    def _gated(self, gate: Gate, answers: Mapping[str, int]) -> tuple[Score, ...] | None:
        scores = self._behind.score({item: raw for item, raw in answers.items() if item != gate.item})
        first = answers.get(gate.item)
        if first is None:
            return None
        if not gate.low <= first <= gate.high:
            raise DataError(Reason.ANSWER_OUT_OF_RANGE)
        return scores if first == gate.opens else self._lowest

    @cached_property
    def _behind(self) -> "Form":
        """What is asked once the gate is open."""
        return replace(self, gate=None)

    def _score(self, sums: list[int]) -> tuple[Score, ...] | None:
        pairs = zip(sums[::2], sums[1::2], strict=True)
        scores = [scale.score(total, answered) for scale, (total, answered) in zip(self.scales, pairs, strict=True)]
        complete = tuple(score for score in scores if score is not None)
        return complete if len(complete) == len(scores) else None


Catalogue = Mapping[str, Form]
"""Form id to the form."""
