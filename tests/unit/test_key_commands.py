"""The commands for keys: what they write, what they refuse, and that no key is printed."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import producers.key_commands
from deploy.settings import Settings
from deploy.wiring import live_rules
from producers.keystore import Keystore
from schemas.errors import InputRefused, SettingsError
from wardpulse import application

PASSPHRASE = "correct horse battery"


class Edge:
    """A machine with the commands and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys, self.trusted = folder, folder / "keys", folder / "verify-keys.json"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n", "utf-8")

    def run(self, *arguments: str | Path, typed: str | None = None, **settings: str | None) -> Result:
        env = {"WARDPULSE_KEYSTORES": str(self.keys), "WARDPULSE_VERIFY_KEYS": str(self.trusted), "COLUMNS": "300"}
        given = ["keystore", *map(str, arguments)]
        return CliRunner().invoke(application(), given, input=typed, env={**env, **settings})

    def said(self, *arguments: str | Path, typed: str | None = None) -> str:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(self, *arguments: str | Path, typed: str | None = None, **settings: str | None) -> str:
        result = self.run(*arguments, typed=typed, **settings)
        assert isinstance(result.exception, SettingsError | InputRefused), result.output
        assert "\n" not in str(result.exception)
        return str(result.exception)

    def store(self, facility: str) -> Keystore:
        return Keystore.open(self.keys / f"{facility}.json")

    def known(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads(self.trusted.read_bytes())
        return found


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    monkeypatch.setattr(producers.key_commands, "_has_terminal", lambda: True)
    return Edge(tmp_path)


def random(size: int) -> bytes:
    return bytes(range(size))


def test_init_makes_a_keystore_and_prints_its_public_key(edge: Edge) -> None:
    said = edge.said("init", "north")
    public = edge.store("north").verify_key.hex()
    assert public in said
    assert f"keystore trust north --key {public}" in said
    assert not edge.trusted.exists()
    assert json.loads((edge.keys / "north.json").read_bytes())["signing_key"] not in said


def test_init_tells_programs_the_public_key(edge: Edge) -> None:
    told = json.loads(edge.said("init", "north", "--trust", "--json"))
    assert (told["public_key"], told["trusted"]) == (edge.store("north").verify_key.hex(), True)


def test_init_with_trust_lets_the_worker_know(edge: Edge) -> None:
    edge.said("init", "north", "--trust")
    store = edge.store("north")
    assert edge.known() == {"north": [store.verify_key.hex()]}
    (edge.folder / "audit.key").write_bytes(b"a" * 32)
    rules = live_rules(Settings(verify_keys=edge.trusted, audit_key_file=edge.folder / "audit.key"))
    assert rules.verify("north", b"marker", store.sign(b"marker"))
    assert not rules.verify("south", b"marker", store.sign(b"marker"))


def test_trust_keeps_other_facilities_other_keys_and_who_may_read(edge: Edge) -> None:
    edge.trusted.write_text(json.dumps({"south": ["ab" * 32], "north": ["cd" * 32]}), "utf-8")
    edge.trusted.chmod(0o644)
    edge.said("init", "north", "--trust")
    public = edge.store("north").verify_key.hex()
    assert edge.known() == {"south": ["ab" * 32], "north": ["cd" * 32, public]}
    assert stat.S_IMODE(edge.trusted.stat().st_mode) == 0o644
    assert "already" in edge.said("trust", "north")
    assert edge.known()["north"] == ["cd" * 32, public]
    edge.said("trust", "east", "--key", "EF" * 32)
    assert edge.known()["east"] == ["ef" * 32]


def test_a_key_that_anybody_can_sign_for_or_that_is_none_is_not_trusted(edge: Edge) -> None:
    p, sign = 2**255 - 19, 2**255
    eighth = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
    small = (0, 1, p - 1, p, p + 1, eighth, p - eighth)
    no_point = 2
    for y in (*small, *(value + sign for value in small), no_point):
        assert "cannot be trusted" in edge.refused("trust", "north", "--key", y.to_bytes(32, "little").hex())
    assert not edge.trusted.exists()


def test_trust_says_that_a_running_worker_reads_the_file(edge: Edge) -> None:
    edge.said("init", "north")
    assert "is now in" in edge.said("trust", "north")
    assert "a running worker reads it by itself" in edge.said("trust", "north")


def test_a_new_file_of_public_keys_can_be_read_by_the_worker(edge: Edge) -> None:
    edge.said("init", "north", "--trust")
    assert stat.S_IMODE(edge.trusted.stat().st_mode) == 0o644


def test_a_link_to_the_public_keys_stays_a_link(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("{}", "utf-8")
    edge.trusted.symlink_to(tmp_path / "real.json")
    edge.said("init", "north", "--trust")
    assert edge.trusted.is_symlink()
    assert list(json.loads((tmp_path / "real.json").read_bytes())) == ["north"]


@pytest.mark.parametrize("content", ["[]", "{", '{"north": ["ab"]}', '{"north": "ab"}', '{"north": ["zz"]}'])
def test_a_file_of_keys_that_cannot_be_used_is_refused_before_anything_is_made(edge: Edge, content: str) -> None:
    edge.trusted.write_text(content, "utf-8")
    assert "must be a JSON object" in edge.refused("init", "north", "--trust")
    assert not edge.keys.exists()
    assert edge.trusted.read_text("utf-8") == content


def test_what_is_missing_is_named_before_anything_is_made(edge: Edge) -> None:
    assert "WARDPULSE_KEYSTORES" in edge.refused("init", "north", WARDPULSE_KEYSTORES=None)
    assert "WARDPULSE_VERIFY_KEYS" in edge.refused("init", "north", "--trust", WARDPULSE_VERIFY_KEYS=None)
    nowhere = str(edge.folder / "none" / "keys.json")
    assert "make it first" in edge.refused("init", "north", "--trust", WARDPULSE_VERIFY_KEYS=nowhere)
    assert not edge.keys.exists()
    file = str(edge.passphrase)
    assert "correct its permissions" in edge.refused("init", "north", WARDPULSE_KEYSTORES=file + "/keys")


def test_names_that_are_none_are_refused(edge: Edge) -> None:
    assert "cannot name a facility" in edge.refused("init", "../north")
    assert "cannot name a facility" in edge.refused("trust", "North General", "--key", "ab" * 32)
    assert edge.run("trust", "north", "--key", "ab").exit_code == 2
    assert not edge.trusted.exists()


def test_init_never_replaces_a_keystore(edge: Edge) -> None:
    edge.said("init", "north")
    before = edge.store("north").content()
    assert "exists already" in edge.refused("init", "north", "--trust")
    assert edge.store("north").content() == before
    assert not edge.trusted.exists()


def rows(edge: Edge) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(edge.said("list", "--json"))
    return found


def test_list_shows_rounds_and_public_keys_and_never_a_secret(edge: Edge) -> None:
    for name in ("south", "north"):
        edge.said("init", name, "--trust")
    key = edge.store("north").new_round("2026-W02", random)
    shown = rows(edge)
    assert [row["facility"] for row in shown] == ["north", "south"]
    assert shown[0] == {
        "facility": "north",
        "rounds": ["2026-W02"],
        "key_ids": {"2026-W02": key.key_id},
        "file": str(edge.keys / "north.json"),
        "public_key": edge.store("north").verify_key.hex(),
        "problem": None,
    }
    stored = json.loads(edge.store("north").content())
    secret = [
        stored["signing_key"],
        stored["rounds"]["2026-W02"]["token_key"],
        stored["rounds"]["2026-W02"]["content_key"],
    ]
    printed = edge.said("list") + json.dumps(shown)
    assert "2026-W02" in edge.said("list")
    assert not any(text in printed for text in secret)


def test_list_says_what_is_wrong_with_a_keystore(edge: Edge) -> None:
    edge.said("init", "north")
    shutil.copy2(edge.keys / "north.json", edge.keys / "copy.json")
    edge.said("init", "east")
    (edge.keys / "east.json").chmod(0o640)
    problems = {row["file"].rsplit("/")[-1]: row["problem"] for row in rows(edge)}
    assert problems["north.json"] is None
    assert "must be named north.json" in problems["copy.json"]
    assert "chmod 600" in problems["east.json"]


def test_list_of_nothing_says_what_to_do(edge: Edge) -> None:
    assert "keystore init" in edge.refused("list")
    edge.keys.mkdir()
    assert "keystore init FACILITY" in edge.said("list")
    assert rows(edge) == []


def test_the_file_of_public_keys_is_not_taken_for_a_keystore(edge: Edge) -> None:
    edge.trusted = edge.keys / "verify-keys.json"
    edge.keys.mkdir()
    edge.said("init", "north", "--trust")
    assert [row["facility"] for row in rows(edge)] == ["north"]


def test_a_backup_made_and_put_back_with_a_typed_passphrase(edge: Edge) -> None:
    edge.said("init", "north")
    edge.store("north").new_round("2026-W02", random)
    before = edge.store("north").content()
    file = edge.folder / "north.backup"
    said = edge.said("backup", "north", file, typed=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert "it was read back" in said
    (edge.keys / "north.json").unlink()
    assert "again, with the keys of 2026-W02" in edge.said("restore", file, typed=f"{PASSPHRASE}\n")
    assert edge.store("north").content() == before
    assert "was there; the restore added no keys of rounds" in edge.said(
        "restore", file, "--passphrase-file", edge.passphrase
    )
    assert "wrong" in edge.refused("restore", file, typed="another passphrase\n")


def test_a_passphrase_typed_differently_makes_no_backup(edge: Edge) -> None:
    edge.said("init", "north")
    file = edge.folder / "north.backup"
    assert edge.run("backup", "north", file, typed=f"{PASSPHRASE}\nanother passphrase\n").exit_code == 1
    assert "at least 12" in edge.refused("backup", "north", file, typed="short\nshort\n")
    assert not file.exists()


def test_without_a_terminal_the_passphrase_comes_from_a_file(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.said("init", "north")
    monkeypatch.setattr(producers.key_commands, "_has_terminal", lambda: False)
    assert "--passphrase-file" in edge.refused("backup", "north", edge.folder / "b", typed=f"{PASSPHRASE}\n")
    edge.said("backup", "north", edge.folder / "b", "--passphrase-file", edge.passphrase)


def test_a_backup_of_another_facilitys_file_is_refused(edge: Edge) -> None:
    edge.said("init", "north")
    shutil.copy2(edge.keys / "north.json", edge.keys / "south.json")
    assert "holds the keys of north" in edge.refused("backup", "south", edge.folder / "b")
    assert "no keystore" in edge.refused("backup", "east", edge.folder / "b")


def test_a_plain_copy_is_a_backup_too(edge: Edge) -> None:
    edge.said("init", "north")
    before = edge.store("north").content()
    shutil.copy2(edge.keys / "north.json", edge.folder / "copy")
    (edge.keys / "north.json").unlink()
    shutil.copy2(edge.folder / "copy", edge.keys / "north.json")
    assert edge.store("north").content() == before


def test_destroy_asks_and_says_what_it_means(edge: Edge) -> None:
    edge.said("init", "north")
    for name in ("2026-W02", "2026-W04"):
        edge.store("north").new_round(name, random)
    result = edge.run("destroy", "north", "2026-W02", typed="n\n")
    assert result.exit_code == 1
    assert "no longer be linked to who gave them" in result.output
    assert "Backups and copies of the keystore are yours to destroy" in result.output
    assert list(edge.store("north").rounds()) == ["2026-W02", "2026-W04"]
    edge.said("destroy", "north", "2026-W02", typed="y\n")
    assert list(edge.store("north").rounds()) == ["2026-W04"]
    edge.said("destroy", "north", "2026-W04", "--yes")
    assert edge.store("north").rounds() == {}
    assert "no keys of round 2026-W04" in edge.refused("destroy", "north", "2026-W04", "--yes")


@pytest.mark.parametrize("command", ["init", "trust", "list", "backup", "restore", "destroy"])
def test_every_command_has_an_example(edge: Edge, command: str) -> None:
    said = edge.said(command, "--help")
    assert "Example:" in said
    assert f"wardpulse keystore {command}" in said


def test_the_help_says_that_a_copy_works_too(edge: Edge) -> None:
    assert "cp -p" in edge.said("backup", "--help")
    assert "cp -p" in edge.said("restore", "--help")
