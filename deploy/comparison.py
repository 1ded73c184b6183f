"""Places of a facility beside each other in one round: rows for programs, and tables for people."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from deploy.courses import Row
from deploy.output import printable
from schemas.instruments.scoring import Scale
from stream_processors.steps.funnel import Place, Standing, funnel
from stream_processors.steps.standing import quarters

_VERDICTS: Final = {
    "within": "as chance has it",
    "high": "above 95 % limits",
    "very_high": "above 99.8 % limits",
    "low": "below 95 % limits",
    "very_low": "below 99.8 % limits",
}
_BEYOND: Final = ("very_high", "high", "very_low", "low")
_MOST_NAMED: Final = 6
_ACROSS: Final = "cannot be told"
_FUNNEL: Final = (
    "Beyond 95 % is for looking: of forty places alike, one is there at either end. Beyond 99.8 % is worth a question. "
    "As chance has it does not mean well. Cannot be told: a range on both sides of a limit. "
    "Limits: of a place with so many answers, if it were like all together."
)


def compare_rows(scale: Scale, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Places with the quarter and the funnel of their kind; both are empty where there is nothing to tell."""
    lines: list[dict[str, Any]] = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        alike = [row for row in rows if row["kind"] == kind]
        shown = [row for row in alike if row["responses"] is not None]
        in_quarters = quarters({row["node"]: row["mean"] for row in shown}, scale.direction)
        places = {place.node: place for place in _funnel(scale, shown)}
        lines += [
            {**row, "quarter": in_quarters.get(row["node"]), **_in_funnel(places.get(row["node"]))} for row in alike
        ]
    return lines


def _funnel(scale: Scale, shown: Sequence[Row]) -> Sequence[Standing]:
    # one place alone is all together: there is nothing to compare it with
    if scale.cut is None or len(shown) < 2:
        return ()
    found = funnel([Place(row["node"], row["responses"], row["at_risk_low"], row["at_risk_high"]) for row in shown])
    return found.places if found else ()


def _in_funnel(place: Standing | None) -> dict[str, Any]:
    if place is None:
        return {"limits_95": None, "limits_998": None, "verdict": None}
    return {"limits_95": place.limits_95, "limits_998": place.limits_998, "verdict": place.verdict}


def compare_table(form: str, scale: Scale, lines: Sequence[Row], round_: str) -> Table:
    """Places of one kind for people."""
    table = Table(
        title=f"{form} {scale.id}, round {escape(printable(round_))}: every {escape(printable(lines[0]['kind']))}",
        caption=" ".join(_beneath(lines)) or None,
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    names = ("place", "answers", "mean", "quarter", "at risk", "95 % limits", "beside all together")
    for name in names:
        table.add_column(name, justify="left" if name in ("place", names[-1]) else "right", overflow="fold")
    for line in lines:
        table.add_row(escape(printable(line["name"])), *_compared(line))
    return table


def _beneath(lines: Sequence[Row]) -> Iterator[str]:
    """What is said under a comparison: which places are beyond their limits first."""
    if any(line["verdict"] for line in lines):
        beyond = {verdict: [line["name"] for line in lines if line["verdict"] == verdict] for verdict in _BEYOND}
        yield "In short:"
        yield from (f"{_VERDICTS[verdict]}: {_few(names)}." for verdict, names in beyond.items() if names)
        if not any(beyond.values()):
            yield "no place is clearly beyond its limits."
        yield _FUNNEL
    if any(line["quarter"] for line in lines):
        yield "Quarter: by the mean, 1 the best; no order within one."


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return escape(printable(", ".join(names[:_MOST_NAMED]))) + (f" and {more} more" if more > 0 else "")


def _compared(line: Row) -> Sequence[str]:
    if line["responses"] is None:
        return ("-", "-", "-", "-", "-", "no figures of its own")
    quarter = "-" if line["quarter"] is None else str(line["quarter"])
    cells = (str(line["responses"]), f"{line['mean']:.2f}", quarter)
    if line["at_risk_low"] is None:
        return (*cells, "-", "-", "-")
    low, high = (line[name] / line["responses"] for name in ("at_risk_low", "at_risk_high"))
    share = percents(low, high)
    if line["verdict"] is None:
        return (*cells, share, "-", "-")
    least, most = line["limits_95"]
    # limits have four decimals
    is_across = line["verdict"] == "within" and not least <= round(low, 4) <= round(high, 4) <= most
    return (*cells, share, percents(least, most), _ACROSS if is_across else _VERDICTS[line["verdict"]])


def percents(low: float, high: float) -> str:
    """A share, or the range it is known to be in."""
    return f"{low:.0%}" if low == high else f"{100 * low:.0f}-{high:.0%}"
