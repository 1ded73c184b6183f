"""What an instrument allows to be published, worked out from its definition alone.

The definition is the YAML as read. A score is the sum of a scale's items, carried to the grid of complete answers by
rounding half up; at risk is decided before the rounding (docs/privacy.md, "Coding").
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any, Final

Definition = Mapping[str, Any]

_FROM_ZERO_TO: Final = {"percent": 100, "ten": 10}
"""Units that start at 0 with the lowest score, and where they end."""


@dataclass(frozen=True, slots=True)
class Range:
    """The scores people of one group can have, all integers from low to high."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AskedScale:
    """A scale as a form publishes it. Without a cut `at_risk` is None, and `other` holds everybody."""

    form: str
    scale: str
    sensitive: bool
    direction: str
    units: str
    items: int
    lowest: int
    highest: int
    at_risk: Range | None
    other: Range

    @property
    def span(self) -> int:
        """The widest group of scores: what one person can move a total by without changing sides."""
        groups = [self.other] if self.at_risk is None else [self.at_risk, self.other]
        return max(group.high - group.low for group in groups)

    def mean(self, total: Fraction, n: Fraction) -> Fraction:
        """The mean of n scores in the units the instrument publishes."""
        if self.units in _FROM_ZERO_TO:
            return _FROM_ZERO_TO[self.units] * (total - n * self.lowest) / (n * (self.highest - self.lowest))
        return total / n if self.units == "sum" else total / (n * self.items)


def scales(definitions: Iterable[Definition]) -> dict[tuple[str, str], AskedScale]:
    """(form, scale) to what may be published of it."""
    found = (scale for definition in definitions for scale in _scales(definition))
    return {(scale.form, scale.scale): scale for scale in found}


def _scales(definition: Definition) -> Iterator[AskedScale]:
    for form, names in definition["forms"].items():
        for name in names:
            yield _scale(definition, form, name)


def _scale(definition: Definition, form: str, name: str) -> AskedScale:
    rules = definition["scales"][name]
    lows, highs = zip(*(limits(definition, item) for item in rules["items"]), strict=True)
    items = len(lows)
    sides: dict[bool, set[int]] = {True: set(), False: set()}
    for answered in range(rules.get("min_answered") or items, items + 1):
        # answers may be left out only where all items have one range: then it does not matter which
        for total in range(sum(lows[:answered]), sum(highs[:answered]) + 1):
            mean = Fraction(total, answered)
            sides[_is_at_risk(mean * items, rules)].add(floor(mean * items + Fraction(1, 2)))
    return AskedScale(
        form=form,
        scale=name,
        sensitive=bool(definition.get("sensitive", False)),
        direction=rules["direction"],
        units=rules["published_as"],
        items=items,
        lowest=sum(lows),
        highest=sum(highs),
        at_risk=_range(sides[True]) if rules.get("at_risk") else None,
        other=_range(sides[False]),
    )


def limits(definition: Definition, item: int) -> tuple[int, int]:
    """The smallest and the largest answer to an item."""
    answers = definition["answers"]
    own: Mapping[str, int] = (answers.get("other") or {}).get(item) or answers
    return own["min"], own["max"]


def _is_at_risk(score: Fraction, rules: Definition) -> bool:
    """Whether a score, as of all items and not rounded, is beyond the cut that is published."""
    if not rules.get("at_risk"):
        return False
    (cut,) = (cut for cut in rules["cuts"] if cut["label"] == rules["at_risk"])
    return bool(score >= cut["at_least"] if rules["direction"] == "higher_is_worse" else score <= cut["at_most"])


def _range(scores: set[int]) -> Range:
    if scores != set(range(min(scores), max(scores) + 1)):
        raise ValueError("the scores of a group have a gap: the auditor's reasoning does not cover that")
    return Range(min(scores), max(scores))
