"""Commands that run the whole thing."""

import secrets
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.demo import demo_export, demo_simulation
from producers.simulate import Simulation

_DEMO_HELP = """Run everything on this machine: broker, worker and writer in processes of their own, real sockets.

A simulated health system answers round after round, or an export of your own is read with a mapping; the answers go
through Kafka and come back from ClickHouse as figures per unit. Nothing leaves this machine.

Examples:

wardpulse demo

wardpulse demo --facilities 1 --staff 800 --rounds 6 --seed 3 --data /tmp/trial

wardpulse demo --csv export.csv --mapping docs/examples/limesurvey-cbi.yaml
"""


_SIMULATED = ("facilities", "staff", "rounds", "seed")


def register(app: typer.Typer) -> None:
    """Add the deployment's commands to the front door."""
    app.command("demo", help=_DEMO_HELP)(_demo)


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
    data: Annotated[
        Path | None,
        typer.Option(help="Folder to keep; by default one under wardpulse-data/, named after the input."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A survey export to use instead of the simulation.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="How to read the export, YAML.")] = None,
) -> None:
    console = Console()
    # an ordinary end on these signals too, so that the processes started are stopped
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if csv is None and mapping is None:
        demo_simulation(Simulation(facilities, staff, rounds, seed), data, console)
    elif csv is None or mapping is None:
        raise typer.BadParameter("--csv and --mapping go together")
    elif any(_is_given(context, name) for name in _SIMULATED):
        raise typer.BadParameter("an export is not simulated: leave out --facilities, --staff, --rounds and --seed")
    else:
        demo_export(csv, mapping, data, console, secrets.token_bytes)
