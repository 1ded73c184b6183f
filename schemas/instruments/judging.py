"""One person's answers to a whole instrument: every scale, its band, and the rule of who is at risk.

For checking a key with answers that are made up. The anonymiser uses none of it: bands and the rule over several
scales are published of nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from schemas.errors import DataError, Reason
from schemas.instruments.model import Instrument
from schemas.instruments.scoring import Scale


@dataclass(frozen=True, slots=True)
class Judged:
    """A scale's figure in published units, before any rounding, the band it is in, and whether that is at risk."""

    figure: Fraction
    band: str | None
    at_risk: bool | None
    reached: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every scale of an instrument, None where too few items are answered, and the person as a whole."""

    scales: Mapping[str, Judged | None]
    at_risk: bool | None


def judge(instrument: Instrument, answers: Mapping[str, int]) -> Verdict:
    """Judge raw answers by item id; DataError for an item that no scale has, or an answer outside its range."""
    given, scales = dict(answers), {name: instrument.scale(name) for name in instrument.scales}
    is_shut, asked = _take_gate(instrument, given), instrument.gate is not None
    ranges = {item: limits for scale in scales.values() for item, limits in scale.ranges.items()}
    for item, raw in given.items():
        if item not in ranges:
            raise DataError(Reason.UNKNOWN_ITEM)
        if not ranges[item][0] <= raw <= ranges[item][1]:
            raise DataError(Reason.ANSWER_OUT_OF_RANGE)
    judged: dict[str, Judged | None] = {}
    for name, scale in scales.items():
        total, answered = _sum(scale, given)
        if is_shut:
            total, answered = scale.score_min, len(scale.items)
        enough = answered >= scale.min_answered and not (asked and is_shut is None)
        judged[name] = _judged(instrument, scale, total, answered) if enough else None
    return Verdict(judged, _at_risk(instrument, judged))


def _take_gate(instrument: Instrument, given: dict[str, int]) -> bool | None:
    """Take the gate's answer out; whether it stays shut, None without an answer or a gate."""
    if instrument.gate is None:
        return None
    first = given.pop(str(instrument.gate.item), None)
    if first is None:
        return None
    if not instrument.answers.min <= first <= instrument.answers.max:
        raise DataError(Reason.ANSWER_OUT_OF_RANGE)
    return first != instrument.gate.opens


def _sum(scale: Scale, given: Mapping[str, int]) -> tuple[int, int]:
    values = [scale.value(item, given[item]) for item in scale.items if item in given]
    return sum(values), len(values)


def _judged(instrument: Instrument, scale: Scale, total: int, answered: int) -> Judged:
    cuts, size = instrument.scales[scale.id].cuts, len(scale.items)
    held = [cut for cut in cuts if cut.holds(total, answered, size)]
    # of several the one furthest along: the highest from below, the lowest from above
    furthest = max(held, key=lambda cut: cut.value if cut.at_most is None else -cut.value, default=None)
    score = scale.score(total, answered)
    return Judged(
        _figure(scale, Fraction(total * size, answered)),
        None if furthest is None else furthest.label,
        None if score is None else score.at_risk,
        frozenset(cut.label for cut in held),
    )


def _figure(scale: Scale, exact: Fraction) -> Fraction:
    """A score between two of the grid lies between their figures: units are linear."""
    at_zero, at_one = scale.published(0, 1), scale.published(1, 1)
    return at_zero + exact * (at_one - at_zero)


def _at_risk(instrument: Instrument, judged: Mapping[str, Judged | None]) -> bool | None:
    """None without a rule, and where what is not answered may decide it."""
    rule = instrument.at_risk_rule
    if rule is None:
        return None
    found = [None if (one := judged[scale]) is None else label in one.reached for scale, label in rule.cuts]
    decisive = bool(rule.any)
    if decisive in found:
        return decisive
    return None if None in found else not decisive
