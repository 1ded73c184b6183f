"""From an answer sheet to what is sent, by the mapping: the one step that every source shares.

Every sheet ends as drafts, one per form, as withdrawals, or as refusals that name line, column and reason. A refusal
never quotes a cell: sheets hold what people said about themselves. Only what the mapping names is ever looked at.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from producers.keystore import RoundKeys
from producers.pseudonym import event_id, respondent_token, withdrawal_id
from producers.sources.dates import day_of
from producers.sources.mapping import FormColumns, form_problems, tidy
from producers.sources.mapping import Mapping as SurveyMapping
from producers.sources.sheet import NOT_SUBMITTED, Refused, RowReason, Sheet
from schemas.errors import InputRefused
from schemas.events import Submission, SubmissionWithdrawn
from schemas.fields import Id
from schemas.instruments.scoring import Catalogue, Form

# REDCap's mark for a survey page that was begun and not finished
UNFINISHED: Final = ("", "[not completed]")
# what Microsoft Forms and REDCap write where they do not know the person: it is nobody's identifier
NOBODY: Final = ("", "anonymous", "[survey respondent]")
# LimeSurvey's date in surveys that hide dates
NO_DATE: Final = date(1980, 1, 1)
_INTEGER: Final = re.compile(r"([+-]?[0-9]{1,7})(?:[.,]0*)?")
# JSON may hold halves of letters, which cannot be written
_DAMAGE: Final = re.compile("[\0\N{REPLACEMENT CHARACTER}\ud800-\udfff]")
_NODE: Final[TypeAdapter[str]] = TypeAdapter(Id)

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """One sheet's answers to one form, still with identifiers: it stays in this process."""

    line: int
    form: str
    form_version: int
    node: str
    person: str | None = field(repr=False)
    response: str = field(repr=False)
    revision: int
    answers: dict[str, int] = field(repr=False)
    submitted_on: date
    file: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One sheet's answers to one form are taken back, still with identifiers: it stays in this process."""

    line: int
    form: str
    person: str | None = field(repr=False)
    response: str = field(repr=False)
    file: str = ""


Outcome = Draft | Withdrawal | Refused


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
    """What does not change from sheet to sheet. `zones`: of the source's stamps and of the facility."""

    mapping: SurveyMapping
    forms: tuple[tuple[Form, FormColumns], ...]
    units: frozenset[str]
    zones: tuple[ZoneInfo, ZoneInfo] | None


def outcomes(found: Iterable[Sheet | Refused], mapping: SurveyMapping, catalogue: Catalogue) -> Iterator[Outcome]:
    """What becomes of each sheet. InputRefused, before the first, if the mapping does not fit the known forms."""
    problems = form_problems(mapping, catalogue)
    if problems:
        raise InputRefused(f"the mapping does not fit the known forms: {'; '.join(problems)}")
    forms = tuple((catalogue[form], columns) for form, columns in mapping.forms.items())
    layout = _Layout(mapping, forms, mapping.known_units(), _zones(mapping))
    return (outcome for one in found for outcome in _outcomes(one, layout))


def to_event(outcome: Draft | Withdrawal, mapping: SurveyMapping, keys: RoundKeys) -> Submission | SubmissionWithdrawn:
    """The event of a draft or withdrawal: identifiers become keyed hashes here.

    InputRefused if the mapping names no round: `for_round` gives it one.
    """
    if isinstance(outcome, Withdrawal):
        return to_withdrawal(outcome, mapping, keys)
    return to_submission(outcome, mapping, keys)


def to_submission(draft: Draft, mapping: SurveyMapping, keys: RoundKeys) -> Submission:
    """The event of a draft. Without a person the response is the respondent."""
    return Submission(
        facility=mapping.facility,
        event_id=event_id(keys, mapping.source, mapping.survey, draft.response, draft.form, draft.revision),
        round=mapping.chosen_round(),
        form=draft.form,
        form_version=draft.form_version,
        node=draft.node,
        respondent=_respondent(draft, keys),
        revision=draft.revision,
        answers=draft.answers,
        submitted_on=draft.submitted_on,
        source=mapping.source,
        key_id=keys.key_id,
    )


def to_withdrawal(found: Withdrawal, mapping: SurveyMapping, keys: RoundKeys) -> SubmissionWithdrawn:
    """The event of a withdrawal; the facility's key signs it when it is sent."""
    return SubmissionWithdrawn(
        facility=mapping.facility,
        event_id=withdrawal_id(keys, mapping.source, mapping.survey, found.response, found.form),
        round=mapping.chosen_round(),
        form=found.form,
        respondent=_respondent(found, keys),
    )


def _respondent(found: Draft | Withdrawal, keys: RoundKeys) -> str:
    return respondent_token(keys, found.form, found.response if found.person is None else found.person)


def _zones(mapping: SurveyMapping) -> tuple[ZoneInfo, ZoneInfo] | None:
    if mapping.timezone is None:
        return None
    return ZoneInfo(mapping.source_timezone or mapping.timezone), ZoneInfo(mapping.timezone)


def _outcomes(found: Sheet | Refused, layout: _Layout) -> Iterator[Outcome]:
    if isinstance(found, Refused):
        yield found
        return
    try:
        _check_accepted(found.cells, layout.mapping)
        response, person = _who(found.cells, layout.mapping)
        if found.withdrawn or _is_taken_back(found.cells, layout.mapping):
            yield from (Withdrawal(found.line, form.id, person, response) for form, _ in layout.forms)
            return
        row = _row(found.cells, response, person, layout)
    except _Unfit as unfit:
        yield unfit.at(found.line)
        return
    for form, columns in layout.forms:
        try:
            answers = _answers(found.cells, form, columns)
        except _Unfit as unfit:
            yield unfit.at(found.line)
        else:
            yield _draft(found.line, form, row, answers)


def _draft(line: int, form: Form, row: _Row, answers: dict[str, int]) -> Draft:
    return Draft(
        line, form.id, form.version, row.node, row.person, row.response, row.revision, answers, row.submitted_on
    )


def _check_accepted(cells: Cells, mapping: SurveyMapping) -> None:
    for rule in mapping.accept:
        if tidy(cells.get(rule.column, "")) not in rule.values:
            raise _Unfit(RowReason.NOT_ACCEPTED, "the mapping accepts other values only", rule.column)


def _is_taken_back(cells: Cells, mapping: SurveyMapping) -> bool:
    rule = mapping.withdrawn
    return rule is not None and tidy(cells.get(rule.column, "")) in rule.values


def _who(cells: Cells, mapping: SurveyMapping) -> tuple[str, str | None]:
    own = mapping.columns
    response = _identifier(cells, own.response, RowReason.MISSING_RESPONSE)
    return response, _identifier(cells, own.person, RowReason.MISSING_PERSON) if own.person else None


def _row(cells: Cells, response: str, person: str | None, layout: _Layout) -> _Row:
    own = layout.mapping.columns
    node = _unit(cells.get(own.unit, ""), layout)
    revision = _revision(cells.get(own.revision, ""), own.revision) if own.revision else 0
    return _Row(node, person, response, revision, _submitted_on(cells, layout))


def _identifier(cells: Cells, column: str, missing: RowReason) -> str:
    text = cells.get(column, "").strip()
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


def _submitted_on(cells: Cells, layout: _Layout) -> date:
    column = layout.mapping.columns.submitted
    if column is None:
        assert layout.mapping.submitted_on is not None  # the mapping has one of the two
        return layout.mapping.submitted_on
    assert layout.zones is not None  # the mapping has a time zone with a column of dates
    text = cells.get(column, "").strip()
    if text in UNFINISHED:
        raise _Unfit(RowReason.NOT_SUBMITTED, f"no date: {NOT_SUBMITTED}", column)
    try:
        found = day_of(text, layout.mapping.date_format, *layout.zones)
    except (ValueError, OverflowError):
        raise _Unfit(RowReason.BAD_DATE, "not a date in the expected form: set date_format", column) from None
    if found == NO_DATE:
        raise _Unfit(RowReason.BAD_DATE, "the survey hides its dates: use submitted_on in the mapping", column)
    return found


def _answers(cells: Cells, form: Form, columns: FormColumns) -> dict[str, int]:
    answers = {}
    for item, column in columns.items.items():
        value = _answer(tidy(cells.get(column, "")), column, columns, form.answer_ranges[item])
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
