"""Commands for interventions: say what was done about a place, take it back, list what stands."""

import os
from datetime import UTC, date, datetime
from typing import Annotated, Final

import typer

from deploy.chart_commands import CalendarName, FacilityName, FormName, ScaleName, scales_of
from deploy.control import Control, open_keystore
from deploy.courses import Series, course, effect_row, the_facility
from deploy.interventions import intervening, interventions_rows, kinds_rows, meaning
from deploy.library import library_of
from deploy.output import AsJson, print_json, print_rows, printable, working
from deploy.round_options import DATE, Facility, Yes, announce, ask
from deploy.rounds import today
from deploy.settings import Settings
from schemas.instruments.enabled import known_forms
from stream_processors.database import Database
from stream_processors.steps.effect import NoEffect

_HELP = """Say what was done about a unit, so that charts show it: more posts, other shifts, support for staff.

Kind and label are of a catalogue and there is no free text, as a name could stand in it.
"""
_ADD_HELP = """Say what was done about a place, and from which day on.

Shows what that means and asks. It can be taken back, and every record of it stays in the log. With --rebase control
limits there and below are worked out anew from that day: only for a known change that stays, as it hides whether
something helped.

Example: wardpulse interventions add --node icu-1 --on 2026-10-12 --kind staffing --label added-night-shift
"""
_WITHDRAW_HELP = """Take an intervention back that was recorded by mistake.

Example: wardpulse interventions withdraw --node icu-1 --on 2026-10-12 --kind staffing --label added-night-shift
"""
_LIST_HELP = """List what stands, of every facility or of one.

Example: wardpulse interventions list --facility st-anna --json
"""
_KINDS_HELP = """List the catalogue: every label, with its kind and what it means.

Example: wardpulse interventions kinds
"""
_EFFECT_HELP = """By how much a place's course stepped on the day of an intervention, with a 95 % interval.

An interrupted series over single rounds: the same trend before and after, and a step between. Refused with fewer than
eight rounds with figures on either side. It does not show that it was the intervention: docs/indicators.md.

Examples:

wardpulse interventions effect --facility st-anna --node icu-1 --on 2026-10-12 --form sib5

wardpulse interventions effect --facility st-anna --node icu-1 --on 2026-10-12 --form cbi.work --json
"""
_COLUMNS: Final = ("facility", "on", "node", "kind", "label", "meaning", "rebase")

_Node = Annotated[str, typer.Option(help="The unit, department or facility that it was done about.")]
_On = Annotated[datetime, typer.Option(formats=DATE, help="The day it began.")]
_Only = Annotated[str | None, typer.Option("--facility", help="Only this facility.")]
_Kind = Annotated[str, typer.Option(help="What kind of intervention: see wardpulse interventions kinds.")]
_Label = Annotated[str, typer.Option(help="What exactly: see wardpulse interventions kinds.")]


def register(app: typer.Typer) -> None:
    """Add the commands for interventions to the front door."""
    group = typer.Typer(name="interventions", help=_HELP, no_args_is_help=True)
    group.command("add", help=_ADD_HELP)(_add)
    group.command("withdraw", help=_WITHDRAW_HELP)(_withdraw)
    group.command("list", help=_LIST_HELP)(_list)
    group.command("kinds", help=_KINDS_HELP)(_kinds)
    group.command("effect", help=_EFFECT_HELP)(_effect)
    app.add_typer(group)


def _add(
    node: _Node,
    on: _On,
    kind: _Kind,
    label: _Label,
    rebase: Annotated[bool, typer.Option("--rebase", help="Work out control limits anew from that day.")] = False,
    facility: Facility = None,
    yes: Yes = False,
) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    known = control.ledger()
    event, found = intervening(known, keystore.facility, (node, on.date(), kind, label), rebase=rebase)
    for sentence in meaning(found, known, _today(settings)):
        typer.echo(printable(sentence))
    ask(f"Record it for {keystore.facility}?", yes)
    announce(control, keystore, event)
    typer.echo(f"{label} at {node} from {event.on} on is recorded; see wardpulse interventions list")


def _withdraw(node: _Node, on: _On, kind: _Kind, label: _Label, facility: Facility = None, yes: Yes = False) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    what = (node, on.date(), kind, label)
    event, found = intervening(control.ledger(), keystore.facility, what, withdrawn=True)
    typer.echo("It is shown beside charts no more. Copies that were already made cannot be recalled.")
    ask(f"Take {found.label} at {found.node} from {found.on} on back?", yes)
    announce(control, keystore, event)
    typer.echo(f"{label} at {node} from {event.on} on is taken back")


def _list(facility: _Only = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    rows = interventions_rows(Control.connect(settings).ledger(), facility)
    shown = rows if as_json else [{**row, "rebase": "yes" if row["rebase"] else "no"} for row in rows]
    where = "" if facility is None else f" at {printable(facility)}"
    print_rows(shown, as_json, _COLUMNS, f"nothing is recorded yet{where}: wardpulse interventions add --help")


def _kinds(as_json: AsJson = False) -> None:
    print_rows(kinds_rows(), as_json, ("kind", "label", "meaning"), "the catalogue is empty")


def _effect(
    node: _Node,
    on: _On,
    form: FormName,
    facility: FacilityName = None,
    scale: ScaleName = None,
    calendar: CalendarName = "short",
    as_json: AsJson = False,
) -> None:
    settings = Settings.read(os.environ)
    scales = scales_of(known_forms(library_of(settings).catalogue), form, scale)
    with working().status("Reading ClickHouse"), Database.connect(settings.clickhouse) as database:
        where = the_facility(database, facility)
        courses = [course(database, Series(where, node, form, one, calendar)) for one in scales]
    found = {one.series.scale.id: one.effect(on.date()) for one in courses}
    if as_json:
        print_json([{"form": form, "scale": name, **effect_row(one)} for name, one in found.items()])
    else:
        for one in courses:
            if not any(row["on"] == on.date() for row in one.interventions):
                typer.echo(f"No intervention of that day is recorded at {printable(node)} or above it.", err=True)
        for name, effect in found.items():
            typer.echo(f"{form} {name}: {effect.sentence}")
    if all(isinstance(effect, NoEffect) for effect in found.values()):
        raise typer.Exit(1)


def _today(settings: Settings) -> date:
    return today(settings, lambda: datetime.now(UTC))
