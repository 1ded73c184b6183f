"""Commands for a facility's organisation: announce it, show it."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.announcing import check_drops, check_levels, losses, open_rounds, questions
from deploy.control import Control, open_keystore
from deploy.organisation_source import Given, SourceKind, read_organisation, write_organisation
from deploy.output import AsJson, print_rows, printable
from deploy.round_options import Facility, Yes, announce, ask
from deploy.rounds import organisation_of
from deploy.settings import Settings
from schemas.organisation import Organisation, organisation
from schemas.organisation_changes import Change, changes
from schemas.organisation_drops import LARGEST_DROP

_ORGANISATION_HELP = """Announce and show a facility's organisation: its levels, units and headcounts."""
_ANNOUNCE_HELP = """Announce the organisation of a facility, from YAML, or from CSV or FHIR of a personnel system.

Shows what changes and what that does to the series of the units, and asks if a headcount jumps, levels change their
order, or a unit goes that an open long round asks. Refused if more people or units go than --largest-drop allows: the
file may be cut short. In force for rounds opened from then on.

docs/examples/organisation.yaml is a complete file, organisation-staff-groups.yaml one with staff groups; docs/units.md
tells how to rename, move, merge and split units. For CSV and FHIR: docs/hr-feed.md.

Examples:

wardpulse organisation announce organisation.yaml --dry-run

wardpulse organisation announce units.csv --source csv --mapping hr-feed.yaml --as-of 2026-10-01 --out organisation.yaml
"""
_SHOW_HELP = """Show the organisation in force.

Example: wardpulse organisation show --json
"""
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="organisation", help=_ORGANISATION_HELP, no_args_is_help=True)
    group.command("announce", help=_ANNOUNCE_HELP)(_announce)
    group.command("show", help=_SHOW_HELP)(_show)
    app.add_typer(group)


def _announce(
    file: Annotated[Path, typer.Argument(help="The organisation.", exists=True, dir_okay=False)],
    source: Annotated[SourceKind, typer.Option(help="What kind of file it is.")] = "yaml",
    mapping: Annotated[Path | None, typer.Option(help="How to read CSV or FHIR, YAML.", dir_okay=False)] = None,
    headcounts: Annotated[Path | None, typer.Option(help="Headcounts beside it, CSV.", dir_okay=False)] = None,
    as_of: Annotated[str | None, typer.Option(help="The day whose units are meant, such as 2026-10-01.")] = None,
    largest_drop: Annotated[
        float, typer.Option(help="Share of people or units that may go at once.", min=0, max=1)
    ] = float(LARGEST_DROP),
    force: Annotated[bool, typer.Option("--force", help="Announce it although more goes than that.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the record as YAML too.", dir_okay=False)] = None,
    dry_run: _DryRun = False,
    yes: Yes = False,
) -> None:
    largest = _share(largest_drop)
    read = read_organisation(Given(file, source, mapping, headcounts, as_of))
    event = read.event
    if out is not None:
        write_organisation(event, out)
    for note in read.notes:
        typer.echo(printable(note))
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
    for sentence in check_drops(before, after, largest, force):
        typer.echo(printable(f"  forced: {sentence}"))
    if still_open:
        names = ", ".join(one.terms.round for one in still_open)
        typer.echo(f"  open rounds keep the organisation they were opened with: {names}")
    if dry_run:
        return
    for question in questions(found, lost) if before is not None else ():
        ask(question, yes)
    announce(control, keystore, event)
    typer.echo(f"the organisation of {event.facility} is in force for rounds opened from now on")


def _share(value: float) -> Fraction:
    if not 0 <= value <= 1:  # what is no number passes the option's own limits
        raise typer.BadParameter("--largest-drop is a share from 0 to 1")
    # as written, not as the nearest binary number: 0.2 of 40 is 8
    return Fraction(str(value))


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
