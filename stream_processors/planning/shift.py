"""When a change is seen: how long until a unit that is worse by half a standard deviation shows it.

The shift is seen once the mean since it began differs from the mean of the half year before by more than the 95 %
interval of the difference, in 80 % of cases. Rounds are taken to be independent. Where the same people answer again and
again they differ less from round to round, and a real shift is then seen sooner than is said here.
"""

from math import ceil, inf
from typing import Final

SHIFT: Final = 0.5
"""In standard deviations of single persons."""
HALF_YEAR: Final = 182
TOO_LATE: Final = 730
"""Days after which it is said not to be seen: a unit is hardly the same after two years."""
REACH: Final = 1.959964 + 0.841621
"""Standard errors of a difference that exceeds its 95 % interval in 80 % of cases."""


def answers_needed(before: float) -> float:
    """How many answers since the shift show it, after so many in the half year before; infinite if none do.

    Solves REACH**2 * (1 / since + 1 / before) = SHIFT**2.
    """
    left = (SHIFT / REACH) ** 2 - (1 / before if before else inf)
    return 1 / left if left > 0 else inf


def days_to_see(answers: float, chance: float, days: int) -> float:
    """Expected days until it is seen, at a unit whose rounds of so many days are published with this chance.

    `answers` is how many a published round has. Infinite if it is not seen within two years.
    """
    needed = answers_needed(answers * chance * HALF_YEAR / days)
    if needed == inf:
        return inf
    found = ceil(needed / answers) / chance * days
    return found if found <= TOO_LATE else inf
