"""The front door: the commands of every folder under one name."""

import sys

import typer

import deploy.commands
import producers.commands
import stream_processors.commands
from schemas.errors import WardpulseError

_HELP = """Anonymised wellbeing telemetry for hospitals: sealed cohorts in, unit dashboards out.

Try it: wardpulse demo
"""


def application() -> typer.Typer:
    """The command line with the commands of every folder."""
    app = typer.Typer(name="wardpulse", help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    for folder in (deploy.commands, producers.commands, stream_processors.commands):
        folder.register(app)
    return app


def main() -> None:
    """Run the command line. Errors of ours are one line on standard error and an exit code."""
    try:
        application()()
    except WardpulseError as error:
        sys.stderr.write(f"wardpulse: {error}\n")
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
