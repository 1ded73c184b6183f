"""The data dictionary of REDCap: what it says of a column, and what may not be an answer by it."""

from pathlib import Path

import pytest

from producers.sources.redcap_dictionary import Dictionary, check_items, read_dictionary
from schemas.errors import InputRefused
from tests.redcap_project import API_HEADINGS, FIELDS, HEADINGS, dictionary, written

KNOWN = read_dictionary(dictionary())


def test_fields_stand_in_the_order_of_the_file_and_the_first_names_the_record() -> None:
    assert list(KNOWN.fields) == [field[0] for field in FIELDS]
    assert KNOWN.record == "record_id"
    assert KNOWN.forms == {"intake", "wellbeing", "followup"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_web_page_and_the_api_name_the_columns_differently_and_say_the_same(delimiter: str) -> None:
    assert read_dictionary(dictionary(headings=API_HEADINGS, delimiter=delimiter)) == KNOWN


def test_a_file_is_read_as_its_bytes_are_also_with_a_mark_and_columns_in_another_order(tmp_path: Path) -> None:
    rows = [line.split("\t") for line in dictionary(delimiter="\t").decode().splitlines()]
    path = tmp_path / "dictionary.csv"
    path.write_bytes(b"\xef\xbb\xbf" + written([row[::-1] for row in rows], ";"))
    assert read_dictionary(path) == KNOWN


def test_capitals_and_blanks_of_an_edited_dictionary_are_written_as_redcap_does() -> None:
    edited = of(("Q1", "How Are You?", "Radio", "1, One", "", ""))
    assert (edited.fields["q1"].form, edited.fields["q1"].labels) == ("how_are_you", {"One": "1"})
    assert of(("q1", "how__are_you_", "radio", "1, One", "", "")).fields["q1"].form == "how__are_you_"


@pytest.mark.parametrize(
    ("field", "cell", "labelled", "code"),
    [
        ("q1", "2", False, "2"),
        ("q1", "Never, ever", True, "0"),
        ("q1", "Often & more", True, "2"),
        ("q1", " Often  & more ", True, "2"),
        ("q1", "Seldom", False, "1"),
        ("q1", "", True, ""),
        # two choices are called so: it may be either
        ("q1", "Twice", True, "Twice"),
        ("q1", "Gone since", True, "Gone since"),
        # in an export of labels it is no code, and must not become one
        ("q1", "2", True, None),
        ("q1", "-99", False, "-99"),
        ("q2", "Yes", True, "1"),
        ("q2", "No", True, "0"),
        ("q3", "False", True, "0"),
        ("hours", "7,5", False, "7.5"),
        ("hours", "7.5", False, "7.5"),
        ("score", "3", True, "3"),
        ("table", "5", False, "5"),
        ("table", "5", True, None),
        ("table", "Five", True, "Five"),
    ],
)
def test_cells_become_codes(field: str, cell: str, labelled: bool, code: str | None) -> None:
    assert KNOWN.fields[field].code(cell, labelled) == code


def test_a_label_that_is_another_choices_code_is_the_label_in_an_export_of_labels() -> None:
    shifted = read_dictionary(dictionary([FIELDS[0], ("q", "wellbeing", "radio", "0, 1 | 1, 2 | 5", "", "")]))
    assert [shifted.fields["q"].code("1", labelled) for labelled in (False, True)] == ["1", "0"]
    assert shifted.fields["q"].code("5", True) == "5"


def test_a_checkbox_has_a_column_for_each_choice() -> None:
    boxes = {name for name, column in KNOWN.columns.items() if column.is_box}
    assert boxes == {"box____1", "box___2", "box___a_b"}
    assert "box" not in KNOWN.columns
    assert [KNOWN.fields["box"].tick(cell) for cell in ("0", "1", "Checked", "Unchecked", "", "x")] == [
        *("0", "1", "1", "0", "", "x")
    ]


@pytest.mark.parametrize("item", ["q1", "q2", "q3", "hours", "score", "box____1", "box___a_b", "table", "ward", "f1"])
def test_choices_numbers_and_ticks_may_be_answers(item: str) -> None:
    check_items(KNOWN, [item])


@pytest.mark.parametrize("validation", ["integer", "number", "number_4dp", "number_comma_decimal", "int", "float"])
def test_a_text_field_that_takes_numbers_only_may_be_an_answer(validation: str) -> None:
    check_items(of(("t", "wellbeing", "text", "", validation, "")), ["t"])


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("secret", "marked as an identifier"),
        ("mail", "marked as an identifier"),
        ("remark", "is free text"),
        ("name", "is free text"),
        ("born", "is free text"),
        ("record_id", "is free text"),
        ("box", "is a checkbox, which has a column for each choice: name one of them, such as box___1"),
        ("box___9", "is no field of the dictionary"),
        ("wellbeing_complete", "is no field of the dictionary"),
        ("scan", "holds no answer"),
        ("heading", "holds no answer"),
    ],
)
def test_what_may_say_who_a_person_is_or_is_no_answer_is_refused_with_its_name(item: str, why: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check_items(KNOWN, ["q1", item])
    assert f"{item} " in str(refused.value)
    assert why in str(refused.value)
    assert "q1 " not in str(refused.value)


@pytest.mark.parametrize("mark", ["y", "Y", "yes"])
def test_an_identifier_is_refused_however_its_mark_is_written(mark: str) -> None:
    with pytest.raises(InputRefused, match="t is marked as an identifier"):
        check_items(of(("t", "wellbeing", "radio", "1, One", "", mark)), ["t"])


@pytest.mark.parametrize("validation", ["phone", "email", "zipcode", "number_plate", "integer_ish", "datetime_ymd"])
def test_a_text_field_of_another_validation_is_free_text(validation: str) -> None:
    with pytest.raises(InputRefused, match="t is free text"):
        check_items(of(("t", "wellbeing", "text", "", validation, "")), ["t"])


def test_many_problems_are_counted() -> None:
    with pytest.raises(InputRefused, match="; and 4 more"):
        check_items(KNOWN, [f"gone_{number}" for number in range(9)])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no readable header"),
        (b"record_id,q1\n1,2\n", "has no column 'Variable / Field Name'"),
        (written([HEADINGS]), "has no fields"),
        (dictionary([FIELDS[0], FIELDS[3], FIELDS[3]]), "has the field q1 twice"),
        (dictionary([("An answer!", "wellbeing", "text", "", "", "")]), "line 2 of the data dictionary"),
        (dictionary([FIELDS[0], ("q", "", "text", "", "", "")]), "line 3 of the data dictionary"),
        (dictionary() + b'"half', "is damaged from line 19 on"),
        (b"\x00\xff\xfe" * 9, "data dictionary"),
    ],
)
def test_what_is_no_dictionary_is_refused_without_a_cell_of_it(data: bytes, why: str) -> None:
    with pytest.raises(InputRefused) as refused:
        read_dictionary(data)
    assert why in str(refused.value)
    assert "data dictionary" in str(refused.value)
    assert "An answer!" not in str(refused.value)


def of(field: tuple[str, ...]) -> Dictionary:
    return read_dictionary(dictionary([FIELDS[0], field]))
