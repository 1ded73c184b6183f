"""From latent burnout to answers: every item is a noisy reading of the latent, cut at ordered thresholds.

The latent has mean about 0 and variance about 1 over the staff. Thresholds are set so that published figures come
out: 39 % at 3 or more on the single item (39.4 % in a rural sample of the United States), and means of about 36, 33
and 31 with a standard deviation of about 17 on the scales of the Copenhagen Burnout Inventory (PUMA study). Items of
other forms have thresholds at even steps: their figures move as they should and are like nobody's.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from schemas.instruments.scoring import Form, Gate, Scale


@dataclass(frozen=True, slots=True)
class Reading:
    """How an item reads the latent: the share of it that is burnout, and the cuts between answers."""

    loading: float
    thresholds: tuple[float, ...]

    @property
    def noise(self) -> float:
        """Standard deviation of what is not burnout."""
        return math.sqrt(1 - self.loading**2)


READINGS: Final[Mapping[str, Reading]] = {
    "sib5": Reading(0.75, (-0.92, 0.28, 1.17, 1.88)),
    "cbi.personal": Reading(0.73, (-1.08, 0.07, 1.22, 2.37)),
    "cbi.work": Reading(0.73, (-0.93, 0.22, 1.37, 2.52)),
    "cbi.client": Reading(0.73, (-0.83, 0.32, 1.47, 2.62)),
}
_LOADING: Final = 0.7
_FIRST, _LAST, _YES = -0.9, 2.1, 1.0
_SHUT: Final = 0.6
"""How far under the threshold of a yes the question before the others is: more people have been exposed than suffer."""
TRANSIENT: Final = 0.30


def answer_all(random: Random, form: Form, latent: float) -> dict[str, int]:
    """One person's answers to every item of a form; to the question before the others alone if that ends it."""
    given = {} if form.gate is None else _first(random, form.gate, latent)
    if form.gate is None or given[form.gate.item] == form.gate.opens:
        for scale in form.scales:
            given |= _answers(random, READINGS.get(form.id), scale, latent)
    return given


def _answers(random: Random, reading: Reading | None, scale: Scale, latent: float) -> dict[str, int]:
    answers, gauss = {}, random.gauss
    for item, (low, high) in scale.ranges.items():
        found = _even(high - low) if reading is None else reading
        step = bisect_right(found.thresholds, found.loading * latent + gauss(0, found.noise))
        is_turned = (item in scale.reverse) != (scale.direction == "higher_is_better")
        answers[item] = high - step if is_turned else low + step
    return answers


@cache
def _even(steps: int) -> Reading:
    if steps == 1:
        return Reading(_LOADING, (_YES,))
    width = (_LAST - _FIRST) / (steps - 1)
    return Reading(_LOADING, tuple(_FIRST + width * step for step in range(steps)))


def _first(random: Random, gate: Gate, latent: float) -> dict[str, int]:
    reading = _even(1)
    is_open = reading.loading * latent + random.gauss(0, reading.noise) >= reading.thresholds[0] - _SHUT
    shut = gate.low if gate.opens != gate.low else gate.high
    return {gate.item: gate.opens if is_open else shut}


def leave_out(random: Random, answers: Mapping[str, int], count: int) -> dict[str, int]:
    """The answers without some of them."""
    skipped = set(random.sample(sorted(answers), count))
    return {item: value for item, value in answers.items() if item not in skipped}
