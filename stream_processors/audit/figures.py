"""Whether every indicator is computed from cohort rows alone: each is worked out again and compared.

Published numbers are rounded to four decimals. Everything is exact; Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) are roots of a quadratic, and a root is checked by the signs of the quadratic beside it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, FigureRow, Number
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "figures from rows"
DECIMALS: Final = 4
Z: Final = Fraction(1959964, 1000000)
_HALF: Final = Fraction(1, 2 * 10**DECIMALS) + Fraction(1, 10**10)
"""Half of the last decimal, and what a figure computed in floating point may be off."""

Scales = Mapping[tuple[str, str], AskedScale]


@dataclass(slots=True)
class Sums:
    """The totals of a node in one round: of the cohorts at or under it."""

    n: Number = 0
    low: Number = 0
    high: Number = 0
    at_risk_low: Number = 0
    at_risk_high: Number = 0

    def add(self, other: "Sums | CohortRow") -> None:
        """Take another cohort, or other totals, in."""
        low, high = (other.score_low, other.score_high) if isinstance(other, CohortRow) else (other.low, other.high)
        self.n += other.n
        self.low += low
        self.high += high
        self.at_risk_low += other.at_risk_low or 0
        self.at_risk_high += other.at_risk_high or 0


class Exact(NamedTuple):
    """Totals as fractions, so that dividing them stays exact."""

    n: Fraction
    low: Fraction
    high: Fraction
    at_risk_low: Fraction
    at_risk_high: Fraction


@dataclass(slots=True)
class Series:
    """Of each facility, form and node: the rounds that fielded it, in the order they were sealed, and its totals."""

    fielded: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    sums: dict[tuple[str, str, str, str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))
    headcounts: dict[tuple[str, str, str, str], Number | None] = field(default_factory=dict)


def findings(evidence: Evidence, scales: Scales) -> Iterator[Finding]:
    """Figures that are not what the cohort rows of their window give."""
    series = _series(evidence)
    for figure in evidence.figures:
        scale = scales.get((figure.form, figure.scale))
        if scale is None:
            what = "figures of a scale that the form does not have"
            yield Finding(CHECK, "unsafe", what, rows_of([figure.name]))
        else:
            yield from _compared(figure, series, scale, evidence)


def _series(evidence: Evidence) -> Series:
    series = Series()
    for row in evidence.cohorts:
        for node in row.path:
            series.sums[row.facility, row.form, node, row.scale, row.round].add(row)
    for one in sorted(fielded(evidence), key=lambda one: _order(one, evidence)):
        sealed = one.sealed
        for leaf in one.leaves:
            for node in one.nodes[leaf].path:
                rounds = series.fielded[sealed.facility, sealed.form, node]
                if not rounds or rounds[-1] != sealed.round:
                    rounds.append(sealed.round)
        for node_row in one.nodes.values():
            series.headcounts[sealed.facility, sealed.form, node_row.node, sealed.round] = node_row.headcount
    return series


def _order(one: Fielded, evidence: Evidence) -> tuple[int, str, str, str]:
    """By the order of sealing; by dates where nothing tells it."""
    sealed = one.sealed
    place = evidence.order.get((sealed.facility, sealed.round), 0)
    return place, sealed.last.isoformat(), sealed.first.isoformat(), sealed.round


def _compared(figure: FigureRow, series: Series, scale: AskedScale, evidence: Evidence) -> Iterator[Finding]:
    rounds = series.fielded.get((figure.facility, figure.form, figure.node), [])
    upto = rounds[: rounds.index(figure.round) + 1] if figure.round in rounds else []
    if not upto and figure.state != "not_fielded":
        what = "figures of a node that was not asked in that round"
        yield Finding(CHECK, "unsafe", what, rows_of([figure.name]))
        return
    expected = _expected(figure, upto, series, scale)
    published = dict(figure.figures) | dict(figure.counts) | {"state": figure.state}
    wrong = [name for name, value in expected.items() if not _is(published.get(name), value)]
    if wrong:
        yield _finding(figure, wrong, published, expected, evidence, upto)


def _finding(
    figure: FigureRow,
    wrong: list[str],
    published: Mapping[str, object],
    expected: Mapping[str, object],
    evidence: Evidence,
    upto: list[str],
) -> Finding:
    window = set(upto[-figure.window :])
    parts = [
        row.name
        for row in evidence.cohorts
        if (row.facility, row.form, row.scale) == (figure.facility, figure.form, figure.scale)
        and row.round in window
        and figure.node in row.path
    ]
    more, rows = published.get("responses"), expected.get("responses")
    people = abs(int(more) - int(rows or 0)) if isinstance(more, int) and isinstance(rows, int | Fraction) else None
    what = f"figures that the cohort rows do not give: {', '.join(wrong)}"
    if people:
        what += f"; {people} people more or fewer than in the rows"
    return Finding(CHECK, "unsafe", what, rows_of([figure.name, *parts]), people)


def _expected(figure: FigureRow, upto: list[str], series: Series, scale: AskedScale) -> dict[str, object]:
    names = [name for name, _ in figure.figures]
    result: dict[str, object] = dict.fromkeys(names)
    window, before = upto[-figure.window :], upto[: -figure.window][-figure.window :]
    held = _held(figure, window, series)
    state = "not_fielded" if not upto else "published" if held else "withheld"
    result |= {"state": state, "rounds_published": len(held), "rounds_fielded": len(window)}
    if held:
        result |= _window(figure, held, window, series, scale)
        if len(before) == figure.window:
            result |= _change(held, _held(figure, before, series), scale)
    return result


def _held(figure: FigureRow, rounds: list[str], series: Series) -> list[Sums]:
    keys = [(figure.facility, figure.form, figure.node, figure.scale, name) for name in rounds]
    return [series.sums[key] for key in keys if key in series.sums]


def _together(held: list[Sums]) -> "Exact":
    total = Sums()
    for one in held:
        total.add(one)
    numbers = (total.n, total.low, total.high, total.at_risk_low, total.at_risk_high)
    return Exact(*map(Fraction, numbers))


def _window(
    figure: FigureRow, held: list[Sums], window: list[str], series: Series, scale: AskedScale
) -> dict[str, object]:
    total = _together(held)
    low, high = scale.mean(total.low, total.n), scale.mean(total.high, total.n)
    heads = [series.headcounts.get((figure.facility, figure.form, figure.node, name)) for name in window]
    known = [head for head in heads if head is not None]
    whole = sum(known) if len(known) == len(heads) else None
    result: dict[str, object] = {
        "responses": total.n,
        "mean": _rounded((low + high) / 2),
        "mean_low": _rounded(low),
        "mean_high": _rounded(high),
        "coverage": _rounded(total.n / whole) if whole else None,
    }
    return result | (_share(total, len(held)) if scale.at_risk is not None else {})


def _share(total: Exact, rounds: int) -> dict[str, object]:
    low, high = total.at_risk_low / total.n, total.at_risk_high / total.n
    return {
        "at_risk_low": total.at_risk_low,
        "at_risk_high": total.at_risk_high,
        "at_risk_share": _rounded((low + high) / 2),
        "at_risk_share_low": Limit(low, total.n / rounds, lower=True),
        "at_risk_share_high": Limit(high, total.n / rounds, lower=False),
    }


def _change(held: list[Sums], before: list[Sums], scale: AskedScale) -> dict[str, object]:
    if not before:
        return {}
    now, then = _together(held), _together(before)
    low, high = scale.mean(now.low, now.n), scale.mean(now.high, now.n)
    low_then, high_then = scale.mean(then.low, then.n), scale.mean(then.high, then.n)
    return {
        "change": _rounded((low + high - low_then - high_then) / 2),
        "change_low": _rounded(low - high_then),
        "change_high": _rounded(high - low_then),
    }


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of Wilson's 95 % interval of a share of n: known by what it solves, not by its digits."""

    share: Fraction
    n: Fraction
    lower: bool

    def is_at(self, published: Fraction) -> bool:
        """Whether a published number is this limit, rounded."""
        beside = (published - _HALF, published + _HALF)
        bottom, top = beside
        if self.lower:
            # left of the smaller root the quadratic is above zero; a limit below zero is published as zero
            return (bottom <= 0 or self._is_left(bottom)) and not self._is_left(top)
        return (top >= 1 or self._is_right(top)) and not self._is_right(bottom)

    def _quadratic(self, at: Fraction) -> Fraction:
        return (at - self.share) ** 2 - Z * Z * at * (1 - at) / self.n

    @property
    def _centre(self) -> Fraction:
        return (self.share + Z * Z / (2 * self.n)) / (1 + Z * Z / self.n)

    def _is_left(self, at: Fraction) -> bool:
        return at < self._centre and self._quadratic(at) > 0

    def _is_right(self, at: Fraction) -> bool:
        return at > self._centre and self._quadratic(at) > 0


def _rounded(value: Fraction) -> Fraction:
    return round(value, DECIMALS)


def _is(published: object, expected: object) -> bool:
    if isinstance(expected, Limit):
        return isinstance(published, int | Fraction) and expected.is_at(Fraction(published))
    return published == expected
