"""Commands that read a place's course and compare places: chart and compare."""

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.comparison import compare_rows, compare_table, percents
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
from stream_processors.steps.spc import FIRM, LEADERS_FROM, Judged, Limits, Signal
from stream_processors.steps.standing import beside

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
    """What was told of a round at its close, or else what the chart of all rounds says of it now, each marked where the
    other does not say it: a change that stays moves the limits, and must not vanish from the chart by that."""
    now, told = one.signal, row["signal"]
    if told in _KINDS:
        return f"{told}: {_rules(row['signal_rules'])}{'' if _agrees(now, row) else ' (told then)'}"
    if now.kind in ("none", "common"):
        return "-" if now.kind == "none" else "common cause"
    return f"{now.kind}: {_rules(now.rules)} {'(seen since)' if now.for_leaders else '(drawn only)'}"


def _agrees(now: Signal, row: Row) -> bool:
    """Whether leaders would be told now what they were told of a round at its close."""
    return now.for_leaders and now.kind == row["signal"]


def _rules(names: Sequence[str]) -> str:
    return ", ".join(names).replace("_", " ")


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
                f"elsewhere: {one.value:.0%} at risk, {whom}; here {percents(low, high)} in the newest window: "
                f"{beside(low, high, one.value, direction)}"
            )


def _in_short(found: PlacesCourse, limits: Limits) -> str:
    """What the whole chart says in a sentence, by the rules that leaders are told of."""
    seen = [(row, one.signal) for row, one in _both(found) if one.value is not None]
    row, newest = seen[-1]
    if row["signal"] in _KINDS:
        return _unusual(row["signal"], row["signal_rules"])
    if newest.for_leaders:
        return _unusual(newest.kind, newest.rules)
    told = [(row, now) for row, now in seen if row["signal"] in _KINDS]
    # once may be a round; again, or no more by limits that have moved, may be a change that stays
    if len(told) > 1 or any(not _agrees(now, row) for row, now in told):
        last, _ = told[-1]
        return (
            f"In short: {_KINDS[last['signal']]} was told, {len(told)} in all, the last in {last['round']}. The newest "
            "round is within the limits of all rounds; but a change that stays moves these, and may not be over."
        )
    if any(signal.for_leaders for _, signal in seen):
        return "In short: the newest round with figures is as usual for this place; an earlier one is not."
    if limits.points < LEADERS_FROM:
        return f"In short: too few rounds to call one unusual; that takes {LEADERS_FROM}."
    return "In short: no round is unusual for this place."


def _unusual(kind: str, rules: Sequence[str]) -> str:
    return f"In short: the newest round with figures is {_KINDS[kind]} ({_rules(rules)}): ask what changed."


def _notes(found: PlacesCourse, target: float | None, references: Sequence[Reference]) -> Iterator[str]:
    limits = found.judged[-1].limits
    if limits is None:
        yield "no limits yet: they need two rounds with figures that follow each other"
    else:
        yield _in_short(found, limits)
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
    marks = " ".join(_said(one, row) for row, one in _both(found) if one.value is not None)
    if "(told then)" in marks:
        yield "Told then: by the limits of its close; later rounds have moved them."
    if "(seen since)" in marks:
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
