"""Rolling indicators: a window of the last rounds fielded on a node, from cohort rows alone.

Means and shares are exact rationals until the last step; only Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) use floating point.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from typing import Any, Final, NamedTuple, Self

from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.events import BELOW_K, AnyEvent, CohortRetired, CohortSealed, Indicator, RoundSealed, State
from schemas.instruments.scoring import Catalogue, Scale
from stream_processors.steps.rollup import Totals, roll_up

WINDOW: Final = 4
Z: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


class Place(NamedTuple):
    """A node in a round, and its headcount if that is shown."""

    path: tuple[str, ...]
    headcount: int | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A sealed cohort: whom it counts for, and its totals per scale."""

    form: str
    path: tuple[str, ...]
    totals: Mapping[str, Totals]


@dataclass(slots=True, eq=False)
class RoundFigures:
    """One sealed round of a facility: its nodes, its cohorts, and every node's totals without the retired ones."""

    facility: str
    round: str
    places: Mapping[str, Place]
    cohorts: Mapping[str, Cohort]
    totals: dict[tuple[str, str, str], Totals]
    retired: set[str] = field(default_factory=set)

    def retire(self, cohort_id: str) -> None:
        """Take a cohort out of the totals, for good."""
        self.retired.add(cohort_id)
        cohort = self.cohorts[cohort_id]
        for scale, totals in cohort.totals.items():
            for node in cohort.path:
                left = self.totals.pop((cohort.form, node, scale)).without(totals)
                if left.n:
                    self.totals[cohort.form, node, scale] = left

    def retired_at(self, form: str, node: str) -> int:
        """How many cohorts at or under a node were retired."""
        if not self.retired:
            return 0
        found = (self.cohorts[name] for name in self.retired)
        return sum(cohort.form == form and node in cohort.path for cohort in found)


@dataclass(slots=True)
class History:
    """What the cohorts topic has said so far, rebuilt from it.

    `fielded` holds, per facility, form and node, the rounds in which the form was fielded there, in the order of their
    close. All of them: a cohort may be retired at any time, and every figure it is in is then given again. `places`
    holds each place once, however many rounds it is in.
    """

    waiting: dict[tuple[str, str], dict[tuple[str, str], CohortSealed]] = field(default_factory=dict)
    fielded: dict[tuple[str, str, str], list[RoundFigures]] = field(default_factory=dict)
    rounds: dict[tuple[str, str], RoundFigures] = field(default_factory=dict)
    places: dict[Place, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive rounds in which a form was fielded on a node, oldest first."""

    rounds: Sequence[RoundFigures]
    form: str
    node: str

    def totals(self, scale: str) -> list[Totals]:
        """The totals of the rounds in which anything is published."""
        found = (figures.totals.get((self.form, self.node, scale)) for figures in self.rounds)
        return [totals for totals in found if totals is not None]

    def headcount(self) -> int | None:
        """Sum of the rounds' headcounts; None if one of them is not shown."""
        counts = [figures.places[self.node].headcount for figures in self.rounds]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def retired(self) -> int:
        """How many cohorts were retired from it."""
        return sum(figures.retired_at(self.form, self.node) for figures in self.rounds)


@dataclass(frozen=True, slots=True)
class Standing:
    """A node at the close of a round: the window that ends there, and the one before. Both are empty where the round
    did not field the form."""

    at: RoundFigures
    node: str
    current: Window
    previous: Window

    @classmethod
    def of(cls, at: RoundFigures, form: str, node: str, fielded: Sequence[RoundFigures]) -> Self:
        """`fielded` are the rounds up to this one."""
        # a shorter stretch before the window would compare unlike with like
        before = fielded[-2 * WINDOW : -WINDOW] if len(fielded) >= 2 * WINDOW else ()
        return cls(at, node, Window(fielded[-WINDOW:], form, node), Window(before, form, node))

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
    found = {node.node: Place(node.path, None if node.headcount == BELOW_K else node.headcount) for node in event.nodes}
    places = {place.path[-1]: place for place in (history.places.setdefault(one, one) for one in found.values())}
    figures = RoundFigures(*name, places, _cohorts(rows), roll_up(rows))
    history.rounds[name] = figures
    for node in event.nodes:
        for form, state in node.states.items():
            if state != "not_fielded":
                history.fielded.setdefault((event.facility, form, node.node), []).append(figures)


def _cohorts(rows: Iterable[CohortSealed]) -> dict[str, Cohort]:
    totals: dict[str, dict[str, Totals]] = {}
    for row in rows:
        totals.setdefault(row.cohort_id, {})[row.scale] = Totals.of(row)
    return {row.cohort_id: Cohort(row.form, row.path, totals[row.cohort_id]) for row in rows}


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
            is_fielded = node.states[form] != "not_fielded"
            fielded = history.fielded[event.facility, form, node.node] if is_fielded else ()
            standing = Standing.of(at, form, node.node, fielded)
            for scale in catalogue[form].scales:
                yield _indicator(standing, scale)


def _given_again(history: History, event: CohortRetired, catalogue: Catalogue) -> Iterator[Indicator]:
    sealed = history.rounds[event.facility, event.round]
    cohort = sealed.cohorts[event.cohort_id]
    for node in cohort.path:
        fielded = history.fielded.get((event.facility, cohort.form, node), [])
        first = fielded.index(sealed) if sealed in fielded else len(fielded)
        for last in range(first, min(first + 2 * WINDOW, len(fielded))):
            upto = fielded[max(0, last + 1 - 2 * WINDOW) : last + 1]
            standing = Standing.of(fielded[last], cohort.form, node, upto)
            if standing.rests_on(sealed):
                yield from (_indicator(standing, scale) for scale in catalogue[cohort.form].scales)


def _indicator(standing: Standing, scale: Scale) -> Indicator:
    current, previous, at = standing.current, standing.previous, standing.at
    totals, retired = current.totals(scale.id), current.retired() + previous.retired()
    state: State = "published" if totals else "withheld"
    figures: dict[str, Any] = dict.fromkeys(_FIGURES)
    if totals:
        figures |= _figures(totals, current.headcount(), scale) | _change(totals, previous.totals(scale.id), scale)
    return Indicator(
        facility=at.facility,
        event_id=_indicator_id(standing, scale, retired),
        node=standing.node,
        path=at.places[standing.node].path,
        round=at.round,
        form=current.form,
        scale=scale.id,
        window=WINDOW,
        rounds_published=len(totals),
        rounds_fielded=len(current.rounds),
        cohorts_retired=retired,
        state=state if current.rounds else "not_fielded",
        **figures,
    )


def _indicator_id(standing: Standing, scale: Scale, retired: int) -> str:
    at = standing.at
    name = [at.facility, at.round, standing.current.form, scale.id, standing.node, WINDOW]
    return derived_id("indicator", *name, *([retired] if retired else []))


_FIGURES: Final = (
    "responses",
    "mean",
    "mean_low",
    "mean_high",
    "at_risk_low",
    "at_risk_high",
    "at_risk_share",
    "at_risk_share_low",
    "at_risk_share_high",
    "coverage",
    "change",
    "change_low",
    "change_high",
)


def _merged(totals: Iterable[Totals]) -> Totals:
    result = Totals()
    for item in totals:
        result = result.merge(item)
    return result


def _means(totals: Iterable[Totals], scale: Scale) -> tuple[Fraction, Fraction]:
    merged = _merged(totals)
    return scale.published(merged.score_low, merged.n), scale.published(merged.score_high, merged.n)


def _figures(totals: Sequence[Totals], headcount: int | None, scale: Scale) -> dict[str, Any]:
    merged = _merged(totals)
    low, high = _means(totals, scale)
    figures = {
        "responses": merged.n,
        "mean": _number((low + high) / 2),
        "mean_low": _number(low),
        "mean_high": _number(high),
        "coverage": _number(Fraction(merged.n, headcount)) if headcount else None,
    }
    return figures | (_share(merged, len(totals)) if merged.has_cut else {})


def _share(merged: Totals, rounds: int) -> dict[str, Any]:
    # the same people answer round after round, so precision is that of an average round, not of their sum
    effective = merged.n / rounds
    return {
        "at_risk_low": merged.at_risk_low,
        "at_risk_high": merged.at_risk_high,
        "at_risk_share": _number(Fraction(merged.at_risk_low + merged.at_risk_high, 2 * merged.n)),
        "at_risk_share_low": round(wilson(merged.at_risk_low / merged.n, effective)[0], 4),
        "at_risk_share_high": round(wilson(merged.at_risk_high / merged.n, effective)[1], 4),
    }


def _change(totals: Sequence[Totals], before: Sequence[Totals], scale: Scale) -> dict[str, float]:
    """Difference to the window before this one, which shares no round with it."""
    if not before:
        return {}
    (low, high), (low_before, high_before) = _means(totals, scale), _means(before, scale)
    return {
        "change": _number((low + high - low_before - high_before) / 2),
        "change_low": _number(low - high_before),
        "change_high": _number(high - low_before),
    }


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share in [0, 1] of n > 0."""
    centre = share + Z * Z / (2 * n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def _number(value: Fraction) -> float:
    return float(round(value, 4))
