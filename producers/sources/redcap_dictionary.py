"""REDCap's data dictionary: which fields may be answers, what their choices are called, and which form has them.

Read as the web page gives it for download, or as the API gives it (`content=metadata`): same columns, other names.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from producers.sources.csv_text import Record, open_table, read_heading
from producers.sources.mapping import MOST_REPORTED, Header, tidy
from schemas.errors import InputRefused

_FIELD, _FORM, _KIND, _CHOICES, _VALIDATION, _IDENTIFIER = range(6)
_HEADINGS: Final = (
    ("Variable / Field Name", "field_name"),
    ("Form Name", "form_name"),
    ("Field Type", "field_type"),
    ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations", "Choices OR Calculations"),
    ("Text Validation Type OR Show Slider Number", "text_validation_type_or_show_slider_number"),
    ("Identifier?", "identifier"),
)
_WITH_CHOICES: Final = frozenset({"radio", "dropdown", "select", "checkbox"})
_BUILT_IN: Final = {"yesno": "1, Yes | 0, No", "truefalse": "1, True | 0, False"}
# the choices of sql fields are in no dictionary
_NAMED_CHOICES: Final = _WITH_CHOICES | _BUILT_IN.keys() | {"sql"}
_TEXT: Final = frozenset({"text", "notes", "textarea"})
_ANSWERABLE: Final = _NAMED_CHOICES | {"calc", "slider"}
# integer and number as web page and API spell them; int and float are REDCap's own names for them
_NUMBER: Final = re.compile(r"integer|int|float|number(?:_[0-9]dp)?(?:_comma_decimal)?")
_NUMERAL: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?")
_NAME: Final = re.compile(r"[a-z0-9_]{1,200}")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_TICKED: Final = {"Checked": "1", "Unchecked": "0"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `labels`: what a choice is called, to its code; None where several are called so."""

    name: str
    form: str
    kind: str
    validation: str
    is_identifier: bool
    codes: frozenset[str] = frozenset()
    labels: Mapping[str, str | None] = field(default_factory=dict)

    def code(self, cell: str, labelled: bool) -> str | None:
        """The code of a cell's choice; an unknown text stays as it is.

        None where it must not stay: in an export of labels a number that is no label would pass for a code.
        """
        text = tidy(cell)
        if self.kind in _TEXT and self.validation.endswith("_comma_decimal"):
            return text.replace(",", ".")
        if not text or self.kind not in _NAMED_CHOICES or (not labelled and text in self.codes):
            return text
        found = self.labels.get(_plain(text))
        if found is None and labelled and _NUMERAL.fullmatch(text):
            return None
        return text if found is None else found

    def tick(self, cell: str) -> str:
        """`1` or `0` for a checkbox's cell, however it is written; an unknown text stays as it is."""
        text = tidy(cell)
        return _TICKED.get(text, text)


class Column(NamedTuple):
    """A column of an export: a field, or one choice of a checkbox."""

    field: Field
    is_box: bool


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The fields by name, in the order of the forms. The first one names the record. `forms` are the instruments."""

    fields: Mapping[str, Field]
    columns: Mapping[str, Column]
    forms: frozenset[str]

    @property
    def record(self) -> str:
        """The field that names the record."""
        return next(iter(self.fields))


def read_dictionary(file: Path | bytes) -> Dictionary:
    """Read a data dictionary, CSV. InputRefused if it is none, or if it is damaged."""
    try:
        names = _headings(file)
        table = open_table(file, names, Header())
    except InputRefused as refused:
        raise InputRefused(f"the data dictionary cannot be used: {refused}") from None
    fields: dict[str, Field] = {}
    for record in table.records:
        found = _field(record, [table.places[name] for name in names])
        if fields.setdefault(found.name, found) is not found:
            raise InputRefused(f"the data dictionary has the field {found.name} twice: download it again")
    if not fields:
        raise InputRefused("the data dictionary has no fields: download it again")
    return Dictionary(fields, _columns(fields.values()), frozenset(one.form for one in fields.values()))


def check_items(dictionary: Dictionary, items: Iterable[str]) -> None:
    """InputRefused if an answer is to be read from a column that cannot hold one, or may say who a person is."""
    problems = [f"{item} {problem}" for item in items if (problem := _problem(dictionary, item)) is not None]
    if problems:
        more = f"; and {len(problems) - MOST_REPORTED} more" if len(problems) > MOST_REPORTED else ""
        raise InputRefused(f"the mapping does not fit the dictionary: {'; '.join(problems[:MOST_REPORTED])}{more}")


def _problem(dictionary: Dictionary, item: str) -> str | None:
    """What is wrong with an item, to stand behind its name."""
    if item in dictionary.fields and dictionary.fields[item].kind == "checkbox":
        return f"is a checkbox, which has a column for each choice: name one of them, such as {item}___1"
    if item not in dictionary.columns:
        return "is no field of the dictionary: correct the mapping, or download the dictionary again"
    found = dictionary.columns[item].field
    if found.is_identifier:
        return "is marked as an identifier in REDCap: what says who a person is cannot be an answer"
    if found.kind in _TEXT and (found.kind != "text" or not _NUMBER.fullmatch(found.validation)):
        return "is free text: an answer is a choice, or a text field that takes numbers only"
    if found.kind not in _TEXT | _ANSWERABLE:
        return "is a field that holds no answer: name one with choices, or with a number"
    return None


def _headings(file: Path | bytes) -> list[str]:
    """The dictionary's own names of the columns that are needed."""
    there = set(read_heading(file, [name for names in _HEADINGS for name in names]).names)
    chosen = [next((name for name in names if name in there), None) for names in _HEADINGS]
    lacking = [names[0] for names, name in zip(_HEADINGS, chosen, strict=True) if name is None]
    if lacking:
        raise InputRefused(
            f"it has no column {lacking[0]!r}: download it as CSV from `Data Dictionary` in the REDCap project"
        )
    return [name for name in chosen if name is not None]


def _field(record: Record, places: list[int]) -> Field:
    if record.cells is None:
        raise InputRefused(
            f"the data dictionary is damaged from line {record.line} on: quotes do not pair up; download it again"
        )
    cells = [record.cells[place].strip() if place < len(record.cells) else "" for place in places]
    # a dictionary edited by hand may have capitals and blanks, which REDCap writes otherwise
    name, form, kind = cells[_FIELD].lower(), named(cells[_FORM]), cells[_KIND].lower()
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(form):
        raise InputRefused(
            f"line {record.line} of the data dictionary does not begin with a field and its form: download it again"
        )
    choices = _BUILT_IN.get(kind) or (cells[_CHOICES] if kind in _WITH_CHOICES else "")
    pairs = list(_pairs(choices))
    return Field(
        name=name,
        form=form,
        kind=kind,
        validation=cells[_VALIDATION].lower(),
        is_identifier=cells[_IDENTIFIER].lower() in {"y", "yes", "1", "true"},
        codes=frozenset(code for code, _ in pairs),
        labels=_labels(pairs),
    )


def named(title: str) -> str:
    """The name of an instrument that is called so, which may be its name already."""
    return title if _NAME.fullmatch(title) else re.sub("[^a-z0-9]+", "_", title.lower()).strip("_")


def _pairs(choices: str) -> Iterator[tuple[str, str]]:
    """Code and label of each choice: `1, Never | 2, Seldom`."""
    for choice in re.split(r"[|\n]", choices):
        code, comma, label = choice.partition(",")
        if code.strip():
            yield tidy(code), _plain(label if comma else code)


def _labels(pairs: list[tuple[str, str]]) -> dict[str, str | None]:
    times = Counter(label for label, _ in {(label, code) for code, label in pairs})
    return {label: code if times[label] == 1 else None for code, label in pairs}


def _plain(label: str) -> str:
    """A label as an export has it: REDCap takes the markup off."""
    return tidy(_TAG.sub("", html.unescape(label)))


def _columns(fields: Iterable[Field]) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for one in fields:
        if one.kind == "checkbox":
            columns |= {f"{one.name}___{_in_a_name(code)}": Column(one, True) for code in one.codes}
        else:
            columns[one.name] = Column(one, False)
    return columns


def _in_a_name(code: str) -> str:
    """A code as it stands in a column's name: -1 gives `field____1`."""
    return re.sub(r"[^a-z0-9_]", "", code.lower().replace("-", "_").replace(".", "_"))
