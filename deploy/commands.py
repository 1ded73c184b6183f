"""Commands that run the whole thing."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console

from deploy.cadence import with_cadence
from deploy.demo import demo_export, demo_simulation
from deploy.edge_commands import Dictionary, Questionnaires
from deploy.figures import figures, figures_table, published_forms
from deploy.library import library_of
from deploy.output import AsJson, print_json, working
from deploy.settings import FILE, Settings
from deploy.up import SETTINGS, alarms, deployment
from producers.simulate import Simulation
from producers.sources.registry import Extra, SourceName
from schemas.instruments.enabled import known_forms
from schemas.instruments.scoring import Catalogue
from stream_processors.database import Database

_DEMO_HELP = """Run everything on this machine: broker, worker and writer in processes of their own, real sockets.

A simulated health system answers round after round, or an export of your own is read with a mapping; the answers go
through Kafka and come back from ClickHouse as figures per unit. Nothing leaves this machine.

Examples:

wardpulse demo

wardpulse demo --facilities 1 --staff 800 --rounds 6 --seed 3 --data /tmp/trial

wardpulse demo --cadence

wardpulse demo --export export.csv --mapping docs/examples/limesurvey-cbi.yaml

wardpulse demo --kafka apache
"""


_UP_HELP = """Run broker, worker and writer on this machine, in the foreground, until stopped with Ctrl-C.

Prints what to connect to; the other commands are then tried by hand in another terminal. Everything is in one folder.
Started again with the same folder it goes on where it was. For trials: the broker is the embedded one, in memory, with
a journal beside it; use Apache Kafka for more than about 50,000 answers.

Example: wardpulse up --data trial
"""
_FIGURES_HELP = """The latest figures of every place, read from ClickHouse.

Examples:

wardpulse figures

wardpulse figures --form cbi.work --json
"""
_UP_TEXT = """wardpulse is running; its answers take some ten seconds to begin. Ctrl-C stops it; started again with
--data {folder} it goes on where it was.

  Kafka       {bootstrap} (embedded)
  ClickHouse  {clickhouse}
  logs        {folder}/logs

In another terminal:

  export WARDPULSE_SETTINGS={settings}
  wardpulse keystore init FACILITY --trust
  wardpulse organisation announce organisation.yaml
  wardpulse rounds open --help
"""

ALARM_SECONDS: Final = 30.0
_SIMULATED = ("facilities", "staff", "rounds", "seed", "cadence")


def register(app: typer.Typer) -> None:
    """Add the deployment's commands to the front door."""
    app.command("demo", help=_DEMO_HELP)(_demo)
    app.command("up", help=_UP_HELP)(_up)
    app.command("figures", help=_FIGURES_HELP)(_figures)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _demo(
    context: typer.Context,
    facilities: Annotated[int, typer.Option(help="Number of simulated hospitals.", min=1, max=12)] = 3,
    staff: Annotated[int, typer.Option(help="Staff of all hospitals together.", min=100)] = 3000,
    rounds: Annotated[int, typer.Option(help="Rounds of two weeks each.", min=1, max=104)] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answers.", min=0)] = 7,
    cadence: Annotated[
        bool, typer.Option("--cadence", help="Two calendars: small units are asked once in twelve weeks.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder to keep; by default one under wardpulse-data/, named after the input."),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="A survey export to use instead of the simulation.")] = None,
    source: Annotated[SourceName, typer.Option(help="What kind of file the export is.")] = "csv",
    mapping: Annotated[Path | None, typer.Option(help="How to read the export, YAML.")] = None,
    questionnaire: Questionnaires = None,
    dictionary: Dictionary = None,
    kafka: Annotated[
        Literal["embedded", "apache"],
        typer.Option(help="The broker: in memory, or Apache Kafka with passwords and TLS, which make kafka brings."),
    ] = "embedded",
) -> None:
    console = Console()
    # an ordinary end on these signals too, so that the processes started are stopped
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if export is None and mapping is None:
        simulation = Simulation(facilities, staff, rounds, seed)
        demo_simulation(with_cadence(simulation) if cadence else simulation, data, console, kafka)
    elif export is None or mapping is None:
        raise typer.BadParameter("--export and --mapping go together")
    elif any(_is_given(context, name) for name in _SIMULATED):
        raise typer.BadParameter(
            "an export is not simulated: leave out --facilities, --staff, --rounds, --seed and --cadence"
        )
    else:
        beside = Extra(tuple(questionnaire or ()), dictionary)
        demo_export(export, mapping, data, console, secrets.token_bytes, kafka, source, beside)


def _up(
    data: Annotated[Path, typer.Option(help="Folder to keep everything in.")] = Path("wardpulse-data/up"),
    timezone: Annotated[str, typer.Option(help="The calendar by which rounds are past their dates.")] = "UTC",
) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    given = Settings.read(os.environ)
    with suppress(KeyboardInterrupt), deployment(data, timezone, secrets.token_bytes, given) as running:
        settings = Settings.read({FILE: str(data / SETTINGS)})
        typer.echo(
            _UP_TEXT.format(
                folder=data,
                bootstrap=settings.bootstrap_servers,
                clickhouse=settings.clickhouse,
                settings=(data / SETTINGS).resolve(),
            )
        )
        _tend(settings, running)


def _tend(settings: Settings, running: Callable[[], None]) -> None:
    said: set[str] = set()
    due = time.monotonic() + ALARM_SECONDS
    while True:
        running()
        if time.monotonic() > due:
            # a sentence counts the days, so it is said once a day
            fresh = [line for line in alarms(settings, lambda: datetime.now(UTC)) if line not in said]
            said.update(fresh)
            for line in fresh:
                typer.echo(line, err=True)
            due = time.monotonic() + ALARM_SECONDS


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _figures(form: Annotated[str | None, typer.Option(help="Only this form.")] = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    with working().status("Reading ClickHouse"), Database.connect(settings.clickhouse) as database:
        known = known_forms(library_of(settings).catalogue)
        found = {name: known[name] for name in _readable(published_forms(database), known) if form in (None, name)}
        scales = [(one, scale) for one in found.values() for scale in one.scales]
        if as_json:
            print_json([row for one, scale in scales for row in figures(database, one, scale)])
            return
        for one, scale in scales:
            Console().print(figures_table(database, one, scale))
    if not scales:
        typer.echo(f"no round{f' of {form}' if form else ''} is sealed yet: see wardpulse rounds list")


def _readable(forms: Sequence[str], known: Catalogue) -> list[str]:
    """The forms that an instrument here has; of the others nobody here knows what their figures mean."""
    for form in sorted(set(forms) - set(known)):
        typer.echo(f"{form} has figures and no instrument here: put its file back (instruments_folder)", err=True)
    return [form for form in forms if form in known]
