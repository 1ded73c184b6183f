"""The front door: the commands of every folder under one name."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.output import printable
from deploy.settings import FILE
from stream_processors.exits import describe, exit_code

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "deploy.commands": ("demo", "up", "figures"),
    "deploy.check_commands": ("doctor", "settings", "db"),
    "deploy.kafka_commands": ("kafka",),
    "deploy.topic_commands": ("topics",),
    "deploy.acl_commands": ("acls",),
    "deploy.certificate_commands": ("certificates",),
    "deploy.plan_commands": ("plan",),
    "deploy.instrument_commands": ("instruments",),
    "deploy.programme_commands": ("programme",),
    "deploy.round_commands": ("rounds",),
    "deploy.edge_commands": ("submit",),
    "deploy.organisation_commands": ("organisation",),
    "deploy.intervention_commands": ("interventions",),
    "deploy.redcap_command": ("redcap",),
    "deploy.chart_commands": ("chart", "compare"),
    "deploy.deadletter_commands": ("deadletters",),
    "deploy.schema_commands": ("schemas",),
    "producers.commands": ("simulate", "mapping"),
    "producers.key_commands": ("keystore",),
    "stream_processors.commands": ("dry-run", "worker", "writer"),
    "stream_processors.audit_commands": ("audit",),
}
"""Module to the commands it has. Only that of the command asked for is loaded: all of them take a second."""
_HELP = """Anonymised wellbeing telemetry for hospitals: sealed cohorts in, unit dashboards out.

Try it: wardpulse demo
"""


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line with the command that is asked for, or with all of them."""
    app = typer.Typer(name="wardpulse", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback(help=_HELP)(_front)
    command = _command(words)
    for module in [name for name, commands in COMMANDS.items() if command in commands] or COMMANDS:
        import_module(module).register(app)
    _flow(app)
    return app


def _flow(app: typer.Typer) -> None:
    """Make each paragraph of a help text one line: a terminal breaks it at its own width, not where the source does."""
    for command in app.registered_commands:
        command.help = _flowing(command.help or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance.info.help = _flowing(group.typer_instance.info.help or "")
            _flow(group.typer_instance)


def _flowing(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _command(words: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the settings file."""
    rest = iter(words)
    for word in rest:
        if word == "--settings":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


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
        application(sys.argv[1:])()
    except Exception as error:
        # it may quote names from a file
        sys.stderr.write(f"wardpulse: {printable(describe(error), keep_newlines=True)}\n")
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
