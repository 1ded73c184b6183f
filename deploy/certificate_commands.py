"""`wardpulse certificates`: an authority and certificates for brokers, where there is no authority to ask."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.certificates import AUTHORITY, AUTHORITY_KEY, make_authority, make_broker_certificate
from schemas.errors import SettingsError

_HELP = "Certificates for brokers, from an authority of your own."
_AUTHORITY_HELP = """Make an authority: ca.pem, which brokers and clients are given, and ca-key.pem, which nobody is.

Example: wardpulse certificates authority tls
"""
_BROKER_HELP = """Make a broker's key and certificate in one file, signed by the authority of a folder.

Name every host name and address that clients and other brokers use. A file that is there is never replaced.

Example: wardpulse certificates broker tls --host kafka-1.example.org --host 10.0.0.5 --out kafka-1.pem
"""
_AUTHORITY_DAYS: Final = 3650
_BROKER_DAYS: Final = 365

Folder = Annotated[Path, typer.Argument(help="Folder of the authority.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    commands = typer.Typer(help=_HELP, no_args_is_help=True)
    commands.command("authority", help=_AUTHORITY_HELP)(_authority)
    commands.command("broker", help=_BROKER_HELP)(_broker)
    app.add_typer(commands, name="certificates")


def _authority(
    folder: Folder, days: Annotated[int, typer.Option(help="It ends after so many.", min=1)] = _AUTHORITY_DAYS
) -> None:
    for name in (AUTHORITY, AUTHORITY_KEY):
        if (folder / name).exists():
            raise SettingsError(f"{folder / name} is there already: certificates it has signed would end with it")
    _made(lambda: make_authority(folder, datetime.now(UTC), days), folder)
    typer.echo(f"{folder / AUTHORITY} is for brokers and clients; keep {folder / AUTHORITY_KEY} off the brokers")


def _broker(
    folder: Folder,
    host: Annotated[list[str], typer.Option(help="A host name or address of the broker; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    days: Annotated[int, typer.Option(help="It ends after so many.", min=1)] = _BROKER_DAYS,
) -> None:
    if not (folder / AUTHORITY_KEY).exists():
        raise SettingsError(f"{folder} holds no authority: wardpulse certificates authority {folder}")
    if out.exists():
        raise SettingsError(f"{out} is there already: write the new one beside it")
    _made(lambda: make_broker_certificate(folder, out, host, datetime.now(UTC), days), out)
    typer.echo(f"{out} is the broker's ssl.keystore.location, for {', '.join(host)}; it ends after {days} days")


def _made(make: Callable[[], None], at: Path) -> None:
    try:
        make()
    except ValueError:
        raise SettingsError(
            f"{at} could not be made: a host name is not one, or the authority's files are damaged"
        ) from None
    except OSError as error:
        raise SettingsError(f"{at} could not be written: {error.strerror}") from None
