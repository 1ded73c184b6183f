"""Published 95 % intervals hold the truth of simulated units at least 93 times of 100, and say so where they do not."""

import pytest

from tests.truth import OUTCOMES, SEEDS, SHIFTS, SIZES, WINDOWS, World, of_changes, of_roll_ups, of_simulator, of_units

LEAST = 0.93


@pytest.mark.parametrize("rounds", WINDOWS)
@pytest.mark.parametrize("usual", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("answers", SIZES.values(), ids=SIZES)
def test_intervals_of_units_hold_the_truth(answers: int, usual: float, rounds: int) -> None:
    found = of_units(World(answers, usual, rounds), SEEDS, each=4)
    assert found.covered >= LEAST
    assert found.intervals >= 500
    # what coding costs: it never makes an interval narrower, but for the decimals of what is published
    assert found.width >= found.width_uncoded - 1e-4


@pytest.mark.parametrize("rounds", WINDOWS)
@pytest.mark.parametrize("usual", OUTCOMES.values(), ids=OUTCOMES)
def test_intervals_of_a_hundred_cohorts_hold_the_truth(usual: float, rounds: int) -> None:
    found = of_roll_ups(World(SIZES["16 to 30"], usual, rounds), SEEDS)
    assert found.covered >= LEAST
    assert found.intervals == len(SEEDS)


@pytest.mark.parametrize("rounds", WINDOWS)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("usual", OUTCOMES.values(), ids=OUTCOMES)
def test_intervals_of_changes_hold_the_truth(usual: float, shift: float, rounds: int) -> None:
    found = of_changes(World(SIZES["16 to 30"], usual, rounds), shift, SEEDS, each=4)
    assert found.mean_covered >= LEAST
    assert found.share_covered >= LEAST


def test_where_response_depends_on_it_no_interval_helps() -> None:
    # of a hundred cohorts chance is small and the bias is not: the docs say so
    found = of_roll_ups(World(SIZES["16 to 30"], OUTCOMES["common, 40 %"], 1, "dependent"), range(20))
    assert found.covered == 0


def test_intervals_hold_the_truth_of_the_simulator_after_all_real_steps() -> None:
    units, hospitals = of_simulator(SEEDS)
    assert units.covered >= LEAST
    assert units.intervals >= 1000
    assert hospitals.covered >= LEAST
    assert hospitals.intervals == len(SEEDS)
