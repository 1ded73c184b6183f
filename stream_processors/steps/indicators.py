"""Rolling indicators: a window of the last rounds of a calendar fielded at a place, from cohort rows alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.event import State
from schemas.events import AnyEvent, CohortRetired, CohortSealed, NodeState, RoundSealed
from schemas.indicator import Indicator
from schemas.instruments.scoring import Catalogue, Scale
from schemas.season import Calendar, calendar_of
from stream_processors.steps.figures import NO_FIGURES, change, figures_of
from stream_processors.steps.rollup import Totals

WINDOWS: Final[Mapping[Calendar, int]] = {"short": 4, "long": 1}
"""Rounds in a window. A long round has gathered a season already, and older ones would answer for another year."""


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


@dataclass(slots=True)
class History:
    """What the cohorts topic has said so far, rebuilt from it.

    `fielded` holds, per facility, calendar, form and place, the rounds in which the form was fielded there, in the
    order of their close. All of them: a cohort may be retired at any time, and every figure it is in is then given
    again. `places` holds each place once, however many rounds it is in.
    """

    waiting: dict[tuple[str, str], dict[tuple[str, str], CohortSealed]] = field(default_factory=dict)
    fielded: dict[tuple[str, Calendar, str, Key], list[RoundFigures]] = field(default_factory=dict)
    rounds: dict[tuple[str, str], RoundFigures] = field(default_factory=dict)
    places: dict[Place, Place] = field(default_factory=dict)


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

    def retired(self) -> int:
        """How many cohorts were retired from it."""
        return sum(figures.retired_at(self.form, self.key) for figures in self.rounds)

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
    did not field the form."""

    at: RoundFigures
    key: Key
    current: Window
    previous: Window

    @classmethod
    def of(cls, at: RoundFigures, form: str, key: Key, fielded: Sequence[RoundFigures]) -> Self:
        """`fielded` are the rounds of the same calendar up to this one."""
        size = WINDOWS[at.calendar]
        # a shorter stretch before the window would compare unlike with like
        before = fielded[-2 * size : -size] if len(fielded) >= 2 * size else ()
        return cls(at, key, Window(fielded[-size:], form, key), Window(before, form, key))

    def rests_on(self, figures: RoundFigures) -> bool:
        """Whether a round is in one of its windows."""
        return figures in self.current.rounds or figures in self.previous.rounds


def remember(history: History, event: AnyEvent, catalogue: Catalogue) -> RoundSealed | CohortRetired | None:
    """Take the next event of the cohorts topic into the history.

    Returns it if it is a round's first `round.sealed` or a cohort's first `cohort.retired`.
    """
    match event:
        case CohortSealed() if (event.facility, event.round) not in history.rounds:
            rows = history.waiting.setdefault((event.facility, event.round), {})
            rows.setdefault((event.cohort_id, event.scale), event)
        case RoundSealed() if (event.facility, event.round) not in history.rounds:
            if not set(event.forms) <= set(catalogue):
                raise DataError(Reason.UNKNOWN_FORM)
            _add_round(history, event)
            return event
        case CohortRetired():
            return event if _retire(history, event) else None
    return None


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


def _add_round(history: History, event: RoundSealed) -> None:
    name = (event.facility, event.round)
    rows = history.waiting.pop(name, {}).values()
    found = [history.places.setdefault(place, place) for place in map(_place, event.nodes)]
    places = {place.key: place for place in found}
    cohorts, leaves = _cohorts(rows, _keys_of_leaves(event, places)), _group_leaves(event, places)
    figures = RoundFigures(*name, calendar_of(event.season), frozenset(event.sensitive), places, leaves, cohorts)
    history.rounds[name] = figures
    for node, place in zip(event.nodes, found, strict=True):
        for form, state in node.states.items():
            if state != "not_fielded":
                history.fielded.setdefault((event.facility, figures.calendar, form, place.key), []).append(figures)


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


def _retire(history: History, event: CohortRetired) -> bool:
    figures = history.rounds.get((event.facility, event.round))
    if figures is None or event.cohort_id not in figures.cohorts:
        raise DataError(Reason.NO_COHORT)
    if event.cohort_id in figures.retired:
        return False
    figures.retire(event.cohort_id)
    return True


def _indicators(history: History, event: RoundSealed, catalogue: Catalogue) -> Iterator[Indicator]:
    at = history.rounds[event.facility, event.round]
    for form in event.forms:
        for node in event.nodes:
            if form not in node.states:
                continue
            key = Key(node.node, node.staff_group)
            is_fielded = node.states[form] != "not_fielded"
            fielded = history.fielded[event.facility, at.calendar, form, key] if is_fielded else ()
            standing = Standing.of(at, form, key, fielded)
            for scale in catalogue[form].scales:
                yield _indicator(standing, scale)


def _given_again(history: History, event: CohortRetired, catalogue: Catalogue) -> Iterator[Indicator]:
    sealed = history.rounds[event.facility, event.round]
    cohort, reach = sealed.cohorts[event.cohort_id], 2 * WINDOWS[sealed.calendar]
    for key in cohort.keys:
        fielded = history.fielded.get((event.facility, sealed.calendar, cohort.form, key), [])
        first = fielded.index(sealed) if sealed in fielded else len(fielded)
        for last in range(first, min(first + reach, len(fielded))):
            upto = fielded[max(0, last + 1 - reach) : last + 1]
            standing = Standing.of(fielded[last], cohort.form, key, upto)
            if standing.rests_on(sealed):
                for scale in catalogue[cohort.form].scales:
                    yield _indicator(standing, scale)


def _indicator(standing: Standing, scale: Scale) -> Indicator:
    current, previous, at = standing.current, standing.previous, standing.at
    totals, retired = current.totals(scale.id), current.retired() + previous.retired()
    figures: dict[str, Any] = {**NO_FIGURES, **current.leaves()}
    if totals:
        figures |= figures_of(totals, current.asked(), scale) | change(totals, previous.totals(scale.id), scale)
    return Indicator(
        facility=at.facility,
        event_id=_indicator_id(standing, scale, retired),
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
        cohorts_retired=retired,
        state=_state(standing, bool(totals)),
        **figures,
    )


def _state(standing: Standing, has_figures: bool) -> State:
    if has_figures:
        return "published"
    if standing.current.form in standing.at.sensitive:
        return "not_published"
    return "withheld" if standing.current.rounds else "not_fielded"


def _indicator_id(standing: Standing, scale: Scale, retired: int) -> str:
    at, key = standing.at, standing.key
    name = [at.facility, at.round, standing.current.form, scale.id, key.node, WINDOWS[at.calendar]]
    rest = [key.staff_group] if key.staff_group else []
    return derived_id("indicator", *name, *rest, *([retired] if retired else []))
