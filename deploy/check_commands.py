"""Commands that look at a deployment: its settings, its tables, and everything at once."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from deploy.doctor import Finding
from deploy.output import AsJson, print_json, print_rows
from deploy.resources import migrations
from deploy.settings import PREFIX, Settings, origins
from stream_processors.database import Database

_EDITED: Final = 78
_WAIT_SECONDS: Final = 5.0
_DB_HELP = """Prepare the ClickHouse tables.

The embedded engine (chdb:FOLDER) lets one process at a time open its folder: stop the writer first.

Example: wardpulse db status
"""
_MIGRATE_HELP = """Create the tables, or bring them up to date. The writer does it too when it starts.

Example: WARDPULSE_CLICKHOUSE=https://writer:PASSWORD@clickhouse:8443/wellbeing wardpulse db migrate
"""
_STATUS_HELP = """List the migrations: applied, pending, or edited since they were applied.

Exit code 0 if all are applied, 1 if some are pending, 78 if one was edited. Nothing is changed.

Example: wardpulse db status --json
"""
_SETTINGS_HELP = """Show every setting, its value, and where that comes from: default, file or environment.

Passwords are left out. docs/settings.md says how settings are given.

Example: WARDPULSE_SETTINGS=wardpulse.toml wardpulse settings
"""
_DOCTOR_HELP = """Check everything that can be checked from here, and say what to do about what is not right.

Settings, keys, Kafka and its topics, open rounds, worker and writer, ClickHouse, clock and versions. One check does not
stop the others. What belongs to another machine, such as the keystores where the worker runs, is skipped. Exit code 0
if nothing is a problem, 1 otherwise.

Example: wardpulse doctor --json
"""


def register(app: typer.Typer) -> None:
    """Add the commands that look at a deployment to the front door."""
    tables = typer.Typer(help=_DB_HELP, no_args_is_help=True)
    tables.command("migrate", help=_MIGRATE_HELP)(_migrate)
    tables.command("status", help=_STATUS_HELP)(_status)
    app.add_typer(tables, name="db")
    app.command("settings", help=_SETTINGS_HELP)(_settings)
    app.command("doctor", help=_DOCTOR_HELP)(_doctor)


def settings_rows(mapping: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every setting with its value as it may be shown, its origin and its meaning."""
    settings, found = Settings.read(mapping), origins(mapping)
    shown, default = settings.shown(), Settings().shown()
    return [
        {
            "setting": item.name,
            "value": shown[item.name],
            "from": found[item.name],
            "default": default[item.name],
            "variable": PREFIX + item.name.upper(),
            "needed_by": item.metadata["needed_by"],
            "meaning": item.metadata["meaning"],
        }
        for item in fields(Settings)
    ]


def _settings(as_json: AsJson = False) -> None:
    print_rows(settings_rows(os.environ), as_json, ("setting", "value", "from", "meaning"), "")


def _migrate() -> None:
    with Database.connect(Settings.read(os.environ).clickhouse, _WAIT_SECONDS) as database:
        applied = database.migrate(migrations())
    typer.echo(f"applied {', '.join(applied)}" if applied else "every migration was applied already")


def _status(as_json: AsJson = False) -> None:
    states = _states(Settings.read(os.environ).clickhouse)
    print_rows(
        [{"migration": name, "state": state} for name, state in states.items()], as_json, ("migration", "state"), ""
    )
    if "edited" in states.values():
        raise typer.Exit(_EDITED)
    if "pending" in states.values():
        raise typer.Exit(1)


def _states(address: str) -> Mapping[str, str]:
    # opening would make the folder
    if address.startswith("chdb:") and not Path(address.removeprefix("chdb:")).exists():
        return {name: "pending" for name, _ in migrations()}
    with Database.connect(address, _WAIT_SECONDS) as database:
        return database.migration_states(migrations())


def _doctor(as_json: AsJson = False) -> None:
    # imported here: it needs every library there is
    from deploy.examine import examine

    found = examine(os.environ, lambda: datetime.now(UTC))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        _print_findings(found)
        counts = Counter(finding.state for finding in found)
        typer.echo(", ".join(f"{counts[state]} {state}" for state in ("ok", "warning", "problem", "skipped")))
    if any(finding.state == "problem" for finding in found):
        raise typer.Exit(1)


def _print_findings(found: Sequence[Finding]) -> None:
    said = ""
    for finding in found:
        typer.echo(f"{finding.state:8} {finding.check}: {finding.found}")
        # what was not checked for one reason needs one thing done
        if finding.do and (finding.state != "skipped" or finding.do != said):
            typer.echo(f"{'':8} -> {finding.do}")
        said = finding.do
