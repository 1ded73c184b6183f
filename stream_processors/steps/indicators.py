"""Rolling indicators: a window of the last rounds fielded on a node, from cohort rows alone.

Means and shares are exact rationals until the last step; only Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) use floating point.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from typing import Any, Final

from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.events import AnyEvent, CohortSealed, Indicator, NodeState, RoundSealed, State
from schemas.instruments.scoring import Catalogue, Form, Scale
from stream_processors.steps.rollup import Totals, roll_up

WINDOW: Final = 4
Z: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class RoundFigures:
    """One sealed round of a facility: its nodes' states and headcounts, and every node's totals."""

    event: RoundSealed
    nodes: Mapping[str, NodeState]
    totals: Mapping[tuple[str, str, str], Totals]


@dataclass(slots=True)
class History:
    """What the cohorts topic has said so far, rebuilt from it.

    `fielded` holds, per facility, form and node, the last rounds in which the form was fielded there, in the order of
    their close: enough for a window and the one before.
    """

    waiting: dict[tuple[str, str], dict[tuple[str, str], CohortSealed]] = field(default_factory=dict)
    fielded: dict[tuple[str, str, str], deque[RoundFigures]] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive rounds in which a form was fielded on a node, oldest first."""

    rounds: tuple[RoundFigures, ...]
    form: str
    node: str

    def totals(self, scale: str) -> list[Totals]:
        """The totals of the rounds that published anything."""
        found = (figures.totals.get((self.form, self.node, scale)) for figures in self.rounds)
        return [totals for totals in found if totals is not None]

    def headcount(self) -> int | None:
        """Sum of the rounds' headcounts; None if one of them is not shown."""
        counts = [figures.nodes[self.node].headcount for figures in self.rounds]
        known = [count for count in counts if isinstance(count, int)]
        return sum(known) if len(known) == len(counts) else None


def remember(history: History, event: AnyEvent, catalogue: Catalogue) -> RoundSealed | None:
    """Take the next event of the cohorts topic into the history; returns it if it is a round's first `round.sealed`."""
    if isinstance(event, CohortSealed) and (event.facility, event.round) not in history.seen:
        rows = history.waiting.setdefault((event.facility, event.round), {})
        rows.setdefault((event.cohort_id, event.scale), event)
    elif isinstance(event, RoundSealed) and (event.facility, event.round) not in history.seen:
        if not set(event.forms) <= set(catalogue):
            raise DataError(Reason.UNKNOWN_FORM)
        _add_round(history, event)
        return event
    return None


def fold(history: History, event: AnyEvent, catalogue: Catalogue) -> list[Indicator]:
    """Take the next event of the cohorts topic; the first `round.sealed` of a round yields its indicators."""
    sealed = remember(history, event, catalogue)
    return list(_indicators(history, sealed, catalogue)) if sealed is not None else []


def _add_round(history: History, event: RoundSealed) -> None:
    history.seen.add((event.facility, event.round))
    rows = history.waiting.pop((event.facility, event.round), {})
    figures = RoundFigures(event, {node.node: node for node in event.nodes}, roll_up(rows.values()))
    for node in event.nodes:
        for form, state in node.states.items():
            if state != "not_fielded":
                rounds = history.fielded.setdefault((event.facility, form, node.node), deque(maxlen=2 * WINDOW))
                rounds.append(figures)


def _indicators(history: History, event: RoundSealed, catalogue: Catalogue) -> Iterator[Indicator]:
    for form in event.forms:
        for node in event.nodes:
            fielded = tuple(history.fielded.get((event.facility, form, node.node), ()))
            for scale in catalogue[form].scales:
                yield _indicator(event, node, catalogue[form], scale, fielded)


def _indicator(
    event: RoundSealed, node: NodeState, form: Form, scale: Scale, fielded: tuple[RoundFigures, ...]
) -> Indicator:
    current = Window(fielded[-WINDOW:], form.id, node.node)
    # a shorter stretch before the window would compare unlike with like
    previous = Window(fielded[:-WINDOW] if len(fielded) == 2 * WINDOW else (), form.id, node.node)
    totals = current.totals(scale.id)
    state: State = "published" if totals else "withheld"
    if node.states[form.id] == "not_fielded":
        state, totals = "not_fielded", []
    figures: dict[str, Any] = dict.fromkeys(_FIGURES)
    if totals:
        figures |= _figures(totals, current.headcount(), scale) | _change(totals, previous.totals(scale.id), scale)
    return Indicator(
        facility=event.facility,
        event_id=derived_id("indicator", event.facility, event.round, form.id, scale.id, node.node, WINDOW),
        node=node.node,
        path=node.path,
        round=event.round,
        form=form.id,
        scale=scale.id,
        window=WINDOW,
        rounds_published=len(totals),
        rounds_fielded=0 if state == "not_fielded" else len(current.rounds),
        state=state,
        **figures,
    )


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
