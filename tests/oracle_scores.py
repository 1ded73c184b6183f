"""How the second implementation scores answers: definitions and enumeration. Imports nothing of the product."""

import math
from fractions import Fraction
from functools import cache
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

    def answers(self, item: int) -> range:
        """The answers a person may give to one item."""
        return _codes(INSTRUMENT_OF[self.form], item)

    @property
    def rules(self) -> dict[str, Any]:
        """The scale's entry in the instrument."""
        return dict(INSTRUMENT_OF[self.form]["scales"][self.name])

    @property
    def needed(self) -> int:
        """How many items must be answered; all where the instrument does not say."""
        return int(self.rules.get("min_answered", len(self.rules["items"])))


def _codes(instrument: dict[str, Any], item: int) -> range:
    bounds = instrument["answers"].get("other", {}).get(item, instrument["answers"])
    return range(bounds["min"], bounds["max"] + 1)


def scales_of(form: str) -> list[Scale]:
    """The scales of a form, in the order the instrument lists them."""
    return [Scale(form, name) for name in INSTRUMENT_OF[form]["forms"][form]]


def answers_of(form: str) -> dict[str, range]:
    """Every item of a form, with the question before the others if there is one, and the answers to it."""
    instrument = INSTRUMENT_OF[form]
    items = [item for scale in scales_of(form) for item in scale.rules["items"]]
    first = [instrument["gate"]["item"]] if "gate" in instrument else []
    return {str(item): _codes(instrument, item) for item in first + items}


def score(scale: Scale, answers: dict[str, int]) -> Scored | None:
    """The score on the grid of complete answers and whether the person is at risk; None with too few answers."""
    points = _points(scale, answers)
    if points is None or len(points) < scale.needed:
        return None
    exact = Fraction(sum(points), len(points)) * len(scale.rules["items"])
    return math.floor(exact + Fraction(1, 2)), _is_at_risk(scale, exact)


def _points(scale: Scale, answers: dict[str, int]) -> list[int] | None:
    """What each answered item counts, in the scale's own direction; None if the question before was not answered."""
    rules, gate = scale.rules, INSTRUMENT_OF[scale.form].get("gate")
    if gate is not None:
        if str(gate["item"]) not in answers:
            return None
        if answers[str(gate["item"])] != gate["open"]:
            return [min(scale.answers(item)) for item in rules["items"]]
    given = {item: answers[str(item)] for item in rules["items"] if str(item) in answers}
    turned = rules.get("reverse", [])
    return [
        scale.answers(item)[-1 - scale.answers(item).index(raw)] if item in turned else raw
        for item, raw in given.items()
    ]


def _is_at_risk(scale: Scale, exact: Fraction) -> bool:
    """Whether a score, not rounded, is in the band that is published."""
    for cut in scale.rules.get("cuts", []):
        if cut["label"] == scale.rules.get("at_risk"):
            return bool(exact >= cut["at_least"] if "at_least" in cut else exact <= cut["at_most"])
    return False


@cache
def possible_scores(scale: Scale) -> tuple[tuple[int, int], tuple[int, int]]:
    """([l1, u1], [l0, u0]): the scores possible at risk and not at risk, from every pattern of answers and gaps."""
    size, seen = len(scale.rules["items"]), {True: set[int](), False: set[int]()}
    for total, answered in _sums(scale):
        if answered >= scale.needed:
            exact = Fraction(total, answered) * size
            seen[_is_at_risk(scale, exact)].add(math.floor(exact + Fraction(1, 2)))
    if not seen[True]:
        seen[True] = seen[False]
    return (min(seen[True]), max(seen[True])), (min(seen[False]), max(seen[False]))


def _sums(scale: Scale) -> set[tuple[int, int]]:
    """(sum, number answered) of every pattern: item by item, each left out or answered in every way."""
    found = {(0, 0)}
    for item in scale.rules["items"]:
        found |= {(total + raw, answered + 1) for total, answered in found for raw in scale.answers(item)}
    return {sums for sums in found if sums[1]}
