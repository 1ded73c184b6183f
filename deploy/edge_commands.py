"""Commands of the edge that need to know the deployment: the organisation, and answers on their way in."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.announcing import check_levels, losses, open_rounds, questions
from deploy.control import Control, open_keystore
from deploy.output import AsJson, print_json, print_rows, printable, progress, working
from deploy.round_options import Facility, Yes, announce, ask
from deploy.rounds import organisation_of
from deploy.settings import Settings
from deploy.submit import Reading, fitted, keys_of, read_files, send, terms_of
from producers.sources.fhir import read_checks
from producers.sources.organisation_file import load_organisation
from producers.sources.refusals import as_rows, reasons, write_refused
from producers.sources.registry import Extra, SourceName
from schemas.errors import InputRefused
from schemas.organisation import Organisation, organisation
from schemas.organisation_changes import Change, changes

_SUBMIT_HELP = """Send the answers of an export into an open round.

Every row is read with the mapping; identifiers become keyed hashes here. What the round would refuse is refused here
already, with line and column. The same file sent again is harmless. With --dry-run nothing is sent and no broker is
needed: only file and mapping are looked at.

Examples:

wardpulse submit --source csv export.csv --mapping mapping.yaml --dry-run

wardpulse submit --source csv export.csv --mapping mapping.yaml --round 2026-W47 --refused refused.csv

wardpulse submit --source fhir responses.ndjson --questionnaire pulse.json --mapping fhir.yaml --round 2026-W47

Without a mapping FHIR responses can be checked against their Questionnaire:

wardpulse submit --source fhir response.json --questionnaire pulse.json --dry-run
"""
_ORGANISATION_HELP = """Announce and show a facility's organisation: its levels, units and headcounts."""
_ANNOUNCE_HELP = """Announce the organisation of a facility, from a YAML file.

Shows what changes and what that does to the series of the units, and asks if a headcount jumps, levels change their
order, or a unit goes that an open long round asks. In force for rounds opened from then on.

docs/examples/organisation.yaml is a complete file, organisation-staff-groups.yaml one with staff groups; docs/units.md
tells how to rename, move, merge and split units.

Example: wardpulse organisation announce organisation.yaml --dry-run
"""
_SHOW_HELP = """Show the organisation in force.

Example: wardpulse organisation show --json
"""
_MOST_SHOWN: Final = 3
Questionnaires = Annotated[
    list[Path] | None, typer.Option(help="FHIR: a Questionnaire to check against; may be given more than once.")
]
Dictionary = Annotated[Path | None, typer.Option(help="REDCap: the project's data dictionary, CSV.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    app.command("submit", help=_SUBMIT_HELP)(_submit)
    group = typer.Typer(name="organisation", help=_ORGANISATION_HELP, no_args_is_help=True)
    group.command("announce", help=_ANNOUNCE_HELP)(_announce)
    group.command("show", help=_SHOW_HELP)(_show)
    app.add_typer(group)


def _submit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="The export.", exists=True, dir_okay=False)],
    mapping: Annotated[Path | None, typer.Option(help="How to read it, YAML.", exists=True, dir_okay=False)] = None,
    source: Annotated[SourceName, typer.Option(help="What kind of file it is.")] = "csv",
    questionnaire: Questionnaires = None,
    dictionary: Dictionary = None,
    round: Annotated[str | None, typer.Option(help="The round, if the mapping does not name it.")] = None,
    dry_run: _DryRun = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if any row is refused.")] = False,
    refused: Annotated[Path | None, typer.Option(help="File for all refusals, CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    if mapping is None:
        _check_questionnaires(files, questionnaire or [], source, dry_run, refused)
        return
    with working().status("Reading"):
        reading = read_files(files, mapping, round, source, Extra(tuple(questionnaire or ()), dictionary))
    deliver(reading, dry_run, strict, refused, as_json)


def deliver(reading: Reading, dry_run: bool, strict: bool, refused: Path | None, as_json: bool) -> None:
    """Send what was read into its round, or say what would be sent; InputRefused if there is nothing to send."""
    if dry_run:
        _report(reading, "would be sent", refused, as_json)
        reading.check_usable(strict)
        return
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, reading.mapping.facility), Control.connect(settings)
    terms = terms_of(control, reading.mapping)
    reading, keys = fitted(reading, terms), keys_of(keystore, terms)
    if reading.usable() and not (strict and reading.refused):
        with progress() as bar:
            task = bar.add_task("Sending", total=len(reading.usable()))
            send(reading, control, keystore, keys, lambda: bar.advance(task))
        _report(reading, "sent", refused, as_json)
    else:
        _report(reading, "could be sent", refused, as_json)
    reading.check_usable(strict)


def _check_questionnaires(
    files: list[Path], questionnaires: list[Path], source: SourceName, dry_run: bool, refused: Path | None
) -> None:
    """Without a mapping nothing can be sent, but FHIR responses can be held against their Questionnaire."""
    if source != "fhir" or not dry_run:
        raise typer.BadParameter(
            "--mapping is needed: it says what the file's names mean; wardpulse mapping init writes a first one"
        )
    found = [(file, *one) for file in files for one in read_checks(file, questionnaires)]
    wrong = [replace(problem, file=str(file)) for file, _, problem in found if problem is not None]
    unfinished = sum(problem is None and not is_final for _, is_final, problem in found)
    typer.echo(f"{len(found) - len(wrong)} responses can be read, {unfinished} of them not sent off")
    typer.echo("without a mapping no answer is looked at further, and nothing can be sent")
    if refused is not None:
        write_refused(wrong, refused)
    if wrong:
        shown = _first_of_each(as_rows(wrong))
        print_rows(shown, False, tuple(shown[0]), "")
        raise InputRefused(f"{len(wrong)} of {len(found)} responses are refused ({reasons(wrong)})")


def _report(reading: Reading, what: str, refused: Path | None, as_json: bool) -> None:
    if refused is not None:
        write_refused(reading.refused, refused)
    if as_json:
        found = {"sheets": reading.sheets(), "withdrawals": len(reading.withdrawn), "refused": reading.refusals()}
        print_json({"round": reading.mapping.round, **found})
        return
    for form in sorted({draft.form for draft in reading.drafts}):
        mine = [draft for draft in reading.drafts if draft.form == form]
        days, units = sorted(draft.submitted_on for draft in mine), {draft.node for draft in mine}
        typer.echo(f"{form}: {len(mine)} answer sheets {what}, dated {days[0]} to {days[-1]}, from {len(units)} units")
    for form, count in sorted(Counter(one.form for one in reading.withdrawn).items()):
        typer.echo(f"{form}: {count} withdrawals {what}")
    typer.echo(f"{len(reading.refused)} refused" + (f": {reasons(reading.refused)}" if reading.refused else ""))
    shown = _first_of_each(reading.refusals())
    if shown:
        print_rows(shown, False, tuple(shown[0]), "")
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


def _announce(
    file: Annotated[Path, typer.Argument(help="The organisation, YAML.", exists=True, dir_okay=False)],
    dry_run: _DryRun = False,
    yes: Yes = False,
) -> None:
    event = load_organisation(file)
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, event.facility), Control.connect(settings)
    known = control.ledger()
    before, after = known.facility(event.facility).organisation, organisation(event)
    found, still_open = changes(before, after), open_rounds(known, event.facility)
    lost = list(losses(after, still_open))
    _show_changes(before, after, found)
    for sentence in lost:
        typer.echo(printable(f"  warning: {sentence}"))
    check_levels(before, after, still_open)
    if still_open:
        names = ", ".join(one.terms.round for one in still_open)
        typer.echo(f"  open rounds keep the organisation they were opened with: {names}")
    if dry_run:
        return
    for question in questions(found, lost) if before is not None else ():
        ask(question, yes)
    announce(control, keystore, event)
    typer.echo(f"the organisation of {event.facility} is in force for rounds opened from now on")


def _show_changes(before: Organisation | None, after: Organisation, found: tuple[Change, ...]) -> None:
    counts = ", ".join(f"{sum(n.kind == level for n in after.nodes.values())} {level}s" for level in after.levels[1:])
    typer.echo(printable(f"{after.facility}: {counts}, {after.headcounts[after.facility]} people"))
    if before is not None:
        for change in found:
            typer.echo(printable(f"  {change.sentence}"))
        if not found:
            typer.echo("  nothing that matters to a series changes")


def _show(facility: Facility = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    name = facility or open_keystore(settings, None).facility
    found = organisation_of(Control.connect(settings).ledger(), name)
    rows: list[dict[str, Any]] = [
        {
            "node": node,
            "name": found.nodes[node].name,
            "kind": found.nodes[node].kind,
            "parent": found.nodes[node].parent,
            "headcount": found.headcounts[node],
            "staff_group": found.nodes[node].staff_group,
        }
        for node in sorted(found.nodes, key=lambda node: found.paths[node])
    ]
    columns: tuple[str, ...] = ("node", "name", "kind", "parent", "headcount")
    if any(row["staff_group"] for row in rows):
        columns += ("staff_group",)
    print_rows(rows, as_json, columns, "the organisation is empty")
