"""The course of one scale at one place over single rounds: smoothed, and on a control chart.

Updated by one round at a time, at a cost that does not grow with the rounds before. Values are the published means of
single rounds in ten-thousandths, so that anybody can follow them from what is stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

from stream_processors.steps.spc import Track

UNIT: Final = 10_000
"""A published figure has four decimals."""

_NEW, _OLD = 3, 7
"""Weights of the exponentially weighted mean, in tenths: the newest round, and all before it (Roberts SW (1959)
Technometrics 1(3):239-250)."""


class Point(NamedTuple):
    """A round of a course: its first answer date, and the mean there or None where nothing is published."""

    first: date
    value: int | None


@dataclass(frozen=True, slots=True)
class Course:
    """What is known after a round. `since` is the date from which on the control limits count anew, if any."""

    track: Track = field(default_factory=Track)
    smoothed: int | None = None
    since: date | None = None


def follow(course: Course, points: Iterable[Point], newest: Point, since: date | None) -> Course:
    """The course after its newest point. `points` are all before it; they are read only where limits count anew."""
    track = course.track if since == course.since else _from(points, since)
    return Course(track.add(newest.value), _smoothed(course.smoothed, newest.value), since)


def in_units(figure: Fraction) -> int:
    """A published figure in ten-thousandths."""
    return round(figure * UNIT)


def _from(points: Iterable[Point], since: date | None) -> Track:
    track = Track()
    for point in points:
        if since is None or point.first >= since:
            track = track.add(point.value)
    return track


def _smoothed(before: int | None, value: int | None) -> int | None:
    if before is None or value is None:
        return before if value is None else value
    return (_NEW * value + _OLD * before + 5) // (_NEW + _OLD)


def courses(points: Iterable[tuple[Point, date | None]]) -> Iterator[Course]:
    """The course after each point, from the first; beside each the date that limits counted from there."""
    course, before = Course(), list[Point]()
    for point, since in points:
        course = follow(course, before, point, since)
        before.append(point)
        yield course
