"""REDCap's exports: which rows are answer sheets, and what stands in them."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.redcap_command import api_of
from deploy.resources import catalogue
from deploy.settings import Settings
from deploy.submit import read_files
from producers.sources.drafts import Draft
from producers.sources.mapping import Header, Mapping
from producers.sources.redcap import read_redcap
from producers.sources.registry import SOURCES, Extra, read
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused, SettingsError
from tests.redcap_project import dictionary, written

CANARY = "canary-7f3a"
DICTIONARY = dictionary()
CLASSIC = ("record_id", "mail", "ward", "q1", "q2", "hours", "box____1", "box___2", "wellbeing_complete", "f1")
ITEMS = ("q1", "q2")


def sheets(
    rows: Sequence[Sequence[str]],
    wanted: Sequence[str] = ("$response",),
    items: Sequence[str] = ITEMS,
    known: bytes | None = DICTIONARY,
) -> list[Sheet | Refused]:
    return list(read_redcap(written(rows), (*wanted, *items), Header(), known, items))


def cells(rows: Sequence[Sequence[str]], **how: Any) -> list[dict[str, str]]:
    found = sheets(rows, **how)
    assert all(isinstance(one, Sheet) for one in found), found
    return [dict(one.cells) for one in found if isinstance(one, Sheet)]


def refusals(rows: Sequence[Sequence[str]], **how: Any) -> list[tuple[int, str | None, str]]:
    return [(one.line, one.column, one.reason) for one in sheets(rows, **how) if isinstance(one, Refused)]


def classic(**changes: str) -> list[Sequence[str]]:
    row = dict(zip(CLASSIC, ("7", CANARY, "10", "2", "1", "7,5", "0", "1", "2", ""), strict=True)) | changes
    return [CLASSIC, [row[name] for name in CLASSIC]]


def test_a_complete_row_is_a_sheet_of_what_is_wanted_and_nothing_else() -> None:
    assert cells(classic()) == [{"$response": '["7","","",""]', "q1": "2", "q2": "1"}]


def test_labels_become_codes_also_for_the_unit_and_the_status() -> None:
    rows = classic(ward="Ward B", q1="Never, ever", q2="Yes", box____1="Checked", wellbeing_complete="Complete")
    found = cells(rows, wanted=("ward", "wellbeing_complete"), items=("q1", "q2", "box____1"))
    assert found == [{"ward": "20", "wellbeing_complete": "2", "q1": "0", "q2": "1", "box____1": "1"}]


def test_a_label_that_the_dictionary_does_not_know_stays_for_the_mapping_to_judge() -> None:
    rows = classic(ward="Ward C", q1="Gone since", wellbeing_complete="Complete")
    assert cells(rows, wanted=("ward",), items=("q1",)) == [{"ward": "Ward C", "q1": "Gone since"}]


def test_a_number_among_labels_is_not_taken_for_a_code() -> None:
    assert refusals(classic(q1="1", wellbeing_complete="Complete")) == [(2, "q1", "bad_answer")]


def test_decimal_commas_become_points() -> None:
    assert cells(classic(), wanted=(), items=("hours",)) == [{"hours": "7.5"}]


@pytest.mark.parametrize("status", ["0", "1", "", "Incomplete", "Unverified"])
def test_answers_of_an_instrument_that_is_not_complete_are_not_submitted(status: str) -> None:
    assert refusals(classic(wellbeing_complete=status)) == [(2, "wellbeing_complete", "not_submitted")]


def test_a_status_in_another_language_is_refused() -> None:
    assert refusals(classic(wellbeing_complete="Vollständig")) == [(2, "wellbeing_complete", "wrong_shape")]


def test_without_a_dictionary_cells_stand_as_they_are() -> None:
    rows = classic(q1="Often", wellbeing_complete="0")
    assert cells(rows, known=None, items=("q1", "hours")) == [
        {"$response": '["7","","",""]', "q1": "Often", "hours": "7,5"}
    ]


def test_a_box_counts_only_in_an_instrument_that_is_complete() -> None:
    header = ("record_id", "q1", "box___2", "wellbeing_complete", "f1", "followup_complete")
    rows = [header, ("1", "", "0", "0", "1", "2"), ("2", "", "0", "2", "", "0"), ("3", "", "1", "2", "1", "2")]
    found = cells(rows, wanted=(), items=("box___2", "f1"))
    assert found == [{"box___2": "", "f1": "1"}, {"box___2": "0", "f1": ""}, {"box___2": "1", "f1": "1"}]


LONG = (
    *("record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"),
    *("q1", "q2", "wellbeing_complete"),
)


def test_each_event_and_instance_of_a_record_is_a_sheet_of_its_own() -> None:
    rows = [
        LONG,
        ("1", "first_arm_1", "", "", "1", "0", "2"),
        ("1", "second_arm_1", "", "", "1", "0", "2"),
        ("1", "second_arm_1", "", "2", "1", "0", "2"),
        ("1", "second_arm_1", "wellbeing", "2", "1", "0", "2"),
        ("1", "second_arm_1", "Wellbeing", "3", "1", "0", "2"),
    ]
    found = cells(rows, wanted=("$response", "$event", "$instrument", "$instance"), items=("q1",))
    named = [json.loads(one["$response"]) for one in found]
    assert named == [["1", *(one[name] for name in ("$event", "$instrument", "$instance"))] for one in found]
    assert [one[2] for one in named] == ["", "", "", "wellbeing", "wellbeing"]
    assert len({one["$response"] for one in found}) == 5


def test_an_instance_that_a_spreadsheet_wrote_as_a_decimal_is_the_same() -> None:
    rows = [LONG, *(("1", "x_arm_1", "wellbeing", instance, "1", "0", "2") for instance in ("1", "1.0", "10"))]
    first, second, third = (one["$response"] for one in cells(rows, items=("q1",)))
    assert first == second != third


def test_names_that_only_look_alike_when_joined_stay_apart() -> None:
    rows = [LONG, ('1","x', "", "", "", "1", "", "2"), ("1", 'x","', "", "", "1", "", "2")]
    first, second = cells(rows, items=("q1",))
    assert first["$response"] != second["$response"]
    assert json.loads(first["$response"]) == ['1","x', "", "", ""]


def test_rows_of_other_instruments_and_events_are_not_accepted_rather_than_not_submitted() -> None:
    rows = [
        LONG,
        ("1", "first_arm_1", "followup", "1", "", "", ""),
        ("1", "first_arm_1", "followup", "1", "", "", "0"),
        ("1", "other_arm_1", "", "", "", "", ""),
        ("1", "first_arm_1", "", "", "", "", "0"),
        ("1", "first_arm_1", "followup", "1", "0", "", ""),
        ("1", "first_arm_1", "", "", "3", "", ""),
    ]
    assert refusals(rows) == [
        (2, "redcap_repeat_instrument", "not_accepted"),
        (3, "redcap_repeat_instrument", "not_accepted"),
        (4, "redcap_event_name", "not_accepted"),
        (5, "wellbeing_complete", "not_submitted"),
        (6, "wellbeing_complete", "not_submitted"),
        (7, "wellbeing_complete", "not_submitted"),
    ]


def test_a_box_that_nobody_ticked_makes_no_row_of_another_event_an_answer() -> None:
    header = ("record_id", "redcap_event_name", "box___2", "wellbeing_complete")
    rows = [header, ("1", "other_arm_1", "0", ""), ("1", "other_arm_1", "Unchecked", ""), ("1", "x_arm_1", "1", "")]
    assert refusals(rows, items=("box___2",)) == [
        (2, "redcap_event_name", "not_accepted"),
        (3, "redcap_event_name", "not_accepted"),
        (4, "wellbeing_complete", "not_submitted"),
    ]


def test_an_empty_record_names_no_sheet_and_a_damaged_one_is_refused() -> None:
    assert cells(classic(record_id=" "))[0]["$response"] == ""
    assert refusals(classic(record_id="1\0")) == [(2, "$response", "damaged_text")]


def test_without_a_dictionary_the_first_column_names_the_record() -> None:
    for names, row in ((("study", "q1"), ("5", "1")), (("mail", "q1", "record_id"), ("m", "1", "5"))):
        assert cells([names, row], known=None, items=("q1",))[0]["$response"] == '["5","","",""]'


@pytest.mark.parametrize("first", ["redcap_event_name", "wellbeing_complete", "wellbeing_timestamp", "", "q2"])
def test_a_first_column_that_can_name_no_record_is_refused(first: str) -> None:
    with pytest.raises(InputRefused, match="the first column does not name the record"):
        sheets([(first, "q1"), ("5", "1")], known=None, items=tuple({"q1", first} & {"q1", "q2"}))


@pytest.mark.parametrize(
    ("names", "wanted", "why"),
    [
        (("record_id", "q1", "q2"), ("$response",), "has no column wellbeing_complete: it says which answers"),
        (("study", "q1", "q2", "wellbeing_complete"), ("$response",), "has no column record_id: by the dictionary"),
        (("record_id", "q1", "q2", "wellbeing_complete"), ("$group",), "export the data access groups too"),
        (("record_id", "q1", "q2", "wellbeing_complete"), ("$event",), "only projects with several events have it"),
        (("record_id", "q1", "q2", "wellbeing_complete"), ("$dag",), r"no field \$dag: it has \$response, \$event"),
        (("record_id", "q1", "wellbeing_complete"), ("$response",), "has no column q2"),
        (("record_id", "q1", "q2", "q2", "wellbeing_complete"), ("$response",), "columns 3 and 4 have one name"),
    ],
)
def test_an_export_without_a_needed_column_is_refused_before_its_rows(
    names: Sequence[str], wanted: Sequence[str], why: str
) -> None:
    with pytest.raises(InputRefused, match=why):
        read_redcap(written([names]), (*wanted, *ITEMS), Header(), DICTIONARY, ITEMS)


def test_an_export_with_labels_for_names_is_said_to_be_one() -> None:
    header = ["Record ID", "How was it?", "Complete?", "And now?", "Complete?"]
    for rows in ([header], [header, ["1", "Often", "Complete", "Yes", "Complete"]]):
        with pytest.raises(InputRefused, match="its first line has labels, not names: export it as raw data"):
            sheets(rows)


def test_the_group_is_the_column_of_data_access_groups() -> None:
    rows = [("record_id", "redcap_data_access_group", "q1"), ("1", "ward_a", "3")]
    assert cells(rows, wanted=("$group",), items=("q1",), known=None) == [{"$group": "ward_a", "q1": "3"}]


def test_an_item_that_may_say_who_a_person_is_is_refused_before_the_rows() -> None:
    with pytest.raises(InputRefused, match="mail is marked as an identifier"):
        read_redcap(written(classic()), ("$response", "mail"), Header(), DICTIONARY, ("mail",))
    assert cells(classic(), wanted=("mail",), items=("q1",))[0]["mail"] == CANARY


def test_damaged_rows_are_counted_and_the_others_read() -> None:
    data = written(classic()) + b'8,x,10,2,1\n9,"' + CANARY.encode() + b'"x,\n' + written(classic()[1:])
    found = list(read_redcap(data, ("$response", *ITEMS), Header(), DICTIONARY, ITEMS))
    assert [getattr(one, "reason", "sheet") for one in found] == ["sheet", "too_few_cells", "unreadable_row", "sheet"]
    assert CANARY not in repr(found)


# the whole way to drafts

MAPPING: dict[str, Any] = {
    "facility": "st-anna",
    "source": "redcap",
    "survey": "wellbeing-2026",
    "round": "r1",
    "identity": "response",
    "columns": {"submitted": "wellbeing_timestamp"},
    "timezone": "Europe/Berlin",
    "units": {"ward_a": "icu-1"},
    "forms": {"sib5": {"version": 1, "items": {"1": "q1"}}},
}


def outcomes(*rows: Sequence[str], **changes: object) -> list[Any]:
    mapping = Mapping.model_validate(SOURCES["redcap"].completed({**MAPPING, **changes}))
    header = ("record_id", "redcap_data_access_group", "wellbeing_timestamp", "q1", "wellbeing_complete")
    extra = Extra(dictionary=DICTIONARY)
    return list(read(written([header, *rows]), mapping, catalogue(), "redcap", extra))


def test_a_mapping_need_not_name_what_redcap_always_has() -> None:
    (draft,) = outcomes(("1", "ward_a", "2026-10-06 23:59:00", "3", "2"))
    assert isinstance(draft, Draft)
    assert (draft.response, draft.node, draft.answers) == ('["1","","",""]', "icu-1", {"1": 3})
    assert draft.submitted_on.isoformat() == "2026-10-06"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("1", "ward_a", "[not completed]", "3", "2"), "not_submitted"),
        (("1", "ward_a", "[not completed]", "3", "0"), "not_submitted"),
        (("1", "ward_a", "2026-10-06 10:00:00", "NASK", "2"), "bad_answer"),
        (("1", "ward_a", "2026-10-06 10:00:00", "-99", "2"), "answer_out_of_range"),
        (("1", "ward_a", "2026-10-06 10:00:00", "", "2"), "no_answers"),
        (("1", "", "2026-10-06 10:00:00", "3", "2"), "unknown_unit"),
        (("", "ward_a", "2026-10-06 10:00:00", "3", "2"), "missing_response"),
        (("\N{REPLACEMENT CHARACTER}", "ward_a", "2026-10-06 10:00:00", "3", "2"), "damaged_text"),
    ],
)
def test_what_is_missing_or_unknown_is_refused_by_the_step_that_all_sources_share(
    row: Sequence[str], reason: str
) -> None:
    assert [one.reason for one in outcomes(row)] == [reason]


def longitudinal(*rows: Sequence[str], **changes: object) -> list[Any]:
    header = ("record_id", "redcap_event_name", "redcap_data_access_group", "q1", "wellbeing_complete")
    columns = {"response": "record_id", "unit": "redcap_data_access_group"}
    given = {**MAPPING, "columns": columns, "submitted_on": "2026-10-06", **changes}
    mapping = Mapping.model_validate(SOURCES["redcap"].completed(given))
    extra = Extra(dictionary=DICTIONARY)
    return list(read(written([header, *rows]), mapping, catalogue(), "redcap", extra))


EVENTS = [
    ("1", "first_arm_1", "ward_a", "", "2"),
    ("1", "second_arm_1", "ward_a", "3", "2"),
    ("1", "third_arm_1", "ward_a", "4", "2"),
    ("1", "second_arm_1", "ward_a", "3", "2"),
    ("2", "third_arm_1", "ward_a", "4", "2"),
]


def test_events_that_the_mapping_names_alike_do_not_pass_for_duplicates() -> None:
    found = longitudinal(*EVENTS)
    assert [getattr(one, "reason", "draft") for one in found] == [
        *("no_answers", "draft", "not_accepted", "draft", "draft")
    ]
    assert found[2].column == "record_id"
    chosen = longitudinal(*EVENTS, accept=[{"column": "redcap_event_name", "values": ["third_arm_1"]}])
    assert [one.answers for one in chosen if isinstance(one, Draft)] == [{"1": 4}, {"1": 4}]
    told = longitudinal(*EVENTS, columns={"unit": "redcap_data_access_group"})
    assert len({one.response for one in told if isinstance(one, Draft)}) == 3


def test_a_missing_data_code_may_be_recoded_to_nothing() -> None:
    forms = {"sib5": {"version": 1, "items": {"1": "q1"}, "values": {"-99": None, "3": 3}}}
    assert [one.reason for one in outcomes(("1", "ward_a", "2026-10-06", "-99", "2"), forms=forms)] == ["no_answers"]


def test_people_are_distinct_only_by_the_identifier_of_the_participant_list() -> None:
    with pytest.raises(InputRefused, match="only redcap_survey_identifier is known to"):
        outcomes(identity="person", columns={"submitted": "wellbeing_timestamp", "person": "record_id"})


EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "redcap-cbi.yaml"


def test_the_example_of_the_documentation_reads_an_export_as_it_says(tmp_path: Path) -> None:
    choices = "0, Never | 1, Seldom | 2, Sometimes | 3, Often | 4, Always"
    items = [f"pulse_{number}" for number in range(7, 14)]
    known = dictionary(
        [("record_id", "pulse", "text", "", "", ""), *((i, "pulse", "radio", choices, "", "") for i in items)]
    )
    header = ["record_id", "redcap_survey_identifier", "redcap_data_access_group", "pulse_timestamp", *items]
    rows = [
        [*header, "pulse_complete"],
        ["1", "s1", "intensive_care_1", "2026-10-20 23:30:00", *"0123", "-99", "4", "", "2"],
        ["2", "s2", "intensive_care_2", "[not completed]", *"012", "", "", "", "", "0"],
    ]
    for name, data in (("export.csv", written(rows)), ("dictionary.csv", known)):
        (tmp_path / name).write_bytes(data)
    extra = Extra(dictionary=tmp_path / "dictionary.csv")
    reading = read_files([tmp_path / "export.csv"], EXAMPLE, "2026-W43", "redcap", extra)
    (draft,) = reading.drafts
    assert (draft.node, draft.person, draft.submitted_on.isoformat()) == ("icu-1", "s1", "2026-10-20")
    assert draft.answers == {"7": 0, "8": 1, "9": 2, "10": 3, "12": 4}
    assert [one.reason for one in reading.refused] == ["not_submitted"]


def test_asking_redcap_needs_its_settings_and_pycap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, token = "https://redcap.example.org/api/", tmp_path / "token"
    token.write_text("0" * 32, "ascii")
    for given, why in (
        (Settings(), "redcap_url is not set"),
        (Settings(redcap_url=url), "redcap_token_file is not set"),
        (Settings(redcap_url=url, redcap_token_file=tmp_path / "none"), "cannot read redcap_token_file"),
    ):
        with pytest.raises(SettingsError, match=why):
            api_of(given)
    whole = Settings(redcap_url=url, redcap_token_file=token)
    assert "0000" not in repr(api_of(whole))
    monkeypatch.setitem(sys.modules, "redcap.project", None)
    monkeypatch.delitem(sys.modules, "producers.sources.redcap_api")
    with pytest.raises(SettingsError, match="PyCap is not installed: pip install"):
        api_of(whole)
