"""The file of the facilities' public keys: a JSON object of facility to hexadecimal Ed25519 keys."""

import json
import os
import stat
from pathlib import Path
from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter, ValidationError

from deploy.files import locked, replacing
from schemas.errors import SettingsError
from schemas.fields import Id

PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_KEYS: Final[TypeAdapter[dict[str, list[str]]]] = TypeAdapter(dict[str, list[PublicKey]])
_FACILITY: Final[TypeAdapter[str]] = TypeAdapter(Id)
_FOR_ALL: Final = 0o644
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_EIGHTH: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# of the points of order 1, 2, 4 and 8: anybody can sign for such a key
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _EIGHTH, _P - _EIGHTH})


def trusted_keys(path: Path | None) -> dict[str, list[str]]:
    """Each facility's public keys; SettingsError if the file cannot be used."""
    if path is None:
        raise SettingsError("WARDPULSE_VERIFY_KEYS must name the file of the facilities' public keys")
    try:
        return _KEYS.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read the public keys {path}: {error.strerror}") from None
    except ValueError:
        raise SettingsError(
            f'{path} must be a JSON object of facility to public keys, {{"general": ["64 hexadecimal digits"]}}'
        ) from None


def check_trusting(path: Path | None) -> Path:
    """The file, if a key can be added to it: SettingsError unless it is a file of keys, or missing in a folder."""
    if path is None or path.exists():
        trusted_keys(path)
    elif not path.parent.is_dir():
        raise SettingsError(f"{path.parent} is not a folder: make it first, or correct WARDPULSE_VERIFY_KEYS")
    assert path is not None
    return path


def trust(path: Path | None, facility: str, public_key: bytes) -> bool:
    """Add a facility's public key to the file, made if it is missing; False if it was there.

    Keys of others and earlier ones stay, and so does who may read the file.
    """
    try:
        _FACILITY.validate_python(facility)
    except ValidationError:
        raise SettingsError(
            f"{facility!r} cannot name a facility: use letters, digits, dot, dash and underscore"
        ) from None
    if not _is_safe(public_key):
        raise SettingsError("this public key cannot be trusted: copy it from wardpulse keystore list")
    # the link stays a link
    path = check_trusting(path).resolve()
    try:
        with locked(path):
            known = trusted_keys(path) if path.exists() else {}
            keys = known.get(facility, [])
            if public_key.hex() in keys:
                return False
            _write(path, {**known, facility: [*keys, public_key.hex()]})
    except OSError as error:
        raise SettingsError(f"cannot write the public keys {path}: {error.strerror}") from None
    return True


def _is_safe(public_key: bytes) -> bool:
    """Whether a key is a point of the curve Ed25519, and none that anybody can sign for."""
    # the highest bit is the sign of x
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        return False
    # Euler: x squared is (y^2 - 1) / (d y^2 + 1), which must be a square
    return pow((y * y - 1) * (_D * y * y + 1), (_P - 1) // 2, _P) == 1


def _write(path: Path, keys: dict[str, list[str]]) -> None:
    # public keys: the worker, which may be another user, must still be able to read them
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _FOR_ALL
    with replacing(path) as file:
        os.fchmod(file.fileno(), mode)
        file.write(json.dumps(keys, indent=2).encode() + b"\n")
