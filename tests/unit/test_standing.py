"""Quarters inside a facility, and figures beside those published elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instruments.scoring import Direction
from stream_processors.steps.standing import LEAST, Beside, beside, quarters

MEANS = st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 100), min_size=LEAST, max_size=40)


def test_eight_places_are_two_to_a_quarter_and_the_best_comes_first() -> None:
    means = {name: float(number) for number, name in enumerate("abcdefgh")}
    assert quarters(means, "higher_is_worse") == dict(zip("abcdefgh", (1, 1, 2, 2, 3, 3, 4, 4), strict=True))
    assert quarters(means, "higher_is_better") == dict(zip("abcdefgh", (4, 4, 3, 3, 2, 2, 1, 1), strict=True))


def test_fewer_than_eight_places_have_no_quarters() -> None:
    assert quarters(dict.fromkeys("abcdefg", 1.0), "higher_is_worse") == {}


@given(MEANS)
def test_equal_means_share_a_quarter_and_a_worse_mean_is_in_no_better_one(means: dict[str, float]) -> None:
    found = quarters(means, "higher_is_worse")
    for one, mean in means.items():
        assert 1 <= found[one] <= 4
        assert all(found[other] >= found[one] for other in means if means[other] >= mean)


@pytest.mark.parametrize(
    ("low", "high", "direction", "expected"),
    [
        (0.3, 0.5, "higher_is_worse", "no clear difference"),
        (0.4, 0.5, "higher_is_worse", "no clear difference"),
        (0.41, 0.5, "higher_is_worse", "worse"),
        (0.2, 0.39, "higher_is_worse", "better"),
        (0.41, 0.5, "higher_is_better", "better"),
        (0.2, 0.39, "higher_is_better", "worse"),
    ],
)
def test_an_interval_is_set_beside_a_figure_of_elsewhere(
    low: float, high: float, direction: Direction, expected: Beside
) -> None:
    assert beside(low, high, 0.4, direction) == expected
