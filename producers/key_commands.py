"""Commands for a facility's keys: make, list, trust, back up, restore, destroy."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.output import AsJson, print_json, print_rows
from deploy.settings import Settings
from deploy.trusted import check_trusting, trust
from producers.keystore import KEY_BYTES, Keystore
from producers.keystore_backup import back_up, check_passphrase, read_passphrase, restore
from schemas.errors import SettingsError

_HELP = """Make, list, back up, restore and destroy a facility's keys.

A keystore is one file, FACILITY.json in the folder WARDPULSE_KEYSTORES, readable by its owner only. It holds the key
that signs the facility's rounds, and for each round the key of its tokens. Without it no answers can be sent. With it,
whoever can read the log can find a person's answers by trying names: keep it, and its backups, at the edge.

Example: wardpulse keystore init general --trust
"""
_INIT_HELP = """Make a facility's keystore and print its public key.

The worker takes rounds of the facility once it knows the public key. With --trust it is added to the file
WARDPULSE_VERIFY_KEYS; keys of other facilities, and earlier keys of this one, stay in it.

Example: WARDPULSE_KEYSTORES=keys WARDPULSE_VERIFY_KEYS=verify-keys.json wardpulse keystore init general --trust
"""
_TRUST_HELP = """Add a facility's public key to the file WARDPULSE_VERIFY_KEYS.

The key is read from the facility's keystore, or given with --key where the keystore is on another machine. A running
worker reads the file by itself.

Example: wardpulse keystore trust general --key 64_HEXADECIMAL_DIGITS
"""
_LIST_HELP = """List the keystores and the rounds they have keys for. No secret is printed.

Example: wardpulse keystore list --json
"""
_BACKUP_HELP = """Write a backup of a keystore, encrypted with a passphrase, and read it back.

The passphrase is asked for twice, or read from --passphrase-file; at least 12 characters. Without it the backup is
worth nothing, so keep both, in different places. Make a new backup whenever a round was opened.

A copy of the keystore's file as it is (cp -p) is a backup too, but whoever gets hold of it has the keys.

Example: wardpulse keystore backup general /media/usb/general-2026-11-23.backup
"""
_RESTORE_HELP = """Put a backup back into the folder WARDPULSE_KEYSTORES.

All of it is checked before anything is written. A keystore that is there already is never overwritten; with --merge
the rounds it lacks are added, unless its signing key or a round's keys differ. Rounds destroyed since the backup come
back by that: destroy them again. A plain copy made with cp is put back with cp -p, no command needed.

Example: wardpulse keystore restore /media/usb/general-2026-11-23.backup
"""
_DESTROY_HELP = """Destroy the keys of a round.

From then on nobody can link the answers of that round to who gave them by trying names, no file of the round can be
sent again, and nobody can withdraw. What is published stays. Do it when the round is sealed and its audit window is
over. It reaches this keystore only: backups and copies that hold the round are yours to destroy.

Example: wardpulse keystore destroy general 2026-W41
"""
_Facility = Annotated[str, typer.Argument(help="The facility's id, such as general.")]
_PassphraseFile = Annotated[
    Path | None, typer.Option(help="A file with the passphrase in one line, instead of being asked for it.")
]
_COLUMNS: Final = ("facility", "rounds", "file", "public_key", "problem")


def register(app: typer.Typer) -> None:
    """Add the commands for keys to the front door."""
    keys = typer.Typer(help=_HELP, no_args_is_help=True)
    keys.command("init", help=_INIT_HELP)(_init)
    keys.command("trust", help=_TRUST_HELP)(_trust)
    keys.command("list", help=_LIST_HELP)(_list)
    keys.command("backup", help=_BACKUP_HELP)(_backup)
    keys.command("restore", help=_RESTORE_HELP)(_restore)
    keys.command("destroy", help=_DESTROY_HELP)(_destroy)
    app.add_typer(keys, name="keystore")


def keystore_rows(folder: Path, others: tuple[Path | None, ...] = ()) -> list[dict[str, Any]]:
    """A row for each keystore in a folder, with what is wrong with it; `others` are known to be something else."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder: run wardpulse keystore init, or correct WARDPULSE_KEYSTORES")
    passed_over = {path.resolve() for path in others if path is not None}
    return [_row(path) for path in sorted(folder.glob("*.json")) if path.resolve() not in passed_over]


def _row(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"facility": path.stem, "rounds": [], "key_ids": {}, "file": str(path), "public_key": None}
    try:
        store = Keystore.open(path)
        rounds = {name: keys.key_id for name, keys in store.rounds().items()}
    except SettingsError as error:
        return row | {"problem": str(error)}
    problem = None
    if store.facility != path.stem:
        problem = f"holds the keys of {store.facility}: its file must be named {store.facility}.json"
    found = {"facility": store.facility, "public_key": store.verify_key.hex()}
    return row | found | {"rounds": list(rounds), "key_ids": rounds, "problem": problem}


def _folder(settings: Settings) -> Path:
    if settings.keystores is None:
        raise SettingsError("WARDPULSE_KEYSTORES must name the folder of the facilities' keystores")
    return settings.keystores


def _open(settings: Settings, facility: str) -> Keystore:
    store = Keystore.open(_folder(settings) / f"{facility}.json")
    if store.facility != facility:
        raise SettingsError(f"{facility}.json holds the keys of {store.facility}: rename it, or name that facility")
    return store


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"cannot write to {folder}: {error.strerror}; correct its permissions") from None


def _init(
    facility: _Facility,
    trusted: Annotated[bool, typer.Option("--trust", help="Let the worker know the public key.")] = False,
    as_json: AsJson = False,
) -> None:
    settings = Settings.read(os.environ)
    folder = _folder(settings)
    if trusted:
        check_trusting(settings.verify_keys)
    with _writing(folder):
        store = Keystore.create(folder / f"{facility}.json", facility, secrets.token_bytes)
    if trusted:
        trust(settings.verify_keys, facility, store.verify_key)
    if as_json:
        print_json(_row(folder / f"{facility}.json") | {"trusted": trusted})
        return
    typer.echo(f"keystore    {folder / facility}.json")
    typer.echo(f"public key  {store.verify_key.hex()}")
    if trusted:
        typer.echo(f"The public key is in {settings.verify_keys}; a running worker reads it by itself.")
    else:
        typer.echo(f"Next, where the worker runs: wardpulse keystore trust {facility} --key {store.verify_key.hex()}")
    typer.echo(f"Then make a backup: wardpulse keystore backup {facility} FILE")


def _trust(
    facility: _Facility,
    key: Annotated[str | None, typer.Option(help="The public key, if the keystore is elsewhere.")] = None,
) -> None:
    settings = Settings.read(os.environ)
    public = _open(settings, facility).verify_key if key is None else _public_key(key)
    added = trust(settings.verify_keys, facility, public)
    said = "is now in" if added else "was already in"
    typer.echo(f"The public key of {facility} {said} {settings.verify_keys}; a running worker reads it by itself.")


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise typer.BadParameter("a public key has 64 hexadecimal digits: see wardpulse keystore list")
    return key


def _list(as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    folder = _folder(settings)
    rows = keystore_rows(folder, (settings.verify_keys, settings.audit_key_file))
    empty = f"no keystore in {folder}: run wardpulse keystore init FACILITY"
    print_rows(rows if as_json else [_shown(row) for row in rows], as_json, _COLUMNS, empty)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"rounds": [f"{name} ({key_id})" for name, key_id in row["key_ids"].items()]}


def _backup(
    facility: _Facility,
    file: Annotated[Path, typer.Argument(help="A new file.")],
    passphrase_file: _PassphraseFile = None,
) -> None:
    store = _open(Settings.read(os.environ), facility)
    rounds = back_up(store, file, _passphrase(passphrase_file, twice=True), secrets.token_bytes)
    typer.echo(
        f"{file} holds the signing key of {facility} and the keys of its rounds ({len(rounds)}); it was read back."
    )
    typer.echo("Keep the passphrase in another place: nobody can open the backup without it.")


def _restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    merge: Annotated[bool, typer.Option("--merge", help="Add the rounds that the keystore there lacks.")] = False,
    passphrase_file: _PassphraseFile = None,
) -> None:
    folder = _folder(Settings.read(os.environ))
    passphrase = _passphrase(passphrase_file, twice=False)
    with _writing(folder):
        restored = restore(folder, file, passphrase, merge)
    rounds = f"the keys of {', '.join(restored.added)}" if restored.added else "no keys of rounds"
    made = f"is the keystore of {restored.facility} again, with" if restored.is_new else "was there; the restore added"
    typer.echo(f"{restored.path} {made} {rounds}.")


def _passphrase(file: Path | None, twice: bool) -> str:
    if file is not None:
        return check_passphrase(read_passphrase(file))
    if not _has_terminal():
        raise SettingsError("there is no terminal to ask for the passphrase: use --passphrase-file")
    return check_passphrase(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice))


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def _destroy(
    facility: _Facility,
    round: Annotated[str, typer.Argument(help="The round's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    settings = Settings.read(os.environ)
    store = _open(settings, facility)
    if round not in store.rounds():
        raise SettingsError(f"{facility} has no keys of round {round}: see wardpulse keystore list")
    typer.echo(
        f"Without its keys, the answers of round {round} can no longer be linked to who gave them, sent again or "
        "withdrawn. This cannot be undone. Backups and copies of the keystore are yours to destroy."
    )
    if not yes:
        typer.confirm(f"Destroy the keys of round {round} of {facility}?", abort=True)
    with _writing(_folder(settings)):
        store.destroy_round(round)
    typer.echo(f"The keys of round {round} are destroyed.")
