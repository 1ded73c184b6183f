"""Every attack beats a naive design, and on sealed cohorts does no better than the exact best guess."""

from fractions import Fraction

import pytest

from tests.attacks.__main__ import PAGE, every_result, with_table
from tests.attacks.inference import best_guess, total_alone
from tests.attacks.results import Result

RESULTS = every_result()


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_an_attack_beats_a_naive_design_and_not_sealed_cohorts(result: Result) -> None:
    assert result.naive_hits >= result.naive_minimum * result.trials
    assert result.sealed_hits <= result.ceiling
    assert result.refused_as_expected
    if result.prevented:
        assert result.isolated == 0
        assert result.best < Fraction(1, 2)


def test_the_best_guess_from_one_total_of_eleven_is_right_in_27_percent() -> None:
    assert round(float(best_guess(11, total_alone)), 3) == 0.27


def test_table_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page, RESULTS) == page
