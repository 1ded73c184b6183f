"""From settings to the rules the steps run under."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.resources import catalogue, code_hash
from deploy.settings import Settings
from deploy.signing import verify
from schemas.errors import SettingsError
from stream_processors.steps.rounds import Rules

AUDIT_KEY_BYTES: Final = 32
TRIAL_AUDIT_KEY: Final = b"no secret: for trials on a file only"


def live_rules(settings: Settings) -> Rules:
    """The rules of a deployment: control events must be signed by their facility."""
    keys = _verify_keys(settings.verify_keys)

    def genuine(facility: str, value: bytes, signature: bytes | None) -> bool:
        return facility in keys and verify(keys[facility], value, signature)

    return Rules(catalogue(), genuine, _audit_key(settings.audit_key_file), code_hash(), settings.minimum_k)


def file_rules(audit_key: bytes = TRIAL_AUDIT_KEY) -> Rules:
    """The rules of a dry run: a file carries no signatures, so whoever runs it vouches for its control events."""
    return Rules(catalogue(), _vouched_for, audit_key, code_hash())


def _vouched_for(*_: object) -> bool:
    return True


def _verify_keys(path: Path | None) -> Mapping[str, bytes]:
    if path is None:
        raise SettingsError("WARDPULSE_VERIFY_KEYS must name the file of the facilities' public keys")
    try:
        return {facility: bytes.fromhex(key) for facility, key in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        raise SettingsError(f"{path} must be a JSON object of facility to hexadecimal public key") from None


def _audit_key(path: Path | None) -> bytes:
    if path is None:
        raise SettingsError("WARDPULSE_AUDIT_KEY_FILE must name a file of at least 32 random bytes")
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read the audit key {path}: {error.strerror}") from None
    if len(key) < AUDIT_KEY_BYTES:
        raise SettingsError(f"{path} must hold at least {AUDIT_KEY_BYTES} random bytes")
    return key
