"""What the plan promises is what the simulator's rounds yield after the real steps.

All 100 hospitals with one calendar, and 20 with two, as those take a season each; `python -m benchmarks.plan` has 100
of every kind. Fewer with one calendar would say little: a department's units are pooled or withheld together, and with
two rounds each of 20 hospitals chance alone makes a difference of several points.
"""

import pytest

from producers.simulation.habits import Responders
from tests.plan_against_simulator import Case, difference, simulated, threshold_of_the_plan


@pytest.mark.parametrize(("calendars", "hospitals"), [("one", 100), ("two", 20)])
@pytest.mark.parametrize("responders", ["independent", "habitual"])
def test_the_plan_is_within_five_points_of_the_simulator(
    responders: Responders, calendars: str, hospitals: int
) -> None:
    long_below = threshold_of_the_plan() if calendars == "two" else 0
    found = difference(responders, long_below, range(hospitals))
    assert max(map(abs, found.values())) < 0.05, found


def test_the_comparison_would_notice_another_number_of_calendars() -> None:
    one, two = (simulated(Case("independent", 1, long_below)) for long_below in (0, threshold_of_the_plan()))
    assert two["published"] - one["published"] > 0.1
