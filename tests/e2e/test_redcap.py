"""A round whose answers are asked of REDCap itself, twice: everybody counts, and nobody counts twice."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
import yaml

from schemas.events import FormManifest
from tests.e2e.test_everyday import ORGANISATION, Hospital
from tests.exports import redcap as exported
from tests.records import outcomes_of
from tests.redcap_server import TOKEN, RedcapServer, served
from tests.surveyed import FIRST_DAY, FORM, LAST_DAY, Export

PEOPLE = 60
ROUND = "2026-W43"


def server_of(export: Export) -> RedcapServer:
    """The project that the export is of; each row changed when it was sent."""
    fields = [
        (row[0], row[1], row[3], row[5], row[7], row[10])
        for row in csv.reader(io.StringIO(export.beside["dictionary"].decode()))
    ]
    rows = list(csv.DictReader(io.StringIO(export.data.decode())))
    stamps = [row["pulse_timestamp"] if row["pulse_timestamp"][:1] == "2" else "2026-10-19 06:00:00" for row in rows]
    return RedcapServer(list(zip(stamps, rows, strict=True)), fields[1:], frozenset({"pulse"}), is_longitudinal=True)


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    """A deployment in which a project's token lies in a file."""
    (tmp_path / "token").write_text(TOKEN + "\n", "ascii")
    monkeypatch.setenv("WARDPULSE_REDCAP_TOKEN_FILE", str(tmp_path / "token"))
    return Hospital(tmp_path / "trial")


def test_a_reconcile_run_sends_what_is_in_redcap_and_again_nothing_new(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exported("icu-1", PEOPLE)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump(export.mapping), "utf-8")
    reconcile = ("redcap", "reconcile", "--mapping", mapping, "--round", ROUND)
    with served(server_of(export)) as server, hospital.up():
        monkeypatch.setenv("WARDPULSE_REDCAP_URL", server.url)
        hospital.run("keystore", "init", "st-anna", "--trust")
        hospital.run("organisation", "announce", ORGANISATION)
        assert "no such round was opened" in hospital.run(*reconcile, code=65)
        hospital.run("rounds", "open", ROUND, "--form", FORM, "--first", FIRST_DAY, "--last", LAST_DAY)
        for _ in range(2):
            said = hospital.run(*reconcile)
            assert f"{FORM}: {PEOPLE} answer sheets sent" in said
            assert f"{PEOPLE + 1} refused: {PEOPLE} not_accepted, 1 not_submitted" in said
            check_unseen(said, export)
        assert server.requests[-1]["dateRangeBegin"] == "2026-10-18 00:00:00"
        later = json.loads(hospital.run(*reconcile, "--since", "2026-10-26", "--dry-run", "--json"))
        assert 0 < len(later["sheets"]) < PEOPLE
        hospital.run("rounds", "close", ROUND, "--yes")
    (manifest,) = [event for event in hospital.replayed().manifests if isinstance(event, FormManifest)]
    outcomes = outcomes_of(manifest)
    assert (outcomes["received"], outcomes["duplicate"]) == (2 * PEOPLE, PEOPLE)
    asked = {value for request in server.requests for name, value in request.items() if name.startswith("fields[")}
    assert not {"email", "pulse_note"} & asked


def test_a_reconcile_run_says_what_is_missing(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exported("icu-1", 8)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump(export.mapping), "utf-8")
    hospital.folder.mkdir()
    (hospital.folder / "wardpulse.toml").touch()
    run = ("redcap", "reconcile", "--mapping", mapping, "--since", "2026-10-18", "--dry-run")
    assert "redcap_url is not set" in hospital.run(*run, code=78)
    with served(server_of(export)) as server:
        monkeypatch.setenv("WARDPULSE_REDCAP_URL", server.url)
        said = hospital.run(*run)
        assert f"{FORM}: 8 answer sheets would be sent" in said
        check_unseen(said, export)
        late = (*run[:-2], "2026-11-05", "--dry-run")
        assert "nothing has changed in REDCap since 2026-11-05" in hospital.run(*late)
        (tmp_path / "token").write_text("F" * 32, "ascii")
        refused = hospital.run(*run, code=77)
    assert re.search("REDCap at 127.0.0.1:[0-9]+ refuses the token", refused)
    assert "F" * 32 not in refused
    assert "nothing was sent; run it again" in hospital.run(*run, code=69)
    (tmp_path / "token").unlink()
    assert "cannot read redcap_token_file" in hospital.run(*run, code=78)


def check_unseen(said: str, export: Export, token: str = TOKEN) -> None:
    """Neither the token nor a person is in what a command says."""
    assert token not in said
    assert not [name for person in export.people for name in person.identifiers() if name in said]
