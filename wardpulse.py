"""The front door: the commands of every folder under one name."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

import deploy.acl_commands
import deploy.certificate_commands
import deploy.check_commands
import deploy.commands
import deploy.edge_commands
import deploy.kafka_commands
import deploy.round_commands
import deploy.topic_commands
import producers.commands
import producers.key_commands
import stream_processors.commands
from deploy.output import printable
from deploy.settings import FILE
from stream_processors.exits import describe, exit_code

_FOLDERS = (
    deploy.commands,
    deploy.check_commands,
    deploy.kafka_commands,
    deploy.topic_commands,
    deploy.acl_commands,
    deploy.certificate_commands,
    deploy.round_commands,
    deploy.edge_commands,
    producers.commands,
    producers.key_commands,
    stream_processors.commands,
)
_HELP = """Anonymised wellbeing telemetry for hospitals: sealed cohorts in, unit dashboards out.

Try it: wardpulse demo
"""


def application() -> typer.Typer:
    """The command line with the commands of every folder."""
    app = typer.Typer(name="wardpulse", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(help=_HELP)(_front)
    for folder in _FOLDERS:
        folder.register(app)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"wardpulse {version('wardpulse')}")
        raise typer.Exit


def _front(
    settings: Annotated[
        Path | None, typer.Option(help="Settings file, TOML; the same as WARDPULSE_SETTINGS. See docs/settings.md.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    if settings is not None:
        os.environ[FILE] = str(settings)


def main() -> None:
    """Run the command line. An error is one line on standard error and an exit code."""
    try:
        application()()
    except Exception as error:
        # it may quote names from a file
        sys.stderr.write(f"wardpulse: {printable(describe(error), keep_newlines=True)}\n")
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
