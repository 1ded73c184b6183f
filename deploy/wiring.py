"""From settings to the rules the steps run under."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.library import library, library_of
from deploy.resources import code_hash, interventions
from deploy.settings import Settings
from deploy.signing import verify
from deploy.trusted import trusted_keys
from schemas.errors import SettingsError
from schemas.instruments.scoring import Catalogue
from stream_processors.steps.rounds import Rules

_log = logging.getLogger("wardpulse")
AUDIT_KEY_BYTES: Final = 32
TRIAL_AUDIT_KEY: Final = b"no secret: for trials on a file only"


def live_rules(settings: Settings) -> Rules:
    """The rules of a deployment: control events must be signed by their facility."""
    keys = VerifyKeys(settings.verify_keys)
    forms, audit_key = library_of(settings).catalogue, read_audit_key(settings.audit_key_file)
    return Rules(forms, keys.genuine, audit_key, code_hash(), settings.minimum_k, interventions())


def file_rules(audit_key: bytes = TRIAL_AUDIT_KEY, catalogue: Catalogue | None = None) -> Rules:
    """The rules of a dry run: a file carries no signatures, so whoever runs it vouches for its control events.

    The catalogue is what ships and needs no licence, if none is given.
    """
    forms = library().catalogue if catalogue is None else catalogue
    return Rules(forms, _vouched_for, audit_key, code_hash(), interventions=interventions())


def _vouched_for(*_: object) -> bool:
    return True


class VerifyKeys:
    """The facilities' public keys. The file is read again when it changes, so that a facility can be added."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise SettingsError("WARDPULSE_VERIFY_KEYS must name the file of the facilities' public keys")
        self._path = path
        self._state = _state(path)
        self._keys = _raw_keys(path)

    def genuine(self, facility: str, value: bytes, signature: bytes | None) -> bool:
        """Whether one of the facility's keys signed this."""
        state = _state(self._path)
        if state != self._state:
            self._state = state
            try:
                self._keys = _raw_keys(self._path)
            except SettingsError as error:
                _log.error("the public keys known before are still in use: %s", error)
        return any(verify(key, value, signature) for key in self._keys.get(facility, ()))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _raw_keys(path: Path) -> Mapping[str, list[bytes]]:
    return {facility: [bytes.fromhex(key) for key in keys] for facility, keys in trusted_keys(path).items()}


def read_audit_key(path: Path | None) -> bytes:
    """The key of the manifests' tags; SettingsError if the file cannot serve."""
    if path is None:
        raise SettingsError("WARDPULSE_AUDIT_KEY_FILE must name a file of at least 32 random bytes")
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read the audit key {path}: {error.strerror}") from None
    if len(key) < AUDIT_KEY_BYTES:
        raise SettingsError(f"{path} must hold at least {AUDIT_KEY_BYTES} random bytes")
    return key
