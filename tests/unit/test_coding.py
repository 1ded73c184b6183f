"""The coding box: it always holds the truth, and it leaves every member every score they could have."""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations_with_replacement, product
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.resources import catalogue
from schemas.instruments.scoring import Scale, Score
from stream_processors.steps.coding import Coded, code

Cohort = tuple[Score, ...]

WITHOUT_A_CUT: Final = Scale(
    id="made-up",
    items=("1", "2"),
    reverse=frozenset(),
    low=1,
    high=3,
    min_answered=2,
    published_as="sum",
    direction="higher_is_worse",
    cut=None,
)
SIB5: Final = catalogue()["sib5"].scales[0]
PHQ2: Final = catalogue()["phq_2"].scales[0]
SCALES: Final = [*(scale for form in catalogue().values() for scale in form.scales), WITHOUT_A_CUT]
EXPOSURE: Final = catalogue()["wp_exposure"].scales[0]
SMALL: Final = [
    pytest.param(EXPOSURE, id="yes or no"),
    pytest.param(SIB5, id="sib5"),
    pytest.param(PHQ2, id="phq_2"),
    pytest.param(WITHOUT_A_CUT, id="no cut"),
]


def possible(scale: Scale) -> list[Score]:
    """Every result a person can have on a scale."""
    sums = {(0, 0)}
    for limits in scale.ranges.values():
        sums |= {(total + value, count + 1) for total, count in sums for value in range(limits[0], limits[1] + 1)}
    sums.discard((0, 0))
    return sorted({score for total, count in sums if (score := scale.score(total, count)) is not None})


def coded(scale: Scale, cohort: Iterable[Score], guard: int) -> Coded:
    """A cohort's published row."""
    members = list(cohort)
    return code(
        scale, len(members), sum(value for value, _ in members), sum(risk is True for _, risk in members), guard
    )


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Scale, Cohort, int]:
    """A scale, a guard, and a cohort no smaller than a policy with that guard allows."""
    scale, guard = draw(st.sampled_from(SCALES)), draw(st.integers(1, 4))
    smallest = max(5 + guard - 1, 2 * guard)
    members = st.lists(st.sampled_from(possible(scale)), min_size=smallest, max_size=40)
    # people who answer alike are where a box matters most
    alike = st.builds(lambda score, n: [score] * n, st.sampled_from(possible(scale)), st.integers(smallest, 40))
    return scale, tuple(draw(members | alike)), guard


@given(cohorts())
def test_the_bounds_always_hold_the_truth(drawn: tuple[Scale, Cohort, int]) -> None:
    scale, cohort, guard = drawn
    row, total = coded(scale, cohort, guard), sum(value for value, _ in cohort)
    assert row.score_low <= total <= row.score_high
    if scale.cut is not None:
        assert row.at_risk_low is not None
        assert row.at_risk_high is not None
        assert row.at_risk_low <= sum(risk is True for _, risk in cohort) <= row.at_risk_high


@given(cohorts())
def test_bounds_are_within_what_the_scale_allows(drawn: tuple[Scale, Cohort, int]) -> None:
    scale, cohort, guard = drawn
    row, n = coded(scale, cohort, guard), len(cohort)
    assert n * scale.score_min <= row.score_low <= row.score_high <= n * scale.score_max
    assert (row.at_risk_low is None) == (row.at_risk_high is None) == (scale.cut is None)
    if row.at_risk_low is not None and row.at_risk_high is not None:
        assert 0 <= row.at_risk_low <= row.at_risk_high <= n


@given(cohorts())
def test_no_row_says_that_fewer_than_the_guard_are_at_risk_or_are_not(drawn: tuple[Scale, Cohort, int]) -> None:
    scale, cohort, guard = drawn
    row, n = coded(scale, cohort, guard), len(cohort)
    if row.at_risk_low is not None and row.at_risk_high is not None:
        assert row.at_risk_high >= guard
        assert row.at_risk_low <= n - guard
        assert row.at_risk_low == row.at_risk_high or row.at_risk_low == 0 or row.at_risk_high == n


@pytest.mark.parametrize("n", [5, 6, 7])
@pytest.mark.parametrize("scale", SMALL)
def test_to_an_outsider_every_member_may_still_have_every_score(scale: Scale, n: int) -> None:
    seen: dict[Coded, set[Score]] = {}
    for cohort in combinations_with_replacement(possible(scale), n):
        seen.setdefault(coded(scale, cohort, guard=1), set()).update(cohort)
    everything = set(possible(scale))
    assert [row for row, scores in seen.items() if scores != everything] == []


@pytest.mark.parametrize("n", [6, 7])
@pytest.mark.parametrize("scale", SMALL)
def test_to_a_member_every_other_member_may_still_have_every_score(scale: Scale, n: int) -> None:
    seen: dict[tuple[Coded, Score], set[Score]] = {}
    for cohort in combinations_with_replacement(possible(scale), n):
        row = coded(scale, cohort, guard=2)
        for own in set(cohort):
            seen.setdefault((row, own), set()).update((Counter(cohort) - Counter([own])).keys())
    everything = set(possible(scale))
    assert [known for known, scores in seen.items() if scores != everything] == []


def test_a_guard_of_one_does_not_protect_from_a_fellow_member() -> None:
    seen: dict[tuple[Coded, Score], set[Score]] = {}
    for cohort in combinations_with_replacement(possible(SIB5), 6):
        row = coded(SIB5, cohort, guard=1)
        for own in set(cohort):
            seen.setdefault((row, own), set()).update((Counter(cohort) - Counter([own])).keys())
    assert any(scores != set(possible(SIB5)) for scores in seen.values())


def test_an_exact_total_of_unanimous_answers_is_never_published() -> None:
    for scale, guard, n in product(SCALES, [1, 2, 3], [11, 15, 40]):
        for score in (possible(scale)[0], possible(scale)[-1]):
            row = coded(scale, [score] * n, guard)
            assert row.score_low < row.score_high


def test_a_total_inside_its_box_is_published_exactly() -> None:
    # 11 people with a guard of 2: box of 5 at risk is [5*3+6*1+4, 5*5+6*2-4] = [25, 33]
    assert code(SIB5, 11, 29, 5, 2) == Coded(29, 29, 5, 5)


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (21, Coded(21, 25, 5, 5)),
        (25, Coded(21, 25, 5, 5)),
        (26, Coded(26, 26, 5, 5)),
        (32, Coded(32, 32, 5, 5)),
        (33, Coded(33, 37, 5, 5)),
        (37, Coded(33, 37, 5, 5)),
    ],
)
def test_a_total_on_an_edge_of_its_box_stands_for_all_beyond_it(total: int, expected: Coded) -> None:
    assert code(SIB5, 11, total, 5, 2) == expected


@pytest.mark.parametrize(
    ("at_risk", "low", "high"),
    [(0, 0, 2), (1, 0, 2), (2, 0, 2), (3, 3, 3), (8, 8, 8), (9, 9, 11), (10, 9, 11), (11, 9, 11)],
)
def test_few_at_risk_and_few_not_at_risk_are_published_as_a_range(at_risk: int, low: int, high: int) -> None:
    row = code(SIB5, 11, 30, at_risk, 2)
    assert (row.at_risk_low, row.at_risk_high) == (low, high)


def test_an_empty_box_says_nothing_of_the_total() -> None:
    # 4 people, 2 at risk, guard 2: from 2*3+2*1+4 = 12 to 2*5+2*2-4 = 10, and the count may be anything
    assert code(SIB5, 4, 10, 2, 2) == Coded(4, 20, 0, 4)


def test_a_low_total_does_not_give_away_that_nobody_is_at_risk() -> None:
    # with a count clamped to 1 or more and the total shown, 12 points of 11 people would tell that the count is 0
    rows = [code(SIB5, 11, 12, 0, 2), code(SIB5, 11, 13, 1, 2), code(SIB5, 11, 15, 2, 2)]
    assert rows == [Coded(11, 19, 0, 2)] * 3


def test_a_scale_without_a_cut_has_its_total_alone() -> None:
    # 11 people, 2 to 6 points each, guard 2: box [22+8, 66-8]
    assert code(WITHOUT_A_CUT, 11, 40, 0, 2) == Coded(40, 40, None, None)
    assert code(WITHOUT_A_CUT, 11, 22, 0, 2) == code(WITHOUT_A_CUT, 11, 30, 0, 2) == Coded(22, 30, None, None)
    assert code(WITHOUT_A_CUT, 11, 66, 0, 2) == code(WITHOUT_A_CUT, 11, 58, 0, 2) == Coded(58, 66, None, None)


def test_every_scale_in_use_can_be_coded_at_the_smallest_cohort() -> None:
    rows = (coded(scale, [score] * 6, 2) for scale in SCALES for score in possible(scale))
    assert all(row.score_low <= row.score_high for row in rows)
