"""Who answers a round: everybody alike, or each person by a habit of their own.

The two are the ends between which real staff lie. Somebody who is independent has the same chance in every round;
somebody with a habit nearly always answers, or hardly ever. One round looks the same under both. Over many rounds, and
in a long one, they part: with habits the same people are heard again, and more reminders find few new ones.
"""

from math import exp, lgamma, log1p
from random import Random
from typing import Final, Literal

from schemas.errors import InputRefused

Responders = Literal["independent", "habitual"]

MEAN_RESPONSE: Final = 0.40
"""Share who answer two weeks of a survey, unless something else is said."""
HABIT: Final = 1.2
"""How the chances of people with habits spread: by Beta(HABIT * p, HABIT * (1 - p)) around the share p.

The answers of one person in two rounds then correlate by 1 / (1 + HABIT) = 0.45. Both parameters are below 1 for every
p from 0.17 to 0.83, so few people are in the middle. It is meant as the far end: the simulator's mixed staff, of three
kinds of people, are at 0.38. Much below 1, and a reminder would find hardly anybody who has not answered before.
"""
_LEAST, _MOST = 0.01, 0.99


def check_response(share: float) -> None:
    """Refuse a share that is none."""
    if not _LEAST <= share <= _MOST:
        raise InputRefused(f"a response must be from {_LEAST} to {_MOST}, not {share}")


def inclination(random: Random, responders: Responders, share: float) -> float:
    """One person's chance to answer two weeks of a survey."""
    if responders == "independent":
        return share
    return random.betavariate(HABIT * share, HABIT * (1 - share))


def ever(chance: float, chances: float) -> float:
    """The chance to answer at least once, of somebody who has so many chances of two weeks."""
    return 1 - exp(chances * log1p(-chance)) if chance < 1 else 1.0


def response_of(responders: Responders, share: float, chances: float) -> float:
    """The share who answer a round of so many chances, where `share` answer one of a single chance."""
    if responders == "independent":
        return ever(share, chances)
    a, b = HABIT * share, HABIT * (1 - share)
    # the mean of (1 - q) ** chances over the Beta distribution
    return 1 - exp(lgamma(b + chances) + lgamma(a + b) - lgamma(b) - lgamma(a + b + chances))
