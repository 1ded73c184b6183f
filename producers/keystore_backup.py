"""Backups of a keystore under a passphrase: Scrypt makes the key, AES-256-GCM encrypts and authenticates all of it.

Everything but the ciphertext is in clear text and bound to it, so a backup says whose it is and cannot be passed off
as another facility's. A plain copy of a keystore's file is a backup too, without this protection.
"""

import base64
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field

from deploy.files import replacing
from producers.keystore import Keystore, facility_of
from schemas.canonical import canonical_json
from schemas.errors import InputRefused, SettingsError
from schemas.fields import Frozen, Id

SHORTEST_PASSPHRASE: Final = 12
COST: Final = 2**17
"""Scrypt's n: 128 MiB of memory and about a second for each passphrase that is tried."""
_CHEAPEST, _DEAREST = 2**14, 2**18
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32


class _Header(Frozen):
    format: Literal["wardpulse keystore backup"] = "wardpulse keystore backup"
    version: Literal[1] = 1
    facility: Id
    kdf: Literal["scrypt"] = "scrypt"
    # bounds: a file may not ask for all the memory there is
    n: Annotated[int, Field(ge=_CHEAPEST, le=_DEAREST)]
    r: Literal[8] = 8
    p: Literal[1] = 1
    salt: str
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: str


class _Backup(Frozen):
    header: _Header
    ciphertext: str


class Restored(NamedTuple):
    """What a restore did: whose keystore, where it is, whether it was missing, and the rounds added."""

    facility: str
    path: Path
    is_new: bool
    added: list[str]


def check_passphrase(passphrase: str) -> str:
    """A passphrase in the form it is used in; SettingsError if it is too short."""
    # one keyboard writes an accent as one character, another as two
    normal = unicodedata.normalize("NFC", passphrase)
    if len(normal) < SHORTEST_PASSPHRASE:
        raise SettingsError(f"a passphrase needs at least {SHORTEST_PASSPHRASE} characters: several words are best")
    if not normal.isprintable():
        raise SettingsError("a passphrase may hold nothing that cannot be printed: type it again")
    return normal


def read_passphrase(file: Path) -> str:
    """The passphrase in a file, without the line end; InputRefused if it has several lines or cannot be read."""
    try:
        text = file.read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise InputRefused(f"cannot read the passphrase in {file}: {error.strerror}") from None
    except ValueError:
        raise InputRefused(f"{file} is not text in UTF-8: write the passphrase in one line") from None
    if "\n" in text:
        raise InputRefused(f"{file} has several lines: write the passphrase in one")
    return text


def back_up(
    keystore: Keystore, file: Path, passphrase: str, random: Callable[[int], bytes], cost: int = COST
) -> list[str]:
    """Write a backup to a new file, read it back and compare; returns the rounds in it."""
    passphrase = check_passphrase(passphrase)
    if file.exists():
        raise InputRefused(f"{file} exists already: choose another name, backups are not overwritten")
    content = keystore.content()
    sealed = _seal(keystore.facility, content, passphrase, random, cost)
    try:
        with replacing(file) as out:
            out.write(sealed)
    except OSError as error:
        raise InputRefused(f"cannot write {file}: {error.strerror}; choose another place") from None
    if not _reads_back(file, passphrase, (keystore.facility, content)):
        file.unlink(missing_ok=True)
        raise InputRefused(f"{file} did not read back as it was written and was removed: use another disk")
    return sorted(keystore.rounds())


def restore(folder: Path, file: Path, passphrase: str, merge: bool = False) -> Restored:
    """Put a backup's keystore into a folder. All of it is checked before anything is written."""
    facility, content = open_backup(file, check_passphrase(passphrase))
    path = folder / f"{facility}.json"
    is_new = not path.exists()
    return Restored(facility, path, is_new, Keystore.put_back(path, content, merge))


def open_backup(file: Path, passphrase: str) -> tuple[str, bytes]:
    """The facility and the keystore in a backup; InputRefused unless all of it is as it was written."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputRefused(f"cannot read {file}: {error.strerror}") from None
    try:
        backup = _Backup.model_validate_json(data)
        salt, nonce, ciphertext = map(_decoded, (backup.header.salt, backup.header.nonce, backup.ciphertext))
    except ValueError:
        raise InputRefused(_no_backup(file, data)) from None
    header = backup.header
    try:
        key = _key(header, salt, passphrase)
        content = AESGCM(key).decrypt(nonce, ciphertext, _associated(header))
        if facility_of(content) != header.facility:
            raise ValueError("the keystore is another facility's")
    except (InvalidTag, ValueError):
        # the cause could quote keys
        raise InputRefused(f"the passphrase is wrong, or {file} is damaged: try again, or use another backup") from None
    return header.facility, content


def _reads_back(file: Path, passphrase: str, written: tuple[str, bytes]) -> bool:
    try:
        return open_backup(file, passphrase) == written
    except InputRefused:
        return False


def _no_backup(file: Path, data: bytes) -> str:
    with suppress(ValueError):
        return f"{file} is a plain copy of the keystore of {facility_of(data)}: put it back with cp -p"
    return f"{file} is not a backup of a keystore, or it is damaged: use another"


def _seal(facility: str, content: bytes, passphrase: str, random: Callable[[int], bytes], cost: int) -> bytes:
    salt, nonce = random(_SALT_BYTES), random(_NONCE_BYTES)
    header = _Header(facility=facility, n=cost, salt=_encoded(salt), nonce=_encoded(nonce))
    key = _key(header, salt, passphrase)
    ciphertext = AESGCM(key).encrypt(nonce, content, _associated(header))
    return canonical_json({"header": header.model_dump(), "ciphertext": _encoded(ciphertext)}) + b"\n"


def _key(header: _Header, salt: bytes, passphrase: str) -> bytes:
    try:
        return Scrypt(salt, _KEY_BYTES, header.n, header.r, header.p).derive(passphrase.encode())
    except MemoryError:
        needed = 128 * header.r * header.n // 2**20
        raise InputRefused(f"the passphrase needs {needed} MiB of memory: end other programs, then try again") from None


def _associated(header: _Header) -> bytes:
    return canonical_json(header.model_dump())


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
