"""What holds for every source: zones, who is known to have signed in, what a mapping may leave out, several files."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from typer.testing import CliRunner

from deploy.resources import catalogue
from producers.sources.dates import day_of
from producers.sources.drafts import Draft, Withdrawal, outcomes
from producers.sources.mapping import Mapping
from producers.sources.registry import SOURCES, SourceName, read
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from tests.exports import google_forms, json_lines, limesurvey, ms_forms, qualtrics
from tests.surveyed import mapping_of
from wardpulse import application

BERLIN, UTC, CHICAGO, MEXICO = map(ZoneInfo, ("Europe/Berlin", "Etc/UTC", "America/Chicago", "America/Mexico_City"))
CATALOGUE = catalogue()


def completed(source: SourceName, content: dict[str, Any]) -> Mapping:
    """A mapping as a command would read it for this source."""
    return Mapping.model_validate(SOURCES[source].completed(content))


@pytest.mark.parametrize(
    ("text", "source", "facility", "day"),
    [
        # the hour that a clock change gives twice: 00:30 and 01:30 UTC are both 02:30 in Berlin
        ("2026-10-25T02:30:00+02:00", BERLIN, BERLIN, "2026-10-25"),
        ("2026-10-25T02:30:00+01:00", BERLIN, BERLIN, "2026-10-25"),
        # both folds of 01:30 in Chicago, one on each side of midnight in a zone an hour before it
        ("2026-11-01T01:30:00-05:00", CHICAGO, ZoneInfo("Etc/GMT+7"), "2026-10-31"),
        ("2026-11-01T01:30:00-06:00", CHICAGO, ZoneInfo("Etc/GMT+7"), "2026-11-01"),
        # without an offset the first of the two is meant
        ("2026-11-01 01:30:00", CHICAGO, ZoneInfo("Etc/GMT+7"), "2026-10-31"),
        # midnight is another hour on either side of the change
        ("2026-10-24T21:59:59Z", BERLIN, BERLIN, "2026-10-24"),
        ("2026-10-24T22:00:00Z", BERLIN, BERLIN, "2026-10-25"),
        ("2026-10-25T22:59:59Z", BERLIN, BERLIN, "2026-10-25"),
        ("2026-10-25T23:00:00Z", BERLIN, BERLIN, "2026-10-26"),
        # an hour that there never was, in spring
        ("2026-03-29 02:30:00", BERLIN, BERLIN, "2026-03-29"),
        ("2026-10-24 22:30:00", UTC, BERLIN, "2026-10-25"),
        ("2026-10-24 22:30:00", BERLIN, BERLIN, "2026-10-24"),
        # a date without a time is of no zone
        ("2026-10-24", MEXICO, BERLIN, "2026-10-24"),
    ],
)
def test_the_day_of_a_stamp_is_that_of_the_facility(text: str, source: ZoneInfo, facility: ZoneInfo, day: str) -> None:
    assert day_of(text, None, source, facility) == date.fromisoformat(day)


def test_a_date_format_without_a_time_is_of_no_zone() -> None:
    assert day_of("24.10.2026", "%d.%m.%Y", MEXICO, BERLIN) == date(2026, 10, 24)
    assert day_of("24.10.2026 18:30", "%d.%m.%Y %H:%M", MEXICO, BERLIN) == date(2026, 10, 25)


def test_a_column_of_times_needs_a_zone() -> None:
    content = limesurvey("icu-1", 8).mapping
    del content["timezone"]
    with pytest.raises(ValueError, match="needs timezone"):
        completed("limesurvey", content)


@pytest.mark.parametrize("source", ["google-forms", "limesurvey", "qualtrics", "ms-forms"])
def test_a_source_that_does_not_know_who_signed_in_is_refused_where_persons_count(source: SourceName) -> None:
    content = mapping_of("x", {"unit": "u", "person": "Your name?", "response": "r", "submitted": "s"}, {"7": "q"})
    with pytest.raises(InputRefused, match="does not say that people signed in as what Your name"):
        read(b"", completed(source, content), CATALOGUE, source)
    with pytest.raises(InputRefused, match="no readable header"):
        read(b"", completed(source, {**content, "signed_in": "true"}), CATALOGUE, source)
    with pytest.raises(InputRefused, match="no readable header"):
        read(b"", completed(source, {**content, "identity": "response"}), CATALOGUE, source)


def test_a_survey_without_tokens_says_what_to_do() -> None:
    export = limesurvey("icu-1", 8)
    data = export.data.replace(b'"token"', b'"nothing"')
    with pytest.raises(InputRefused, match="no column token: a survey without it does not know who answers"):
        read(data, completed("limesurvey", export.mapping), CATALOGUE, "limesurvey")


def test_a_mapping_goes_before_what_a_source_usually_does() -> None:
    given = {**qualtrics("icu-1", 8).mapping, "accept": {"column": "Status", "values": ["8"]}}
    found = completed("qualtrics", {**given, "columns": {"unit": "u", "submitted": "EndDate"}})
    assert (found.columns.response, found.columns.submitted) == ("ResponseId", "EndDate")
    assert {rule.column: rule.values for rule in found.accept}["Status"] == {"8"}
    assert {rule.column for rule in found.accept} == {"Status", "Finished"}
    once = completed("limesurvey", {**limesurvey("icu-1", 8).mapping, "submitted_on": "2026-10-19"})
    assert once.columns.submitted is None
    anonymous = completed("limesurvey", {**limesurvey("icu-1", 8).mapping, "identity": "response"})
    assert anonymous.columns.person is None


def test_a_mapping_that_is_none_stays_what_it_is() -> None:
    for source in SOURCES.values():
        strange: tuple[object, ...] = ([], "x", 3, None, {"columns": 3}, {"accept": "x"}, {"accept": [3]})
        for content in strange:
            assert type(source.completed(content)) is type(content)


@pytest.mark.parametrize("header_rows", [2, 3])
def test_qualtrics_has_two_or_three_header_rows(header_rows: int) -> None:
    export = qualtrics("icu-1", 14, header_rows=header_rows)
    found = [*read(export.data, completed("qualtrics", export.mapping), CATALOGUE, "qualtrics")]
    assert sum(isinstance(one, Draft) for one in found) == 14
    assert sum(isinstance(one, Refused) for one in found) == 2


def test_qualtrics_without_header_rows_loses_no_answer() -> None:
    export = qualtrics("icu-1", 14, header_rows=2)
    header, rest = export.data.split(b"\r\n", 1)
    start = rest.index(b"2026-10")
    found = [*read(header + b"\r\n" + rest[start:], completed("qualtrics", export.mapping), CATALOGUE, "qualtrics")]
    assert sum(isinstance(one, Draft) for one in found) == 14


def test_responses_of_one_second_in_google_forms_are_two() -> None:
    export = google_forms("icu-1", 14)
    found = [*read(export.data, completed("google-forms", export.mapping), CATALOGUE, "google-forms")]
    names = [one.response for one in found if isinstance(one, Draft)]
    assert len(set(names)) == len(names) == 14
    # one is a second sheet of the same second, the other was sent in the second turn of the hour that comes twice
    assert sum(name.endswith("#2") for name in names) == 2


def test_google_forms_in_another_language_names_its_stamp() -> None:
    export = google_forms("icu-1", 8)
    data = export.data.replace(b"Timestamp", b"Zeitstempel")
    with pytest.raises(InputRefused, match=r"no column Timestamp: Google Forms names it in the language"):
        read(data, completed("google-forms", export.mapping), CATALOGUE, "google-forms")
    columns = {**export.mapping["columns"], "submitted": "Zeitstempel"}
    found = read(data, completed("google-forms", {**export.mapping, "columns": columns}), CATALOGUE, "google-forms")
    assert sum(isinstance(one, Draft) for one in found) == 8


def test_limesurvey_that_hides_dates_is_read_with_one_date_for_all() -> None:
    export = limesurvey("icu-1", 14)
    hidden = re.sub(rb"2026-1[01]-[0-9]{2} [0-9:]{8}", b"1980-01-01 00:00:00", export.data)
    found = [*read(hidden, completed("limesurvey", export.mapping), CATALOGUE, "limesurvey")]
    hints = {one.hint for one in found if isinstance(one, Refused) and one.reason == "bad_date"}
    assert hints == {"the survey hides its dates: use submitted_on in the mapping"}
    assert not any(isinstance(one, Draft) for one in found)
    dated = completed("limesurvey", {**export.mapping, "submitted_on": "2026-11-01"})
    days = {one.submitted_on for one in read(hidden, dated, CATALOGUE, "limesurvey") if isinstance(one, Draft)}
    assert days == {date(2026, 11, 1)}


def test_a_list_of_objects_is_read_as_lines_are() -> None:
    export = json_lines("icu-1", 8)
    mapping = completed("jsonl", export.mapping)
    lines = export.data.decode("utf-8-sig").splitlines()[:8]
    for data in (f"[{','.join(lines)}]".encode(), "\n".join(lines).encode("utf-16")):
        assert sum(isinstance(one, Draft) for one in read(data, mapping, CATALOGUE, "jsonl")) == 8
    with pytest.raises(InputRefused, match="not JSON, or cut off"):
        read(b"[{}", mapping, CATALOGUE, "jsonl")


def test_microsoft_forms_without_a_zone_of_its_own_is_of_the_facility() -> None:
    export = ms_forms("icu-1", 14)
    here = completed("ms-forms", export.mapping)
    there = completed("ms-forms", {**export.mapping, "source_timezone": "America/Chicago"})
    days = [
        [one.submitted_on for one in read(export.data, mapping, CATALOGUE, "ms-forms") if isinstance(one, Draft)]
        for mapping in (here, there)
    ]
    assert days[0] != days[1]
    assert all(first <= second for first, second in zip(*days, strict=True))


def test_a_withdrawn_sheet_takes_back_every_form_of_the_mapping() -> None:
    mapping = completed("jsonl", json_lines("icu-1", 8).mapping)
    sheet = Sheet(3, {"response": "a", "person": "b"}, withdrawn=True)
    (found,) = outcomes([sheet], mapping, CATALOGUE)
    assert found == Withdrawal(3, "cbi.work", "b", "a")
    (refused,) = outcomes([Sheet(4, {"response": "a"}, withdrawn=True)], mapping, CATALOGUE)
    assert isinstance(refused, Refused)
    assert refused.reason == "missing_person"


def test_a_row_takes_back_what_was_sent_whatever_else_it_holds() -> None:
    export = json_lines("icu-1", 8)
    mapping = completed("jsonl", {**export.mapping, "withdrawn": {"column": "withdraw", "values": ["yes"]}})
    rows = [
        b'{"response": "a", "person": "b", "withdraw": "yes"}',
        b'{"response": "a", "withdraw": "yes"}',
        b'{"withdraw": "no"}',
    ]
    found = [*read(b"\n".join(rows), mapping, CATALOGUE, "jsonl")]
    assert found[0] == Withdrawal(1, "cbi.work", "b", "a")
    assert [one.reason for one in found if isinstance(one, Refused)] == ["missing_person", "missing_response"]


def test_several_files_are_read_as_one_and_named(tmp_path: Path) -> None:
    export = json_lines("icu-1", 8)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump({**export.mapping, "round": "r1"}), "utf-8")
    files = [tmp_path / "monday.jsonl", tmp_path / "tuesday.jsonl"]
    for file in files:
        file.write_bytes(export.data)
    given = ["submit", "--source", "jsonl", *map(str, files), "--mapping", str(mapping), "--dry-run"]
    found = json.loads(CliRunner().invoke(application(), [*given, "--json"]).stdout)
    assert {row["file"] for row in found["refused"]} == {row["file"] for row in found["sheets"]} == set(map(str, files))
    assert len(found["sheets"]) == 2 * (8 + export.again)
    assert "monday.jsonl" in CliRunner().invoke(application(), given, env={"COLUMNS": "200"}).stdout
