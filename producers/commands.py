"""The edge's commands."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.files import replacing
from deploy.library import in_use
from producers.simulate import Simulated, Simulation, Truth, simulate, truth_json
from producers.simulation.habits import MEAN_RESPONSE
from producers.simulation.settings import Population
from producers.sources.first_mapping import first_mapping
from producers.sources.mapping import examine_mapping
from producers.sources.registry import SOURCES, SourceName, read
from schemas.errors import InputRefused
from schemas.instruments.enabled import why_not

_SIMULATE_HELP = (
    "Write the event log of a simulated health system, one event per line.\n\n"
    "For trials only: the persons are invented, and every key comes from the seed, so whoever knows the seed can "
    "undo the tokens. The same seed gives the same bytes. Unless --clean is given, some answers come twice, changed, "
    "late or incomplete, and some records are not events at all, as in real life.\n\n"
    "Examples:\n\n"
    "wardpulse simulate --out events.jsonl --staff 3000 --rounds 12 --seed 7 --truth truth.json\n\n"
    "wardpulse simulate --out events.jsonl --responders habitual --response 0.3 --long-below 34"
)

_MAPPING_HELP = """Mappings: what the columns of a survey export mean.

A mapping is one YAML file, written once and used for every export of a survey. docs/sources.md explains it.
"""
_INIT_HELP = """Write a first mapping for an export, from its column names alone; no answer is read.

What only you can know is left as CHANGE-ME, and a mapping that still says so is not used. Columns proposed for a form
are guessed from their order: check them.

Example: wardpulse mapping init export.csv --form cbi.work --out mapping.yaml
"""
_CHECK_HELP = """Say whether a mapping can be used, or everything that is wrong with it.

With an export also whether its columns fit. Nothing is sent, and no answer is read.

Example: wardpulse mapping check mapping.yaml export.csv
"""


def register(app: typer.Typer) -> None:
    """Add the edge's commands to the front door."""
    app.command("simulate", help=_SIMULATE_HELP)(_simulate)
    mapping = typer.Typer(name="mapping", help=_MAPPING_HELP, no_args_is_help=True)
    mapping.command("init", help=_INIT_HELP)(_init_mapping)
    mapping.command("check", help=_CHECK_HELP)(_check_mapping)
    app.add_typer(mapping)


def _simulate(
    out: Annotated[Path, typer.Option(help="File for the events, JSON lines.")],
    facilities: Annotated[int, typer.Option(help="Number of hospitals.", min=1, max=12)] = 3,
    staff: Annotated[int, typer.Option(help="Staff of all hospitals together.", min=100)] = 3000,
    rounds: Annotated[int, typer.Option(help="Rounds of two weeks each, from Monday 2026-01-05.", min=1, max=104)] = 12,
    seed: Annotated[int, typer.Option(help="Everything follows from it, keys included.", min=0)] = 7,
    clean: Annotated[bool, typer.Option("--clean", help="Only answers that will be admitted.")] = False,
    truth: Annotated[Path | None, typer.Option(help="File for the truth over all staff, JSON.")] = None,
    responders: Annotated[
        Population, typer.Option(help="Who answers: three kinds of people, everybody alike, or people with habits.")
    ] = "mixed",
    response: Annotated[
        float, typer.Option(help="Share who answer a round, of independent and habitual responders.")
    ] = MEAN_RESPONSE,
    long_below: Annotated[
        int, typer.Option(help="Units of fewer people are asked once in six rounds, in one long round. 0: none.", min=0)
    ] = 0,
) -> None:
    simulation = Simulation(facilities, staff, rounds, seed, clean, responders, response, long_below)
    for path in (out, truth):
        _check_folder(path)
    written, behind = _write_log(simulate(simulation), out)
    if truth is not None:
        with replacing(truth) as file:
            file.write(truth_json(simulation, behind) + b"\n")
    typer.echo(f"{written} lines, {rounds} rounds, {facilities} facilities in {out}")
    typer.echo("The keys come from the seed: this log is for trials only.")


def _init_mapping(
    file: Annotated[Path, typer.Argument(help="The export, CSV.")],
    form: Annotated[list[str] | None, typer.Option(help="A form that was asked; may be given more than once.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the mapping; standard output if left out.")] = None,
) -> None:
    known = in_use()
    unknown = next((name for name in form or () if name not in known), None)
    if unknown is not None:
        raise typer.BadParameter(f"{unknown} {why_not(unknown, known)}")
    text = first_mapping(file, [known[name] for name in dict.fromkeys(form or ())]).encode()
    if out is None:
        # as bytes: a mapping is UTF-8 whatever the terminal is
        typer.echo(text, nl=False)
    else:
        _write_new(out, text)
        typer.echo(f"{out} is written")
    name = out or "mapping.yaml"
    next_step = f"finish it, check it with: wardpulse mapping check {name} {file}"
    typer.echo(f"Now {next_step}\nThen try it with: wardpulse submit ... --dry-run", err=True)


def _write_new(path: Path, content: bytes) -> None:
    _check_folder(path)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise InputRefused(f"{path} exists and is not overwritten: choose another name, or remove it first") from None
    except OSError as error:
        raise InputRefused(f"{path}: cannot be written ({error.strerror}): choose another place") from None


def _check_mapping(
    mapping: Annotated[Path, typer.Argument(help="The mapping, YAML.")],
    export: Annotated[Path | None, typer.Argument(help="An export whose columns should fit.")] = None,
    source: Annotated[SourceName, typer.Option(help="What kind of file the mapping is for.")] = "csv",
) -> None:
    found = examine_mapping(mapping, in_use(), SOURCES[source].completed)
    if isinstance(found, list):
        raise InputRefused("\n  ".join([f"{mapping} cannot be used yet:", *found]))
    if export is not None:
        # the columns are checked before the first row, and no row is asked for
        read(export, found, in_use(), source)
    typer.echo("the mapping can be used" + (f", and the columns of {export} fit" if export else ""))
    if found.round is None:
        typer.echo("it names no round, so name the round when you send")


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
