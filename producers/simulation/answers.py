"""From latent burnout to answers: every item is a noisy reading of the latent, cut at ordered thresholds.

The latent has mean about 0 and variance about 1 over the staff. Thresholds are set so that published figures come
out: 39 % at 3 or more on the single item (39.4 % in a rural sample of the United States), and means of about 36, 33
and 31 with a standard deviation of about 17 on the scales of the Copenhagen Burnout Inventory (PUMA study).
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from schemas.instruments.scoring import Scale


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
TRANSIENT: Final = 0.30


def answer_all(random: Random, form: str, scale: Scale, latent: float) -> dict[str, int]:
    """One person's answers to every item of a form of one scale."""
    reading = READINGS[form]
    centre, noise, gauss = reading.loading * latent, reading.noise, random.gauss
    answers = {}
    for item in scale.items:
        step = bisect_right(reading.thresholds, centre + gauss(0, noise))
        answers[item] = scale.high - step if item in scale.reverse else scale.low + step
    return answers


def leave_out(random: Random, answers: Mapping[str, int], count: int) -> dict[str, int]:
    """The answers without some of them."""
    skipped = set(random.sample(sorted(answers), count))
    return {item: value for item, value in answers.items() if item not in skipped}
