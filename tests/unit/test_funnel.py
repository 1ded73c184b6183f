"""Funnel plots: limits from published tables, verdicts on their edges, and places too small to be told apart."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.steps.funnel import TAIL_95, TAIL_998, Place, Range, Standing, Verdict, funnel, limits

HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("n", "rejected"), [(5, None), (6, 0), (8, 0), (9, 1), (10, 1), (12, 2), (15, 3), (20, 5), (25, 7), (30, 9)]
)
def test_limits_around_one_half_are_those_of_published_tables_of_the_sign_test(n: int, rejected: int | None) -> None:
    least = 0 if rejected is None else rejected + 1
    assert limits(n, HALF, HALF, TAIL_95) == Range(least, n - least)


def test_a_count_that_is_exactly_as_unlikely_as_the_limit_says_is_beyond_it() -> None:
    share = 1 - TAIL_95
    assert limits(1, share, share, TAIL_95) == Range(1, 1)


def _likely(n: int, share: float, least: int, most: int) -> float:
    return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(least, most + 1))


@given(st.integers(1, 150), st.integers(0, 50), st.sampled_from([TAIL_95, TAIL_998]))
def test_beyond_a_limit_is_as_unlikely_as_it_says_and_the_limit_itself_is_not(
    n: int, fiftieths: int, tail: Fraction
) -> None:
    share = fiftieths / 50
    found = limits(n, Fraction(fiftieths, 50), Fraction(fiftieths, 50), tail)
    assert _likely(n, share, 0, found.least - 1) <= float(tail) + 1e-9
    assert _likely(n, share, 0, found.least) > float(tail) - 1e-9
    assert _likely(n, share, found.most + 1, n) <= float(tail) + 1e-9
    assert _likely(n, share, found.most, n) > float(tail) - 1e-9


@given(st.integers(1, 80), st.integers(0, 30), st.integers(0, 30))
def test_an_uncertain_share_of_all_makes_the_limits_wider(n: int, one: int, other: int) -> None:
    low, high = Fraction(min(one, other), 30), Fraction(max(one, other), 30)
    wide = limits(n, low, high, TAIL_95)
    for share in (low, high):
        narrow = limits(n, share, share, TAIL_95)
        assert wide.least <= narrow.least
        assert narrow.most <= wide.most


REST = Place("rest", 2_000, 1_000, 1_000)
"""Half of many are at risk. Of 20 people, 6 to 14 are then within 95 %, and 3 to 17 within 99.8 %."""


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (14, 20, "within"),
        (15, 15, "high"),
        (17, 20, "high"),
        (18, 20, "very_high"),
        (0, 6, "within"),
        (0, 5, "low"),
        (0, 3, "low"),
        (0, 2, "very_low"),
        (0, 20, "within"),
    ],
)
def test_a_place_is_outside_only_where_its_whole_interval_is(low: int, high: int, verdict: Verdict) -> None:
    found = funnel([Place("a", 20, low, high), REST])
    assert found is not None
    assert [place.verdict for place in found.places] == [verdict, "within"]


def test_what_the_others_may_be_counts_as_well() -> None:
    # 15 of 20 are outside where half of the others are at risk, and not where it may be 60 %
    doubtful = funnel([Place("a", 20, 15, 15), REST._replace(at_risk_high=1_200)])
    assert doubtful is not None
    assert doubtful.places[0].verdict == "within"
    assert (doubtful.share_low, doubtful.share, doubtful.share_high) == (0.5025, 0.552, 0.6015)


def test_a_place_in_the_funnel_has_its_shares_and_limits() -> None:
    found = funnel([Place("a", 20, 14, 20), REST])
    assert found is not None
    assert found.places[0] == Standing("a", 20, 0.7, 1.0, (0.3, 0.7), (0.15, 0.85), "within")


@settings(deadline=None)
@given(st.data())
def test_five_people_are_never_outside_where_half_of_all_are_at_risk(data: st.DataObject) -> None:
    low = data.draw(st.integers(0, 5))
    found = funnel([Place("a", 5, low, data.draw(st.integers(low, 5))), REST, REST])
    assert found is not None
    assert found.places[0].verdict == "within"


def test_without_places_there_is_no_funnel_and_one_place_is_its_own_measure() -> None:
    assert funnel([]) is None
    for count in (0, 3, 20):
        alone = funnel([Place("a", 20, count, count)])
        assert alone is not None
        assert (alone.share, alone.places[0].verdict) == (count / 20, "within")


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12))
def test_well_and_at_risk_exchanged_turn_every_verdict_round(drawn: list[tuple[int, int, int]]) -> None:
    places = [Place("a", n, min(a, b, n), min(max(a, b), n)) for n, a, b in drawn]
    turned = [Place("a", n, n - high, n - low) for _, n, low, high in places]
    one, other = funnel(places), funnel(turned)
    assert one is not None
    assert other is not None
    opposite = {"within": "within", "high": "low", "low": "high", "very_high": "very_low", "very_low": "very_high"}
    assert [place.verdict for place in other.places] == [opposite[place.verdict] for place in one.places]
