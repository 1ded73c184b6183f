"""How the second implementation scores answers: definitions and enumeration. Imports nothing of the product."""

import math
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Scored = tuple[int, bool]

FOLDER = Path(__file__).parent.parent / "schemas" / "instruments"
INSTRUMENTS: list[dict[str, Any]] = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yaml")]
INSTRUMENT_OF = {form: instrument for instrument in INSTRUMENTS for form in instrument["forms"]}


class Scale(NamedTuple):
    """A scale as a form asks it; the rest is read from the instrument."""

    form: str
    name: str

    @property
    def answers(self) -> range:
        """The answers a person may give to one item."""
        bounds = INSTRUMENT_OF[self.form]["answers"]
        return range(bounds["min"], bounds["max"] + 1)

    @property
    def rules(self) -> dict[str, Any]:
        """The scale's entry in the instrument."""
        return dict(INSTRUMENT_OF[self.form]["scales"][self.name])


def scales_of(form: str) -> list[Scale]:
    """The scales of a form, in the order the instrument lists them."""
    return [Scale(form, name) for name in INSTRUMENT_OF[form]["forms"][form]]


def score(scale: Scale, answers: dict[str, int]) -> Scored | None:
    """The score on the grid of complete answers and whether the person is at risk; None with too few answers."""
    rules, low, high = scale.rules, min(scale.answers), max(scale.answers)
    given = {item: answers[str(item)] for item in rules["items"] if str(item) in answers}
    if len(given) < rules["min_answered"]:
        return None
    points = [low + high - answer if item in rules.get("reverse", []) else answer for item, answer in given.items()]
    mean = Fraction(sum(points), len(points))
    exact = mean * len(rules["items"])
    published = 100 * (mean - low) / (high - low) if rules["published_as"] == "percent" else exact
    worse = 1 if rules["direction"] == "higher_is_worse" else -1
    at_risk = "cut" in rules and worse * published >= worse * rules["cut"]["value"]
    return math.floor(exact + Fraction(1, 2)), at_risk


@cache
def possible_scores(scale: Scale) -> tuple[tuple[int, int], tuple[int, int]]:
    """([l1, u1], [l0, u0]): the scores possible at risk and not at risk, from every pattern of answers and gaps."""
    items = [str(item) for item in scale.rules["items"]]
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    for pattern in product([None, *scale.answers], repeat=len(items)):
        scored = score(scale, {item: a for item, a in zip(items, pattern, strict=True) if a is not None})
        if scored is not None:
            seen[scored[1]].add(scored[0])
    if "cut" not in scale.rules:
        seen[True] = seen[False]
    return (min(seen[True]), max(seen[True])), (min(seen[False]), max(seen[False]))
