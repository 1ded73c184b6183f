"""The facilities' public keys, read again while a worker runs."""

import json
from pathlib import Path

import pytest

from deploy.signing import public_key, sign
from deploy.wiring import VerifyKeys
from schemas.errors import SettingsError

PRIVATE = {name: bytes([number]) * 32 for number, name in enumerate(("north", "south"), 1)}


def write(path: Path, *facilities: str) -> None:
    """The file with the keys of these facilities, in place at once."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({name: [public_key(PRIVATE[name]).hex()] for name in facilities}), "utf-8")
    fresh.replace(path)


def believes(keys: VerifyKeys, facility: str) -> bool:
    """Whether a facility's signature is taken."""
    return keys.genuine(facility, b"value", sign(PRIVATE[facility], b"value"))


def test_a_facility_added_to_the_file_is_believed_and_one_removed_is_not(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write(path, "north")
    keys = VerifyKeys(path)
    assert (believes(keys, "north"), believes(keys, "south")) == (True, False)
    write(path, "south")
    assert (believes(keys, "north"), believes(keys, "south")) == (False, True)


@pytest.mark.parametrize("content", ["{", '{"north": ["xy"]}', None])
def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys.json"
    write(path, "north")
    keys = VerifyKeys(path)
    path.unlink()
    if content is not None:
        path.write_text(content, "utf-8")
    assert believes(keys, "north")
    with pytest.raises(SettingsError):
        VerifyKeys(path)
    write(path, "north", "south")
    assert believes(keys, "south")
