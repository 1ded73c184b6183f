"""The plan against the simulator: 100 hospitals, both kinds of responders, one calendar and two.

Tells by how much the shares of published, pooled and withheld units in the plan differ from those of the simulator's
rounds after the real steps; each a mean over the hospitals.
"""

import sys
import time
from itertools import product
from typing import Final

from producers.simulation.habits import Responders
from tests.plan_against_simulator import difference, threshold_of_the_plan

SEEDS = 100
TOLERANCE = 0.05
KINDS: Final[tuple[Responders, ...]] = ("independent", "habitual")


def main() -> int:
    """Compare and print; 1 if a share is further off than it may be."""
    began, worst = time.monotonic(), 0.0
    for responders, long_below in product(KINDS, (0, threshold_of_the_plan())):
        found = difference(responders, long_below, range(SEEDS))
        name = f"{responders}, {f'two calendars, long below {long_below}' if long_below else 'one calendar'}"
        shares = ", ".join(f"{state} {difference:+.3f}" for state, difference in found.items())
        print(f"plan less simulator, {SEEDS} hospitals, {name}: {shares}")
        worst = max(worst, *map(abs, found.values()))
    print(f"largest difference {worst:.3f}, allowed {TOLERANCE}; {time.monotonic() - began:.0f} s")
    print(f"RESULT name=plan_shares ratio={TOLERANCE / worst:.2f} target=1.0")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
