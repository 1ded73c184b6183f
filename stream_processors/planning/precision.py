"""How sure a leaf's figures would be, and how long a change would take to show."""

from math import ceil, inf, sqrt
from typing import Final

from stream_processors.steps.figures import Z, wilson

SHIFT: Final = 0.5
"""The change to be seen, in standard deviations of one person's score."""
POWER_QUANTILE: Final = 0.841621
"""Normal quantile of 80 %: in so many cases a change of that size is seen."""
BASELINE_DAYS: Final = 182
"""What a change is compared with: the half year before it."""
MOST_DAYS: Final = 2 * 365


def share_width(at_risk: float, answers: float) -> float:
    """The width of Wilson's 95 % interval of a share at risk."""
    low, high = wilson(at_risk, answers)
    return high - low


def mean_half_width(answers: float) -> float:
    """Half the width of the 95 % interval of a mean, in standard deviations of one person's score."""
    return Z / sqrt(answers)


def days_to_see(answers: float, figures: float, round_days: float) -> float:
    """Days until half a standard deviation shows at a leaf in 80 % of cases; infinite if not within two years.

    `answers` are those of a round in which the leaf has figures, `figures` the chance that it has. It shows once the
    mean since the change differs from that of the half year before by more than the 95 % interval of the difference:
    SHIFT^2 = (1.96 + 0.84)^2 * (1 / answers since + 1 / answers before). Rounds count as independent. Where the same
    people answer again they differ less from themselves, and it shows sooner.
    """
    if not answers or not figures:
        return inf
    before = answers * figures * BASELINE_DAYS / round_days
    room = SHIFT**2 / (Z + POWER_QUANTILE) ** 2 - 1 / before
    if room <= 0:
        return inf
    rounds = ceil(1 / (room * answers))
    days = rounds / figures * round_days
    return days if days <= MOST_DAYS else inf
