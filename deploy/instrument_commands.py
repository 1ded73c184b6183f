"""Commands that show the instruments and check their keys."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.files import replacing
from deploy.library import Library, library_of
from deploy.output import AsJson, print_json, print_rows, printable
from deploy.scored import Asked, as_csv, asked_for, score_file, shift_hint
from deploy.settings import Settings
from schemas.errors import InputRefused
from schemas.instruments.model import Cut, Instrument, ScaleDefinition

_HELP = """What can be asked, and how it is scored.

docs/instruments.md says what each instrument is, and how to add one of your own.
"""
_LIST_HELP = """List every instrument: its forms, and whether it is in use.

An instrument that needs a licence is not in use until licensed_instruments names it: docs/settings.md.

Example: wardpulse instruments list
"""
_SHOW_HELP = """Show one instrument: scales, key, cuts, licence, sources, and what could not be checked.

Example: wardpulse instruments show cbi
"""
_SCORE_HELP = """Score made-up answers, to check a key against hand calculation or another program.

FILE is CSV with item numbers for column names, an empty cell for no answer; or JSON lines, an object each, such as
{"1": 3, "2": 0}. What comes out is one line for each: the figure of each scale in published units, its band, and
whether it is at risk; at_risk at the end is the instrument's rule over all its scales, which is never published.

It is for answers that are made up. Nothing is kept or sent. Do not score real people with it: who has the figures of a
single person can tell who they are.

Exit code 65 if a line is refused; the others are scored.

Examples:

wardpulse instruments score made-up.csv --form cbi.work

wardpulse instruments score made-up.jsonl --instrument olbi --out scores.csv
"""
_MADE_UP: Final = "for made-up answers only: nothing is kept or sent, and nobody real should be scored one by one"
_MOST_REFUSED: Final = 20
_COLUMNS: Final = ("instrument", "items", "in_use", "sensitive", "licence", "forms")
_REFUSED: Final = 65

Named = Annotated[str, typer.Argument(metavar="ID", help="The instrument, such as cbi.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="instruments", help=_HELP, no_args_is_help=True)
    group.command("list", help=_LIST_HELP)(_list)
    group.command("show", help=_SHOW_HELP)(_show)
    group.command("score", help=_SCORE_HELP)(_score)
    app.add_typer(group)


def _list(as_json: AsJson = False) -> None:
    known = library_of(Settings.read(os.environ))
    rows = [_row(known, one) for one in known.instruments]
    if not as_json:
        said = {True: "yes", False: "no"}
        rows = [
            row | {"forms": ", ".join(row["forms"])} | {name: said[row[name]] for name in ("in_use", "sensitive")}
            for row in rows
        ]
    print_rows(rows, as_json, _COLUMNS, "no instrument")


def _row(known: Library, instrument: Instrument) -> dict[str, Any]:
    return {
        "instrument": instrument.id,
        "name": instrument.name,
        "forms": list(instrument.forms),
        "items": len(asked_for(instrument, None).limits),
        "in_use": known.is_enabled(instrument),
        "sensitive": instrument.sensitive,
        "licence": instrument.licence.needed,
        "holder": instrument.licence.holder,
        "days_between": instrument.min_interval_days,
        "suggested_days_between": instrument.suggested_interval_days,
        "file": known.files[instrument.id],
        "keys": {form.id: form.key_hash for form in instrument.build_forms()},
    }


def _show(name: Named, as_json: AsJson = False) -> None:
    known = library_of(Settings.read(os.environ))
    instrument = _instrument(known, name)
    if as_json:
        print_json(_row(known, instrument) | {"definition": json.loads(_definition(known, name))})
        return
    for line in _lines(known, instrument):
        typer.echo(printable(line))


def _definition(known: Library, name: str) -> str:
    definition = next(given for given in known.definitions if given["id"] == name)
    return json.dumps(definition, ensure_ascii=False, default=str)


def _instrument(known: Library, name: str) -> Instrument:
    if name not in known.by_id:
        raise InputRefused(f"{printable(name)} is not an instrument: there are {', '.join(sorted(known.by_id))}")
    return known.by_id[name]


def _lines(known: Library, one: Instrument) -> list[str]:
    use = "in use" if known.is_enabled(one) else f"not in use: name {one.id} in licensed_instruments if you have one"
    answers = "".join(f"; item {item}: {given.min} to {given.max}" for item, given in one.answers.other.items())
    gate = [] if one.gate is None else [f"gate: item 0, opened by {one.gate.opens}; else every score is the smallest"]
    recall = "" if one.recall_days is None else f", asks about {one.recall_days} days"
    return [
        f"{one.id}: {one.name}, version {one.version}",
        f"licence: {one.licence.needed}, {one.licence.terms} ({one.licence.holder}); {use}",
        f"wording: {one.licence.wording.replace('_', ' ')}",
        f"health workers: {one.health_workers}",
        f"every {one.suggested_interval_days} days, not under {one.min_interval_days}{recall}"
        + (", sensitive" if one.sensitive else ""),
        f"answers: {one.answers.min} to {one.answers.max} ({one.answers.anchors}){answers}",
        *gate,
        *(line for name, scale in one.scales.items() for line in _scale_lines(name, scale)),
        *(f"form {form}: {', '.join(scales)}" for form, scales in one.forms.items()),
        *(f"item {item}: {text}" for item, text in one.wording.items()),
        *(f"cite: {text}" for text in one.citation),
        *(f"source, {what}: {text}" for what, text in one.sources.items()),
        *(f"not checked: {text}" for text in one.unverified),
        *(f"beware: {text}" for text in one.traps),
        f"written in {known.files[one.id]}",
    ]


def _scale_lines(name: str, scale: ScaleDefinition) -> list[str]:
    turned = f", reversed {', '.join(map(str, scale.reverse))}" if scale.reverse else ""
    least = "all" if scale.least == len(scale.items) else f"at least {scale.least}"
    return [
        f"scale {name}: items {', '.join(map(str, scale.items))}{turned}; {least} answered; as {scale.published_as}, "
        f"{scale.direction.replace('_', ' ')}",
        *(f"  {cut.label}: {cut.published}, {_sum(cut)}{_published(cut, scale)}" for cut in scale.cuts),
        *(
            f"  elsewhere: {figure.figure.replace('_', ' ')} {figure.value:g}, {figure.of}"
            + (" (not checked)" if figure.unverified else "")
            for figure in scale.reference
        ),
    ]


def _sum(cut: Cut) -> str:
    return f"a sum of {cut.value} or {'more' if cut.at_most is None else 'less'}"


def _published(cut: Cut, scale: ScaleDefinition) -> str:
    return "; at risk, published as a share" if cut.label == scale.at_risk else ""


def _score(
    file: Annotated[Path, typer.Argument(help="Made-up answers, CSV or JSON lines.", exists=True, dir_okay=False)],
    form: Annotated[str | None, typer.Option(help="The form to score, such as cbi.work.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Or an instrument, with all its scales.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the scores, CSV; standard output if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    asked = _asked(library_of(Settings.read(os.environ)), form, instrument)
    rows, refused, coding = score_file(file, asked)
    typer.echo(_MADE_UP, err=True)
    if as_json:
        print_json([row.shown() for row in rows])
    elif out is not None:
        _write(out, as_csv(rows))
    else:
        typer.echo(as_csv(rows), nl=False)
    for one in refused[:_MOST_REFUSED]:
        item = "" if one.column is None else f", item {one.column}"
        typer.echo(printable(f"line {one.line}{item}: {one.reason}, {one.hint}"), err=True)
    if len(refused) > _MOST_REFUSED:
        typer.echo(f"and {len(refused) - _MOST_REFUSED} more lines refused", err=True)
    hint = shift_hint(asked, coding)
    if hint is not None:
        typer.echo(hint, err=True)
    if refused:
        raise typer.Exit(_REFUSED)


def _asked(known: Library, form: str | None, instrument: str | None) -> Asked:
    if (form is None) == (instrument is None):
        raise typer.BadParameter("say with which key: --form FORM, or --instrument ID")
    if instrument is not None:
        return asked_for(_instrument(known, instrument), None)
    found = next((one for one in known.instruments if form in one.forms), None)
    if form is not None and found is None and form in known.by_id:
        has = ", ".join(known.by_id[form].forms)
        raise InputRefused(f"{form} is an instrument: give one of its forms, {has}, or --instrument {form}")
    if found is None or form is None:
        raise InputRefused(f"{printable(form or '')} is not a known form: wardpulse instruments list shows them all")
    return asked_for(found, form)


def _write(out: Path, text: str) -> None:
    if not out.parent.is_dir():
        raise InputRefused(f"{out.parent} is not a folder: make it first, or choose another place for {out.name}")
    with replacing(out) as file:
        file.write(text.encode())
