"""Control charts for any series: as their sources have them, point by point as for a whole chart, on any scale."""

from hypothesis import given
from hypothesis import strategies as st

from stream_processors.steps.spc import Direction, Judged, Track, assurance, chart
from tests import oracle_spc

# few values on a small range break rules and touch lines often
VALUES = st.lists(st.one_of(st.none(), st.integers(-6, 6)), max_size=40)
FEW_GAPS = st.lists(st.sampled_from([None, *range(10)]) | st.integers(0, 9), max_size=60)
WIDE = st.lists(st.none() | st.integers(-(10**7), 10**7), max_size=40)
SERIES = VALUES | FEW_GAPS | WIDE
BASELINES = st.none() | st.integers(2, 30)
DIRECTIONS = st.sampled_from(["higher_is_worse", "higher_is_better"])
NAMES = ("outside", "run", "trend", "two_of_three")


@given(SERIES, BASELINES, DIRECTIONS)
def test_a_chart_is_what_its_sources_say(values: list[int | None], baseline: int | None, direction: Direction) -> None:
    lines = oracle_spc.lines(values, baseline)
    told = oracle_spc.flags(values, baseline)
    for at, one in enumerate(chart(values, direction, baseline=baseline)):
        assert one.signal.rules == tuple(name for name, is_told in zip(NAMES, told[at], strict=True) if is_told)
        if one.signal.rules:
            worse = oracle_spc.side(values, at, baseline) != (1 if direction == "higher_is_better" else -1)
            assert one.signal.kind == ("concern" if worse else "improvement")
        if lines is None:
            assert one.limits is None
        else:
            assert one.limits is not None
            lower, upper = lines.limits
            assert 0 <= one.limits.lower - lower < 1
            assert 0 <= upper - one.limits.upper < 1
            assert abs(one.limits.centre - lines.mean) <= 0.5


@given(SERIES, BASELINES, DIRECTIONS, st.lists(st.integers(0, 40)))
def test_the_newest_point_of_a_chart_is_what_a_track_says(
    values: list[int | None], baseline: int | None, direction: Direction, rebased_at: list[int]
) -> None:
    track = Track(baseline)
    for at, value in enumerate(values):
        if at in rebased_at:
            track = track.rebase()
        track = track.add(value)
        newest = chart(values[: at + 1], direction, rebased_at, baseline)[-1]
        assert newest == Judged(value, track.limits(), track.signal(direction))


@given(SERIES, BASELINES, DIRECTIONS, st.integers(-(10**6), 10**6))
def test_a_series_moved_as_a_whole_has_the_same_signals(
    values: list[int | None], baseline: int | None, direction: Direction, by: int
) -> None:
    moved = [None if value is None else value + by for value in values]
    for one, other in zip(
        chart(values, direction, baseline=baseline), chart(moved, direction, baseline=baseline), strict=True
    ):
        assert one.signal == other.signal
        if one.limits and other.limits:
            assert (other.limits.lower, other.limits.upper) == (one.limits.lower + by, one.limits.upper + by)


@given(SERIES, BASELINES, DIRECTIONS, st.integers(1, 1000))
def test_a_series_in_another_unit_has_the_same_signals(
    values: list[int | None], baseline: int | None, direction: Direction, factor: int
) -> None:
    scaled = [None if value is None else value * factor for value in values]
    before, after = (chart(each, direction, baseline=baseline) for each in (values, scaled))
    assert [one.signal for one in before] == [one.signal for one in after]


@given(SERIES, BASELINES, DIRECTIONS)
def test_a_series_upside_down_and_read_the_other_way_has_the_same_signals(
    values: list[int | None], baseline: int | None, direction: Direction
) -> None:
    other: Direction = "higher_is_better" if direction == "higher_is_worse" else "higher_is_worse"
    turned = [None if value is None else -value for value in values]
    lines = oracle_spc.lines(values, baseline)
    before, after = chart(values, direction, baseline=baseline), chart(turned, other, baseline=baseline)
    for one, flipped in zip(before, after, strict=True):
        # on the mean itself there is no side to flip
        if one.signal != flipped.signal:
            assert lines is not None
            assert one.value == lines.mean


@given(SERIES, BASELINES, DIRECTIONS, st.integers(0, 40))
def test_gaps_at_either_end_change_nothing(
    values: list[int | None], baseline: int | None, direction: Direction, gaps: int
) -> None:
    padded = chart([*[None] * gaps, *values, *[None] * gaps], direction, baseline=baseline)
    assert [one.signal for one in padded[gaps : gaps + len(values)]] == [
        one.signal for one in chart(values, direction, baseline=baseline)
    ]


@given(WIDE, st.integers(-(10**7), 10**7), DIRECTIONS)
def test_a_target_that_is_always_met_never_fails_the_other_way(
    values: list[int | None], target: int, direction: Direction
) -> None:
    track = Track()
    for value in values:
        track = track.add(value)
    limits = track.limits()
    if limits is not None:
        other: Direction = "higher_is_better" if direction == "higher_is_worse" else "higher_is_worse"
        pair = {assurance(limits, target, direction), assurance(limits, target, other)}
        assert pair in ({"hit_and_miss"}, {"meets", "fails"})
