"""CSV exports of survey systems, read with a hand-written mapping.

Every row ends as drafts, one per form, or as refusals that name line, column and reason. A refusal never quotes a
cell: rows hold what people said about themselves. Only what the mapping names is ever looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from producers.keystore import RoundKeys
from producers.pseudonym import event_id, respondent_token
from producers.sources.csv_text import Record, open_table
from producers.sources.mapping import FormColumns, Mapping, form_problems, tidy
from schemas.errors import InputRefused
from schemas.events import Submission
from schemas.fields import Id
from schemas.instruments.scoring import Catalogue, Form

# REDCap's mark for a survey page that was begun and not finished
NOT_SUBMITTED: Final = ("", "[not completed]")
# what Microsoft Forms and REDCap write where they do not know the person: it is nobody's identifier
NOBODY: Final = ("", "anonymous", "[survey respondent]")
# LimeSurvey's date in surveys that hide dates
NO_DATE: Final = date(1980, 1, 1)
_INTEGER: Final = re.compile(r"([+-]?[0-9]{1,7})(?:[.,]0*)?")
_DAMAGE: Final = re.compile("[\0\N{REPLACEMENT CHARACTER}]")
_NODE: Final[TypeAdapter[str]] = TypeAdapter(Id)


class RowReason(StrEnum):
    """Why a row, or one form of it, was not read."""

    UNREADABLE_ROW = "unreadable_row"
    TOO_FEW_CELLS = "too_few_cells"
    TOO_MANY_CELLS = "too_many_cells"
    NOT_ACCEPTED = "not_accepted"
    MISSING_RESPONSE = "missing_response"
    MISSING_PERSON = "missing_person"
    DAMAGED_TEXT = "damaged_text"
    UNKNOWN_UNIT = "unknown_unit"
    NOT_SUBMITTED = "not_submitted"
    BAD_DATE = "bad_date"
    BAD_REVISION = "bad_revision"
    BAD_ANSWER = "bad_answer"
    ANSWER_OUT_OF_RANGE = "answer_out_of_range"
    NO_ANSWERS = "no_answers"


@dataclass(frozen=True, slots=True)
class Draft:
    """One row's answers to one form, still with identifiers: it stays in this process."""

    line: int
    form: str
    form_version: int
    node: str
    person: str | None = field(repr=False)
    response: str = field(repr=False)
    revision: int
    answers: dict[str, int] = field(repr=False)
    submitted_on: date


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row, or one form of it, is not a draft. `line` is where the row starts in the file."""

    line: int
    column: str | None
    reason: str
    hint: str


class _Unfit(Exception):
    def __init__(self, reason: RowReason, hint: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.hint, self.column = reason, hint, column

    def at(self, line: int) -> Refused:
        return Refused(line, self.column, str(self.reason), self.hint)


class _Row(NamedTuple):
    node: str
    person: str | None
    response: str
    revision: int
    submitted_on: date


@dataclass(frozen=True, slots=True)
class _Layout:
    """What does not change from row to row. `used`: the columns of the mapping, in the order of the file."""

    mapping: Mapping
    forms: tuple[tuple[Form, FormColumns], ...]
    places: dict[str, int]
    used: tuple[str, ...]
    width: int
    units: frozenset[str]
    zone: ZoneInfo | None


def read(export: Path | bytes, mapping: Mapping, catalogue: Catalogue) -> Iterator[Draft | Refused]:
    """Read an export row by row. InputRefused, before the first row, if the file as a whole cannot be used."""
    problems = form_problems(mapping, catalogue)
    if problems:
        raise InputRefused(f"the mapping does not fit the known forms: {'; '.join(problems)}")
    table = open_table(export, mapping.used_columns(), mapping.header)
    forms = tuple((catalogue[form], columns) for form, columns in mapping.forms.items())
    zone = ZoneInfo(mapping.timezone) if mapping.timezone else None
    used = tuple(sorted(mapping.used_columns(), key=table.places.__getitem__))
    layout = _Layout(mapping, forms, table.places, used, table.width, mapping.known_units(), zone)
    return (outcome for record in table.records for outcome in _outcomes(record, layout))


def to_submission(draft: Draft, mapping: Mapping, keys: RoundKeys) -> Submission:
    """The event of a draft: identifiers become keyed hashes here. Without a person the response is the respondent.

    InputRefused if the mapping names no round: `for_round` gives it one.
    """
    person = draft.response if draft.person is None else draft.person
    return Submission(
        facility=mapping.facility,
        event_id=event_id(keys, mapping.source, mapping.survey, draft.response, draft.form, draft.revision),
        round=mapping.chosen_round(),
        form=draft.form,
        form_version=draft.form_version,
        node=draft.node,
        respondent=respondent_token(keys, draft.form, person),
        revision=draft.revision,
        answers=draft.answers,
        submitted_on=draft.submitted_on,
        source=mapping.source,
        key_id=keys.key_id,
    )


def _outcomes(record: Record, layout: _Layout) -> Iterator[Draft | Refused]:
    try:
        cells = _cells(record, layout)
        row = _row(cells, layout)
    except _Unfit as unfit:
        yield unfit.at(record.line)
        return
    for form, columns in layout.forms:
        try:
            answers = _answers(cells, form, columns, layout.places)
        except _Unfit as unfit:
            yield unfit.at(record.line)
        else:
            yield Draft(
                record.line,
                form.id,
                form.version,
                row.node,
                row.person,
                row.response,
                row.revision,
                answers,
                row.submitted_on,
            )


def _cells(record: Record, layout: _Layout) -> list[str]:
    cells, width = record.cells, layout.width
    if cells is None:
        lost = f"lines {record.line} to {record.last_line} were not read"
        raise _Unfit(RowReason.UNREADABLE_ROW, f"quotes do not pair up, or a cell is far too long; {lost}")
    if any(cell.strip() for cell in cells[width:]):
        hint = f"{len(cells)} cells where the header has {width}: a cell with the delimiter in it needs quotes"
        raise _Unfit(RowReason.TOO_MANY_CELLS, hint)
    # some programs leave out empty cells at the end of a row; where the mapping needs one, the row may be cut off
    if len(cells) <= layout.places[layout.used[-1]]:
        lost_column = next(name for name in layout.used if layout.places[name] >= len(cells))
        hint = f"the row ends before this column, with {len(cells)} cells of {width}: it may be cut off; export again"
        raise _Unfit(RowReason.TOO_FEW_CELLS, hint, lost_column)
    return cells


def _row(cells: list[str], layout: _Layout) -> _Row:
    mapping, places = layout.mapping, layout.places
    for rule in mapping.accept:
        if tidy(cells[places[rule.column]]) not in rule.values:
            raise _Unfit(RowReason.NOT_ACCEPTED, "the mapping accepts other values only", rule.column)
    own = mapping.columns
    response = _identifier(cells, own.response, places, RowReason.MISSING_RESPONSE)
    person = _identifier(cells, own.person, places, RowReason.MISSING_PERSON) if own.person else None
    node = _unit(cells[places[own.unit]], layout)
    revision = _revision(cells[places[own.revision]], own.revision) if own.revision else 0
    return _Row(node, person, response, revision, _submitted_on(cells, layout))


def _identifier(cells: list[str], column: str, places: dict[str, int], missing: RowReason) -> str:
    text = cells[places[column]].strip()
    if text.casefold() in NOBODY:
        raise _Unfit(missing, "the cell is empty or names nobody", column)
    if _DAMAGE.search(text):
        raise _Unfit(RowReason.DAMAGED_TEXT, "the cell holds damaged characters: set header.encoding", column)
    return text


def _unit(cell: str, layout: _Layout) -> str:
    name = tidy(cell)
    node = layout.mapping.units.get(name, name)
    try:
        known = node in layout.units if layout.units else bool(_NODE.validate_python(node))
    except ValidationError:
        known = False
    if not known:
        column = layout.mapping.columns.unit
        raise _Unfit(RowReason.UNKNOWN_UNIT, "not a unit of the mapping: add it under units, or correct it", column)
    return node


def _revision(cell: str, column: str) -> int:
    found = _integer(cell) if cell.strip() else 0
    if found is None or found < 0:
        raise _Unfit(RowReason.BAD_REVISION, "a revision is a whole number from 0, or empty", column)
    return found


def _submitted_on(cells: list[str], layout: _Layout) -> date:
    column = layout.mapping.columns.submitted
    if column is None:
        assert layout.mapping.submitted_on is not None  # the mapping has one of the two
        return layout.mapping.submitted_on
    text = cells[layout.places[column]].strip()
    if text in NOT_SUBMITTED:
        raise _Unfit(RowReason.NOT_SUBMITTED, "no date: the person has not sent the answers off", column)
    try:
        found = _day(text, layout.mapping.date_format, layout.zone)
    except (ValueError, OverflowError):
        raise _Unfit(RowReason.BAD_DATE, "not a date in the expected form: set date_format", column) from None
    if found == NO_DATE:
        raise _Unfit(RowReason.BAD_DATE, "the survey hides its dates: use submitted_on in the mapping", column)
    return found


def _day(text: str, date_format: str | None, zone: ZoneInfo | None) -> date:
    # without an offset a stamp is the facility's own time, so its date stands as written
    moment = datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007 - see above
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def _answers(cells: list[str], form: Form, columns: FormColumns, places: dict[str, int]) -> dict[str, int]:
    answers = {}
    for item, column in columns.items.items():
        value = _answer(tidy(cells[places[column]]), column, columns, form.answer_ranges[item])
        if value is not None:
            answers[item] = value
    if not answers:
        raise _Unfit(RowReason.NO_ANSWERS, f"no item of {form.id} is answered")
    return answers


def _answer(text: str, column: str, columns: FormColumns, limits: tuple[int, int]) -> int | None:
    if columns.values is not None and text in columns.values:
        return columns.values[text]
    if not text:
        return None
    value = _integer(text) if columns.values is None else None
    if value is None:
        expected = "a whole number" if columns.values is None else "listed under values in the mapping"
        raise _Unfit(RowReason.BAD_ANSWER, f"the answer is not {expected}", column)
    if not limits[0] <= value <= limits[1]:
        raise _Unfit(RowReason.ANSWER_OUT_OF_RANGE, f"answers run from {limits[0]} to {limits[1]}", column)
    return value


def _integer(text: str) -> int | None:
    found = _INTEGER.fullmatch(text.strip())
    return int(found[1]) if found else None
