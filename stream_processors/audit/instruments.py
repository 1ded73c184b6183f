"""What an instrument allows to be published, worked out from its definition alone.

The definition is the YAML as read. A score is the sum of a scale's items, carried to the grid of complete answers by
rounding half up; at risk is decided before the rounding (docs/privacy.md, "Coding").
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

Definition = Mapping[str, Any]


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
    percent: bool
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
        if self.percent:
            return 100 * (total - n * self.lowest) / (n * (self.highest - self.lowest))
        return total / n


def scales(definitions: Iterable[Definition]) -> dict[tuple[str, str], AskedScale]:
    """(form, scale) to what may be published of it."""
    found = (scale for definition in definitions for scale in _scales(definition))
    return {(scale.form, scale.scale): scale for scale in found}


def _scales(definition: Definition) -> Iterator[AskedScale]:
    for form, names in definition["forms"].items():
        for name in names:
            yield _scale(definition, form, name)


def _scale(definition: Definition, form: str, name: str) -> AskedScale:
    rules, low, high = definition["scales"][name], definition["answers"]["min"], definition["answers"]["max"]
    items = len(rules["items"])
    sides: dict[bool, set[int]] = {True: set(), False: set()}
    for answered in range(max(1, rules["min_answered"]), items + 1):
        for total in range(answered * low, answered * high + 1):
            mean = Fraction(total, answered)
            sides[_is_at_risk(mean, rules, low, high)].add(floor(mean * items + Fraction(1, 2)))
    return AskedScale(
        form=form,
        scale=name,
        sensitive=bool(definition.get("sensitive", False)),
        direction=rules["direction"],
        percent=rules["published_as"] == "percent",
        lowest=items * low,
        highest=items * high,
        at_risk=_range(sides[True]) if rules.get("cut") else None,
        other=_range(sides[False]),
    )


def _is_at_risk(mean: Fraction, rules: Definition, low: int, high: int) -> bool:
    if not rules.get("cut"):
        return False
    figure = 100 * (mean - low) / (high - low) if rules["published_as"] == "percent" else mean * len(rules["items"])
    cut: int = rules["cut"]["value"]
    return figure >= cut if rules["direction"] == "higher_is_worse" else figure <= cut


def _range(scores: set[int]) -> Range:
    if scores != set(range(min(scores), max(scores) + 1)):
        raise ValueError("the scores of a group have a gap: the auditor's reasoning does not cover that")
    return Range(min(scores), max(scores))
