"""Whether every indicator is computed from cohort rows alone: each is worked out again and compared.

Published numbers are rounded to four decimals, and everything is exact.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Final

from stream_processors.audit import charts
from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.changes import Exact, Limit, Near, Window, change, rounded, share_change
from stream_processors.audit.evidence import SERIES, CohortRow, Evidence, FigureRow, Number, RetiredRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "figures from rows"
WINDOWS: Final = {"short": 4, "long": 1}
"""Rounds in a window, by the calendar they are all of."""

Place = tuple[str, str, str, str]
"""Facility, form, node, and the staff group under it or ''."""
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


@dataclass(slots=True)
class Series:
    """Of each place: the rounds of a calendar that fielded it, in the order they were sealed, and its totals per scale
    and round.

    `asked` are how many people each round asked there, `leaves` the leaves of a staff group that it asked, and
    `cohorts` those of them that have a cohort, with its id. `retired` are the retired cohorts in the order of their
    retirement, with their totals per scale.
    """

    calendars: dict[tuple[str, str, str], str] = field(default_factory=dict)
    sensitive: set[tuple[str, str, str]] = field(default_factory=set)
    fielded: dict[tuple[Place, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    sums: dict[tuple[Place, str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))
    asked: dict[tuple[Place, str], Number | None] = field(default_factory=dict)
    leaves: dict[tuple[Place, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    cohorts: dict[tuple[Place, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    retired: Retired = field(default_factory=list)
    first: dict[tuple[str, str], date] = field(default_factory=dict)


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
    rounds = sorted(fielded(evidence), key=lambda one: _order(one, evidence))
    cohorts = grouped(evidence.cohorts, lambda row: row.asked)
    for one in rounds:
        _add_round(series, one)
        _add_groups(series, one, cohorts.get(one.sealed.asked, []))
    for row in evidence.cohorts:
        for node in row.path:
            series.sums[(row.facility, row.form, node, ""), row.scale, row.round].add(row)
    series.retired = _retired(evidence)
    return series


def _add_round(series: Series, one: Fielded) -> None:
    sealed = one.sealed
    series.first[sealed.facility, sealed.round] = sealed.first
    series.calendars[sealed.asked] = sealed.calendar
    if sealed.sensitive:
        series.sensitive.add(sealed.asked)
    asked = {node for leaf in one.leaves for node in one.nodes[leaf].path}
    # of a sensitive form every place that is told at all was in the round
    for node in one.nodes if sealed.sensitive else asked:
        _field(series, (sealed.facility, sealed.form, node, ""), one)
    for row in one.nodes.values():
        series.asked[(sealed.facility, sealed.form, row.node, ""), sealed.round] = row.asked_heads


def _add_groups(series: Series, one: Fielded, cohorts: list[CohortRow]) -> None:
    for row in one.groups:
        place, round_ = (row.facility, row.form, row.node, row.staff_group), row.round
        series.asked[place, round_] = row.asked_heads
        leaves = {leaf for leaf in one.leaves if row.sums_up(one.nodes[leaf])}
        if leaves:
            _field(series, place, one)
        series.leaves[place, round_] |= leaves
        for cohort in cohorts:
            if cohort.node in one.nodes and row.sums_up(one.nodes[cohort.node]):
                series.cohorts[place, round_][cohort.node] = cohort.cohort_id
                series.sums[place, cohort.scale, round_].add(cohort)


def _field(series: Series, place: Place, one: Fielded) -> None:
    rounds = series.fielded[place, one.sealed.calendar]
    if not rounds or rounds[-1] != one.sealed.round:
        rounds.append(one.sealed.round)


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


def _place(figure: FigureRow) -> Place:
    return figure.facility, figure.form, figure.node, figure.staff_group


def _compared(figure: FigureRow, series: Series, scale: AskedScale, evidence: Evidence) -> Iterator[Finding]:
    calendar = series.calendars[figure.asked]
    if figure.calendar != calendar or figure.window != WINDOWS.get(calendar):
        what = f"a window that is not the one of its round, of {WINDOWS.get(calendar)} in the {calendar} calendar"
        yield Finding(CHECK, "unsafe", what, rows_of([figure.name]))
        return
    rounds = series.fielded.get((_place(figure), calendar), [])
    upto = rounds[: rounds.index(figure.round) + 1] if figure.round in rounds else []
    if not upto and figure.state != "not_fielded":
        what = "figures of a node that was not asked in that round"
        yield Finding(CHECK, "unsafe", what, rows_of([figure.name]))
        return
    expected = _expected(figure, upto, series, scale)
    published: dict[str, object] = {**dict(figure.figures), **dict(figure.counts), "state": figure.state}
    published |= {"signal": figure.signal, "signal_rules": figure.signal_rules}
    wrong = _wrong(published, expected) + ([] if _may_count_from(figure, series, evidence) else ["rebased_on"])
    if wrong and not figure.tells_course:
        expected = _earlier(figure, upto, series, scale)
        wrong = _wrong(published, expected)
    if wrong:
        yield _finding(figure, wrong, published, expected, evidence, upto)


def _may_count_from(figure: FigureRow, series: Series, evidence: Evidence) -> bool:
    """Whether the day that limits count anew from is that of an intervention, there or above, that says so."""
    return figure.rebased_on is None or (
        figure.rebased_on <= series.first[figure.facility, figure.round]
        and any(
            row.rebase and row.on == figure.rebased_on and row.facility == figure.facility and row.node in figure.path
            for row in evidence.interventions
        )
    )


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


def _wrong(published: Mapping[str, object], expected: Mapping[str, object]) -> list[str]:
    return [name for name, value in expected.items() if not _is(published.get(name), value)]


def _expected(
    figure: FigureRow, upto: list[str], series: Series, scale: AskedScale, retired_in: set[str] | None = None
) -> dict[str, object]:
    names = [name for name, _ in figure.figures]
    result: dict[str, object] = {**dict.fromkeys(names), "signal": "", "signal_rules": ()}
    window, before = upto[-figure.window :], upto[: -figure.window][-figure.window :]
    before = before if len(before) == figure.window else []
    left_out = _left_out(figure, set(upto) if retired_in is None else retired_in, series)
    held = _held(figure, window, series, left_out)
    hidden = "not_published" if figure.asked in series.sensitive else "withheld"
    state = "not_fielded" if not upto else "published" if held else hidden
    result |= {
        "cohorts_retired": len(left_out),
        "state": state,
        "rounds_published": len(held),
        "rounds_fielded": len(window),
    }
    if figure.staff_group:
        result |= _leaves(figure, window, series, left_out)
    if held:
        result |= _window(figure, held, window, series, scale)
        result |= _changes(figure, (window, held), (before, _held(figure, before, series, left_out)), series, scale)
        result |= _single_rounds(figure, upto, series, left_out, scale)
    return result


def _earlier(figure: FigureRow, upto: list[str], series: Series, scale: AskedScale) -> dict[str, object]:
    """What versions told that knew windows alone, and of a change no interval."""
    windows = 2 if len(upto) >= 2 * figure.window else 1
    expected = _expected(figure, upto, series, scale, set(upto[-windows * figure.window :]))
    later = {*SERIES, "change_low", "change_high"}
    return {name: value for name, value in expected.items() if name not in later} | _empty_course(figure)


def _empty_course(figure: FigureRow) -> dict[str, object]:
    return {**dict.fromkeys(name for name, _ in figure.figures if name in SERIES), "signal": "", "signal_rules": ()}


def _leaves(figure: FigureRow, window: list[str], series: Series, left_out: Retired) -> dict[str, object]:
    """How many leaves of a staff group were asked in the window, and how many of them have a cohort in it."""
    place, gone = _place(figure), {row.cohort_id for row, _ in left_out}
    asked = {leaf for name in window for leaf in series.leaves.get((place, name), ())}
    cohorts = [item for name in window for item in series.cohorts.get((place, name), {}).items()]
    return {
        "leaves_published": len({leaf for leaf, cohort_id in cohorts if cohort_id not in gone}),
        "leaves_fielded": len(asked),
    }


def _left_out(figure: FigureRow, rounds: set[str], series: Series) -> Retired:
    """The retired cohorts that a figure says it leaves out: the first that were retired from its rounds."""
    concerned = [
        (row, totals)
        for row, totals in series.retired
        if (row.facility, row.form) == (figure.facility, figure.form)
        and row.round in rounds
        and figure.node in row.path
        and (not figure.staff_group or row.node in series.cohorts.get((_place(figure), row.round), {}))
    ]
    return concerned[: dict(figure.counts)["cohorts_retired"]]


def _held(figure: FigureRow, rounds: list[str], series: Series, left_out: Retired) -> list[Sums]:
    found = []
    for name in rounds:
        sums = series.sums.get((_place(figure), figure.scale, name))
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
    whole = _asked(figure, window, series)
    result: dict[str, object] = {
        "responses": total.n,
        "mean": rounded((low + high) / 2),
        "mean_low": rounded(low),
        "mean_high": rounded(high),
        "coverage": rounded(total.n / whole) if whole else None,
    }
    return result | (_share(total, len(held)) if scale.at_risk is not None else {})


def _asked(figure: FigureRow, window: list[str], series: Series) -> Number | None:
    """How many people a window asked in all, if every round tells it."""
    heads = [series.asked.get((_place(figure), name)) for name in window]
    known = [head for head in heads if head is not None]
    hidden = any((figure.facility, name, figure.form) in series.sensitive for name in window)
    return None if hidden or len(known) < len(heads) else sum(known)


def _single_rounds(
    figure: FigureRow, upto: list[str], series: Series, left_out: Retired, scale: AskedScale
) -> dict[str, object]:
    """The newest round by itself, and the course of the mean over all rounds up to it."""
    points = []
    for name in upto:
        held = _held(figure, [name], series, left_out)
        points.append(charts.Point(series.first[figure.facility, name], _middle(held, scale)))
    result = charts.expected(points, figure.rebased_on, scale.direction)
    if held:
        newest = _together(held)
        result |= {"round_responses": newest.n, "round_mean": points[-1].value}
        if scale.at_risk is not None:
            result |= {"round_at_risk_low": newest.at_risk_low, "round_at_risk_high": newest.at_risk_high}
    return result


def _middle(held: list[Sums], scale: AskedScale) -> Fraction | None:
    if not held:
        return None
    total = _together(held)
    return rounded((scale.mean(total.low, total.n) + scale.mean(total.high, total.n)) / 2)


Held = tuple[list[str], list[Sums]]
"""The rounds of a window, and the totals of those in which anything is published."""


def _changes(figure: FigureRow, now: Held, then: Held, series: Series, scale: AskedScale) -> dict[str, object]:
    if not then[1]:
        return {}
    windows = [Window(_together(held), len(held)) for _, held in (now, then)]
    result = change(windows[0], windows[1], scale)
    if scale.at_risk is not None:
        result |= share_change(windows[0], windows[1])
    asked, asked_then = (_asked(figure, rounds, series) for rounds, _ in (now, then))
    if asked and asked_then:
        coverages = windows[0].total.n / asked, windows[1].total.n / asked_then
        result["coverage_change"] = rounded(coverages[0] - coverages[1])
    return result


def _share(total: Exact, rounds: int) -> dict[str, object]:
    low, high = total.at_risk_low / total.n, total.at_risk_high / total.n
    return {
        "at_risk_low": total.at_risk_low,
        "at_risk_high": total.at_risk_high,
        "at_risk_share": rounded((low + high) / 2),
        "at_risk_share_low": Limit(low, total.n / rounds, lower=True),
        "at_risk_share_high": Limit(high, total.n / rounds, lower=False),
    }


def _is(published: object, expected: object) -> bool:
    return expected.is_at(published) if isinstance(expected, Limit | Near) else published == expected
