"""The auditor's command."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.library import library_of
from deploy.output import AsJson, print_json, printable, working
from deploy.resources import interventions
from deploy.settings import Settings
from stream_processors.audit.disclosure import audit
from stream_processors.audit.evidence import Evidence
from stream_processors.audit.report import Report
from stream_processors.audit.table import audit_table, number, read_tables, table_lines
from stream_processors.audit.text import report_lines
from stream_processors.audit_sources import from_deployment, from_folder, text_of

_HELP = """Audit what was published.

The auditor shares no code with the anonymiser: it decides from the rows themselves and the evidence behind them.
"""
_DISCLOSURE_HELP = """Decide whether anything that was ever published isolates fewer people than promised.

Reads a folder of dry-run, demo or up; or, with --clickhouse, the deployment of the settings: its ClickHouse, and from
Kafka the manifests and every row that was ever emitted. Or, with --table and --hidden, totals published elsewhere.
Reports are for the closed side.

A table is CSV with columns name, value, cells: a total, its number, and the names of the cells it adds up, separated by
spaces (2*a counts a twice). A cell that is published has a row of its own. The hidden cells are CSV with the column
cell, and respondent where several cells are one person's answers.

Exit code 0: safe. 1: unsafe, with the shortest combination of published rows that isolates people. 2: undecided, or
wrong usage. 65: what was given cannot be used.

Examples:

wardpulse dry-run events.jsonl --out result && wardpulse audit disclosure result

wardpulse audit disclosure --clickhouse --json

wardpulse audit disclosure --table docs/examples/audit/f1-table.csv --hidden docs/examples/audit/f1-hidden.csv
"""
_MOST_SHOWN: Final = 20
Limits = tuple[Fraction, Fraction | None]


def register(app: typer.Typer) -> None:
    """Add the auditor's command to the front door."""
    group = typer.Typer(name="audit", help=_HELP, no_args_is_help=True)
    # a group of one command would otherwise take its place
    group.callback()(lambda: None)
    group.command("disclosure", help=_DISCLOSURE_HELP)(_disclosure)
    app.add_typer(group)


def _disclosure(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder of dry-run, demo or up.", exists=True, file_okay=False),
    ] = None,
    clickhouse: Annotated[bool, typer.Option("--clickhouse", help="Audit the deployment of the settings.")] = False,
    manifests: Annotated[
        Path | None,
        typer.Option(help="With --clickhouse: manifests from this file, JSON lines, instead of Kafka.", dir_okay=False),
    ] = None,
    table: Annotated[
        list[Path] | None, typer.Option(help="Totals published elsewhere, CSV; may be given more than once.")
    ] = None,
    hidden: Annotated[Path | None, typer.Option(help="The cells that are hidden, CSV; with --table.")] = None,
    smallest: Annotated[int, typer.Option(min=2, help="With --table: fewest people a combination may leave.")] = 2,
    minimum: Annotated[str, typer.Option(help="With --table: what a cell is at the least.")] = "0",
    maximum: Annotated[str | None, typer.Option(help="With --table: what a cell is at the most.")] = None,
    as_json: AsJson = False,
) -> None:
    _check_choice(folder, clickhouse, manifests, table, hidden)
    if not table and (smallest, minimum, maximum) != (2, "0", None):
        raise typer.BadParameter("--smallest, --minimum and --maximum go with --table: rounds have their own policy")
    if table and hidden:
        limits = number(minimum, "--minimum"), None if maximum is None else number(maximum, "--maximum")
        _audit_tables(table, hidden, smallest, limits, as_json)
    else:
        report = _audited(_evidence(folder, manifests))
        _show(report, as_json)
        raise typer.Exit(report.exit_code)


def _check_choice(
    folder: Path | None, clickhouse: bool, manifests: Path | None, table: Sequence[Path] | None, hidden: Path | None
) -> None:
    if sum([folder is not None, clickhouse, bool(table)]) != 1:
        raise typer.BadParameter("say what to audit: a folder, or --clickhouse, or --table FILE with --hidden FILE")
    if bool(table) != (hidden is not None):
        raise typer.BadParameter("--table and --hidden go together")
    if manifests is not None and not clickhouse:
        raise typer.BadParameter("--manifests goes with --clickhouse: a folder has its own")


def _evidence(folder: Path | None, manifests: Path | None) -> Evidence:
    with working().status("Reading what was published"):
        if folder is not None:
            return from_folder(folder)
        return from_deployment(Settings.read(os.environ), manifests)


def _audited(evidence: Evidence) -> Report:
    with working().status("Auditing") as status:
        known = library_of(Settings.read(os.environ)).definitions
        return audit(evidence, known, lambda check: status.update(f"Auditing: {check}"), interventions().acts())


def _audit_tables(tables: Sequence[Path], hidden: Path, smallest: int, limits: Limits, as_json: bool) -> None:
    given = read_tables([(path.name, text_of(path)) for path in tables], (hidden.name, text_of(hidden)))
    with working().status("Auditing"):
        report = audit_table(given, smallest, *limits)
    if as_json:
        print_json(report.as_json())
    else:
        for line in table_lines(report):
            typer.echo(printable(line))
    raise typer.Exit(report.exit_code)


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
        return
    for line in report_lines(report, _MOST_SHOWN):
        typer.echo(printable(line))
