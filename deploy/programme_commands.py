"""Commands for a programme: the calendar of rounds that comes of it, and what is wrong with it."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.library import library_of
from deploy.output import AsJson, print_json, print_rows, printable
from deploy.programme import answered_items, asked_forms, calendar, load_programme, rounds_rows
from deploy.round_options import DATE
from deploy.settings import Settings
from schemas.errors import InputRefused
from schemas.programme import YEAR_WEEKS, Forms, Planned, Programme, check, plan

_HELP = """Plan what is asked when, for a year: forms in turn, gaps kept, never too much at once.

docs/examples/programme-default.yaml is a complete programme; docs/programme.md explains it.
"""
_PLAN_HELP = """The calendar of rounds that comes of a programme, with the commands that open them.

Sends nothing: each round is opened when its time comes. Of series, forms that no instrument has, or that are not in
use for want of a licence, are named and left out. A calendar of your own is shown as it is, with what is wrong with it.

Example: wardpulse programme plan docs/examples/programme-default.yaml --start 2027-01-04
"""
_CHECK_HELP = """Say what is wrong with a programme: gaps too short, rounds that ask too much, forms that never fit.

The file has series, as docs/examples/programme-default.yaml, or a calendar of its own: rounds with their forms and
dates. Exit code 1 if anything is wrong.

Example: wardpulse programme check programme.yaml
"""
_COLUMNS: Final = ("round", "first", "last", "forms", "items")
_FIRST, _LAST = date(2000, 1, 1), date(2096, 1, 1)

_File = Annotated[Path, typer.Argument(help="The programme, YAML.", exists=True, dir_okay=False)]
_Start = Annotated[datetime | None, typer.Option(formats=DATE, help="The first day; the next Monday if left out.")]
_With = Annotated[list[str] | None, typer.Option("--with", help="A series that is not active, to be asked too.")]
_Weeks = Annotated[int, typer.Option(help="For how many weeks.", min=1, max=104)]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="programme", help=_HELP, no_args_is_help=True)
    group.command("plan", help=_PLAN_HELP)(_plan)
    group.command("check", help=_CHECK_HELP)(_check)
    app.add_typer(group)


def _plan(
    file: _File, start: _Start = None, also: _With = None, weeks: _Weeks = YEAR_WEEKS, as_json: AsJson = False
) -> None:
    forms, programme, first = _forms(), _read(file, also), _start(start)
    rounds = calendar(programme) or plan(programme, forms, first, weeks)
    wrong = check(programme, forms, first, weeks)
    rows = rounds_rows(rounds, forms)
    if as_json:
        print_json({"programme": programme.name, "rounds": rows, "wrong": wrong})
        return
    print_rows(rows, False, _COLUMNS, "no round comes of it")
    _say_more(programme, rounds, forms)
    for row in rows:
        typer.echo(row["command"])
    _say_wrong(wrong)


def _check(
    file: _File, start: _Start = None, also: _With = None, weeks: _Weeks = YEAR_WEEKS, as_json: AsJson = False
) -> None:
    wrong = check(_read(file, also), _forms(), _start(start), weeks)
    if as_json:
        print_json({"wrong": wrong})
    elif wrong:
        _say_wrong(wrong)
    else:
        typer.echo("nothing is wrong with it")
    raise typer.Exit(1 if wrong else 0)


def _forms() -> Forms:
    return asked_forms(library_of(Settings.read(os.environ)))


def _read(file: Path, also: list[str] | None) -> Programme:
    programme, names = load_programme(file), frozenset(also or ())
    unknown = sorted(names - {one.name for one in programme.series})
    if unknown:
        known = ", ".join(one.name for one in programme.series) or "none"
        raise InputRefused(f"{file}: has no series of the name given with --with; it has: {known}")
    return programme.with_active(names)


def _start(given: datetime | None) -> date:
    if given is None:
        today = datetime.now(UTC).date()
        return today + timedelta(days=7 - today.weekday())
    if not _FIRST <= given.date() <= _LAST:
        raise typer.BadParameter(f"--start must be from {_FIRST} to {_LAST}")
    return given.date()


def _say_more(programme: Programme, rounds: tuple[Planned, ...], forms: Forms) -> None:
    idle = [one for one in programme.series if not one.active]
    resting = [f"{one.name} ({', '.join(entry.form for entry in one.forms)})" for one in idle]
    if resting:
        typer.echo(f"not active, and so not in it: {'; '.join(resting)}")
    typer.echo(f"who answers everything but the sensitive forms answers {answered_items(rounds, forms)} items\n")


def _say_wrong(wrong: list[str]) -> None:
    for sentence in wrong:
        typer.echo(printable(f"wrong: {sentence}"), err=True)
