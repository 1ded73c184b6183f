"""An export on its way into a round: what a dry run says, and what is refused before anything is sent."""

import csv
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.submit import Reading, fitted, keys_of, read_files
from producers.keystore import Keystore
from producers.sources.organisation_file import load_organisation
from schemas.errors import InputRefused, SettingsError
from schemas.events import RoundOpened
from schemas.organisation import organisation
from schemas.policy import Policy
from tests.limesurvey import LIMESURVEY_FILE, limesurvey_export
from wardpulse import application

ORGANISATION = LIMESURVEY_FILE.with_name("organisation.yaml")
SAMPLE = LIMESURVEY_FILE.with_name("limesurvey-cbi.csv")


def terms(**changes: Any) -> RoundOpened:
    """The round the example mapping is for."""
    place = organisation(load_organisation(ORGANISATION))
    given = {
        "facility": "st-anna",
        "event_id": "0b9f2f4e-6a3e-8c17-9d2b-5d6c0e8f4a31",
        "round": "2026-W41",
        "forms": ("cbi.work",),
        "first_answer_date": date(2026, 10, 5),
        "last_answer_date": date(2026, 10, 18),
        "leaves": place.leaves(),
        "policy": Policy(),
        "key_id": "k",
    }
    return RoundOpened(**{**given, **changes})


@pytest.fixture(scope="module")
def reading() -> Reading:
    """The sample, read."""
    return read_files([SAMPLE], LIMESURVEY_FILE, None)


def run(*arguments: str | Path, code: int = 0) -> str:
    """A command in this process; its standard output."""
    done = CliRunner().invoke(application(), [str(argument) for argument in arguments])
    found = done.exit_code if done.exception is None or isinstance(done.exception, SystemExit) else done.exception
    assert getattr(found, "exit_code", found) == code, done.output
    return done.stdout


def test_the_sample_in_the_examples_is_what_the_tests_generate() -> None:
    assert SAMPLE.read_bytes() == limesurvey_export(1000)
    assert organisation(load_organisation(ORGANISATION)).hash == _mapping_organisation_hash()


def _mapping_organisation_hash() -> str:
    found = read_files([SAMPLE], LIMESURVEY_FILE, None).mapping.organisation
    assert found is not None
    return organisation(found.event("st-anna")).hash


def test_a_dry_run_says_what_would_be_sent_and_what_is_refused_without_a_broker(reading: Reading) -> None:
    shown = run("submit", "--source", "csv", SAMPLE, "--mapping", LIMESURVEY_FILE, "--dry-run")
    assert f"cbi.work: {len(reading.drafts)} answer sheets would be sent" in shown
    for reason, count in Counter(row.reason for row in reading.refused).items():
        assert f"{count} {reason}" in shown


def test_a_dry_run_in_json_names_every_line_once_and_no_answer_or_identifier(reading: Reading) -> None:
    found = json.loads(run("submit", SAMPLE, "--mapping", LIMESURVEY_FILE, "--dry-run", "--json"))
    lines = [sheet["line"] for sheet in found["sheets"]] + [row["line"] for row in found["refused"]]
    assert len(lines) == 1000 == len(set(lines))
    assert set(found["sheets"][0]) == {"line", "form", "unit", "submitted_on", "revision", "items_answered"}
    assert set(found["refused"][0]) == {"line", "column", "reason", "hint"}


def test_refusals_go_to_a_file_with_line_and_column(tmp_path: Path, reading: Reading) -> None:
    path = tmp_path / "refused.csv"
    run("submit", SAMPLE, "--mapping", LIMESURVEY_FILE, "--dry-run", "--refused", path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["line"]) for row in rows] == [row.line for row in reading.refused]
    assert {row["column"] for row in rows} >= {"submitdate", "token", "Q0"}


def test_strictly_nothing_is_sent_if_any_row_is_refused(tmp_path: Path) -> None:
    run("submit", SAMPLE, "--mapping", LIMESURVEY_FILE, "--dry-run", "--strict", code=65)
    header, *rows = SAMPLE.read_bytes().splitlines(keepends=True)
    empty, broken = tmp_path / "empty.csv", tmp_path / "broken.csv"
    empty.write_bytes(header)
    broken.write_bytes(header + rows[0].replace(b"2026-", b"20x6-"))
    run("submit", empty, "--mapping", LIMESURVEY_FILE, "--dry-run", code=65)
    run("submit", broken, "--mapping", LIMESURVEY_FILE, "--dry-run", code=65)
    run("submit", SAMPLE, "--mapping", LIMESURVEY_FILE, "--round", "2026-W42", "--dry-run", code=65)
    run("submit", SAMPLE, "--mapping", LIMESURVEY_FILE, "--source", "fax", "--dry-run", code=2)


def test_what_the_round_would_refuse_is_refused_with_line_and_column(reading: Reading) -> None:
    short = fitted(reading, terms(last_answer_date=date(2026, 10, 11)))
    late = [draft.line for draft in reading.drafts if draft.submitted_on > date(2026, 10, 11)]
    added = [row for row in short.refused if row not in reading.refused]
    assert [row.line for row in added] == late != []
    assert {(row.reason, row.column) for row in added} == {("outside_dates", "submitdate")}
    units = fitted(reading, terms(leaves=("icu-1", "icu-2")))
    assert {draft.node for draft in units.drafts} == {"icu-1", "icu-2"}
    hinted = [row for row in units.refused if "not a unit of this round" in row.hint]
    assert {(row.column, row.hint) for row in hinted} == {
        ("Q0", "not a unit of this round: see wardpulse organisation show")
    }
    assert len(units.drafts) + len(units.refused) == 1000


def test_a_unit_is_shown_only_if_it_is_known_to_be_one(tmp_path: Path) -> None:
    mapping, export = tmp_path / "mapping.yaml", tmp_path / "export.csv"
    mapping.write_text(
        "facility: st-anna\nsource: forms\nsurvey: 1\nround: 2026-W41\nsubmitted_on: 2026-10-06\n"
        "columns: {response: id, person: who, unit: ward}\nforms: {sib5: {version: 1, items: {1: q}}}\n",
        "utf-8",
    )
    export.write_text("id,who,ward,q\n1,a,icu-1,3\n2,b,mustermann,3\n", "utf-8")
    found = read_files([export], mapping, None)
    assert [sheet["unit"] for sheet in found.sheets()] == [None, None]
    mine = fitted(found, terms(forms=("sib5",)))
    assert [sheet["unit"] for sheet in mine.sheets()] == ["icu-1"]
    assert "mustermann" not in str(mine.refusals())
    mapping.write_text(mapping.read_text("utf-8") + "units: {icu-1: icu-1}\n", "utf-8")
    assert [sheet["unit"] for sheet in read_files([export], mapping, None).sheets()] == ["icu-1"]


def test_a_mapping_that_does_not_fit_the_round_is_refused_as_a_whole(reading: Reading) -> None:
    with pytest.raises(InputRefused, match=r"does not field cbi\.work: it fields sib5"):
        fitted(reading, terms(forms=("sib5",)))
    with pytest.raises(InputRefused, match="identity: person, but round 2026-W41 was opened with response"):
        fitted(reading, terms(policy=Policy(identity="response")))


def test_keys_that_the_round_was_not_opened_with_are_refused(tmp_path: Path) -> None:
    keystore = Keystore.create(tmp_path / "st-anna.json", "st-anna", lambda count: bytes(range(count)))
    with pytest.raises(SettingsError, match="no keys of round"):
        keys_of(keystore, terms())
    keys = keystore.new_round("2026-W41", lambda count: bytes(count))
    assert keys_of(keystore, terms(key_id=keys.key_id)) == keys
    with pytest.raises(SettingsError, match="not those it was opened with"):
        keys_of(keystore, terms())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("facility: A B\n", "facility is not an id"),
        ("facility: x\nlevels: [facility, unit]\neffective_from: 2026-01-01\nnodes: []\n", "nodes must not be empty"),
        (
            "facility: x\nlevels: [facility, unit]\neffective_from: 2026-01-01\n"
            "nodes: [{id: x, parent: null, kind: facility, name: X}, {id: u, parent: y, kind: unit, name: U}]\n",
            "node u has a parent that does not exist",
        ),
        ("- 1\n", "organisation.yaml"),
        (": :", "organisation.yaml"),
    ],
)
def test_an_organisation_that_cannot_be_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "organisation.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputRefused, match=sentence):
        load_organisation(path)
