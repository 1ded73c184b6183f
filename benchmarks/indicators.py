"""Indicators of one round: one update of what is known, beside pandas over every row from scratch; and after ten years.

    python -m benchmarks.indicators [--nodes 10000] [--rounds 12] [--years 10]

A facility of units under a hundred departments, five scales, one cohort a unit and round. The update takes the cohort
rows and the marker of the newest round and makes every indicator as an event. pandas has all rows of all rounds as
columns in memory and computes means, shares with Wilson's limits, changes, coverage, the smoothed mean and the control
limits; the means and shares of both are compared. The last line is the time of an update after one year of rounds over
that after `--years`, at a tenth of the nodes.
"""

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, Final

import numpy as np
import pandas as pd

from deploy.resources import catalogue
from schemas.canonical import derived_id
from schemas.events import AnyEvent, CohortSealed, NodeState, RoundSealed
from schemas.indicator import Indicator
from schemas.policy import Policy
from stream_processors.steps.figures import Z
from stream_processors.steps.history import History, remember
from stream_processors.steps.indicators import fold

FORMS: Final = ("sib5", "cbi.personal", "cbi.work", "cbi.client", "gad_2")
POLICY: Final = Policy()
FIRST: Final = date(2026, 1, 5)
A_YEAR: Final = 26
WINDOW: Final = 4
HEADS: Final = 40


def main() -> int:
    """Run both and print the results; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--years", type=int, default=10)
    given = parser.parse_args()
    tree = paths(given.nodes)
    rows = [list(cohorts(tree, number)) for number in range(given.rounds)]
    found, seconds = update(tree, rows)
    print(
        f"update: {len(found):,} indicators of {given.nodes:,} nodes in {seconds:.2f} s, {len(found) / seconds:,.0f}/s"
    )
    table, from_scratch = scratch([row for one in rows for row in one], given.rounds)
    print(f"pandas over {sum(map(len, rows)):,} rows: {from_scratch:.2f} s, {len(table) / from_scratch:,.0f}/s")
    off = differences(found, table)
    del rows, found, table
    gc.collect()
    early, late = (later(given.nodes // 10, rounds) for rounds in (A_YEAR, A_YEAR * given.years))
    print(
        f"an update at {given.nodes // 10:,} nodes after 1 year {early:.2f} s, after {given.years} years {late:.2f} s"
    )
    print(f"figures that differ: {off}")
    print(f"RESULT name=indicators_beside_pandas ratio={from_scratch / seconds:.2f} target=0.1")
    print(f"RESULT name=indicators_after_years ratio={early / late:.2f} target=0.8")
    return int(off > 0)


def paths(nodes: int) -> list[tuple[str, ...]]:
    """The facility, a department for every hundred nodes, and units."""
    departments = [("general", f"d{number}") for number in range(max(1, nodes // 100))]
    units = nodes - 1 - len(departments)
    return [("general",), *departments, *((*departments[n % len(departments)], f"u{n}") for n in range(units))]


def cohorts(tree: Sequence[tuple[str, ...]], number: int) -> Iterator[CohortSealed]:
    """A cohort of every unit and scale."""
    random, units = Random(number), [path for path in tree if len(path) == 3]
    for form in FORMS:
        (scale,) = catalogue()[form].scales
        for path in units:
            n, at_risk = random.randint(11, 30), random.randint(2, 6)
            total = n * scale.score_min + random.randint(n, n * (scale.score_max - scale.score_min) // 2)
            cohort_id = derived_id(number, form, path)
            yield CohortSealed(
                facility="general",
                event_id=cohort_id,
                cohort_id=cohort_id.replace("-", ""),
                node=path[-1],
                path=path,
                round=f"r{number}",
                form=form,
                scale=scale.id,
                n=n,
                score_low=total,
                score_high=total,
                at_risk_low=at_risk,
                at_risk_high=at_risk,
                policy_hash=POLICY.hash(),
            )


def marker(tree: Sequence[tuple[str, ...]], number: int) -> RoundSealed:
    """The last record of a round."""
    units = [path for path in tree if len(path) == 3]
    under = Counter(node for path in units for node in path)
    nodes = [
        NodeState(
            node=path[-1],
            path=path,
            name=path[-1],
            kind="unit",
            headcount=HEADS * under[path[-1]],
            headcount_asked=HEADS * under[path[-1]],
            states=dict.fromkeys(FORMS, "published"),
        )
        for path in tree
        if under[path[-1]]
    ]
    first = FIRST + timedelta(days=14 * number)
    return RoundSealed(
        facility="general",
        event_id=derived_id("sealed", number),
        round=f"r{number}",
        forms=FORMS,
        first_answer_date=first,
        last_answer_date=first + timedelta(days=13),
        policy=POLICY,
        policy_hash=POLICY.hash(),
        nodes=tuple(nodes),
    )


def sealing(rows: Sequence[CohortSealed], tree: Sequence[tuple[str, ...]], number: int) -> list[AnyEvent]:
    """What the cohorts topic holds of a round."""
    return [*rows, marker(tree, number)]


def update(tree: Sequence[tuple[str, ...]], rows: Sequence[Sequence[CohortSealed]]) -> tuple[list[Indicator], float]:
    """The indicators of the newest round, and what they took once all before was known."""
    history = History()
    for number, one in enumerate(rows[:-1]):
        for event in sealing(one, tree, number):
            remember(history, event, catalogue())
    newest = sealing(rows[-1], tree, len(rows) - 1)
    gc.collect()
    began = time.perf_counter()
    found = [indicator for event in newest for indicator in fold(history, event, catalogue())]
    return found, time.perf_counter() - began


def later(nodes: int, rounds: int) -> float:
    """Seconds of the quickest of five updates after so many rounds."""
    tree, history = paths(nodes), History()
    last = []
    for number in range(rounds):
        is_timed = number >= rounds - 5
        events = sealing(list(cohorts(tree, number)), tree, number)
        began = time.perf_counter()
        for event in events:
            (fold if is_timed else remember)(history, event, catalogue())
        last.append(time.perf_counter() - began)
    return min(last[-5:])


def scratch(rows: Sequence[CohortSealed], rounds: int) -> tuple[pd.DataFrame, float]:
    """Every figure of the newest round from all rows, and what it took once they were in columns."""
    columns = pd.DataFrame(
        {
            "form": pd.Categorical([row.form for row in rows]),
            "facility": pd.Categorical([row.path[0] for row in rows]),
            "department": pd.Categorical([row.path[1] for row in rows]),
            "unit": pd.Categorical([row.path[2] for row in rows]),
            "round": [int(row.round[1:]) for row in rows],
            **{name: [getattr(row, name) for row in rows] for name in ("n", "score_low", "at_risk_low")},
        }
    )
    gc.collect()
    began = time.perf_counter()
    table = pd.concat([_figures(columns, level, rounds) for level in ("facility", "department", "unit")])
    return table, time.perf_counter() - began


def _figures(columns: pd.DataFrame, level: str, rounds: int) -> pd.DataFrame:
    sums = columns.groupby(["form", level, "round"], observed=True)[["n", "score_low", "at_risk_low"]].sum()
    window, before = (_published(_window(sums, rounds - back)) for back in (0, WINDOW))
    found = window.join(before.add_suffix("_before"))
    found["change"] = found["mean"] - found["mean_before"]
    variance = found["variance"] / found["answers"] + found["variance_before"] / found["answers_before"]
    found["change_low"] = found["change"] - Z * np.sqrt(variance)
    found["change_high"] = found["change"] + Z * np.sqrt(variance)
    return found.join(_course(sums)).rename_axis(["form", "node"])


def _window(sums: pd.DataFrame, end: int) -> pd.DataFrame:
    at = sums.index.get_level_values("round")
    return sums[(at < end) & (at >= end - WINDOW)].groupby(level=[0, 1], observed=True).sum()


def _units(sums: pd.DataFrame) -> tuple[Any, Any]:
    """Lowest score and published units of one of it, per row."""
    scales = {form: catalogue()[form].scales[0] for form in FORMS}
    forms = sums.index.get_level_values(0)
    lowest = forms.map({form: scale.score_min for form, scale in scales.items()}).astype(float)
    unit = forms.map({form: float(scale.published(1, 1) - scale.published(0, 1)) for form, scale in scales.items()})
    return np.asarray(lowest), np.asarray(unit.astype(float))


def _published(sums: pd.DataFrame) -> pd.DataFrame:
    lowest, unit = _units(sums)
    n, answers = sums["n"], sums["n"] / WINDOW
    share = sums["at_risk_low"] / n
    centre = (share + Z * Z / (2 * answers)) / (1 + Z * Z / answers)
    half = Z * np.sqrt(share * (1 - share) / answers + Z * Z / (4 * answers**2)) / (1 + Z * Z / answers)
    scales = [catalogue()[form].scales[0] for form in sums.index.get_level_values(0)]
    spread = [(*scale.at_risk_range, *scale.not_at_risk_range) for scale in scales]
    l1, u1, l0, u0 = np.array(spread).T
    even1, even0 = ((u1 - l1 + 1) ** 2 - 1) / 12, ((u0 - l0 + 1) ** 2 - 1) / 12
    apart = (l1 + u1 - l0 - u0) / 2
    return pd.DataFrame(
        {
            "responses": n,
            "answers": answers,
            "mean": (sums["score_low"] / n - np.where(unit == 1, 0, lowest)) * unit,
            "share": share,
            "share_low": centre - half,
            "share_high": centre + half,
            "coverage": n / (HEADS * WINDOW),
            "variance": (share * (1 - share) * apart**2 + share * even1 + (1 - share) * even0) * unit**2,
        }
    )


def _course(sums: pd.DataFrame) -> pd.DataFrame:
    lowest, unit = _units(sums)
    means = ((sums["score_low"] / sums["n"] - np.where(unit == 1, 0, lowest)) * unit).unstack("round")
    baseline = means.iloc[:, :24]
    ranges = baseline.diff(axis=1).abs().mean(axis=1)
    centre = baseline.mean(axis=1)
    low, high = centre - 2.66 * ranges, centre + 2.66 * ranges
    newest, last = means.iloc[:, -1], means.iloc[:, -7:]
    side = np.sign(last.sub(centre, axis=0)).sum(axis=1).abs()
    return pd.DataFrame(
        {
            "smoothed": means.T.ewm(alpha=0.3, adjust=False).mean().iloc[-1],
            "limit_low": low,
            "limit_high": high,
            "outside": (newest < low) | (newest > high),
            "run": side == 7,
        }
    )


def differences(found: Sequence[Indicator], table: pd.DataFrame) -> int:
    """How many means, shares and limits the two do not agree about, to the last decimal published."""
    names = {"mean": "mean", "at_risk_share": "share", "at_risk_share_low": "share_low", "change_low": "change_low"}
    values = {column: table[column].to_dict() for column in names.values()}
    return sum(
        abs(getattr(row, name) - values[column][row.form, row.node]) > 6e-5
        for row in found
        for name, column in names.items()
    )


if __name__ == "__main__":
    sys.exit(main())
