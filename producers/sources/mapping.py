"""What the columns of an export mean: a YAML file written by hospital IT, checked in full before a row is read.

`docs/examples/limesurvey-cbi.yaml` explains every setting.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from deploy.library import library
from producers.sources.placeholders import CHANGE_ME, unfinished
from producers.sources.yaml_text import parse_yaml
from schemas.canonical import derived_id
from schemas.errors import DataError, InputRefused
from schemas.events import Node, OrganisationUpdated
from schemas.fields import Count, Id, ItemId, RoundId
from schemas.instruments.enabled import why_not
from schemas.instruments.scoring import Catalogue, Form
from schemas.organisation import organisation

EXAMPLE: Final = "docs/examples/limesurvey-cbi.yaml"
MOST_REPORTED: Final = 5
_ROUND: Final[TypeAdapter[str]] = TypeAdapter(RoundId)
_ADVICE: Final = {
    "extra_forbidden": "is not known here: correct its name, or take it out",
    "missing": "is missing: add it",
    "string_pattern_mismatch": "is not an id: use letters without accents (small ones, but for rounds), digits, . _ -",
    "string_type": "must be text: put it in quotes",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "int_parsing": "must be a whole number",
    "date_from_datetime_parsing": "must be a date such as 2026-10-12",
    "date_from_datetime_inexact": "must be a date such as 2026-10-12",
    "model_type": "must be a block of settings, each on its own line with a colon",
    "dict_type": "must be a block of settings, each on its own line with a colon",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
}


def tidy(text: str) -> str:
    """One spelling of a column name or answer: composed letters, single blanks, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _listed(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _wrong("is not a time zone: use a name such as Europe/Berlin") from None
    return name


def _date_format(text: str) -> str:
    sample, found = datetime(2026, 10, 12, tzinfo=UTC), None
    # without a year strptime warns, from Python 3.13 on, instead of failing
    if re.search("%[YyGcx]", text):
        with suppress(ValueError, re.error):
            found = datetime.strptime(sample.strftime(text), text).date()  # noqa: DTZ007 - only its date matters
    if found != sample.date():
        raise _wrong("is not a date format: write year, month and day, such as %Y-%m-%d or %m/%d/%y %H:%M:%S")
    return text


def _wrong(sentence: str, **values: str) -> PydanticCustomError:
    return PydanticCustomError("mapping", sentence, values)


Text = Annotated[str, AfterValidator(tidy), Field(min_length=1)]
Zone = Annotated[str, AfterValidator(_zone)]
DateFormat = Annotated[str, AfterValidator(_date_format)]


class Section(BaseModel):
    """A block of settings: one that it does not know is an error."""

    # a survey or column is often named by a number alone
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _settings_are_known(cls, given: Any) -> Any:
        unknown = sorted(str(name) for name in given if name not in cls.model_fields) if isinstance(given, dict) else []
        if unknown:
            known = ", ".join(cls.model_fields)
            raise _wrong("has no setting {name}: correct or remove it; known are {known}", name=unknown[0], known=known)
        return given


class Columns(Section):
    """Where a row says who, where and when. `response` and `person` are used as keyed hashes and never sent."""

    response: Text
    person: Text | None = None
    unit: Text
    submitted: Text | None = None
    revision: Text | None = None


class Rule(Section):
    """Rows with one of these values in this column: those that are read, or those that take answers back."""

    column: Text
    values: Annotated[frozenset[Annotated[str, AfterValidator(tidy)]], Field(min_length=1)]


class Header(Section):
    """How the file begins. `skip_after`: rows between the column names and the first answer; left out: as usual."""

    skip_after: Annotated[int, Field(ge=0, le=20)] | None = None
    encoding: Literal[
        "auto", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "cp1252", "cp850", "iso-8859-15", "mac-roman"
    ] = "auto"
    delimiter: Literal["auto", ",", ";", "\t", "|"] = "auto"


class FormColumns(Section):
    """The column of each item, and how cells become integers. A cell recoded to null counts as not answered."""

    version: Count
    items: Annotated[dict[ItemId, Text], Field(min_length=1)]
    values: dict[Text, int | None] | None = None


class OrganisationSection(Section):
    """The organisation, as in the `organisation.updated` event; for trials in one file."""

    levels: Annotated[tuple[Id, ...], Field(min_length=1)]
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    effective_from: date

    def event(self, facility: str) -> OrganisationUpdated:
        """The event that announces this organisation."""
        return OrganisationUpdated(
            facility=facility,
            event_id=derived_id("organisation.updated", facility, self.model_dump(mode="json")),
            levels=self.levels,
            nodes=self.nodes,
            effective_from=self.effective_from,
        )

    def leaves(self) -> frozenset[str]:
        """The units people answer at."""
        return frozenset(node.id for node in self.nodes if node.kind == self.levels[-1])


class Dates(Section):
    """First and last answer date of the round; for trials in one file."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise _wrong("must have first before last")
        return self


class Mapping(Section):
    """A checked mapping.

    `timezone` is the facility's: stamps are converted to its calendar. Those without an offset are of
    `source_timezone`, or of the facility's zone if that is left out.
    """

    facility: Id
    source: Id
    survey: Text
    round: RoundId | None = None
    identity: Literal["person", "response"] = "person"
    columns: Columns
    submitted_on: date | None = None
    timezone: Zone | None = None
    source_timezone: Zone | None = None
    signed_in: bool = False
    date_format: DateFormat | None = None
    accept: Annotated[tuple[Rule, ...], BeforeValidator(_listed)] = ()
    withdrawn: Rule | None = None
    header: Header = Header()
    units: dict[Text, Id] = {}
    forms: Annotated[dict[Id, FormColumns], Field(min_length=1)]
    organisation: OrganisationSection | None = None
    dates: Dates | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.identity == "person" and self.columns.person is None:
            raise _wrong("needs columns.person, or identity: response for a survey that does not know people")
        if (self.columns.submitted is None) == (self.submitted_on is None):
            raise _wrong("needs one of columns.submitted (a column) and submitted_on (a date)")
        if self.columns.submitted is not None and self.timezone is None:
            raise _wrong("needs timezone, the facility's, to know the day of columns.submitted")
        counts = Counter(self.item_columns())
        repeated = next((name for name in counts if counts[name] > 1 or name in self.row_columns()), None)
        if repeated is not None:
            raise _wrong("uses the column {name} for an item and for something else", name=repeated)
        return self

    @model_validator(mode="after")
    def _organisation_holds_units(self) -> Self:
        if self.organisation is None:
            return self
        try:
            organisation(self.organisation.event(self.facility))
        except DataError as error:
            raise _wrong("has a wrong organisation: {detail}", detail=error.detail) from None
        strays = sorted(set(self.units.values()) - self.organisation.leaves())
        if strays:
            raise _wrong("units: {unit} is not a unit of the organisation; add it there or correct it", unit=strays[0])
        return self

    def row_columns(self) -> tuple[str, ...]:
        """The columns that describe a row."""
        own = self.columns
        given = (own.response, own.person, own.unit, own.submitted, own.revision)
        return tuple(name for name in given if name is not None)

    def item_columns(self) -> tuple[str, ...]:
        """The columns that hold answers."""
        return tuple(name for form in self.forms.values() for name in form.items.values())

    def used_columns(self) -> tuple[str, ...]:
        """Every column the file must have, each once."""
        rules = tuple(rule.column for rule in (*self.accept, self.withdrawn) if rule is not None)
        return tuple(dict.fromkeys(self.row_columns() + rules + self.item_columns()))

    def chosen_round(self) -> str:
        """The round the answers belong to; InputRefused if none is chosen yet."""
        if self.round is None:
            raise InputRefused("no round is chosen: name it when you send, or write `round` into the mapping")
        return self.round

    def known_units(self) -> frozenset[str]:
        """The units a row may name; empty if the mapping lists none, so that any id will do."""
        listed = frozenset(self.units.values())
        return listed | self.organisation.leaves() if self.organisation else listed


def _as_it_is(content: Any) -> Any:
    return content


def load_mapping(path: Path, catalogue: Catalogue | None = None, complete: Callable[[Any], Any] = _as_it_is) -> Mapping:
    """Read a mapping and check it against the forms that ship with the code, or those given.

    `complete` adds what a source lets a mapping leave out.
    """
    found = examine_mapping(path, catalogue, complete)
    if isinstance(found, Mapping):
        return found
    more = f"; and {len(found) - MOST_REPORTED} more" if len(found) > MOST_REPORTED else ""
    raise InputRefused(f"{path}: {'; '.join(found[:MOST_REPORTED])}{more}. {EXAMPLE} shows a complete mapping")


def examine_mapping(
    path: Path, catalogue: Catalogue | None = None, complete: Callable[[Any], Any] = _as_it_is
) -> Mapping | list[str]:
    """The mapping, or a sentence for everything that is wrong with it. InputRefused if the file is not YAML."""
    content = complete(parse_yaml(path))
    marks = unfinished(content)
    problems = list(marks.values())
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        # what stands in for a value is wrong as a value too, which need not be said twice
        wrong = [sentence(detail) for detail in details if _place(detail) not in marks]
        return problems + [sentence for sentence in wrong if not marks or CHANGE_ME not in sentence]
    problems += form_problems(mapping, library().catalogue if catalogue is None else catalogue)
    return problems or mapping


def for_round(mapping: Mapping, round_: str | None) -> Mapping:
    """The mapping for this round; InputRefused if neither names one, or if they differ."""
    if round_ is None or round_ == mapping.round:
        mapping.chosen_round()
        return mapping
    if mapping.round is not None:
        raise InputRefused(
            f"the mapping is for round {mapping.round}: remove `round` from it to use it for others, such as {round_}"
        )
    try:
        _ROUND.validate_python(round_)
    except ValidationError:
        raise InputRefused(
            f"{round_!r} is not a round's name: use letters without accents, digits, . _ -, at most 64 of them"
        ) from None
    return mapping.model_copy(update={"round": round_})


def form_problems(mapping: Mapping, catalogue: Catalogue) -> list[str]:
    """What the forms of a mapping have against the catalogue; empty if nothing."""
    return [problem for name, given in mapping.forms.items() for problem in _form_problems(name, given, catalogue)]


def _form_problems(name: str, given: FormColumns, catalogue: Catalogue) -> Iterator[str]:
    form = catalogue.get(name)
    if form is None:
        yield f"forms.{name} {why_not(name, catalogue)}"
        return
    if given.version != form.version:
        yield f"forms.{name}.version is {given.version}, but the form has version {form.version}"
    unknown = [item for item in given.items if item not in form.answer_ranges]
    if unknown:
        yield f"forms.{name}.items.{unknown[0]} is not an item: the form has {', '.join(form.answer_ranges)}"
    if form.gate is not None and form.gate.item not in given.items:
        yield f"forms.{name}.items lacks item {form.gate.item}, the question before the others: nobody would be scored"
    for scale in form.scales:
        mapped = sum(item in given.items for item in scale.items)
        if mapped < scale.min_answered:
            yield f"forms.{name}.items has {mapped} items of {scale.id}: name them all, {', '.join(scale.items)}"
    yield from _value_problems(name, given, form)


def _value_problems(name: str, given: FormColumns, form: Form) -> Iterator[str]:
    low = min(limits[0] for limits in form.answer_ranges.values())
    high = max(limits[1] for limits in form.answer_ranges.values())
    for cell, value in (given.values or {}).items():
        if value is not None and not low <= value <= high:
            yield f"forms.{name}.values.{cell} is {value}: answers are coded from {low} to {high}, or null for none"


def _place(detail: ErrorDetails) -> tuple[str, ...]:
    return tuple(str(part) for part in detail["loc"] if part != "[key]")


def sentence(detail: ErrorDetails, whole: str = "the mapping") -> str:
    """What is wrong with a setting and what to do, from pydantic's account of it. `whole` names the file itself."""
    where = ".".join(_place(detail)) or whole
    return f"{where} {_ADVICE.get(detail['type'], detail['msg'])}"
