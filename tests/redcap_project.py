"""A small REDCap project for tests: its data dictionary, and exports of it. All texts are made up."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

HEADINGS: Final = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
API_HEADINGS: Final = (
    "field_name",
    "form_name",
    "section_header",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "field_note",
    "text_validation_type_or_show_slider_number",
    "text_validation_min",
    "text_validation_max",
    "identifier",
    "branching_logic",
    "required_field",
    "custom_alignment",
    "question_number",
    "matrix_group_name",
    "matrix_ranking",
    "field_annotation",
)
OFTEN: Final = "0, Never, ever | 1, Seldom | 2, <b>Often</b> &amp; more | 3, Twice | 4, Twice"
# name, form, type, choices, validation, identifier
FIELDS: Final = (
    ("record_id", "intake", "text", "", "", ""),
    ("mail", "intake", "text", "", "email", "y"),
    ("ward", "intake", "dropdown", "10, Ward A | 20, Ward B", "", ""),
    ("q1", "wellbeing", "radio", OFTEN, "", ""),
    ("q2", "wellbeing", "yesno", "", "", ""),
    ("q3", "wellbeing", "truefalse", "", "", ""),
    ("hours", "wellbeing", "text", "", "number_1dp_comma_decimal", ""),
    ("score", "wellbeing", "calc", "[q1]+[q2]", "", ""),
    ("box", "wellbeing", "checkbox", "-1, Minus | 2, Two | A.b, Letters", "", ""),
    ("table", "wellbeing", "sql", "", "", ""),
    ("remark", "wellbeing", "notes", "", "", ""),
    ("name", "wellbeing", "text", "", "", ""),
    ("born", "wellbeing", "text", "", "date_ymd", ""),
    ("secret", "wellbeing", "radio", "1, One", "", "y"),
    ("scan", "wellbeing", "file", "", "", ""),
    ("heading", "wellbeing", "descriptive", "", "", ""),
    ("f1", "followup", "radio", "0, No | 1, Yes", "", ""),
)


def dictionary(
    fields: Iterable[Sequence[str]] = FIELDS, headings: Sequence[str] = HEADINGS, delimiter: str = ","
) -> bytes:
    """A data dictionary with these fields."""
    rows = []
    for name, form, kind, choices, validation, identifier in fields:
        rows.append([name, form, "", kind, "A label", choices, "", validation, "", "", identifier, *[""] * 7])
    return written([headings, *rows], delimiter)


def written(rows: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    """Rows as CSV."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode()
