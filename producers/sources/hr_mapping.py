"""How the list of units of a personnel system is read: a small YAML file.

`docs/examples/hr-feed.yaml` explains every setting.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from producers.sources.mapping import MOST_REPORTED, DateFormat, Header, Section, Text, sentence
from producers.sources.yaml_text import parse_yaml
from schemas.errors import InputRefused
from schemas.fields import Id

EXAMPLE: Final = "docs/examples/hr-feed.yaml"


class UnitColumns(Section):
    """The columns of a row, which is one unit. With FHIR they are those of the headcounts beside it."""

    code: Text
    name: Text | None = None
    parent: Text | None = None
    level: Text | None = None
    headcount: Text | None = None
    staff_group: Text | None = None
    valid_from: Text | None = None
    valid_to: Text | None = None

    def given(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        return {field: column for field, column in self if column is not None}


class FhirSettings(Section):
    """Which resources are units, where their code is (else their id is it), and an extension with the headcount."""

    resources: Annotated[tuple[Literal["Organization", "Location"], ...], Field(min_length=1)] = (
        "Organization",
        "Location",
    )
    identifier_system: Text | None = None
    headcount_extension: Text | None = None


class HrMapping(Section):
    """A checked mapping. `kinds`: level by what the file calls it; null leaves such units out, not those below."""

    facility: Id
    root: Text | None = None
    levels: Annotated[tuple[Id, ...], Field(min_length=1, max_length=10)]
    columns: UnitColumns | None = None
    kinds: Annotated[dict[Text, Id | None], Field(default_factory=dict)]
    ids: Annotated[dict[Text, Id], Field(default_factory=dict)]
    staff_groups: Annotated[dict[Text, Id], Field(default_factory=dict)]
    date_format: DateFormat = "%Y-%m-%d"
    valid_to: Literal["last_day", "day_after"] = "last_day"
    header: Header = Header()
    fhir: FhirSettings = FhirSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        strays = sorted({kind for kind in self.kinds.values() if kind is not None} - set(self.levels))
        if strays:
            raise _wrong(
                "has {name} in kinds, which is not one of the levels: correct it, or add it to levels", strays[0]
            )
        repeated = _repeated(self.levels)
        if repeated is not None:
            raise _wrong("has the level {name} twice: remove one", repeated)
        repeated = _repeated(self.ids.values())
        if repeated is not None:
            raise _wrong("gives the id {name} to two units in ids: a series belongs to one unit", repeated)
        repeated = _repeated(self.columns.given().values()) if self.columns else None
        if repeated is not None:
            raise _wrong("uses the column {name} for two things: correct columns", repeated)
        return self


def load_hr_mapping(path: Path) -> HrMapping:
    """Read a mapping; InputRefused names what is wrong with it."""
    content = parse_yaml(path)
    try:
        return HrMapping.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MOST_REPORTED]
        wrong = "; ".join(sentence(detail) for detail in details)
        raise InputRefused(f"{path}: {wrong}. {EXAMPLE} shows a complete one") from None


def refuse(file: str, sentences: Iterable[str]) -> None:
    """InputRefused with the first few sentences, if there are any."""
    found = list(sentences)
    if found:
        more = f"; and {len(found) - MOST_REPORTED} more" if len(found) > MOST_REPORTED else ""
        raise InputRefused(f"{file}: {'; '.join(found[:MOST_REPORTED])}{more}")


def parse_as_of(text: str) -> date:
    """The day whose units are meant; InputRefused if it is none that a record can bear."""
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-10-01") else None
    except ValueError:
        found = None
    if found is None or not date(2000, 1, 1) <= found <= date(2100, 1, 1):
        raise InputRefused("--as-of is not a day from 2000 to 2100: write it as 2026-10-01")
    return found


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _wrong(template: str, name: str) -> PydanticCustomError:
    return PydanticCustomError("mapping", template, {"name": name})
