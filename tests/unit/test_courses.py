"""The course of a scale over single rounds: smoothed, on a control chart, and updated by one round at a time."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.library import library
from schemas.canonical import derived_id
from schemas.event import State
from schemas.events import AnyEvent, CohortRetired, CohortSealed, InterventionRecorded
from schemas.indicator import Indicator
from stream_processors.steps.courses import Course, Point, courses, follow
from stream_processors.steps.history import History, remember
from stream_processors.steps.indicators import fold
from stream_processors.steps.spc import LEADERS, LEADERS_FROM, chart
from tests.unit.test_indicators import PATH, cohort, sealed

FIRST = date(2026, 1, 5)
CATALOGUE = library().catalogue
VALUES = st.one_of(st.none(), st.integers(10_000, 50_000))


def day(number: int) -> date:
    """The first answer date of a round."""
    return FIRST + timedelta(days=14 * number)


def points(values: Sequence[int | None]) -> list[Point]:
    """Rounds, one after the other."""
    return [Point(day(number), value) for number, value in enumerate(values)]


def rounds(totals: Sequence[int | None]) -> list[AnyEvent]:
    """Rounds of twenty people on one ward by their score totals; None is withheld."""
    events: list[AnyEvent] = []
    for number, total in enumerate(totals):
        name = f"r{number}"
        state: State = "withheld" if total is None else "published"
        events += [] if total is None else [cohort(name, 20, (total, total), (8, 8))]
        end = sealed(name, state)
        events.append(end.model_copy(update={"first_answer_date": day(number), "last_answer_date": day(number)}))
    return events


def folded(events: Sequence[AnyEvent]) -> list[Indicator]:
    """The indicators of a cohorts topic."""
    history = History()
    return [one for event in events for one in fold(history, event, CATALOGUE)]


def intervention(
    number: int, *, node: str = "surgery", rebase: bool = True, version: int = 1, taken_back: bool = False
) -> InterventionRecorded:
    """Something done on the first day of a round, that limits count anew from."""
    return InterventionRecorded(
        facility="general",
        event_id=derived_id("intervention", number, node, version),
        node=node,
        path=(*PATH, node)[: (*PATH, node).index(node) + 1],
        version=version,
        on=day(number),
        kind="staffing",
        label="added-posts",
        rebase=rebase,
        taken_back=taken_back,
    )


class Unread:
    """Earlier rounds that must not be looked at."""

    def __iter__(self) -> Iterator[Point]:
        raise AssertionError("an update read the rounds before it")


def test_an_update_reads_no_earlier_round() -> None:
    course = Course()
    for point in points([20_000, 21_000, None, 23_000] * 10):
        course = follow(course, Unread(), point, None)
    assert course.smoothed is not None


def test_the_smoothed_mean_takes_three_tenths_of_each_new_value_and_skips_gaps() -> None:
    found = [course.smoothed for course in courses([(point, None) for point in points([20_000, 30_000, None, 10_000])])]
    # 20000, .3 * 30000 + .7 * 20000, the same, .3 * 10000 + .7 * 23000
    assert found == [20_000, 23_000, 23_000, 19_100]


@given(st.lists(st.one_of(st.none(), st.integers(20, 100)), min_size=1, max_size=30))
def test_every_row_says_what_the_chart_of_its_rounds_said_at_the_close(totals: list[int | None]) -> None:
    values = [None if total is None else total * 10_000 // 20 for total in totals]
    for number, row in enumerate(folded(rounds(totals))):
        newest = chart(values[: number + 1], "higher_is_worse")[-1]
        if row.state == "withheld":
            assert (row.centre, row.smoothed, row.signal, row.signal_rules) == (None, None, None, ())
            continue
        limits = newest.limits
        told = None if limits is None else tuple(value / 10_000 for value in limits[:3])
        assert (row.centre, row.limit_low, row.limit_high) == (told or (None, None, None))
        assert row.limit_points == (limits.points if limits else None)
        if newest.value is None or limits is None or limits.points < LEADERS_FROM:
            assert (row.signal, row.signal_rules) == (None, ())
        else:
            assert row.signal == (newest.signal.kind if newest.signal.for_leaders else "common")
            assert row.signal_rules == tuple(rule for rule in newest.signal.rules if rule in LEADERS)


def test_a_round_by_itself_is_told_beside_its_window() -> None:
    first, last = folded(rounds([40, 60]))
    assert (first.round_responses, first.round_mean, first.round_at_risk_low, first.round_at_risk_high) == (20, 2, 8, 8)
    assert (last.responses, last.mean, last.round_responses, last.round_mean) == (40, 2.5, 20, 3)


@pytest.mark.parametrize("node", ["general", "surgery", "ward-1"])
def test_limits_count_anew_from_an_intervention_at_the_place_or_above_that_says_so(node: str) -> None:
    before, after = [40, 42] * 7, [60, 64] * 7
    events = [*rounds([*before, *after])]
    found = folded([intervention(14, node=node), *events])
    assert [row.rebased_on for row in found] == [None] * 14 + [day(14)] * 14
    assert (found[13].centre, found[-1].centre, found[-1].limit_points) == (2.05, 3.1, 14)
    plain = folded([intervention(14, node=node, rebase=False), *events])
    assert {row.rebased_on for row in plain} == {None}
    assert plain[14].signal == "concern"


def test_an_intervention_elsewhere_or_one_taken_back_changes_no_limits() -> None:
    events = rounds([40, 42] * 14)
    plain, back = folded(events), intervention(14, version=2, taken_back=True)
    assert folded([intervention(14, node="imaging"), *events]) == plain
    assert folded([intervention(14), back, *events]) == plain
    # read in any order, the later version holds
    assert folded([back, intervention(14), *events]) == plain


def test_an_intervention_told_later_acts_on_later_rows_and_rewrites_none() -> None:
    events = rounds([40, 42] * 14)
    late = folded([*events[:40], intervention(8), *events[40:]])
    plain = folded(events)
    assert late[:20] == plain[:20]
    assert [row.limit_points for row in late[20:]] == [13, 14, 15, 16, 17, 18, 19, 20]
    assert late[20:] == folded([intervention(8), *events])[20:]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.booleans(), st.booleans()), max_size=30))
def test_the_days_limits_count_from_are_those_of_the_last_versions(told: list[tuple[int, int, bool, bool]]) -> None:
    history, last = History(), dict[int, tuple[int, bool]]()
    for number, version, rebase, taken_back in told:
        event = intervention(number, rebase=rebase, version=version, taken_back=taken_back)
        remember(history, event, CATALOGUE)
        if last.get(number, (0, False))[0] < version:
            last[number] = (version, rebase and not taken_back)
    days = [day(number) for number, (_, holds) in sorted(last.items()) if holds]
    assert history.rebases.get(("general", "surgery"), []) == days


def test_thousands_of_interventions_cost_no_more_each_than_the_first() -> None:
    history, one = History(), intervention(1)
    started = perf_counter()
    for number in range(20_000):
        told = one.model_copy(update={"on": FIRST + timedelta(days=number % 700), "label": f"label-{number // 700}"})
        remember(history, told, CATALOGUE)
    # a look at all of them for each takes minutes
    assert perf_counter() - started < 10
    assert len(history.rebases["general", "surgery"]) == 20_000


@given(st.lists(st.one_of(st.none(), st.integers(20, 100)), min_size=2, max_size=16), st.data())
def test_a_history_read_again_goes_on_as_if_it_had_never_stopped(totals: list[int | None], data: st.DataObject) -> None:
    events: list[AnyEvent] = [intervention(3), *rounds(totals)]
    some = [event for event in events if isinstance(event, CohortSealed)]
    if some:
        one = data.draw(st.sampled_from(some))
        events.append(retired(one))
        events += rounds([*totals, 50])[len(rounds(totals)) :]
    stop = data.draw(st.integers(0, len(events)))
    history = History()
    for event in events[:stop]:
        remember(history, event, CATALOGUE)
    again = [one for event in events[stop:] for one in fold(history, event, CATALOGUE)]
    assert again == folded(events)[len(folded(events[:stop])) :]


def test_after_a_retirement_the_course_is_as_if_that_round_had_been_withheld() -> None:
    events = rounds([40, 90, 44, 46, 48])
    gone = next(event for event in events if isinstance(event, CohortSealed) and event.round == "r1")
    again = folded([*events, retired(gone), *rounds([40, 90, 44, 46, 48, 50])[len(events) :]])
    without = folded(rounds([40, None, 44, 46, 48, 50]))
    names = ("round_mean", "smoothed", "centre", "limit_low", "limit_high", "limit_points", "change", "mean")
    assert [[getattr(row, name) for name in names] for row in again[-5:]] == [
        [getattr(row, name) for name in names] for row in without[-5:]
    ]
    assert {row.cohorts_retired for row in again[-5:]} == {1}


def retired(row: CohortSealed) -> CohortRetired:
    return CohortRetired(
        facility=row.facility,
        event_id=derived_id("retired", row.round),
        cohort_id=row.cohort_id,
        node=row.node,
        path=row.path,
        round=row.round,
        form=row.form,
    )


@given(st.lists(VALUES, min_size=1, max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_from_the_start_or_one_by_one_a_course_is_the_same(values: list[int | None], rebased: list[int]) -> None:
    days = sorted(map(day, rebased))
    story = [(point, max((one for one in days if one <= point.first), default=None)) for point in points(values)]
    found = list(courses(story))
    for number, (point, since) in enumerate(story[1:], 1):
        earlier = [one for one, _ in story[:number]]
        assert follow(found[number - 1], earlier, point, since) == found[number]
