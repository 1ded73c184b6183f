"""The front door: the commands of every folder under one name."""

import sys

import typer

import deploy.commands
import producers.commands
import stream_processors.commands
from stream_processors.exits import describe, exit_code

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
    """Run the command line. An error is one line on standard error and an exit code."""
    try:
        application()()
    except Exception as error:
        sys.stderr.write(f"wardpulse: {describe(error)}\n")
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
