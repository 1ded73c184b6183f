"""Reported, not prevented: the joiner of a stable group, from uncoded totals."""

from collections.abc import Mapping
from fractions import Fraction

import pytest

from tests.attacks.leavers import EVEN, SKEWED, best_guess_of_joiner


@pytest.mark.parametrize(("prior", "percent"), [(SKEWED, [100, 55, 36]), (EVEN, [100, 57, 32])])
def test_a_joiner_of_ten_is_guessed_as_often_as_the_page_says(
    prior: Mapping[int, Fraction], percent: list[int]
) -> None:
    repeats = (Fraction(1), Fraction(9, 10), Fraction(7, 10))
    assert [round(100 * best_guess_of_joiner(10, repeat, prior)) for repeat in repeats] == percent
