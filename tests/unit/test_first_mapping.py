"""First mappings: what the column names tell is filled in, the rest is marked, and no row is looked at."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.resources import catalogue
from producers.sources.drafts import Draft
from producers.sources.first_mapping import first_mapping
from producers.sources.mapping import load_mapping
from producers.sources.placeholders import CHANGE_ME
from producers.sources.registry import read
from producers.sources.yaml_text import parse_yaml, quoted
from schemas.errors import InputRefused
from schemas.instruments.scoring import Form
from stream_processors.exits import exit_code
from tests.limesurvey import LIMESURVEY_FILE, limesurvey_export
from tests.unit.test_csv_source import CANARY
from wardpulse import application

CBI_WORK, CBI_PERSONAL, CBI_CLIENT, SIB5, GAD_2 = (
    catalogue()[form] for form in ("cbi.work", "cbi.personal", "cbi.client", "sib5", "gad_2")
)
QUALTRICS = (
    "StartDate,Status,Finished,RecordedDate,ResponseId,ExternalReference,LocationLatitude,Ward,Q5_1,Q5_2,Q6\n"
    f"Start,Status,Finished,Recorded,Response ID,Reference,Latitude,{CANARY},one,two,three\n"
)
IMPORT_IDS = ",".join(['"{""ImportId"":""x""}"'] * 11) + "\n"
REDCAP = "record_id,redcap_survey_identifier,redcap_data_access_group,wellbeing_timestamp,w1,w2,tick___1,tick___2,"
FORMS = "Id;Start time;Completion time;Email;Name;Which ward?;How often, on most days, are you tired?\n"


def written(export: bytes | str, *forms: Form) -> dict[str, Any]:
    text = first_mapping(export.encode() if isinstance(export, str) else export, forms)
    content = yaml.safe_load(text)
    assert isinstance(content, dict)
    return content


def test_limesurvey_is_recognised_and_its_one_question_group_proposed_in_order() -> None:
    text = first_mapping(limesurvey_export(60), [CBI_WORK])
    content = yaml.safe_load(text)
    assert content["source"] == "limesurvey"
    assert content["identity"] == "person"
    assert content["columns"] == {"response": "id", "person": "token", "unit": CHANGE_ME, "submitted": "submitdate"}
    assert content["header"] == {"skip_after": 0, "encoding": "auto", "delimiter": "auto"}
    assert content["forms"] == {
        "cbi.work": {"version": 1, "items": {item: f"Q1[SQ00{item - 6}]" for item in range(7, 14)}}
    }
    assert "GUESSED" in text
    assert "accept" not in content


def test_a_limesurvey_export_without_tokens_is_of_a_survey_that_knows_nobody() -> None:
    content = written('"id";"submitdate";"lastpage";"startlanguage";"Q0"\n')
    assert content["identity"] == "response"
    assert "person" not in content["columns"]


@pytest.mark.parametrize(
    ("third", "skipped"), [(IMPORT_IDS, 2), ("1,2,3,4,5,6,7,8,9,10,11\n", 0), ("", 0), (',,,"x\n', 0)]
)
def test_qualtrics_rows_before_the_answers_are_counted_and_not_quoted(third: str, skipped: int) -> None:
    text = first_mapping((QUALTRICS + third).encode(), [GAD_2])
    content = yaml.safe_load(text)
    assert content["header"]["skip_after"] == skipped
    assert content["columns"]["response"] == "ResponseId"
    assert content["columns"]["submitted"] == "RecordedDate"
    assert content["columns"]["person"] == CHANGE_ME
    assert [rule["column"] for rule in content["accept"]] == ["Status", "Finished"]
    assert content["forms"]["gad_2"]["items"] == {1: "Q5_1", 2: "Q5_2"}
    assert CANARY not in text
    assert "ImportId" not in text
    assert "LocationLatitude" not in text


def test_qualtrics_files_with_import_ids_alone_skip_one_row() -> None:
    assert written(QUALTRICS.splitlines()[0] + "\n" + IMPORT_IDS)["header"]["skip_after"] == 1


def test_redcap_is_recognised_by_the_columns_it_adds() -> None:
    text = first_mapping(f"{REDCAP}wellbeing_complete\n".encode(), [GAD_2])
    content = yaml.safe_load(text)
    assert content["columns"] == {
        "response": "record_id",
        "person": CHANGE_ME,
        "unit": "redcap_data_access_group",
        "submitted": "wellbeing_timestamp",
    }
    assert content["forms"]["gad_2"]["items"] == {1: "w1", 2: "w2"}
    assert "accept" not in content
    assert '# accept:\n#   - {column: "wellbeing_complete", values: ["2"]}' in text


def test_a_redcap_file_without_stamps_gets_one_date_for_all_rows() -> None:
    content = written("study_no,w1,w2,form_1_complete\n")
    assert content["columns"]["response"] == "study_no"
    assert "submitted" not in content["columns"]
    assert content["submitted_on"] == CHANGE_ME
    assert "timezone" not in content


def test_with_several_redcap_stamps_or_events_the_choice_is_left_open() -> None:
    text = first_mapping(b"record_id,redcap_event_name,a_timestamp,b_timestamp,a_complete,b_complete\n")
    assert yaml.safe_load(text)["columns"]["submitted"] == CHANGE_ME
    for name in ("a_timestamp", "b_timestamp"):
        assert f'perhaps "{name}"' in text
    assert 'column: "redcap_event_name"' in text


@pytest.mark.parametrize("number", ["ID", "Id"])
def test_microsoft_forms_are_recognised_though_questions_hold_commas(number: str) -> None:
    content = written("\ufeff" + FORMS.replace("Id", number), SIB5)
    assert content["columns"] == {
        "response": number,
        "person": "Email",
        "unit": CHANGE_ME,
        "submitted": "Completion time",
    }
    assert content["date_format"] == "%m/%d/%y %H:%M:%S"
    assert content["forms"]["sib5"]["items"] == {1: CHANGE_ME}


def test_of_other_systems_nothing_is_assumed() -> None:
    text = first_mapping(b"sep=|\r\nno|ward|when|a1|a2|text\n")
    content = yaml.safe_load(text)
    assert content["source"] == CHANGE_ME
    assert set(content["columns"].values()) == {CHANGE_ME}
    assert content["forms"] == {CHANGE_ME: {"version": 1, "items": {1: CHANGE_ME}}}
    assert all(f'#   "{name}"\n' in text for name in ("no", "ward", "when", "a1", "a2", "text"))


@pytest.mark.parametrize(
    "names",
    [
        "a1,a2,b1,b2",
        "a1,a2,a3",
        "a2,a1",
        "a1,x,a2",
        "a,b",
        "tick___1,tick___2",
        "a1,a1b",
    ],
)
def test_columns_that_are_not_the_only_run_of_the_right_length_are_not_proposed(names: str) -> None:
    assert written(f"{names},z\n", GAD_2)["forms"]["gad_2"]["items"] == {1: CHANGE_ME, 2: CHANGE_ME}


def test_two_forms_of_one_length_are_not_given_the_same_columns() -> None:
    run = ",".join(f"q[{place}]" for place in range(1, 7))
    content = written(f"no,{run}\n", CBI_PERSONAL, CBI_CLIENT)
    for form in ("cbi.personal", "cbi.client"):
        assert set(content["forms"][form]["items"].values()) == {CHANGE_ME}


def test_forms_of_different_length_are_each_given_their_run() -> None:
    run = ",".join(f"q[{place}]" for place in range(1, 8))
    content = written(f"no,{run},g1,g2\n", CBI_WORK, GAD_2)
    assert content["forms"]["cbi.work"]["items"][13] == "q[7]"
    assert content["forms"]["gad_2"]["items"] == {1: "g1", 2: "g2"}


def test_hostile_column_names_stay_names() -> None:
    names = [
        '"',
        "#",
        "a: b",
        "{}",
        "- x",
        "\u2028x",
        "facility: evil\nsource: evil",
        "\x1b[2J",
        "😀",
        "'",
        "!!int",
        "1",
    ]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in [*names, "q 1", "q 2"])
    content = written(header + "\n", GAD_2)
    assert content["facility"] == CHANGE_ME
    assert content["forms"]["gad_2"]["items"] == {1: "q 1", 2: "q 2"}


@pytest.mark.parametrize(
    "text",
    ["", "a\nb", "\x00\x07\x1b\x7f\x85\ufeff\u2029", "\u202e\u200b\ud7fc", "😀", "x" * 5000, "a " * 900, '"\\', "~"],
)
def test_quoted_text_is_one_line_and_comes_back(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(f"a: {quoted(text)} # {quoted(text)}") == {"a": text}
    assert len(quoted(text).splitlines()) == 1
    assert quoted(text).isprintable()


def test_a_great_many_columns_give_a_mapping_of_ordinary_length() -> None:
    header = ",".join(f"column {'x' * 100} {place}" for place in range(100_000))
    assert len(first_mapping(header.encode())) < 8000
    stamps = "record_id," + ",".join(f"s{place}_timestamp,s{place}_complete" for place in range(10_000))
    assert len(first_mapping(stamps.encode())) < 12_000


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        ("", "no readable header line"),
        ("a,b,a\n", "columns 1 and 3 have one name"),
        (f"1,{CANARY},2026-10-06 10:00:00,3\n", "column 3 has a date or an address for a name"),
        (f"1,{CANARY},6.10.26,3\n", "column 3 has a date"),
        (f"1,{CANARY}@example.org,3\n", "column 2 has a date or an address"),
    ],
)
def test_a_file_without_column_names_is_refused_without_quoting_it(export: str, sentence: str) -> None:
    with pytest.raises(InputRefused, match=sentence) as refusal:
        first_mapping(export.encode())
    assert CANARY not in str(refusal.value)


# the commands


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(application(), ["mapping", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return exit_code(result.exception), str(result.exception)
    return result.exit_code, result.output


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.csv"
    path.write_bytes(limesurvey_export(60))
    return path


def test_a_first_mapping_finished_by_hand_reads_the_file(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "mapping.yaml"
    code, said = run("init", export, "--form", "cbi.work", "--out", out)
    assert code == 0
    assert "wardpulse submit ... --dry-run" in said
    code, said = run("check", out, export)
    assert code == 65
    for setting in ("facility", "survey", "columns.unit", "timezone"):
        assert f"{setting} still says CHANGE-ME: write" in said
    text = out.read_text("utf-8")
    for old, new in (
        (f"facility: {CHANGE_ME}", "facility: st-anna"),
        (f"survey: {CHANGE_ME}", "survey: 481516"),
        (f"unit: {CHANGE_ME}", "unit: Q0"),
        (f"timezone: {CHANGE_ME}", "timezone: Europe/Berlin"),
        ("# values: {A1: 0}", "values: {A1: 0, A2: 1, A3: 2, A4: 3, A5: 4}"),
        ("# units:\n#   U01: med-a", "units:\n" + "".join(f"  U{unit:02}: u{unit}\n" for unit in range(1, 41))),
    ):
        assert old in text
        text = text.replace(old, new)
    out.write_text(text, "utf-8")
    code, said = run("check", out, export)
    assert (code, "the mapping can be used" in said, "no round" in said) == (0, True, True)
    assert sum(isinstance(outcome, Draft) for outcome in read(export, load_mapping(out), catalogue())) > 40


def test_a_mapping_is_written_to_standard_output_and_nothing_else_is(export: Path) -> None:
    result = CliRunner().invoke(application(), ["mapping", "init", str(export)])
    assert yaml.safe_load(result.stdout)["source"] == "limesurvey"
    assert "Now finish it" in result.stderr


def test_a_file_that_exists_is_not_overwritten(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "mapping.yaml"
    out.write_text("mine")
    code, said = run("init", export, "--out", out)
    assert (code, out.read_text()) == (65, "mine")
    assert "choose another name" in said
    assert run("init", export, "--out", tmp_path / "no" / "mapping.yaml")[0] == 65
    assert run("init", tmp_path / "none.csv")[0] == 65
    assert run("init", export, "--form", "cbi.wrk")[0] == 2


def test_a_check_tells_every_problem_and_every_missing_column(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(
        "facility: A B\nsource: ''\nsurvey: []\nround: a b\ntimezone: x\nidentity: y\nforms: {}\nunits: 3\n"
    )
    code, said = run("check", path)
    assert code == 65
    for setting in ("facility", "source", "survey", "round", "timezone", "identity", "forms", "units", "columns"):
        assert f"\n  {setting} " in said
    export.write_text("id;token\n")
    code, said = run("check", LIMESURVEY_FILE, export)
    assert code == 65
    assert all(name in said for name in ("Q0", "submitdate", "startlanguage", "Q1[SQ001]", "Q1[SQ007]"))
    assert run("check", LIMESURVEY_FILE) == (0, "the mapping can be used\n")


def test_help_has_an_example() -> None:
    for command in ("init", "check"):
        result = CliRunner().invoke(application(), ["mapping", command, "--help"], env={"COLUMNS": "200"})
        assert f"Example: wardpulse mapping {command} " in result.stdout


def test_the_first_mapping_of_the_example_parses_as_our_own_yaml_too(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(first_mapping(limesurvey_export(60), [CBI_WORK]), "utf-8")
    assert parse_yaml(path)["forms"]["cbi.work"]["items"][7] == "Q1[SQ001]"
