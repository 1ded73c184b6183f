"""Exports as survey systems and spreadsheets write them, and what becomes of damaged ones."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.resources import catalogue
from producers.keystore import RoundKeys
from producers.sources.csv_file import read_csv
from producers.sources.drafts import Draft, Outcome
from producers.sources.mapping import Header, Mapping, load_mapping
from producers.sources.registry import read
from producers.sources.sheet import Refused
from schemas.errors import InputRefused
from tests.limesurvey import BROKEN, LIMESURVEY_FILE, LIMESURVEY_MAPPING, limesurvey_export

CATALOGUE = catalogue()
KEYS = RoundKeys.derive(b"t" * 32, b"c" * 32)
CANARY = "canary-7f3a"
LIMESURVEY = load_mapping(LIMESURVEY_FILE)
DAMAGED = limesurvey_export(100, seed=3)
SIMPLE: dict[str, Any] = {
    "facility": "st-anna",
    "source": "csv",
    "survey": "s",
    "round": "r1",
    "columns": {"response": "id", "person": "who", "unit": "unit", "submitted": "when"},
    "timezone": "Europe/Berlin",
    "forms": {"sib5": {"version": 1, "items": {"1": "q"}}},
}
HEADER = "id,who,unit,when,q\n"


def mapping_of(**changes: object) -> Mapping:
    return Mapping.model_validate({**SIMPLE, **changes})


def outcomes(export: bytes | str, mapping: Mapping | None = None) -> list[Outcome]:
    data = export.encode() if isinstance(export, str) else export
    return list(read(data, mapping or mapping_of(), CATALOGUE))


def drafts(export: bytes | str, mapping: Mapping | None = None) -> list[Draft]:
    found = outcomes(export, mapping)
    assert all(isinstance(outcome, Draft) for outcome in found), found
    return [outcome for outcome in found if isinstance(outcome, Draft)]


def refused(export: bytes | str, mapping: Mapping | None = None) -> list[tuple[int, str, str | None]]:
    found = outcomes(export, mapping)
    return [(outcome.line, outcome.reason, outcome.column) for outcome in found if isinstance(outcome, Refused)]


# LimeSurvey


def limesurvey(*rows: list[str]) -> bytes:
    header = ["id", "submitdate", "lastpage", "startlanguage", "seed", "token", "Q0", "Q2"]
    header += [f"Q1[SQ00{number}]" for number in range(1, 8)]
    lines = [";".join(f'"{cell}"' for cell in row) for row in [header, *rows]]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode()


def sheet(submitted: str, comment: str = "", answer: str = "A3") -> list[str]:
    return ["1", submitted, "2", "de", "9", "tok", "U17", comment, *[answer] * 7]


def test_limesurvey_rows_are_read_with_line_breaks_in_cells_and_a_blank_last_line() -> None:
    export = limesurvey(
        sheet("2026-10-06 07:00:00", "first\nsecond; \nthird"),
        sheet("2026-10-07 07:00:00", 'a ""word""'),
    )
    first, second = drafts(export, LIMESURVEY)
    assert (first.line, second.line) == (2, 5)
    assert (first.node, first.form, first.form_version) == ("icu-1", "cbi.work", 1)
    assert first.answers == {str(item): 2 for item in range(7, 14)}
    assert first.submitted_on == date(2026, 10, 6)


def test_a_limesurvey_row_without_submitdate_is_refused_as_not_submitted() -> None:
    assert refused(limesurvey(sheet("")), LIMESURVEY) == [(2, "not_submitted", "submitdate")]


def test_the_date_of_anonymised_limesurvey_surveys_is_not_taken_for_one() -> None:
    export = limesurvey(sheet("1980-01-01 00:00:00"))
    mapping = LIMESURVEY
    (only,) = outcomes(export, mapping)
    assert isinstance(only, Refused)
    assert "submitted_on" in only.hint
    fixed = mapping.model_copy(
        update={
            "submitted_on": date(2026, 10, 12),
            "columns": mapping.columns.model_copy(update={"submitted": None}),
        }
    )
    assert drafts(export, fixed)[0].submitted_on == date(2026, 10, 12)


def test_the_made_up_limesurvey_export_is_the_same_each_time_and_accounted_for() -> None:
    export = limesurvey_export()
    assert export == limesurvey_export()
    assert export != limesurvey_export(seed=2)
    found = outcomes(export, LIMESURVEY)
    assert len(found) == 2000
    good = [outcome for outcome in found if isinstance(outcome, Draft)]
    reasons = Counter(outcome.reason for outcome in found if isinstance(outcome, Refused))
    assert set(reasons) == {"not_submitted", *(reason for _, _, reason in BROKEN)}
    assert len({draft.person for draft in good}) > 1700
    assert len({draft.node for draft in good}) == 40
    assert len(good) - len({draft.response for draft in good}) > 30


def test_nobody_fills_more_seats_than_a_made_up_unit_has() -> None:
    mapping = LIMESURVEY
    assert mapping.organisation is not None
    headcounts = {node.id: node.headcount for node in mapping.organisation.nodes}
    people = {
        (draft.node, draft.person)
        for draft in read(limesurvey_export(), mapping, CATALOGUE)
        if isinstance(draft, Draft)
    }
    for unit, count in Counter(unit for unit, _ in people).items():
        assert count < (headcounts[unit] or 0)


# Qualtrics


QUALTRICS = mapping_of(
    source="qualtrics",
    columns={"response": "ResponseId", "person": "ExternalReference", "unit": "Ward", "submitted": "RecordedDate"},
    accept=[{"column": "Status", "values": ["0"]}, {"column": "Finished", "values": ["1", "True"]}],
    header={"skip_after": 2},
    units={"Intensive care": "icu-1"},
    forms={"sib5": {"version": 1, "items": {"1": "Q1"}}},
)
QUALTRICS_HEADER = (
    "RecordedDate,Status,Finished,ResponseId,ExternalReference,Ward,Q1,Q1 - Topics\n"
    'Recorded Date,Response Type,Finished,Response ID,External Data Reference,"Your\nward",How?,Q1 - Topics\n'
    '"{""ImportId"":""recordedDate""}","{""ImportId"":""status""}",x,x,x,x,"{""ImportId"":""QID1""}",\n'
)


def test_qualtrics_rows_start_after_three_header_rows() -> None:
    rows = "2026-10-06 23:30:00,0,1,R_1,p1,Intensive care,3,\n2026-10-06 09:00:00,0,True,R_2,p2,Intensive  care ,4,\n"
    first, second = drafts(QUALTRICS_HEADER + rows, QUALTRICS)
    assert (first.line, first.answers, second.line, second.answers) == (5, {"1": 3}, 6, {"1": 4})
    assert first.submitted_on == date(2026, 10, 6)


def test_qualtrics_previews_and_unfinished_answers_are_not_accepted() -> None:
    rows = "2026-10-06 09:00:00,1,1,R_1,p1,Intensive care,3,\n2026-10-06 09:00:00,0,0,R_2,p2,Intensive care,3,\n"
    assert refused(QUALTRICS_HEADER + rows, QUALTRICS) == [
        (5, "not_accepted", "Status"),
        (6, "not_accepted", "Finished"),
    ]


@pytest.mark.parametrize("end", ["", ","])
def test_an_empty_trailing_column_may_be_in_the_header_or_in_the_rows_only(end: str) -> None:
    assert drafts("id,who,unit,when,q,\n1,a,u,2026-10-06,3" + end + "\n")
    assert drafts("id,who,unit,when,q\n1,a,u,2026-10-06,3" + end + "\n")


# REDCap


def test_redcap_checkboxes_unfinished_stamps_and_decimal_commas_are_read() -> None:
    mapping = mapping_of(
        source="redcap",
        columns={
            "response": "record_id",
            "person": "staff_no",
            "unit": "redcap_data_access_group",
            "submitted": "b_timestamp",
        },
        forms={
            "sib5": {"version": 1, "items": {"1": "burnt___1"}},
            "phq_2": {"version": 1, "items": {"1": "p1", "2": "p2"}},
        },
    )
    export = (
        "record_id,redcap_data_access_group,staff_no,b_timestamp,consent___1,burnt___1,p1,p2\n"
        '1,icu,7,2026-10-06 10:00:00,1,1,"3,0",2.0\n'
        "2,icu,8,[not completed],1,1,1,1\n"
        '3,icu,9,2026-10-06 10:00:00,0,1,"2,5",1\n'
        "4,icu,10,2026-10-06 10:00:00,0,,0,\n"
    )
    found = outcomes(export, mapping)
    assert [(draft.line, draft.form, draft.answers) for draft in found if isinstance(draft, Draft)] == [
        (2, "sib5", {"1": 1}),
        (2, "phq_2", {"1": 3, "2": 2}),
        (4, "sib5", {"1": 1}),
        (5, "phq_2", {"1": 0}),
    ]
    assert refused(export, mapping) == [
        (3, "not_submitted", "b_timestamp"),
        (4, "bad_answer", "p1"),
        (5, "no_answers", None),
    ]


# Microsoft Forms and Excel


KINDER = "Kinder \N{EN DASH} Station"
FORMS = mapping_of(
    source="forms",
    columns={"response": "ID", "person": "Email", "unit": "Für welche Station?", "submitted": "Completion time"},
    date_format="%m/%d/%y %H:%M:%S",
    units={KINDER: "paediatrics"},
    forms={
        "sib5": {
            "version": 1,
            "items": {"1": "Wie “müde” sind Sie?"},
            "values": {"nie": 1, "täglich": 5, "weiß nicht": None},
        }
    },
)
FORMS_TEXT = (
    "ID;Start time;Completion time;Email;Name;Für welche\nStation?;Wie “müde” sind Sie?\r\n"
    f"1;10/6/26 8:00:01;10/6/26 8:03:10;a@x.org;;{KINDER};täglich\r\n"
).replace("Für welche\nStation?", '"Für welche\nStation?"')


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_a_spreadsheet_is_read_in_any_of_its_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    (draft,) = drafts(FORMS_TEXT.replace(";", delimiter).encode(encoding), FORMS)
    assert (draft.line, draft.node, draft.answers) == (3, "paediatrics", {"1": 5})
    assert draft.submitted_on == date(2026, 10, 6)


def test_an_answer_recoded_to_null_counts_as_not_answered() -> None:
    assert refused(FORMS_TEXT.replace("täglich", "weiß nicht"), FORMS) == [(3, "no_answers", None)]


def test_a_sheet_of_somebody_unknown_is_refused() -> None:
    assert refused(FORMS_TEXT.replace("a@x.org", "anonymous"), FORMS) == [(3, "missing_person", "Email")]


def test_one_damaged_spot_does_not_turn_every_accent_of_a_utf_8_file_into_others() -> None:
    second = f"2;;10/6/26 8:03:10;b@x.org;*;{KINDER};täglich\r\n".encode()
    data = FORMS_TEXT.encode() + second.replace(b"*", b"\xff")
    assert [draft.node for draft in drafts(data, FORMS)] == ["paediatrics", "paediatrics"]


def test_a_damaged_identifier_is_refused_because_it_would_be_another_person() -> None:
    data = FORMS_TEXT.encode().replace(b"a@x", b"a\xff@x")
    assert refused(data, FORMS) == [(3, "damaged_text", "Email")]
    assert refused(HEADER + "1,a\0b,u,2026-10-06,3\n") == [(2, "damaged_text", "who")]


def test_old_macintosh_line_ends_are_line_ends() -> None:
    assert [
        draft.line for draft in drafts((HEADER + "1,a,u,2026-10-06,3\n2,b,u,2026-10-06,4\n").replace("\n", "\r"))
    ] == [2, 3]


# single rows


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        (",a,u,2026-10-06,3", "missing_response", "id"),
        ("1, ,u,2026-10-06,3", "missing_person", "who"),
        ("1,a,,2026-10-06,3", "unknown_unit", "unit"),
        ("1,a,Intensive care,2026-10-06,3", "unknown_unit", "unit"),
        ("1,a,u,,3", "not_submitted", "when"),
        ("1,a,u,06.10.2026,3", "bad_date", "when"),
        ("1,a,u,2026-13-06,3", "bad_date", "when"),
        ("1,a,u,9999-12-31T23:59:59-23:00,3", "bad_date", "when"),
        ("1,a,u,2026-10-06,", "no_answers", None),
        ("1,a,u,2026-10-06,often", "bad_answer", "q"),
        ("1,a,u,2026-10-06,3.5", "bad_answer", "q"),
        ("1,a,u,2026-10-06,٣", "bad_answer", "q"),
        ("1,a,u,2026-10-06,6", "answer_out_of_range", "q"),
        ("1,a,u,2026-10-06", "too_few_cells", "q"),
        ("1,a,u,2026-10-06,3,x", "too_many_cells", None),
        ('1,a,u,"2026-10-06"x,3', "unreadable_row", None),
        ('1,a,u,"2026-10-06,3', "unreadable_row", None),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_line_reason_and_column(
    row: str, reason: str, column: str | None
) -> None:
    assert refused(HEADER + row) == [(2, reason, column)]


def test_a_row_with_a_bad_answer_to_one_form_still_gives_the_other() -> None:
    forms = {"sib5": {"version": 1, "items": {"1": "q"}}, "phq_2": {"version": 1, "items": {"1": "p1", "2": "p2"}}}
    found = outcomes("id,who,unit,when,q,p1,p2\n1,a,u,2026-10-06,3,9,1\n", mapping_of(forms=forms))
    assert [type(outcome) for outcome in found] == [Draft, Refused]


def test_blank_answers_are_absent_and_the_anonymiser_decides_about_the_rest() -> None:
    forms = {"phq_2": {"version": 1, "items": {"1": "p1", "2": "p2"}}}
    (draft,) = drafts("id,who,unit,when,p1,p2\n1,a,u,2026-10-06, ,1\n", mapping_of(forms=forms))
    assert draft.answers == {"2": 1}


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2026-10-06", 6),
        ("2026-10-06 23:59", 6),
        ("2026-10-06T22:30:00Z", 7),
        ("2026-10-07T01:00:00+10:00", 6),
    ],
)
def test_days_are_those_of_the_facility(stamp: str, day: int) -> None:
    assert drafts(HEADER + f"1,a,u,{stamp},3\n")[0].submitted_on == date(2026, 10, day)


def test_revisions_are_whole_numbers_and_may_be_missing() -> None:
    mapping = mapping_of(columns={**SIMPLE["columns"], "revision": "rev"})
    export = "id,who,unit,when,q,rev\n" + "".join(f"1,a,u,2026-10-06,3,{revision}\n" for revision in ("", 2, -1, "x"))
    assert [outcome.revision for outcome in outcomes(export, mapping) if isinstance(outcome, Draft)] == [0, 2]
    assert refused(export, mapping) == [(4, "bad_revision", "rev"), (5, "bad_revision", "rev")]


def test_units_are_checked_against_the_mapping_where_it_lists_them() -> None:
    mapping = mapping_of(units={"Ward A": "ward-a"})
    rows = "1,a,Ward A,2026-10-06,3\n2,b,ward-a,2026-10-06,3\n3,c,ward-b,2026-10-06,3\n"
    assert refused(HEADER + rows, mapping) == [(4, "unknown_unit", "unit")]


def test_a_lost_quote_costs_its_own_row_and_not_the_next_persons() -> None:
    rows = '"1","a","u","2026-10-06","3"\n"2","b","u,"2026-10-06","3"\n"3","c","u","2026-10-06","3"\n'
    found = outcomes(HEADER + rows)
    assert [(outcome.line, type(outcome)) for outcome in found] == [(2, Draft), (3, Refused), (4, Draft)]


def test_a_file_cut_off_inside_a_quote_says_which_lines_were_lost() -> None:
    found = outcomes(HEADER + '1,a,u,2026-10-06,"3\n2,b,u,2026-10-06,3\n3,c,u')
    (only,) = [outcome for outcome in found if isinstance(outcome, Refused)]
    assert (only.line, only.reason) == (2, "unreadable_row")
    assert "lines 2 to 4" in only.hint


def test_rows_of_nothing_but_blanks_are_no_rows() -> None:
    assert len(drafts("\n" + HEADER + "\n,,,,\n1,a,u,2026-10-06,3\n , ,,,\n\n\n")) == 1


# whole files


@pytest.mark.parametrize(
    ("export", "sentence"),
    [
        ("", "no readable header line"),
        ("\n\n", "no readable header line"),
        ('"id,who', "no readable header line"),
        ("id,whom,unit,when,q\n", "no column who: the nearest are whom"),
        ("1,a,u,2026-10-06,3\n", "no column id: none is like it.*; the first line may not be the header"),
        ("id,who,unit,when,q,x,x\n", "columns 6 and 7 have one name"),
        (HEADER.encode("utf-16-le"), "no column id"),
    ],
)
def test_a_file_without_the_columns_is_refused_as_a_whole(export: bytes | str, sentence: str) -> None:
    with pytest.raises(InputRefused, match=sentence):
        outcomes(export)


def test_a_file_is_refused_before_its_rows_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        read(tmp_path / "none.csv", mapping_of(), CATALOGUE)
    with pytest.raises(InputRefused, match="does not fit the known forms"):
        read(HEADER.encode(), mapping_of(), {})


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(HEADER + "1,a,u,2026-10-06,3\n")
    assert [type(outcome) for outcome in read(path, mapping_of(), CATALOGUE)] == [Draft]


def test_utf_16_without_a_mark_is_read_where_the_mapping_says_so() -> None:
    export = (HEADER + "1,ä,u,2026-10-06,3\n").encode("utf-16-le")
    assert len(drafts(export, mapping_of(header={"encoding": "utf-16-le"}))) == 1


def test_the_example_in_the_documentation_is_plain_yaml_too() -> None:
    assert yaml.safe_load(LIMESURVEY_MAPPING)["facility"] == "st-anna"


def test_of_a_file_without_header_no_cell_is_offered_as_a_column() -> None:
    with pytest.raises(InputRefused) as refused:
        read_csv(b"Peterson;unit@x;id 4\n", ("person", "unit", "id"), Header())
    assert "Peterson" not in str(refused.value)
    assert "@" not in str(refused.value)
    assert "the first line may not be the header" in str(refused.value)
    with pytest.raises(InputRefused, match="the nearest are Person"):
        read_csv(b"Person;Unit\n", ("person", "unit"), Header())
