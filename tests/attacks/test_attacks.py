"""Every attack beats a naive design, and on sealed cohorts does no better than the exact best guess."""

from fractions import Fraction

import pytest

from tests.attacks.__main__ import PAGE, every_result, with_table
from tests.attacks.inference import best_guess, total_alone
from tests.attacks.results import NAMES_OF_ATTACKS, result

# what one test has tried, the others need not try again
pytestmark = pytest.mark.xdist_group("attacks")


@pytest.mark.parametrize("name", NAMES_OF_ATTACKS)
def test_an_attack_beats_a_naive_design_and_not_sealed_cohorts(name: str) -> None:
    found = result(name)
    assert found.naive_hits >= found.naive_minimum * found.trials
    assert found.sealed_hits <= found.ceiling
    assert found.refused_as_expected
    if found.prevented:
        assert found.isolated == 0
        assert found.best < max(Fraction(1, 2), 2 * found.blind)


def test_the_best_guess_from_one_total_of_eleven_is_right_in_27_percent() -> None:
    assert round(float(best_guess(11, total_alone)), 3) == 0.27


def test_table_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page, every_result()) == page
