"""The commands for records that were refused: what they were refused for, and sending them again."""

import os
from collections import Counter
from typing import Annotated, Any

import typer

from deploy.control import Control
from deploy.deadletters import Filter, Plan, details, each, grouped, letters, plan, send
from deploy.output import AsJson, print_json, print_rows, progress, working
from deploy.round_options import Yes, ask
from deploy.settings import Settings
from schemas.errors import InputRefused, Reason

_HELP = """Records that were refused: why, where they lie, and sending them again.

What is told here is for the closed side alone: counts of refused answers subtract from others. No record, answer or
token is ever shown. docs/deadletters.md lists every reason with who repairs it.
"""
_LIST_HELP = """List what was refused, by round, form, source and reason.

Examples:

wardpulse deadletters list --round 2026-W47

wardpulse deadletters list --reason unknown_round --each
"""
_SHOW_HELP = """Tell what is known of one refused record: what its reason means, who repairs it, if a redrive can help.

Example: wardpulse deadletters show 2:1841
"""
_REDRIVE_HELP = """Send refused records again, byte for byte, where their round would now take them.

Only reasons that sending again can help are taken, such as unknown_round, once the round is open. A record keeps the
round it names: an answer never gets into another one, and one that came after the close stays late. It is tried first
what would come of each. A record is sent again once, however often this is run.

Examples:

wardpulse deadletters redrive --reason unknown_round --round 2026-W47 --dry-run

wardpulse deadletters redrive --reason unknown_round --partition 2 --from 1800 --to 1900 --yes
"""
_ReasonOption = Annotated[
    list[Reason] | None, typer.Option("--reason", help="Only this reason; may be given more than once.")
]
_Facility = Annotated[str | None, typer.Option(help="Only this facility.")]
_RoundOption = Annotated[str | None, typer.Option("--round", help="Only this round.")]
_Partition = Annotated[int | None, typer.Option(help="Only this partition of the submissions topic.", min=0)]
_From = Annotated[int | None, typer.Option("--from", help="First offset in the submissions topic.", min=0)]
_To = Annotated[int | None, typer.Option("--to", help="Last offset in the submissions topic.", min=0)]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="deadletters", help=_HELP, no_args_is_help=True)
    group.command("list", help=_LIST_HELP)(_list)
    group.command("show", help=_SHOW_HELP)(_show)
    group.command("redrive", help=_REDRIVE_HELP)(_redrive)
    app.add_typer(group)


def _list(
    reason: _ReasonOption = None,
    facility: _Facility = None,
    round: _RoundOption = None,
    partition: _Partition = None,
    first: _From = None,
    last: _To = None,
    is_each: Annotated[bool, typer.Option("--each", help="One line for every record.")] = False,
    as_json: AsJson = False,
) -> None:
    control = Control.connect(Settings.read(os.environ))
    with working().status("Reading the dead letters"):
        found = letters(control, Filter(facility, round, frozenset(reason or ()), partition, first, last))
    rows = list(each(found)) if is_each else grouped(found)
    print_rows(rows, as_json, tuple(rows[0]) if rows else (), "nothing was refused")


def _show(
    place: Annotated[str, typer.Argument(help="Where the record lies: PARTITION:OFFSET.")], as_json: AsJson = False
) -> None:
    partition, offset = _numbers(place)
    control = Control.connect(Settings.read(os.environ))
    found = letters(control, Filter(partition=partition, first=offset, last=offset))
    if not found:
        raise InputRefused(f"nothing was refused at {place}: see wardpulse deadletters list --each")
    row = details(found[0])
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        typer.echo(f"{name:<9} {'-' if value is None else value}")


def _numbers(place: str) -> tuple[int, int]:
    partition, _, offset = place.partition(":")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise typer.BadParameter("a place is PARTITION:OFFSET, such as 2:1841")
    return int(partition), int(offset)


def _redrive(
    reason: _ReasonOption = None,
    facility: _Facility = None,
    round: _RoundOption = None,
    partition: _Partition = None,
    first: _From = None,
    last: _To = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    if not reason:
        raise typer.BadParameter("--reason is needed: wardpulse deadletters list has those there are")
    if as_json and not (yes or dry_run):
        raise typer.BadParameter("--json asks nothing: add --yes or --dry-run")
    control = Control.connect(Settings.read(os.environ))
    with working().status("Trying what would come of each"):
        found = plan(control, Filter(facility, round, frozenset(reason), partition, first, last))
    if not as_json:
        _say(found, dry_run)
    if found.ready and not dry_run:
        ask(f"send {len(found.ready)} records again", yes)
        with progress() as bar:
            task = bar.add_task("Sending", total=len(found.ready))
            send(found.ready, control, lambda: bar.advance(task))
    if as_json:
        print_json({"sent" if not dry_run else "would_be_sent": _rounds(found), "left": _left(found)})


def _rounds(found: Plan) -> list[dict[str, Any]]:
    counts = Counter((getattr(one.event, "facility", None), getattr(one.event, "round", None)) for one in found.ready)
    return [{"facility": facility, "round": name, "count": n} for (facility, name), n in sorted(counts.items())]


def _left(found: Plan) -> dict[str, int]:
    return {why: count for why, count in sorted(found.left.items()) if count}


def _say(found: Plan, dry_run: bool) -> None:
    what = "would be sent again" if dry_run else "to send again"
    for row in _rounds(found):
        typer.echo(f"{row['facility']} {row['round']}: {row['count']} records {what}")
    for why, count in _left(found).items():
        typer.echo(f"{count} not sent: {why}")
    if not found.ready:
        typer.echo("nothing to send")
