"""Where a place stands among places of its kind in its facility, and beside figures published elsewhere.

A quarter says less than a rank, on purpose: ranks of small groups are mostly chance (Goldstein H, Spiegelhalter DJ
(1996) J R Stat Soc A 159:385-443).
"""

from collections.abc import Mapping
from typing import Final, Literal

from schemas.instruments.scoring import Direction

LEAST: Final = 8
"""Places needed for quarters: of fewer, a quarter is a place or two."""

Beside = Literal["better", "worse", "no clear difference"]


def quarters(means: Mapping[str, float], direction: Direction) -> dict[str, int]:
    """Which quarter each place's published mean is in: 1 the best, 4 the worst. Equal means share the better one.

    Empty with fewer than eight places. Places without figures are not to be in `means`: they are in no order.
    """
    if len(means) < LEAST:
        return {}
    sign = -1 if direction == "higher_is_better" else 1
    values = {place: sign * mean for place, mean in means.items()}
    better = {value: sum(other < value for other in values.values()) for value in set(values.values())}
    return {place: 1 + 4 * better[value] // len(values) for place, value in values.items()}


def beside(low: float, high: float, reference: float, direction: Direction) -> Beside:
    """How a figure with its interval compares with one published elsewhere, which is taken as exact."""
    if low <= reference <= high:
        return "no clear difference"
    return "better" if (low > reference) == (direction == "higher_is_better") else "worse"
