"""Whether every indicator is computed from cohort rows alone: each is worked out again and compared.

Published numbers are rounded to four decimals. Everything is exact; Wilson's limits (Wilson EB (1927) J Am Stat Assoc
22:209-212) are roots of a quadratic, and a root is checked by the signs of the quadratic beside it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, NamedTuple

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, FigureRow, Number, RetiredRow
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "figures from rows"
DECIMALS: Final = 4
WINDOW: Final = 4
Z: Final = Fraction(1959964, 1000000)
_HALF: Final = Fraction(1, 2 * 10**DECIMALS) + Fraction(1, 10**10)
"""Half of the last decimal, and what a figure computed in floating point may be off."""

Scales = Mapping[tuple[str, str], AskedScale]
Retired = list[tuple[RetiredRow, dict[str, "Sums"]]]


@dataclass(slots=True)
class Sums:
    """The totals of a node in one round: of the cohorts at or under it."""

    n: Number = 0
    low: Number = 0
    high: Number = 0
    at_risk_low: Number = 0
    at_risk_high: Number = 0

    def add(self, row: CohortRow) -> None:
        """Take another cohort in."""
        self.merge(Sums(row.n, row.score_low, row.score_high, row.at_risk_low or 0, row.at_risk_high or 0))

    def merge(self, other: "Sums", times: int = 1) -> None:
        """Take other totals in; with -1 take them out."""
        self.n += times * other.n
        self.low += times * other.low
        self.high += times * other.high
        self.at_risk_low += times * other.at_risk_low
        self.at_risk_high += times * other.at_risk_high


class Exact(NamedTuple):
    """Totals as fractions, so that dividing them stays exact."""

    n: Fraction
    low: Fraction
    high: Fraction
    at_risk_low: Fraction
    at_risk_high: Fraction


@dataclass(slots=True)
class Series:
    """Of each facility, form and node: the rounds that fielded it, in the order they were sealed, and its totals.

    `retired` are the retired cohorts in the order of their retirement, with their totals per scale.
    """

    fielded: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    sums: dict[tuple[str, str, str, str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))
    headcounts: dict[tuple[str, str, str, str], Number | None] = field(default_factory=dict)
    retired: Retired = field(default_factory=list)


def findings(evidence: Evidence, scales: Scales) -> Iterator[Finding]:
    """Figures that are not what the cohort rows of their window give."""
    series = _series(evidence)
    sealed = {one.asked for one in evidence.rounds}
    for figure in evidence.figures:
        if figure.asked not in sealed:
            continue  # what is not finished is undecided, not wrong
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
    series.retired = _retired(evidence)
    return series


def _retired(evidence: Evidence) -> Retired:
    totals: dict[str, dict[str, Sums]] = {row.cohort_id: {} for row in evidence.retired}
    for row in evidence.cohorts:
        if row.cohort_id in totals:
            totals[row.cohort_id].setdefault(row.scale, Sums()).add(row)
    ordered = sorted(evidence.retired, key=lambda row: evidence.retirements.get(row.cohort_id, 0))
    return [(row, totals[row.cohort_id]) for row in ordered]


def _order(one: Fielded, evidence: Evidence) -> tuple[int, str, str, str]:
    """By the order of sealing; by dates where nothing tells it."""
    sealed = one.sealed
    place = evidence.order.get((sealed.facility, sealed.round), 0)
    return place, sealed.last.isoformat(), sealed.first.isoformat(), sealed.round


def _compared(figure: FigureRow, series: Series, scale: AskedScale, evidence: Evidence) -> Iterator[Finding]:
    if figure.window != WINDOW:
        yield Finding(CHECK, "unsafe", f"a window of other than {WINDOW} rounds", rows_of([figure.name]))
        return
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
        what += f"; {people} {'person' if people == 1 else 'people'} more or fewer than in the rows"
    return Finding(CHECK, "unsafe", what, rows_of([figure.name, *parts]), people)


def _expected(figure: FigureRow, upto: list[str], series: Series, scale: AskedScale) -> dict[str, object]:
    names = [name for name, _ in figure.figures]
    result: dict[str, object] = dict.fromkeys(names)
    window, before = upto[-figure.window :], upto[: -figure.window][-figure.window :]
    before = before if len(before) == figure.window else []
    left_out = _left_out(figure, {*window, *before}, series)
    held = _held(figure, window, series, left_out)
    state = "not_fielded" if not upto else "published" if held else "withheld"
    result |= {
        "cohorts_retired": len(left_out),
        "state": state,
        "rounds_published": len(held),
        "rounds_fielded": len(window),
    }
    if held:
        result |= _window(figure, held, window, series, scale)
        result |= _change(held, _held(figure, before, series, left_out), scale)
    return result


def _left_out(figure: FigureRow, rounds: set[str], series: Series) -> Retired:
    """The retired cohorts that a figure says it leaves out: the first that were retired from its rounds."""
    concerned = [
        (row, totals)
        for row, totals in series.retired
        if (row.facility, row.form) == (figure.facility, figure.form)
        and row.round in rounds
        and figure.node in row.path
    ]
    return concerned[: dict(figure.counts)["cohorts_retired"]]


def _held(figure: FigureRow, rounds: list[str], series: Series, left_out: Retired) -> list[Sums]:
    found = []
    for name in rounds:
        sums = series.sums.get((figure.facility, figure.form, figure.node, figure.scale, name))
        gone = [totals[figure.scale] for row, totals in left_out if row.round == name and figure.scale in totals]
        if sums is not None and gone:
            sums = replace(sums)
            for one in gone:
                sums.merge(one, -1)
        if sums is not None and sums.n:
            found.append(sums)
    return found


def _together(held: list[Sums]) -> "Exact":
    total = Sums()
    for one in held:
        total.merge(one)
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

    def is_at(self, published: Number) -> bool:
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
        return (
            isinstance(published, int | Fraction)
            and published == round(published, DECIMALS)
            and expected.is_at(published)
        )
    return published == expected
