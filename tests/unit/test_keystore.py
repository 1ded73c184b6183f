"""The keystore: two processes agree, nobody else can read it, nothing prints a key."""

import json
import secrets
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.signing import verify
from producers.keystore import Keystore, RoundKeys
from schemas.errors import SettingsError

NEW_ROUND = """
import secrets, sys
from pathlib import Path
from producers.keystore import Keystore
store = Keystore.open(Path(sys.argv[1]))
print(*(store.new_round(f"2026-W{week:02}", secrets.token_bytes).token_key.hex() for week in range(1, 21)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "north.json"


@pytest.fixture
def store(path: Path) -> Keystore:
    return Keystore.create(path, "north", secrets.token_bytes)


def test_a_keystore_opened_again_has_the_same_keys(store: Keystore, path: Path) -> None:
    keys = store.new_round("2026-W02", secrets.token_bytes)
    again = Keystore.open(path)
    assert again.facility == "north"
    assert again.verify_key == store.verify_key
    assert again.round_keys("2026-W02") == keys
    assert len(keys.token_key) == len(keys.content_key) == 32
    assert keys.token_key != keys.content_key


def test_the_file_is_readable_by_its_owner_only(store: Keystore, path: Path) -> None:
    store.new_round("2026-W02", secrets.token_bytes)
    assert [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()] == [0o600, 0o600]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700, 0o644])
def test_wider_permissions_are_refused(store: Keystore, path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        Keystore.open(path)
    with pytest.raises(SettingsError, match="chmod 600"):
        store.round_keys("2026-W02")


def test_an_existing_file_is_never_overwritten(store: Keystore, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="exists already"):
        Keystore.create(path, "north", secrets.token_bytes)
    assert path.read_bytes() == before


def test_a_missing_file_is_refused_with_what_to_do(path: Path) -> None:
    with pytest.raises(SettingsError, match="make it with wardpulse keystore init, or correct the path"):
        Keystore.open(path)


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SettingsError, match="cannot read"):
        Keystore.open(path)


def _with_field(content: bytes, name: str, value: object) -> bytes:
    return json.dumps(json.loads(content) | {name: value}).encode()


def test_a_damaged_file_is_refused_without_quoting_a_key(store: Keystore, path: Path) -> None:
    store.new_round("2026-W02", secrets.token_bytes)
    whole = path.read_bytes()
    stored = json.loads(whole)
    swapped = stored["rounds"]["2026-W02"] | {"token_key": stored["rounds"]["2026-W02"]["content_key"]}
    damaged = [
        b"",
        b"[]",
        whole[:-20],
        _with_field(whole, "signing_key", "c2hvcnQ="),
        _with_field(whole, "signing_key", "not base64!"),
        _with_field(whole, "facility", "No Good"),
        _with_field(whole, "surplus", stored["signing_key"]),
        _with_field(whole, "rounds", {"2026-W02": swapped}),
    ]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(SettingsError, match="damaged") as refused:
            Keystore.open(path)
        assert stored["signing_key"] not in str(refused.value)
        assert refused.value.__cause__ is None


def test_a_round_without_keys_is_refused(store: Keystore) -> None:
    with pytest.raises(SettingsError, match="no keys of round 2026-W02"):
        store.round_keys("2026-W02")


def test_a_second_call_returns_the_keys_there_are(store: Keystore) -> None:
    assert store.new_round("2026-W02", secrets.token_bytes) == store.new_round("2026-W02", secrets.token_bytes)
    assert store.round_keys("2026-W02") != store.new_round("2026-W04", secrets.token_bytes)


def test_two_processes_that_make_rounds_at_once_agree(store: Keystore, path: Path) -> None:
    def run(_: int) -> str:
        command = [sys.executable, "-c", NEW_ROUND, str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(run, range(4)))
    assert len(found) == 1
    assert len(set(found.pop().split())) == 20


def test_a_destroyed_round_is_gone_for_every_open_keystore(store: Keystore, path: Path) -> None:
    other = Keystore.open(path)
    keys = store.new_round("2026-W02", secrets.token_bytes)
    kept = store.new_round("2026-W04", secrets.token_bytes)
    store.destroy_round("2026-W02")
    with pytest.raises(SettingsError):
        other.round_keys("2026-W02")
    assert other.round_keys("2026-W04") == kept
    assert other.new_round("2026-W02", secrets.token_bytes) != keys


@pytest.mark.parametrize("name", ["", "North General", "north/../south", "é"])
def test_names_that_cannot_be_ids_are_refused(tmp_path: Path, store: Keystore, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a facility"):
        Keystore.create(tmp_path / "other.json", name, secrets.token_bytes)
    with pytest.raises(SettingsError, match="cannot name a round"):
        store.new_round(name, secrets.token_bytes)


def test_the_key_id_follows_from_the_token_key_alone() -> None:
    keys = RoundKeys.derive(b"t" * 32, b"c" * 32)
    assert keys.key_id == RoundKeys.derive(b"t" * 32, b"d" * 32).key_id
    assert keys.key_id != RoundKeys.derive(b"u" * 32, b"c" * 32).key_id
    assert keys.key_id == "c1dcdee5b4981fb1"


def test_nothing_printed_holds_a_key(store: Keystore, path: Path) -> None:
    keys = store.new_round("2026-W02", lambda size: b"S" * size)
    printed = f"{store!r} {keys!r} {store} {keys}"
    assert "SSS" not in printed
    assert json.loads(path.read_bytes())["signing_key"] not in printed
    assert keys.key_id in printed


def test_a_signature_is_good_for_one_value_and_one_key(store: Keystore, tmp_path: Path) -> None:
    other = Keystore.create(tmp_path / "south.json", "south", secrets.token_bytes)
    signature = store.sign(b"marker")
    assert verify(store.verify_key, b"marker", signature)
    assert not verify(store.verify_key, b"marker.", signature)
    assert not verify(other.verify_key, b"marker", signature)
    assert not verify(store.verify_key, b"marker", signature[:-1])
    assert not verify(store.verify_key, b"marker", b"")
    assert not verify(store.verify_key, b"marker", None)
