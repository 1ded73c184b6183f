"""What the cohorts topic has said so far: sealed rounds with their totals at every place, rebuilt from it."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from schemas.errors import DataError, Reason
from schemas.events import AnyEvent, CohortRetired, CohortSealed, InterventionRecorded, NodeState, RoundSealed
from schemas.instruments.scoring import Catalogue, Form, Scale
from schemas.season import Calendar, calendar_of
from stream_processors.steps.courses import Course, Point, courses, follow, in_units
from stream_processors.steps.figures import middle
from stream_processors.steps.keys import check_sealed
from stream_processors.steps.rollup import Totals


class Key(NamedTuple):
    """What figures are given for: a node, or one staff group under it."""

    node: str
    staff_group: str | None = None


class Place(NamedTuple):
    """Where figures belong in a round, and how many people the round asked there if that is shown."""

    path: tuple[str, ...]
    staff_group: str | None
    asked: int | None

    @property
    def key(self) -> Key:
        """What its figures are given for."""
        return Key(self.path[-1], self.staff_group)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A sealed cohort: whom it counts for, and its totals per scale."""

    form: str
    path: tuple[str, ...]
    keys: tuple[Key, ...]
    totals: Mapping[str, Totals]


@dataclass(slots=True, eq=False)
class RoundFigures:
    """One sealed round of a facility: its places, its cohorts, and every place's totals without the retired ones.

    `leaves` are those of each staff group that the round fields.
    """

    facility: str
    round: str
    calendar: Calendar
    first: date
    sensitive: frozenset[str]
    places: Mapping[Key, Place]
    leaves: Mapping[Key, frozenset[str]]
    cohorts: Mapping[str, Cohort]
    totals: dict[tuple[str, Key, str], Totals] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for cohort in self.cohorts.values():
            for scale, totals in cohort.totals.items():
                for key in cohort.keys:
                    place = (cohort.form, key, scale)
                    self.totals[place] = self.totals.get(place, Totals()).merge(totals)

    def mean(self, form: str, key: Key, scale: Scale) -> Fraction | None:
        """The middle of a scale's mean at a place, in published units; None where nothing is published."""
        totals = self.totals.get((form, key, scale.id))
        return None if totals is None else middle(totals, scale)

    def point(self, form: str, key: Key, scale: Scale) -> Point:
        """The round as a point of a course."""
        mean = self.mean(form, key, scale)
        return Point(self.first, None if mean is None else in_units(mean))

    def retire(self, cohort_id: str) -> None:
        """Take a cohort out of the totals, for good."""
        self.retired.add(cohort_id)
        cohort = self.cohorts[cohort_id]
        for scale, totals in cohort.totals.items():
            for key in cohort.keys:
                left = self.totals.pop((cohort.form, key, scale)).without(totals)
                if left.n:
                    self.totals[cohort.form, key, scale] = left

    def retired_at(self, form: str, key: Key) -> int:
        """How many cohorts that counted for a place were retired."""
        if not self.retired:
            return 0
        found = (self.cohorts[name] for name in self.retired)
        return sum(cohort.form == form and key in cohort.keys for cohort in found)

    def sealed_leaves(self, form: str, key: Key) -> frozenset[str]:
        """The leaves of a staff group that have a cohort of their own."""
        kept = (cohort for name, cohort in self.cohorts.items() if name not in self.retired)
        return frozenset(cohort.path[-1] for cohort in kept if cohort.form == form and key in cohort.keys)


Line = tuple[str, Calendar, str, Key]
"""Facility, calendar, form and place: what a series of rounds is of."""


@dataclass(slots=True)
class History:
    """What the cohorts topic has said so far, rebuilt from it.

    `fielded` holds, per facility, calendar, form and place, the rounds in which the form was fielded there, in the
    order of their close. All of them: a cohort may be retired at any time, and every figure it is in is then given
    again. `places` holds each place once, however many rounds it is in. `courses` are those after the last round of
    each list, per scale, and `retired` is how many cohorts were retired from it. `rebases` are the days per facility
    and node from which on control limits count anew.
    """

    waiting: dict[tuple[str, str], dict[tuple[str, str], CohortSealed]] = field(default_factory=dict)
    fielded: dict[Line, list[RoundFigures]] = field(default_factory=dict)
    rounds: dict[tuple[str, str], RoundFigures] = field(default_factory=dict)
    places: dict[Place, Place] = field(default_factory=dict)
    courses: dict[tuple[Line, str], Course] = field(default_factory=dict)
    retired: dict[Line, int] = field(default_factory=dict)
    interventions: dict[str, dict[tuple[str, date, str, str], InterventionRecorded]] = field(default_factory=dict)
    rebases: dict[tuple[str, str], list[date]] = field(default_factory=dict)

    def since(self, figures: RoundFigures, key: Key) -> date | None:
        """The last day, before a round began, from which on control limits count anew at a place or above it."""
        found = (self.rebases.get((figures.facility, node)) for node in figures.places[key].path)
        days = (_last(days, figures.first) for days in found if days)
        return max((day for day in days if day is not None), default=None)


def _last(days: Sequence[date], upto: date) -> date | None:
    at = bisect_right(days, upto)
    return days[at - 1] if at else None


def remember(history: History, event: AnyEvent, catalogue: Catalogue) -> RoundSealed | CohortRetired | None:
    """Take the next event of the cohorts topic into the history.

    Returns it if it is a round's first `round.sealed` or a cohort's first `cohort.retired`.
    """
    match event:
        case CohortSealed() if (event.facility, event.round) not in history.rounds:
            rows = history.waiting.setdefault((event.facility, event.round), {})
            rows.setdefault((event.cohort_id, event.scale), event)
        case RoundSealed() if (event.facility, event.round) not in history.rounds:
            check_sealed(event, catalogue)
            if not set(event.forms) <= set(catalogue):
                raise DataError(Reason.UNKNOWN_FORM)
            _add_round(history, event, catalogue)
            return event
        case CohortRetired():
            return event if _retire(history, event, catalogue) else None
        case InterventionRecorded():
            _intervene(history, event)
    return None


def _add_round(history: History, event: RoundSealed, catalogue: Catalogue) -> None:
    name = (event.facility, event.round)
    rows = history.waiting.pop(name, {}).values()
    found = [history.places.setdefault(place, place) for place in map(_place, event.nodes)]
    places = {place.key: place for place in found}
    cohorts, leaves = _cohorts(rows, _keys_of_leaves(event, places)), _group_leaves(event, places)
    calendar, sensitive = calendar_of(event.season), frozenset(event.sensitive)
    figures = RoundFigures(*name, calendar, event.first_answer_date, sensitive, places, leaves, cohorts)
    history.rounds[name] = figures
    for node, place in zip(event.nodes, found, strict=True):
        for form, state in node.states.items():
            if state != "not_fielded":
                line = (event.facility, calendar, form, place.key)
                history.fielded.setdefault(line, []).append(figures)
                _follow(history, line, figures, catalogue[form])


def _follow(history: History, line: Line, figures: RoundFigures, form: Form) -> None:
    _, _, name, key = line
    rounds, since = history.fielded[line], history.since(figures, key)
    for scale in form.scales:
        # not read unless limits count anew
        points = (earlier.point(name, key, scale) for earlier in islice(rounds, len(rounds) - 1))
        course = history.courses.get((line, scale.id), Course())
        history.courses[line, scale.id] = follow(course, points, figures.point(name, key, scale), since)


def courses_of(history: History, line: Line, scale: Scale) -> list[Course]:
    """The course after each round of a line as it is known now: without what was retired since."""
    _, _, form, key = line
    rounds = history.fielded[line]
    return list(courses((one.point(form, key, scale), history.since(one, key)) for one in rounds))


def _intervene(history: History, event: InterventionRecorded) -> None:
    """Keep the days from which on limits count anew. Of one intervention the latest version holds."""
    known = history.interventions.setdefault(event.facility, {})
    name = (event.node, event.on, event.kind, event.label)
    before = known.get(name)
    if before is not None and before.version >= event.version:
        return
    known[name] = event
    # updated in place: there may be thousands
    days = history.rebases.setdefault((event.facility, event.node), [])
    if before is not None and _rebases(before):
        del days[bisect_left(days, before.on)]
    if _rebases(event):
        insort(days, event.on)


def _rebases(event: InterventionRecorded) -> bool:
    return event.rebase and not event.taken_back


def _place(node: NodeState) -> Place:
    # events of earlier versions tell the headcount alone
    asked = node.headcount if node.headcount_asked is None else node.headcount_asked
    return Place(node.path, node.staff_group, asked if isinstance(asked, int) else None)


def _keys_of_leaves(event: RoundSealed, places: Mapping[Key, Place]) -> dict[str, tuple[Key, ...]]:
    """Per leaf of a staff group the staff groups, at the nodes above it, that its own cohort counts for."""
    groups = {node.node: node for node in event.nodes if node.of_group is not None}
    return {
        leaf: tuple(key for above in node.path[:-1] if (key := Key(above, node.of_group)) in places)
        for leaf, node in groups.items()
    }


def _group_leaves(event: RoundSealed, places: Mapping[Key, Place]) -> dict[Key, frozenset[str]]:
    fielded = {node.node for node in event.nodes if {"published", "withheld"} & set(node.states.values())}
    found: dict[Key, set[str]] = {}
    for leaf, keys in _keys_of_leaves(event, places).items():
        for key in keys if leaf in fielded else ():
            found.setdefault(key, set()).add(leaf)
    return {key: frozenset(leaves) for key, leaves in found.items()}


def _cohorts(rows: Iterable[CohortSealed], groups: Mapping[str, tuple[Key, ...]]) -> dict[str, Cohort]:
    totals: dict[str, dict[str, Totals]] = {}
    for row in rows:
        totals.setdefault(row.cohort_id, {})[row.scale] = Totals.of(row)
    return {
        row.cohort_id: Cohort(
            row.form, row.path, (*map(Key, row.path), *groups.get(row.node, ())), totals[row.cohort_id]
        )
        for row in rows
    }


def _retire(history: History, event: CohortRetired, catalogue: Catalogue) -> bool:
    figures = history.rounds.get((event.facility, event.round))
    if figures is None or event.cohort_id not in figures.cohorts:
        raise DataError(Reason.NO_COHORT)
    if event.cohort_id in figures.retired:
        return False
    figures.retire(event.cohort_id)
    for line in lines_of(history, event):
        history.retired[line] = history.retired.get(line, 0) + 1
        for scale in catalogue[event.form].scales:
            history.courses[line, scale.id] = courses_of(history, line, scale)[-1]
    return True


def lines_of(history: History, event: CohortRetired) -> Iterator[Line]:
    """The series of rounds that a retired cohort is in."""
    figures = history.rounds[event.facility, event.round]
    cohort = figures.cohorts[event.cohort_id]
    for key in cohort.keys:
        line = (event.facility, figures.calendar, cohort.form, key)
        if figures in history.fielded.get(line, ()):
            yield line
