"""Control charts: published examples, each rule on its edge, gaps and stretches."""

from collections.abc import Sequence

import pytest

from stream_processors.steps.spc import FIRM, LEADERS_FROM, RUN, Kind, Limits, Rule, Signal, Track, assurance, chart
from tests import oracle_spc

UNIT = 10_000
RNORM: list[int | None] = [
    *(-5605, -2302, 15587, 705, 1293, 17151, 4609, -12651, -6869, -4457),
    *(12241, 3598, 4008, 1107, -5558, 17869, 4979, -19666, 7014, -4728),
]
"""R's rnorm(20) after set.seed(123), the series of a test of NHSRplotthedots, in ten-thousandths."""


def track(values: Sequence[int | None], baseline: int | None = None) -> Track:
    """The series after all of its values."""
    result = Track(baseline)
    for value in values:
        result = result.add(value)
    return result


def signal(values: Sequence[int | None], baseline: int | None = None) -> Signal:
    """What is said of the last value, higher being worse."""
    return track(values, baseline).signal("higher_is_worse")


def rules(values: Sequence[int | None], baseline: int | None = None) -> tuple[Rule, ...]:
    return signal(values, baseline).rules


def quiet(points: int, step: int = 20) -> list[int]:
    """Points in turn a step above and below 1000: the mean is 1000 after an even number of them."""
    return [1000 + step * (-1) ** i for i in range(points)]


def test_the_limits_of_a_worked_example() -> None:
    # sum 241 of 11; moving ranges nine 2s and one 9, mean 2.7; 2.66 * 2.7 = 7.182
    values = [v * UNIT for v in (20, 22, 20, 22, 20, 22, 20, 22, 20, 22, 31)]
    limits = track(values).limits()
    assert limits == Limits(centre=219_091, lower=147_271, upper=290_910, points=11)
    assert limits.trial
    assert signal(values) == Signal("concern", ("outside",), 11)


def test_the_limits_that_nhsrplotthedots_prints() -> None:
    limits = track(RNORM).limits()
    assert limits is not None
    assert not limits.trial
    assert [round(v / UNIT, 2) for v in (limits.lower, limits.upper)] == [-3.01, 3.29]
    assert round(limits.centre / UNIT, 3) == 0.142


def test_the_limits_of_a_textbook() -> None:
    # Montgomery DC, Introduction to Statistical Quality Control, costs of processing a loan: mean 300.5, mean moving
    # range 7.79, limits 279.78 and 321.22
    costs = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306, 301, 304]
    done = track([cost * UNIT for cost in costs])
    limits = done.limits()
    assert limits is not None
    assert limits.centre == 3_005_000
    assert round(done.range_total / done.ranges / UNIT, 2) == 7.79
    assert [round(v / UNIT, 2) for v in (limits.lower, limits.upper)] == [279.78, 321.22]
    assert {one.signal.kind for one in chart([cost * UNIT for cost in costs], "higher_is_worse")} == {"common"}


def test_the_second_implementation_screens_as_in_a_worked_example() -> None:
    # the screen is 3.267 * 2.7 = 8.8209, which the moving range of 9 is not under; the rest is 2 each
    found = oracle_spc.lines([20, 22, 20, 22, 20, 22, 20, 22, 20, 22, 31], screened=True)
    assert found is not None
    assert [round(float(line), 6) for line in (found.mean, *found.limits)] == [21.909091, 16.589091, 27.229091]


def test_there_are_no_limits_before_two_points_follow_each_other() -> None:
    for values in ([], [5], [None], [5, None, 6], [None, 5, None]):
        assert track(values).limits() is None
        assert signal(values) == Signal("none")
    assert track([5, 7]).limits() == Limits(6, 1, 11, 2)


def test_a_gap_has_no_signal_and_ends_a_moving_range() -> None:
    assert signal([*quiet(12), None]) == Signal("none")
    # without the gap the mean moving range would be 4
    assert track([10, 12, None, 20, 22]).limits() == Limits(16, 11, 21, 4)


@pytest.mark.parametrize(("value", "broken"), [(1107, True), (1106, False), (894, False), (893, True)])
def test_outside_means_beyond_a_limit_and_not_on_it(value: int, broken: bool) -> None:
    # twelve points held: mean 1000, moving range 40, limits 893.6 and 1106.4
    assert track(quiet(12), 12).limits() == Limits(1000, 894, 1106, 12)
    assert rules([*quiet(12), value], 12) == (("outside",) if broken else ())


def test_a_point_exactly_on_a_whole_limit_is_within() -> None:
    # moving range 100: limits at 734 and 1266
    values = quiet(12, 50)
    assert track(values, 12).limits() == Limits(1000, 734, 1266, 12)
    assert rules([*values, 1266], 12) == rules([*values, 734], 12) == ()
    assert rules([*values, 1267], 12) == rules([*values, 733], 12) == ("outside",)


def test_seven_on_one_side_are_a_run_and_a_point_on_the_mean_ends_it() -> None:
    above = [1001, 1002, 1001, 1002, 1001, 1002, 1001]
    assert rules([*quiet(11), 980, *above], 12) == ("run",)
    assert rules([*quiet(11), 980, *above[1:]], 12) == ()
    assert rules([*quiet(11), 980, *above[:3], 1000, *above[:6]], 12) == ()
    assert rules([*quiet(11), 980, *above[:4], None, *above[:6]], 12) == ()


def test_the_side_of_the_mean_is_that_of_the_exact_mean() -> None:
    # sum 12001 of 12: 1000 is below the mean by a twelfth
    values = [*quiet(11), 981]
    assert track(values, 12).total == 12_001
    assert "run" in rules([*values, *[1000] * 7], 12)


def test_seven_rising_are_a_trend_and_two_equal_ones_end_it() -> None:
    rising = [980, 985, 990, 995, 1001, 1005, 1010]
    held = [*quiet(11), 1020]
    assert rules([*held, *rising], 12) == ("trend",)
    assert rules([*held, *rising[::-1]], 12) == ("trend",)
    assert rules([*held, *rising[:3], 990, *rising[3:]], 12) == ()
    assert rules([*held, *rising[:3], None, *rising[3:]], 12) == ()


@pytest.mark.parametrize(
    ("last", "broken"),
    [
        ([1080, 1010, 1080], True),
        ([1010, 1080, 1080], True),
        ([1070, 1010, 1080], False),  # 1070 is within two thirds: 1070.9
        ([1080, 990, 1080], False),  # not all on one side
        ([1080, 1000, 1080], False),  # one on the mean
        ([1080, 1080, 1010], False),  # the newest is not near itself
        ([1200, 1010, 1080], False),  # beyond the limit is not near it
        ([1080, None, 1080], False),
        ([920, 990, 920], True),
    ],
)
def test_two_of_three_near_a_limit(last: list[int | None], broken: bool) -> None:
    assert ("two_of_three" in rules([*quiet(12), *last], 12)) is broken


@pytest.mark.parametrize(("value", "kind"), [(1200, "concern"), (800, "improvement")])
def test_the_side_of_the_mean_says_which_way(value: int, kind: Kind) -> None:
    done = track([*quiet(12), value], 12)
    assert done.signal("higher_is_worse").kind == kind
    assert {done.signal("higher_is_worse").kind, done.signal("higher_is_better").kind} == {"concern", "improvement"}
    assert signal(quiet(12)).kind == "common"


def test_held_limits_rest_on_the_first_points_and_growing_ones_on_all() -> None:
    values = [*quiet(12), None, *[1500] * 12]
    assert track(values, 12).limits() == track(quiet(12), 12).limits()
    grown = track(values).limits()
    assert grown is not None
    assert (grown.centre, grown.points) == (1250, 24)


def test_leaders_are_told_from_enough_points_on() -> None:
    # limits that rest on the point as well can hardly be left by the first few
    early, late = ([*quiet(points, 2), 1500] for points in (LEADERS_FROM - 2, LEADERS_FROM - 1))
    assert signal(early, LEADERS_FROM - 2).rules == signal(late, LEADERS_FROM).rules == ("outside",)
    assert not signal(early, LEADERS_FROM - 2).for_leaders
    assert signal(late, LEADERS_FROM).for_leaders
    assert not signal(quiet(LEADERS_FROM)).for_leaders


def test_leaders_are_told_of_three_rules_and_not_of_a_trend_alone() -> None:
    trend = signal([*quiet(11), 1020, 980, 985, 990, 995, 1001, 1005, 1010], 12)
    assert (trend.kind, trend.rules, trend.for_leaders) == ("concern", ("trend",), False)
    assert signal([*quiet(11), 980, *[1001] * RUN], 12).for_leaders
    assert signal([*quiet(12), 1080, 1010, 1080], 12).for_leaders


def test_limits_are_a_trial_under_twelve_points() -> None:
    limits = [track(quiet(points)).limits() for points in (FIRM - 1, FIRM)]
    assert [one.trial for one in limits if one] == [True, False]


def test_a_new_stretch_has_limits_of_its_own_and_starts_every_run_anew() -> None:
    before, after = quiet(12), [1501, 1503, 1501, 1503, 1501, 1503]
    done = track(before, 12).rebase()
    assert done == Track(12)
    judged = chart([*before, *after], "higher_is_worse", rebased_at=[12], baseline=12)
    assert [one.limits.centre for one in judged if one.limits] == [1000] * 12 + [1502] * 6
    assert {one.signal.kind for one in judged} == {"common"}
    assert chart([*before, *after], "higher_is_worse", baseline=12)[12].signal.kind == "concern"


def test_a_stretch_that_begins_after_the_last_round_changes_nothing_yet() -> None:
    assert chart(quiet(12), "higher_is_worse", rebased_at=[12, 40]) == chart(quiet(12), "higher_is_worse")
    assert chart([], "higher_is_worse") == []


def test_a_chart_tells_every_point_of_a_run() -> None:
    judged = chart([*quiet(11), 980, *[1001] * RUN, 990], "higher_is_worse", baseline=12)
    assert [at for at, one in enumerate(judged) if one.signal.rules] == list(range(12, 19))
    assert {one.signal for one in judged[12:19]} == {Signal("concern", ("run",), 12)}


def test_a_chart_tells_the_near_points_of_two_in_three() -> None:
    judged = chart([*quiet(12), 1080, 1010, 1085], "higher_is_worse", baseline=12)
    assert [at for at, one in enumerate(judged) if "two_of_three" in one.signal.rules] == [12, 14]


@pytest.mark.parametrize(
    ("target", "worse", "better"),
    [
        (89, "fails", "meets"),
        (90, "hit_and_miss", "hit_and_miss"),
        (110, "hit_and_miss", "hit_and_miss"),
        (111, "meets", "fails"),
    ],
)
def test_assurance(target: int, worse: str, better: str) -> None:
    limits = Limits(100, 90, 110, 20)
    assert assurance(limits, target, "higher_is_worse") == worse
    assert assurance(limits, target, "higher_is_better") == better
