"""Answers on their way in: the command that reads an export and sends it."""

import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from deploy.control import Control, open_keystore
from deploy.output import AsJson, print_json, print_rows, progress, working
from deploy.settings import Settings
from deploy.submit import Reading, fitted, keys_of, read_file, send, terms_of
from producers.sources.refusals import COLUMNS, reasons, write_refused

_SUBMIT_HELP = """Send the answers of an export into an open round.

Every row is read with the mapping; identifiers become keyed hashes here. What the round would refuse is refused here
already, with line and column. The same file sent again is harmless. With --dry-run nothing is sent and no broker is
needed: only file and mapping are looked at.

Examples:

wardpulse submit --source csv export.csv --mapping mapping.yaml --dry-run

wardpulse submit --source csv export.csv --mapping mapping.yaml --round 2026-W47 --refused refused.csv
"""
_MOST_SHOWN: Final = 3
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the command to the front door."""
    app.command("submit", help=_SUBMIT_HELP)(_submit)


def _submit(
    file: Annotated[Path, typer.Argument(help="The export.", exists=True, dir_okay=False)],
    mapping: Annotated[Path, typer.Option(help="How to read it, YAML.", exists=True, dir_okay=False)],
    source: Annotated[Literal["csv"], typer.Option(help="What kind of file it is.")] = "csv",
    round: Annotated[str | None, typer.Option(help="The round, if the mapping does not name it.")] = None,
    dry_run: _DryRun = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if any row is refused.")] = False,
    refused: Annotated[Path | None, typer.Option(help="File for all refusals, CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    assert source == "csv"  # the only one so far; the option is there so that scripts need not change
    with working().status("Reading"):
        reading = read_file(file, mapping, round)
    if dry_run:
        _report(reading, "would be sent", refused, as_json)
        reading.check_usable(strict)
        return
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, reading.mapping.facility), Control.connect(settings)
    terms = terms_of(control, reading.mapping)
    reading, keys = fitted(reading, terms), keys_of(keystore, terms)
    if reading.drafts and not (strict and reading.refused):
        with progress() as bar:
            task = bar.add_task("Sending", total=len(reading.drafts))
            send(reading, control, keystore, keys, lambda: bar.advance(task))
        _report(reading, "sent", refused, as_json)
    else:
        _report(reading, "could be sent", refused, as_json)
    reading.check_usable(strict)


def _report(reading: Reading, what: str, refused: Path | None, as_json: bool) -> None:
    if refused is not None:
        write_refused(reading.refused, refused)
    if as_json:
        print_json({"round": reading.mapping.round, "sheets": reading.sheets(), "refused": reading.refusals()})
        return
    for form in sorted({draft.form for draft in reading.drafts}):
        mine = [draft for draft in reading.drafts if draft.form == form]
        days, units = sorted(draft.submitted_on for draft in mine), {draft.node for draft in mine}
        typer.echo(f"{form}: {len(mine)} answer sheets {what}, dated {days[0]} to {days[-1]}, from {len(units)} units")
    typer.echo(f"{len(reading.refused)} refused" + (f": {reasons(reading.refused)}" if reading.refused else ""))
    shown = _first_of_each(reading.refusals())
    if shown:
        print_rows(shown, False, COLUMNS, "")
    if len(reading.refused) > len(shown):
        typer.echo(f"and {len(reading.refused) - len(shown)} more: all of them with --refused FILE or --json")


def _first_of_each(refusals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first few of each reason, so that a common one does not hide the others."""
    seen: Counter[str] = Counter()
    shown = []
    for row in refusals:
        seen[row["reason"]] += 1
        if seen[row["reason"]] <= _MOST_SHOWN:
            shown.append(row)
    return shown
