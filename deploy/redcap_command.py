"""`wardpulse redcap`: ask REDCap itself for the answers, instead of reading an export of it."""

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.control import Control
from deploy.edge_commands import deliver
from deploy.library import in_use
from deploy.output import AsJson, working
from deploy.secret_files import read_token
from deploy.settings import Settings
from deploy.submit import Reading, mapping_for, sorted_out, terms_of
from producers.sources.mapping import Mapping
from producers.sources.registry import SOURCES, Extra, read
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from producers.sources.redcap_api import RedcapApi

_HELP: Final = """Ask REDCap's API for the answers of an open round."""
_RECONCILE_HELP: Final = """Send every answer that changed in REDCap since a date.

Asks the project for the fields that the mapping names and no others, reads them with the project's own dictionary, and
sends them as `wardpulse submit --source redcap` would. What was sent before has the same ids again, which is harmless,
so it can be run as often as you like. If people may edit what they sent, run it once, after the last answer date: of
two copies of an edited sheet one counts, not necessarily the later.

Without --since it begins a day before the round's first answer date. With --dry-run nothing is sent, and no broker is
needed if --since is given or the mapping has dates. Needs PyCap, redcap_url and redcap_token_file: see docs/redcap.md.

Examples:

wardpulse redcap reconcile --mapping mapping.yaml --since 2026-10-01 --dry-run

wardpulse redcap reconcile --mapping mapping.yaml --round 2026-W41 --refused refused.csv
"""
_DAY_BEFORE: Final = timedelta(days=1)


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="redcap", help=_HELP, no_args_is_help=True)
    group.command("reconcile", help=_RECONCILE_HELP)(_reconcile)
    app.add_typer(group)


def _reconcile(
    mapping: Annotated[Path, typer.Option(help="How to read it, YAML.", exists=True, dir_okay=False)],
    round: Annotated[str | None, typer.Option(help="The round, if the mapping does not name it.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day whose changes are asked for.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing if any row is refused.")] = False,
    refused: Annotated[Path | None, typer.Option(help="File for all refusals, CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    settings = Settings.read(os.environ)
    api, chosen = api_of(settings), mapping_for(mapping, round, "redcap")
    begin = _first_day(settings, chosen) - _DAY_BEFORE if since is None else since.date()
    with working().status("Asking REDCap"):
        reading = asked(api, chosen, begin)
    if not reading.usable() and not reading.refused and not as_json:
        typer.echo(f"nothing has changed in REDCap since {begin}")
        return
    deliver(reading, dry_run, strict, refused, as_json)


def api_of(settings: Settings) -> "RedcapApi":
    """The project that the settings name; SettingsError if they do not, or if PyCap is not installed."""
    if not settings.redcap_url or settings.redcap_token_file is None:
        lacking = "redcap_token_file" if settings.redcap_url else "redcap_url"
        raise SettingsError(f"{lacking} is not set: docs/settings.md says what it holds")
    try:
        from producers.sources.redcap_api import RedcapApi
    except ModuleNotFoundError:
        raise SettingsError("PyCap is not installed: pip install '.[redcap]' in the folder of wardpulse") from None
    return RedcapApi(settings.redcap_url, read_token(settings.redcap_token_file), settings.redcap_ca_location)


def asked(api: "RedcapApi", mapping: Mapping, since: date) -> Reading:
    """What changed in REDCap since the beginning of a day by its clock, read as an export of it would be."""
    SOURCES["redcap"].check_identity(mapping)
    dictionary = api.dictionary()
    # REDCap's stamps are in its own time and have no zone, so the zone of this one is left off
    begin = datetime.combine(since, time(), UTC).replace(tzinfo=None)
    records = api.records(dictionary, mapping.used_columns(), mapping.item_columns(), begin)
    return sorted_out(mapping, list(read(records, mapping, in_use(), "redcap", Extra(dictionary=dictionary))))


def _first_day(settings: Settings, mapping: Mapping) -> date:
    if mapping.dates is not None:
        return mapping.dates.first
    return terms_of(Control.connect(settings), mapping).first_answer_date
