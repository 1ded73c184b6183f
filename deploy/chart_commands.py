"""Commands that read a place's course and compare places: chart and compare."""

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.courses import PlacesCourse, Row, Series, course, one_round, the_facility
from deploy.library import library_of
from deploy.output import AsJson, print_json, printable, working
from deploy.resources import interventions
from deploy.settings import Settings
from schemas.errors import InputRefused
from schemas.instruments.enabled import known_forms
from schemas.instruments.model import Reference
from schemas.instruments.scoring import Catalogue, Scale
from stream_processors.database import Database
from stream_processors.steps.courses import UNIT
from stream_processors.steps.funnel import Place, Standing, funnel
from stream_processors.steps.spc import FIRM, LEADERS_FROM, Judged, Limits
from stream_processors.steps.standing import beside, quarters

CHART_HELP: Final = """The control chart of a place: every round by itself, its limits and what they say.

Signals are judged anew each time, over all rounds so far: what was said when a round was sealed is in --json. How to
read a chart, and how many signals are false, is in docs/indicators.md.

Examples:

wardpulse chart --facility st-anna --node icu-1 --form sib5

wardpulse chart --facility st-anna --node icu-1 --form cbi.work --target 40

wardpulse chart --facility st-anna --node medicine --form sib5 --calendar long --json
"""
COMPARE_HELP: Final = """Compare the places of a facility in one round: which differ by more than chance.

By default the last round that published the form. Each share at risk is set against that of all places of its kind,
with limits by how many answered (a funnel), so that a small unit is not taken for a bad one. Quarters are of places of
one kind and hold no order within.

Examples:

wardpulse compare --facility st-anna --form sib5

wardpulse compare --facility st-anna --form cbi.work --round 2026-W41 --json
"""
_ASSURANCE: Final = {
    "meets": "within these limits the target is always met",
    "hit_and_miss": "within these limits the target is met in some rounds and missed in others, by chance alone",
    "fails": "within these limits the target is never met",
}
_KINDS: Final = {"concern": "a concern", "improvement": "an improvement"}
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

FacilityName = Annotated[
    str | None, typer.Option("--facility", help="Which hospital; may be left out where there is one.")
]
FormName = Annotated[str, typer.Option("--form", help="Which form, as wardpulse figures names them.")]
CalendarName = Annotated[
    Literal["short", "long"], typer.Option("--calendar", help="Units asked every round, or those asked once a season.")
]
ScaleName = Annotated[str | None, typer.Option("--scale", help="Only this scale of the form.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    app.command("chart", help=CHART_HELP)(_chart)
    app.command("compare", help=COMPARE_HELP)(_compare)


def scales_of(catalogue: Catalogue, form: str, scale: str | None) -> list[Scale]:
    """The scales of a form, or one of them; InputRefused if there is none such."""
    if form not in catalogue:
        raise InputRefused(f"there is no form {printable(form)}: wardpulse instruments list shows them all")
    found = [one for one in catalogue[form].scales if scale in (None, one.id)]
    if not found:
        names = ", ".join(one.id for one in catalogue[form].scales)
        raise InputRefused(f"{form} has no scale {printable(scale or '')}: it has {names}")
    return found


def _chart(
    node: Annotated[str, typer.Option(help="Which place: a unit, a department, or the facility itself.")],
    form: FormName,
    facility: FacilityName = None,
    scale: ScaleName = None,
    staff_group: Annotated[str, typer.Option(help="A staff group under the place.")] = "",
    calendar: CalendarName = "short",
    target: Annotated[float | None, typer.Option(help="Say whether the limits meet this mean.")] = None,
    as_json: AsJson = False,
) -> None:
    settings = Settings.read(os.environ)
    library = library_of(settings)
    forms = known_forms(library.catalogue)
    scales = scales_of(forms, form, scale)
    for asked in scales:
        _check_target(target, asked)
    with working().status("Reading ClickHouse"), Database.connect(settings.clickhouse) as database:
        where = the_facility(database, facility)
        found = [course(database, Series(where, node, form, one, calendar, staff_group)) for one in scales]
    if as_json:
        print_json([row for one in found for row in chart_rows(one)])
        return
    references = library.by_id[forms[form].instrument].scales
    for one in found:
        Console().print(chart_table(one, target, references[one.series.scale.id].reference))


def _check_target(target: float | None, scale: Scale) -> None:
    low, high = _ends(scale)
    # also refused is what is no number
    if target is not None and not low <= target <= high:
        raise InputRefused(f"target {target:g} is not on scale {scale.id}, which runs from {low:g} to {high:g}")


def _ends(scale: Scale) -> tuple[float, float]:
    return float(scale.published(scale.score_min, 1)), float(scale.published(scale.score_max, 1))


def chart_rows(found: PlacesCourse) -> list[dict[str, Any]]:
    """A course for programs: what each round told at its close, and under `now` what the chart of all rounds says."""
    return [
        {"form": found.series.form, "scale": found.series.scale.id, "node": found.series.node, **row, "now": _now(one)}
        for row, one in _both(found)
    ]


def _now(one: Judged) -> dict[str, Any]:
    limits = one.limits
    return {
        "signal": one.signal.kind,
        "rules": list(one.signal.rules),
        "told_to_leaders": one.signal.for_leaders,
        "centre": None if limits is None else limits.centre / UNIT,
        "limit_low": None if limits is None else limits.lower / UNIT,
        "limit_high": None if limits is None else limits.upper / UNIT,
        "points": 0 if limits is None else limits.points,
        "trial": limits is None or limits.trial,
    }


def chart_table(found: PlacesCourse, target: float | None = None, references: Sequence[Reference] = ()) -> Table:
    """A course for people; `references` are figures published elsewhere on its scale."""
    scale = found.series.scale
    low, high = _ends(scale)
    where = f"{found.series.node}{f', all {found.series.staff_group}' if found.series.staff_group else ''}"
    table = Table(
        title=f"{where}: {found.series.form} {scale.id}, mean of single rounds, {low:g}-{high:g}, "
        f"{scale.direction.replace('_', ' ')}",
        # what instruments say of others comes from files: it is no markup and steers no terminal
        caption="\n".join(escape(printable(note)) for note in _notes(found, target, references)),
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in ("round", "from", "answers", "mean", "smoothed", "limits", "what the chart says"):
        table.add_column(name, justify="left" if name in ("round", "what the chart says") else "right", overflow="fold")
    for row, one in _both(found):
        table.add_row(*_line(row, one))
    return table


def _line(row: Row, one: Judged) -> Iterator[str]:
    yield escape(printable(str(row["round"])))
    yield row["first"].isoformat()
    if one.value is None:
        yield from ("-", "-", "-", _limits(one.limits), "withheld: a gap")
        return
    yield str(row["responses"])
    yield f"{one.value / UNIT:.2f}"
    yield "-" if row["smoothed"] is None else f"{row['smoothed']:.2f}"
    yield _limits(one.limits)
    yield _said(one, row)


def _limits(limits: Limits | None) -> str:
    return "-" if limits is None else f"{limits.lower / UNIT:.2f} to {limits.upper / UNIT:.2f}"


def _said(one: Judged, row: Row) -> str:
    """What the chart of all rounds says of one; what was not told at its close is marked, as later rounds say it."""
    if one.signal.kind in ("none", "common"):
        return "-" if one.signal.kind == "none" else "common cause"
    rules = ", ".join(one.signal.rules).replace("_", " ")
    if not one.signal.for_leaders:
        return f"{one.signal.kind}: {rules} (drawn only)"
    return f"{one.signal.kind}: {rules}{'' if row['signal'] == one.signal.kind else ' (seen since)'}"


def _references(found: PlacesCourse, references: Sequence[Reference]) -> Iterator[str]:
    """Figures published of people elsewhere, beside the newest window."""
    newest, direction = found.rounds[-1], found.series.scale.direction
    for one in references:
        whom = f"{one.of}{f' (n {one.n})' if one.n else ''}{', not verified' if one.unverified else ''}"
        if one.figure == "mean":
            here = "" if newest["window_mean"] is None else f"; here {newest['window_mean']:.1f} in the newest window"
            yield f"elsewhere: mean {one.value:g}, {whom}{here}"
        elif newest["share_low"] is None:
            yield f"elsewhere: {one.value:.0%} at risk, {whom}"
        else:
            low, high = newest["share_low"], newest["share_high"]
            yield (
                f"elsewhere: {one.value:.0%} at risk, {whom}; here {_range(low, high)} in the newest window: "
                f"{beside(low, high, one.value, direction)}"
            )


def _in_short(judged: Sequence[Judged], limits: Limits) -> str:
    """What the whole chart says in a sentence, by the rules that leaders are told of."""
    seen = [one for one in judged if one.value is not None]
    calling = [one for one in seen if one.signal.for_leaders]
    if not calling and limits.points < LEADERS_FROM:
        return f"In short: too few rounds to call one unusual; that takes {LEADERS_FROM}."
    if not calling:
        return "In short: no round is unusual for this place."
    newest = seen[-1].signal
    if not newest.for_leaders:
        return "In short: the newest round with figures is as usual for this place; an earlier one is not."
    rules = ", ".join(newest.rules).replace("_", " ")
    return f"In short: the newest round with figures is {_KINDS[newest.kind]} ({rules}): ask what changed."


def _notes(found: PlacesCourse, target: float | None, references: Sequence[Reference]) -> Iterator[str]:
    limits = found.judged[-1].limits
    if limits is None:
        yield "no limits yet: they need two rounds with figures that follow each other"
    else:
        yield _in_short(found.judged, limits)
        trial = f"; a trial, as they are fewer than {FIRM}" if limits.trial else ""
        yield f"centre {limits.centre / UNIT:.2f}, limits from {limits.points} rounds with figures{trial}"
    if target is not None and (assured := found.assurance(target)) is not None:
        yield f"target {target:g}: {_ASSURANCE[assured]}"
    yield from _references(found, references)
    kinds = interventions().kinds
    for row in found.interventions:
        kind = kinds.get(row["kind"])
        label = kind.labels.get(row["label"], row["label"]) if kind else row["label"]
        anew = "; limits count anew from there" if row["rebase"] else ""
        yield f"done {row['on'].isoformat()} at {row['node']}: {label}{anew}"
    yield "A signal is a question to the place, not a verdict. Common cause: no reason is to be found in that round."
    if any(one.signal.for_leaders and row["signal"] != one.signal.kind for row, one in _both(found)):
        yield "Seen since: by limits that later rounds have moved, or as part of a run that they went on with."


def _both(found: PlacesCourse) -> Iterator[tuple[Row, Judged]]:
    return zip(found.rounds, found.judged, strict=True)


def _compare(
    form: FormName,
    facility: FacilityName = None,
    scale: ScaleName = None,
    round_: Annotated[str, typer.Option("--round", help="Which round; the last published one if left out.")] = "",
    as_json: AsJson = False,
) -> None:
    settings = Settings.read(os.environ)
    scales = scales_of(known_forms(library_of(settings).catalogue), form, scale)
    with working().status("Reading ClickHouse"), Database.connect(settings.clickhouse) as database:
        where = the_facility(database, facility)
        found = [(one, one_round(database, where, form, one, round_)) for one in scales]
    if not any(rows for _, rows in found):
        which = f"round {printable(round_)}" if round_ else "round"
        raise InputRefused(
            f"no {which} of {form} has published figures at {printable(where)}: "
            "wardpulse figures --json lists facilities and forms, wardpulse rounds list the rounds"
        )
    compared = [(one, rows, compare_rows(one, rows)) for one, rows in found]
    if as_json:
        print_json([{"form": form, "scale": one.id, **row} for one, _, lines in compared for row in lines])
        return
    for one, rows, lines in compared:
        kinds = {
            kind: [row for row in lines if row["kind"] == kind] for kind in dict.fromkeys(r["kind"] for r in lines)
        }
        # a place alone of its kind has nothing beside it
        for alike in [found for found in kinds.values() if len(found) > 1] or kinds.values():
            Console().print(compare_table(form, one, alike, rows[0]["round"]))


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
    share = _range(low, high)
    if line["verdict"] is None:
        return (*cells, share, "-", "-")
    least, most = line["limits_95"]
    # limits have four decimals
    is_across = line["verdict"] == "within" and not least <= round(low, 4) <= round(high, 4) <= most
    return (*cells, share, _range(least, most), _ACROSS if is_across else _VERDICTS[line["verdict"]])


def _range(low: float, high: float) -> str:
    return f"{low:.0%}" if low == high else f"{100 * low:.0f}-{high:.0%}"
