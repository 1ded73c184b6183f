"""Backups of a keystore: nothing but the whole truth comes back, and nothing is overwritten."""

import base64
import json
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from producers.keystore import Keystore
from producers.keystore_backup import back_up, check_passphrase, open_backup, read_passphrase, restore
from schemas.canonical import canonical_json
from schemas.errors import InputRefused, SettingsError

PASSPHRASE = "correct horse battery"
CHEAP = 2**14
WRONG = "the passphrase is wrong, or .* is damaged"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A keystore and its backup."""
    folder = tmp_path_factory.mktemp("made")
    store = Keystore.create(folder / "north.json", "north", secrets.token_bytes)
    for name in ("2026-W02", "2026-W04"):
        store.new_round(name, secrets.token_bytes)
    assert back_up(store, folder / "backup", PASSPHRASE, secrets.token_bytes, CHEAP) == ["2026-W02", "2026-W04"]
    assert stat.S_IMODE((folder / "backup").stat().st_mode) == 0o600
    return store.content(), (folder / "backup").read_bytes()


@pytest.fixture
def store(tmp_path: Path, made: tuple[bytes, bytes]) -> Keystore:
    path = tmp_path / "keys" / "north.json"
    assert Keystore.put_back(path, made[0]) == ["2026-W02", "2026-W04"]
    return Keystore.open(path)


@pytest.fixture
def file(tmp_path: Path, made: tuple[bytes, bytes]) -> Path:
    path = tmp_path / "north.backup"
    path.write_bytes(made[1])
    return path


def keys_in(content: bytes) -> list[str]:
    stored = json.loads(content)
    return [
        stored["signing_key"],
        *(one[kind] for one in stored["rounds"].values() for kind in ("token_key", "content_key")),
    ]


def test_a_backup_comes_back_as_it_was(store: Keystore, file: Path, tmp_path: Path) -> None:
    restored = restore(tmp_path / "new", file, PASSPHRASE)
    assert restored == ("north", tmp_path / "new" / "north.json", True, ["2026-W02", "2026-W04"])
    again = Keystore.open(restored.path)
    assert again.content() == store.content()
    assert again.verify_key == store.verify_key
    assert stat.S_IMODE(restored.path.stat().st_mode) == 0o600


def test_the_file_shows_no_key(store: Keystore, file: Path) -> None:
    text = file.read_text("utf-8")
    raw = base64.b64decode(json.loads(text)["ciphertext"])
    for key in keys_in(store.content()):
        assert key not in text
        assert base64.b64decode(key) not in raw
    assert json.loads(text)["header"]["facility"] == "north"


def test_two_backups_of_the_same_have_nothing_in_common(store: Keystore, file: Path, tmp_path: Path) -> None:
    back_up(store, tmp_path / "second", PASSPHRASE, secrets.token_bytes, CHEAP)
    first, second = (json.loads(path.read_bytes()) for path in (file, tmp_path / "second"))
    assert first["header"]["salt"] != second["header"]["salt"]
    assert first["header"]["nonce"] != second["header"]["nonce"]
    assert first["ciphertext"][:40] != second["ciphertext"][:40]


def test_the_default_cost_is_in_the_file_and_opens(store: Keystore, tmp_path: Path) -> None:
    back_up(store, tmp_path / "dear", PASSPHRASE, secrets.token_bytes)
    assert json.loads((tmp_path / "dear").read_bytes())["header"]["n"] == 2**17


def test_a_file_that_exists_is_not_overwritten(store: Keystore, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(InputRefused, match="exists already"):
        back_up(store, file, PASSPHRASE, secrets.token_bytes, CHEAP)
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_refused_by_name(store: Keystore, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="choose another place"):
        back_up(store, tmp_path / "none" / "backup", PASSPHRASE, secrets.token_bytes, CHEAP)


def test_a_disk_that_does_not_keep_what_it_was_given_is_noticed(
    store: Keystore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.keystore_backup.open_backup", lambda *_: ("north", b"something else"))
    with pytest.raises(InputRefused, match="did not read back"):
        back_up(store, tmp_path / "backup", PASSPHRASE, secrets.token_bytes, CHEAP)
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("passphrase", ["correct horse batterz", "Correct horse battery", "correct horse battery "])
def test_a_wrong_passphrase_is_refused_in_one_sentence(file: Path, tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(InputRefused, match=WRONG) as refused:
        restore(tmp_path / "new", file, passphrase)
    assert refused.value.__cause__ is None
    assert not (tmp_path / "new").exists()


def _header(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda backup: backup["header"].update(changes)


def _flip(backup: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(backup["ciphertext"]))
    raw[3] ^= 1
    backup["ciphertext"] = base64.b64encode(raw).decode()


def _shorten(backup: dict[str, Any]) -> None:
    backup["ciphertext"] = backup["ciphertext"][:-24]


AUTHENTICATED = [
    _flip,
    _shorten,
    _header(facility="south"),
    _header(n=2**15),
    _header(salt=base64.b64encode(b"x" * 16).decode()),
    _header(nonce=base64.b64encode(b"x" * 12).decode()),
    _header(nonce=""),
]
UNREADABLE = [
    _header(version=2),
    _header(format="another"),
    _header(kdf="none"),
    _header(cipher="none"),
    _header(n=2**10),
    _header(n=2**40),
    _header(n=2**19),
    _header(n=CHEAP + 1),
    _header(r=1),
    _header(p=4),
    _header(salt="é"),
    _header(surplus=1),
    lambda backup: backup.update(ciphertext="not base64!"),
    lambda backup: backup.pop("ciphertext"),
]


@pytest.mark.parametrize("damage", AUTHENTICATED + UNREADABLE)
def test_every_part_of_the_file_is_authenticated(file: Path, tmp_path: Path, damage: Callable[[Any], None]) -> None:
    backup = json.loads(file.read_bytes())
    damage(backup)
    file.write_text(json.dumps(backup), "utf-8")
    with pytest.raises(InputRefused, match="damaged") as refused:
        restore(tmp_path / "new", file, PASSPHRASE)
    assert refused.value.__cause__ is None
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("is_bound", [True, False])
def test_what_is_in_clear_text_is_bound_to_the_rest(store: Keystore, file: Path, is_bound: bool) -> None:
    backup = json.loads(file.read_bytes())
    header = backup["header"]
    key = Scrypt(base64.b64decode(header["salt"]), 32, header["n"], header["r"], header["p"]).derive(
        PASSPHRASE.encode()
    )
    bound = canonical_json(header) if is_bound else None
    sealed = AESGCM(key).encrypt(base64.b64decode(header["nonce"]), store.content(), bound)
    file.write_text(json.dumps(backup | {"ciphertext": base64.b64encode(sealed).decode()}), "utf-8")
    if is_bound:
        assert open_backup(file, PASSPHRASE) == ("north", store.content())
    else:
        with pytest.raises(InputRefused, match=WRONG):
            open_backup(file, PASSPHRASE)


def test_a_backup_of_something_else_under_the_right_passphrase_is_refused(tmp_path: Path) -> None:
    other = Keystore.create(tmp_path / "other.json", "south", secrets.token_bytes)
    other.facility = "north"  # as if somebody had put south's keys under north's name
    with pytest.raises(InputRefused, match="did not read back"):
        back_up(other, tmp_path / "mixed.backup", PASSPHRASE, secrets.token_bytes, CHEAP)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\x00", b"{}", b"null"])
def test_what_is_no_backup_is_refused(file: Path, tmp_path: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InputRefused, match="is not a backup of a keystore"):
        open_backup(file, PASSPHRASE)
    with pytest.raises(InputRefused, match="cannot read"):
        open_backup(tmp_path / "none", PASSPHRASE)


def test_a_plain_copy_is_told_from_a_damaged_backup(store: Keystore, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="a plain copy of the keystore of north: put it back with cp -p"):
        restore(tmp_path / "new", tmp_path / "keys" / "north.json", PASSPHRASE)


def test_a_backup_of_what_is_there_changes_nothing(store: Keystore, file: Path, tmp_path: Path) -> None:
    before = (tmp_path / "keys" / "north.json").read_bytes()
    assert restore(tmp_path / "keys", file, PASSPHRASE).added == []
    assert (tmp_path / "keys" / "north.json").read_bytes() == before


def test_rounds_are_added_only_when_asked_for(store: Keystore, file: Path, tmp_path: Path) -> None:
    kept = store.round_keys("2026-W04")
    store.destroy_round("2026-W02")
    new = store.new_round("2026-W06", secrets.token_bytes)
    before = store.content()
    with pytest.raises(SettingsError, match="--merge"):
        restore(tmp_path / "keys", file, PASSPHRASE)
    assert store.content() == before
    assert restore(tmp_path / "keys", file, PASSPHRASE, merge=True).added == ["2026-W02"]
    assert list(store.rounds()) == ["2026-W02", "2026-W04", "2026-W06"]
    assert (store.round_keys("2026-W04"), store.round_keys("2026-W06")) == (kept, new)


def test_a_keystore_that_only_has_more_rounds_is_not_the_same(store: Keystore, file: Path, tmp_path: Path) -> None:
    store.new_round("2026-W06", secrets.token_bytes)
    with pytest.raises(SettingsError, match="--merge"):
        restore(tmp_path / "keys", file, PASSPHRASE)
    assert restore(tmp_path / "keys", file, PASSPHRASE, merge=True).added == []


@pytest.mark.parametrize("merge", [False, True])
def test_other_keys_are_never_touched(store: Keystore, file: Path, tmp_path: Path, merge: bool) -> None:
    store.destroy_round("2026-W02")
    store.new_round("2026-W02", secrets.token_bytes)
    before = store.content()
    with pytest.raises(SettingsError, match="other keys for round 2026-W02"):
        restore(tmp_path / "keys", file, PASSPHRASE, merge)
    assert store.content() == before
    other = Keystore.create(tmp_path / "other" / "north.json", "north", secrets.token_bytes)
    with pytest.raises(SettingsError, match="another signing key"):
        restore(tmp_path / "other", file, PASSPHRASE, merge)
    assert Keystore.open(tmp_path / "other" / "north.json").content() == other.content()


def test_a_damaged_keystore_in_its_place_is_not_overwritten(store: Keystore, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "north.json"
    path.write_bytes(b"{")
    with pytest.raises(SettingsError, match="move it away"):
        restore(tmp_path / "keys", file, PASSPHRASE, merge=True)
    assert path.read_bytes() == b"{"


def test_no_message_and_no_repr_quotes_a_key(store: Keystore, file: Path, tmp_path: Path) -> None:
    said = [repr(restore(tmp_path / "new", file, PASSPHRASE)), str(store), repr(store.rounds())]
    store.destroy_round("2026-W02")
    for merge in (False, True):
        with pytest.raises(SettingsError) as refused:
            Keystore.put_back(tmp_path / "keys" / "north.json", _other(store), merge)
        said.append(str(refused.value))
    assert not any(key in text for key in keys_in(open_backup(file, PASSPHRASE)[1]) for text in said)


def _other(store: Keystore) -> bytes:
    stored = json.loads(store.content())
    stored["signing_key"] = base64.b64encode(b"k" * 32).decode()
    return json.dumps(stored).encode()


def test_a_passphrase_has_twelve_characters_however_they_are_typed() -> None:
    assert check_passphrase("e\N{COMBINING ACUTE ACCENT}" * 12) == "\N{LATIN SMALL LETTER E WITH ACUTE}" * 12
    for short in ("", "elevenchars", "e\N{COMBINING ACUTE ACCENT}" * 11):
        with pytest.raises(SettingsError, match="at least 12"):
            check_passphrase(short)
    with pytest.raises(SettingsError, match="printed"):
        check_passphrase("twelve chars\udcff")


def test_a_passphrase_file_holds_one_line(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    for content in (b"correct horse battery", b"correct horse battery\n", b"correct horse battery\r\n"):
        file.write_bytes(content)
        assert read_passphrase(file) == PASSPHRASE
    for content, why in ((b"a\nb\n", "several lines"), (b"\xff\xfe", "UTF-8")):
        file.write_bytes(content)
        with pytest.raises(InputRefused, match=why):
            read_passphrase(file)
    with pytest.raises(InputRefused, match="cannot read"):
        read_passphrase(tmp_path / "none")


def test_memory_that_is_not_there_is_one_sentence(
    store: Keystore, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("producers.keystore_backup.Scrypt", none_left)
    with pytest.raises(InputRefused, match="needs 16 MiB of memory"):
        open_backup(file, PASSPHRASE)
    with pytest.raises(InputRefused, match="needs 128 MiB of memory"):
        back_up(store, tmp_path / "new", PASSPHRASE, secrets.token_bytes)
    assert not (tmp_path / "new").exists()
