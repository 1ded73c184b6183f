"""The auditor works out courses from scratch, by code of its own, and comes to what the anonymiser tells."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from stream_processors.audit.charts import Point, expected
from stream_processors.steps.courses import UNIT, Course, courses
from stream_processors.steps.courses import Point as Round
from stream_processors.steps.spc import LEADERS, LEADERS_FROM, Direction

FIRST = date(2026, 1, 5)
DIRECTIONS: tuple[Direction, ...] = ("higher_is_worse", "higher_is_better")
# few values and large steps, so that every rule is broken now and then
VALUES = st.lists(
    st.one_of(st.none(), st.integers(30_000, 31_000), st.sampled_from([20_000, 30_000, 30_500, 31_000, 40_000])),
    min_size=1,
    max_size=30,
)


def told(course: Course, newest: int | None, direction: Direction) -> dict[str, object]:
    """What the anonymiser publishes of a course, as the auditor reads it."""
    limits, signal = course.track.limits(), course.track.signal(direction)
    is_told = newest is not None and limits is not None and limits.points >= LEADERS_FROM
    return {
        "centre": None if limits is None else Fraction(limits.centre, UNIT),
        "limit_low": None if limits is None else Fraction(limits.lower, UNIT),
        "limit_high": None if limits is None else Fraction(limits.upper, UNIT),
        "limit_points": None if limits is None else limits.points,
        "smoothed": None if course.smoothed is None else Fraction(course.smoothed, UNIT),
        "signal": "" if not is_told else signal.kind if signal.for_leaders else "common",
        "signal_rules": tuple(rule for rule in signal.rules if rule in LEADERS) if is_told else (),
    }


@given(VALUES, st.one_of(st.none(), st.integers(0, 30)), st.sampled_from(DIRECTIONS))
def test_both_come_to_the_same(values: list[int | None], rebased: int | None, direction: Direction) -> None:
    days = [FIRST + timedelta(days=14 * number) for number in range(len(values))]
    day = None if rebased is None else FIRST + timedelta(days=14 * rebased)
    story = [
        (Round(first, value), None if day is None or first < day else day)
        for first, value in zip(days, values, strict=True)
    ]
    points = [
        Point(first, None if value is None else Fraction(value, UNIT))
        for first, value in zip(days, values, strict=True)
    ]
    for number, (course, (round_, since)) in enumerate(zip(courses(story), story, strict=True), 1):
        assert expected(points[:number], since, direction) == told(course, round_.value, direction)
