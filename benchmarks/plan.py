"""The plan against the simulator: 100 hospitals, both kinds of responders, one calendar and two.

Tells by how much the shares of published, pooled and withheld units in the plan differ from those of the simulator's
rounds after the real steps; each a mean over the hospitals. tests/unit/test_plan_against_simulator.py has fewer of them.
"""

import sys
import time

from tests.plan_against_simulator import differences

SEEDS = 100
TOLERANCE = 0.05


def main() -> int:
    """Compare and print; 1 if a share is further off than it may be."""
    began, worst = time.monotonic(), 0.0
    for responders, long_below, found in differences(range(SEEDS)):
        name = f"{responders}, {f'two calendars, long below {long_below}' if long_below else 'one calendar'}"
        shares = ", ".join(f"{state} {difference:+.3f}" for state, difference in found.items())
        print(f"RESULT plan less simulator, {SEEDS} hospitals, {name}: {shares}")
        worst = max(worst, *map(abs, found.values()))
    print(f"RESULT largest difference {worst:.3f}, allowed {TOLERANCE}; {time.monotonic() - began:.0f} s")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
