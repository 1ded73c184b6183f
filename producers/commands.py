"""The edge's commands."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.files import replacing
from producers.simulate import Simulated, Simulation, Truth, simulate, truth_json
from schemas.errors import InputRefused

_SIMULATE_HELP = (
    "Write the event log of a simulated health system, one event per line.\n\n"
    "For trials only: the persons are invented, and every key comes from the seed, so whoever knows the seed can "
    "undo the tokens. The same seed gives the same bytes. Unless --clean is given, some answers come twice, changed, "
    "late or incomplete, and some records are not events at all, as in real life.\n\n"
    "Example: wardpulse simulate --out events.jsonl --staff 3000 --rounds 12 --seed 7 --truth truth.json"
)


def register(app: typer.Typer) -> None:
    """Add the edge's commands to the front door."""
    app.command("simulate", help=_SIMULATE_HELP)(_simulate)


def _simulate(
    out: Annotated[Path, typer.Option(help="File for the events, JSON lines.")],
    facilities: Annotated[int, typer.Option(help="Number of hospitals.", min=1, max=12)] = 3,
    staff: Annotated[int, typer.Option(help="Staff of all hospitals together.", min=100)] = 3000,
    rounds: Annotated[int, typer.Option(help="Rounds of two weeks each, from Monday 2026-01-05.", min=1, max=104)] = 12,
    seed: Annotated[int, typer.Option(help="Everything follows from it, keys included.", min=0)] = 7,
    clean: Annotated[bool, typer.Option("--clean", help="Only answers that will be admitted.")] = False,
    truth: Annotated[Path | None, typer.Option(help="File for the truth over all staff, JSON.")] = None,
) -> None:
    simulation = Simulation(facilities, staff, rounds, seed, clean)
    for path in (out, truth):
        _check_folder(path)
    written, behind = _write_log(simulate(simulation), out)
    if truth is not None:
        with replacing(truth) as file:
            file.write(truth_json(simulation, behind) + b"\n")
    typer.echo(f"{written} lines, {rounds} rounds, {facilities} facilities in {out}")
    typer.echo("The keys come from the seed: this log is for trials only.")


def _check_folder(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise InputRefused(f"{path.parent} is not a folder: make it first, or choose another place for {path.name}")


def _write_log(simulated: Simulated, out: Path) -> tuple[int, tuple[Truth, ...]]:
    written = 0
    behind: list[Truth] = []
    with _progress() as progress, replacing(out) as file:
        for current in progress.track(simulated.rounds(), simulated.simulation.rounds, description="Simulating"):
            file.writelines(line.value + b"\n" for line in current.lines)
            written += len(current.lines)
            behind += current.truth
    return written, tuple(behind)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} rounds"))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
