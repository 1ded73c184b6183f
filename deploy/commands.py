"""Commands that run the whole thing."""

import typer


def register(app: typer.Typer) -> None:
    """Add the deployment's commands to the front door."""
