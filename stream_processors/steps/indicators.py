"""Rolling indicators: a window of the last rounds of a calendar fielded at a place, from cohort rows alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from schemas.canonical import derived_id
from schemas.event import State
from schemas.events import AnyEvent, CohortRetired, RoundSealed
from schemas.indicator import Indicator
from schemas.instruments.scoring import Catalogue, Scale
from schemas.season import Calendar
from stream_processors.steps.changes import changes
from stream_processors.steps.courses import Course
from stream_processors.steps.figures import NO_FIGURES, Summed, chart, figures_of, of_one_round
from stream_processors.steps.history import History, Key, Line, RoundFigures, courses_of, lines_of, remember
from stream_processors.steps.rollup import Totals

WINDOWS: Final[Mapping[Calendar, int]] = {"short": 4, "long": 1}
"""Rounds in a window. A long round has gathered a season already, and older ones would answer for another year."""


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive rounds of one calendar in which a form was fielded at a place, oldest first."""

    rounds: Sequence[RoundFigures]
    form: str
    key: Key

    def totals(self, scale: str) -> list[Totals]:
        """The totals of the rounds in which anything is published."""
        found = (figures.totals.get((self.form, self.key, scale)) for figures in self.rounds)
        return [totals for totals in found if totals is not None]

    def asked(self) -> int | None:
        """How many people its rounds asked in all; None if one of them does not show it, or not beside this form."""
        if any(self.form in figures.sensitive for figures in self.rounds):
            return None
        counts = [figures.places[self.key].asked for figures in self.rounds]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def leaves(self) -> dict[str, int]:
        """Of a staff group: how many of its leaves were fielded, and how many had cohorts of their own."""
        if self.key.staff_group is None:
            return {}
        fielded = frozenset[str]().union(*(figures.leaves.get(self.key, ()) for figures in self.rounds))
        sealed = frozenset[str]().union(*(figures.sealed_leaves(self.form, self.key) for figures in self.rounds))
        return {"leaves_published": len(sealed), "leaves_fielded": len(fielded)}


@dataclass(frozen=True, slots=True)
class Standing:
    """A place at the close of a round: the window that ends there, and the one before. Both are empty where the round
    did not field the form.

    `retired` counts the cohorts left out of its series, `courses` holds the course of each scale up to this round.
    """

    at: RoundFigures
    key: Key
    current: Window
    previous: Window
    retired: int = 0
    courses: Mapping[str, Course] = field(default_factory=dict)

    @classmethod
    def of(cls, line: Line, fielded: Sequence[RoundFigures], retired: int, courses: Mapping[str, Course]) -> Self:
        """`fielded` are the rounds of the line up to this one, or at least the last two windows of them."""
        _, calendar, form, key = line
        size = WINDOWS[calendar]
        # a shorter stretch before the window would compare unlike with like
        before = fielded[-2 * size : -size] if len(fielded) >= 2 * size else ()
        return cls(fielded[-1], key, Window(fielded[-size:], form, key), Window(before, form, key), retired, courses)


def fold(history: History, event: AnyEvent, catalogue: Catalogue) -> list[Indicator]:
    """Take the next event of the cohorts topic.

    The first `round.sealed` of a round yields its indicators. The first `cohort.retired` of a cohort yields those
    given so far that rest on it, once more and without it.
    """
    match remember(history, event, catalogue):
        case RoundSealed() as sealed:
            return list(_indicators(history, sealed, catalogue))
        case CohortRetired() as retired:
            return list(_given_again(history, retired, catalogue))
    return []


def _indicators(history: History, event: RoundSealed, catalogue: Catalogue) -> Iterator[Indicator]:
    at = history.rounds[event.facility, event.round]
    for form in event.forms:
        scales = catalogue[form].scales
        for node in event.nodes:
            if form in node.states:
                key = Key(node.node, node.staff_group)
                standing = _newest(history, at, form, key, scales) if node.states[form] != "not_fielded" else None
                nothing = Window((), form, key)
                for scale in scales:
                    yield _indicator(standing or Standing(at, key, nothing, nothing), scale)


def _newest(history: History, at: RoundFigures, form: str, key: Key, scales: Sequence[Scale]) -> Standing:
    line = (at.facility, at.calendar, form, key)
    courses = {scale.id: history.courses[line, scale.id] for scale in scales}
    return Standing.of(line, history.fielded[line], history.retired.get(line, 0), courses)


def _given_again(history: History, event: CohortRetired, catalogue: Catalogue) -> Iterator[Indicator]:
    """Every figure since the retired cohort: the smoothed mean and the limits rest on all rounds before."""
    sealed = history.rounds[event.facility, event.round]
    scales = catalogue[event.form].scales
    for line in lines_of(history, event):
        _, _, form, key = line
        fielded = history.fielded[line]
        courses = {scale.id: courses_of(history, line, scale) for scale in scales}
        retired = 0
        for last, figures in enumerate(fielded):
            retired += figures.retired_at(form, key)
            if last >= fielded.index(sealed):
                upto = {name: course[last] for name, course in courses.items()}
                standing = Standing.of(line, fielded[: last + 1], retired, upto)
                yield from (_indicator(standing, scale) for scale in scales)


def _indicator(standing: Standing, scale: Scale) -> Indicator:
    current, at = standing.current, standing.at
    totals = current.totals(scale.id)
    figures: dict[str, Any] = {**NO_FIGURES, **current.leaves()}
    if totals:
        figures |= _figures(standing, totals, scale)
    return Indicator(
        facility=at.facility,
        event_id=_indicator_id(standing, scale),
        node=standing.key.node,
        path=at.places[standing.key].path,
        round=at.round,
        form=current.form,
        scale=scale.id,
        calendar=at.calendar,
        staff_group=standing.key.staff_group,
        window=WINDOWS[at.calendar],
        rounds_published=len(totals),
        rounds_fielded=len(current.rounds),
        cohorts_retired=standing.retired,
        state=_state(standing, bool(totals)),
        **figures,
    )


def _figures(standing: Standing, totals: Sequence[Totals], scale: Scale) -> dict[str, Any]:
    current, previous = standing.current, standing.previous
    here = standing.at.totals.get((current.form, standing.key, scale.id))
    now, then = Summed.of(totals, current.asked()), Summed.of(previous.totals(scale.id), previous.asked())
    return (
        figures_of(now, scale)
        | (changes(now, then, scale) if then.rounds else {})
        | (of_one_round(here, scale) if here else {})
        | chart(standing.courses[scale.id], scale, is_newest_shown=here is not None)
    )


def _state(standing: Standing, has_figures: bool) -> State:
    if has_figures:
        return "published"
    if standing.current.form in standing.at.sensitive:
        return "not_published"
    return "withheld" if standing.current.rounds else "not_fielded"


def _indicator_id(standing: Standing, scale: Scale) -> str:
    at, key, retired = standing.at, standing.key, standing.retired
    name = [at.facility, at.round, standing.current.form, scale.id, key.node, WINDOWS[at.calendar]]
    rest = [key.staff_group] if key.staff_group else []
    return derived_id("indicator", *name, *rest, *([retired] if retired else []))
