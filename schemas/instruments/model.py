"""The shape of an instrument's YAML, checked before a form is built from it."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.fields import Id
from schemas.instruments.scoring import Form, Scale


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnswerRange(_Strict):
    """Raw answers, smallest and largest code."""

    min: int
    max: int


class Cut(_Strict):
    """The one cut of a scale, in published units."""

    label: str
    value: int


class ScaleDefinition(_Strict):
    """One scale as written in the YAML. Items are numbers of the published instrument; no wording is stored."""

    measures: str
    items: Annotated[tuple[int, ...], Field(min_length=1)]
    reverse: tuple[int, ...] = ()
    min_answered: Annotated[int, Field(ge=1)]
    published_as: Literal["percent", "sum"]
    direction: Literal["higher_is_worse", "higher_is_better"]
    cut: Cut | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.items)) != len(self.items) or not set(self.reverse) <= set(self.items):
            raise ValueError("items must be distinct and contain every reversed one")
        if self.min_answered > len(self.items):
            raise ValueError("min_answered exceeds the number of items")
        return self


class Instrument(_Strict):
    """One instrument: its answer range, scales, and the forms they are asked in."""

    id: Id
    version: Annotated[int, Field(ge=1)]
    name: str
    licence: str
    citation: str
    sources: dict[str, str]
    sensitive: bool = False
    min_interval_days: Annotated[int, Field(ge=1)]
    answers: AnswerRange
    scales: dict[Id, ScaleDefinition]
    forms: dict[Id, tuple[Id, ...]]

    @model_validator(mode="after")
    def _items_in_one_scale_of_a_form(self) -> Self:
        # a scale that is the sum of others is never sealed: it is added up from coded ones
        for form, scales in self.forms.items():
            items = [item for scale in scales for item in self.scales[scale].items]
            if len(set(items)) != len(items):
                raise ValueError(f"form {form} has an item in two scales")
        return self

    @model_validator(mode="after")
    def _cuts_divide_people(self) -> Self:
        for name in self.scales:
            if not self._scale(name).divides:
                raise ValueError(f"nobody, or everybody, would be at risk on scale {name}")
        return self

    def build_forms(self) -> Iterator[Form]:
        """Each form with its scales in the order the YAML names them."""
        for form, scales in self.forms.items():
            yield Form(form, self.version, self.id, self.sensitive, tuple(self._scale(scale) for scale in scales))

    def _scale(self, scale: str) -> Scale:
        given = self.scales[scale]
        return Scale(
            id=scale,
            items=tuple(str(item) for item in given.items),
            reverse=frozenset(str(item) for item in given.reverse),
            low=self.answers.min,
            high=self.answers.max,
            min_answered=given.min_answered,
            published_as=given.published_as,
            direction=given.direction,
            cut=given.cut.value if given.cut else None,
        )
