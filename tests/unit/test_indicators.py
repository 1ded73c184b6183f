"""Rolling indicators, on cohorts made by hand."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.resources import catalogue
from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.event import State
from schemas.events import CohortSealed, NodeState, RoundSealed
from schemas.indicator import Indicator
from schemas.policy import Policy
from stream_processors.steps.changes import changes
from stream_processors.steps.figures import Summed, wilson
from stream_processors.steps.history import History
from stream_processors.steps.indicators import fold
from stream_processors.steps.rollup import Totals

PATH = ("general", "surgery", "ward-1")
POLICY = Policy()
SCALE = catalogue()["sib5"].scales[0]


def cohort(
    round_: str, n: int, score: tuple[int, int], at_risk: tuple[int, int], path: tuple[str, ...] = PATH
) -> CohortSealed:
    """A sealed row of the single item; scores are totals in grid units."""
    return CohortSealed(
        facility="general",
        event_id=derived_id(round_, path),
        cohort_id=derived_id(round_, path).replace("-", ""),
        node=path[-1],
        path=path,
        round=round_,
        form="sib5",
        scale="burnout",
        n=n,
        score_low=score[0],
        score_high=score[1],
        at_risk_low=at_risk[0],
        at_risk_high=at_risk[1],
        policy_hash=POLICY.hash(),
    )


def sealed(round_: str, state: State, headcount: int | None = 40, form: str = "sib5") -> RoundSealed:
    """A round's last record, with one ward."""
    node = NodeState(
        node="ward-1",
        path=PATH,
        name="Ward 1",
        kind="unit",
        headcount="<K" if headcount is None else headcount,
        states={form: state},
    )
    return RoundSealed(
        facility="general",
        event_id=derived_id("sealed", round_),
        round=round_,
        forms=(form,),
        first_answer_date=date(2026, 1, 5),
        last_answer_date=date(2026, 1, 18),
        policy=POLICY,
        policy_hash=POLICY.hash(),
        nodes=(node,),
    )


def run(*events: CohortSealed | RoundSealed) -> list[Indicator]:
    """The indicators that the events of a cohorts topic yield."""
    history = History()
    return [indicator for event in events for indicator in fold(history, event, catalogue())]


def test_one_round_gives_its_own_mean_share_and_coverage() -> None:
    (found,) = run(cohort("r1", 20, (50, 50), (8, 8)), sealed("r1", "published"))
    assert (found.responses, found.mean, found.coverage, found.at_risk_share) == (20, 2.5, 0.5, 0.4)
    assert (found.rounds_published, found.rounds_fielded, found.change) == (1, 1, None)
    # R: binom::binom.wilson(8, 20) gives 0.2188 to 0.6134
    assert (found.at_risk_share_low, found.at_risk_share_high) == (0.2188, 0.6134)


def test_bounds_of_coded_totals_are_carried_and_the_middle_is_shown() -> None:
    (found,) = run(cohort("r1", 20, (20, 40), (0, 2)), sealed("r1", "published"))
    assert (found.mean_low, found.mean, found.mean_high) == (1.0, 1.5, 2.0)
    assert (found.at_risk_low, found.at_risk_high, found.at_risk_share) == (0, 2, 0.05)
    assert found.at_risk_share_low == 0.0
    assert found.at_risk_share_high == pytest.approx(wilson(0.1, 20)[1], abs=1e-4)


def test_a_window_holds_the_last_four_rounds_in_which_the_form_was_fielded() -> None:
    events: list[CohortSealed | RoundSealed] = []
    for number in range(1, 7):
        events += [
            cohort(f"r{number}", 20, (20 * number // 2, 20 * number // 2), (10, 10)),
            sealed(f"r{number}", "published"),
        ]
        events += [sealed(f"gap{number}", "not_fielded")]
    last = run(*events)[-2]
    assert last.round == "r6"
    assert (last.rounds_published, last.rounds_fielded, last.responses) == (4, 4, 80)
    assert last.mean == (3 + 4 + 5 + 6) / 2 / 4


def test_the_same_people_answer_again_so_an_interval_does_not_narrow_with_rounds() -> None:
    events = [
        event for n in range(4) for event in (cohort(f"r{n}", 20, (50, 50), (8, 8)), sealed(f"r{n}", "published"))
    ]
    first, *_, last = run(*events)
    assert last.responses == 80
    assert (last.at_risk_share_low, last.at_risk_share_high) == (first.at_risk_share_low, first.at_risk_share_high)


def test_change_compares_with_the_four_rounds_before_and_shares_none_with_them() -> None:
    totals = [40, 40, 40, 40, 60, 60, 60, 60]
    events = [
        event
        for number, total in enumerate(totals)
        for event in (cohort(f"r{number}", 20, (total, total), (8, 8)), sealed(f"r{number}", "published"))
    ]
    found = run(*events)
    assert [indicator.change for indicator in found[:4]] == [None] * 4
    # of one score, 40 % at risk: .24 * (4 - 1.5)**2 between, .4 * 8/12 + .6 * 3/12 within; of two windows of 20 people
    half = 1.959964 * ((1.5 + 0.4 * 8 / 12 + 0.6 * 3 / 12) * 2 / 20) ** 0.5
    assert found[-1].change == 1.0
    assert (found[-1].change_low, found[-1].change_high) == (round(1 - half, 4), round(1 + half, 4))


def test_the_interval_of_a_change_of_shares_is_newcombes() -> None:
    # Newcombe (1998), table II: 56 of 70 against 48 of 80 is 0.2, by method 10 from 0.0524 to 0.3339
    now, then = Totals(70, 200, 200, 56, 56), Totals(80, 200, 200, 48, 48)
    found = changes(Summed.of([now], None), Summed.of([then], None), SCALE)
    assert (found["share_change"], found["share_change_low"], found["share_change_high"]) == (0.2, 0.0524, 0.3339)


def test_bounds_widen_the_interval_of_a_change_at_both_ends() -> None:
    exact, coded = (Totals(20, 40, 40, 2, 2), Totals(20, 20, 40, 0, 2))
    narrow, wide = (changes(Summed.of([one], 40), Summed.of([one], 50), SCALE) for one in (exact, coded))
    for name in ("change", "share_change"):
        assert wide[f"{name}_low"] < narrow[f"{name}_low"] < 0 < narrow[f"{name}_high"] < wide[f"{name}_high"]
    assert narrow["coverage_change"] == 0.1


def test_where_one_window_does_not_show_how_many_it_asked_no_trend_of_coverage_is_told() -> None:
    exact = Totals(20, 40, 40, 2, 2)
    assert "coverage_change" not in changes(Summed.of([exact], 40), Summed.of([exact], None), SCALE)


def test_a_withheld_round_counts_in_coverage_and_in_no_mean() -> None:
    events = (cohort("r1", 20, (50, 50), (8, 8)), sealed("r1", "published"), sealed("r2", "withheld"))
    last = run(*events)[-1]
    assert (last.state, last.responses, last.mean, last.coverage) == ("published", 20, 2.5, 0.25)
    assert (last.rounds_published, last.rounds_fielded) == (1, 2)


@pytest.mark.parametrize("state", ["withheld", "not_fielded"])
def test_without_a_cohort_there_is_a_state_and_no_number(state: State) -> None:
    (found,) = run(sealed("r1", state))
    assert found.state == state
    assert {found.responses, found.mean, found.at_risk_share, found.coverage, found.change} == {None}


def test_a_form_not_fielded_here_this_time_shows_no_figures_of_earlier_rounds() -> None:
    last = run(cohort("r1", 20, (50, 50), (8, 8)), sealed("r1", "published"), sealed("r2", "not_fielded"))[-1]
    assert (last.state, last.responses) == ("not_fielded", None)


def test_coverage_is_not_shown_where_a_headcount_is_not() -> None:
    (found,) = run(cohort("r1", 11, (30, 30), (5, 5)), sealed("r1", "published", headcount=None))
    assert found.coverage is None


def test_repeated_rows_and_seals_change_nothing() -> None:
    row, seal = cohort("r1", 20, (50, 50), (8, 8)), sealed("r1", "published")
    assert run(row, row, seal, row, seal) == run(row, seal)


def test_a_form_that_nobody_knows_is_a_data_error() -> None:
    with pytest.raises(DataError) as error:
        run(sealed("r1", "withheld", form="unheard.of"))
    assert error.value.reason is Reason.UNKNOWN_FORM


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_limits_are_those_of_the_literature(count: int, n: int, low: float, high: float) -> None:
    # the last row is the example of Newcombe RG (1998) Stat Med 17:857-872, table I
    assert wilson(count / n, n) == pytest.approx((low, high), abs=5e-5)


TOTALS = st.builds(Totals, *[st.integers(0, 1000)] * 5)


@given(TOTALS, TOTALS, TOTALS)
def test_totals_merge_in_any_order_and_grouping(one: Totals, two: Totals, three: Totals) -> None:
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(Totals()) == one
