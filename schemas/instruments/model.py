"""The shape of an instrument's YAML, checked before a form is built from it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.fields import Id
from schemas.instruments.scoring import Direction, Form, Gate, PublishedAs, Range, Scale

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
# strict: a number in quotes would be one here and none to the auditor, who reads the file by itself
Item = Annotated[int, Field(strict=True, ge=1, le=200)]
Code = Annotated[int, Field(strict=True, ge=-1000, le=1000)]
Days = Annotated[int, Field(strict=True, ge=1, le=3660)]
Sum = Annotated[int, Field(strict=True, ge=-(10**6), le=10**6)]
Few = Field(max_length=50)
MOST_SCORES: Final = 2000
"""What a scale may span from its lowest sum to its highest: every possible score is looked at, by the auditor too."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Licence(_Strict):
    """Whose an instrument is. `needed: licence`: not in use unless the site says that it has one.

    `wording` says whether its sentences may be in a file of ours.
    """

    terms: Text
    holder: Text
    needed: Literal["none", "confirmation", "licence"]
    wording: Literal["may_ship", "after_confirmation", "never"]


class Limits(_Strict):
    """Raw answers of an item, smallest and largest code."""

    min: Code
    max: Code

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min >= self.max:
            raise ValueError("the smallest answer is not under the largest")
        return self


class AnswerRange(Limits):
    """The answers of the instrument's items, of some items others, and what the codes mean, in words of our own."""

    anchors: Text
    other: dict[Item, Limits] = Field(default_factory=dict)


class GateDefinition(_Strict):
    """A question before the others, as item 0: an answer other than `open` makes every total the smallest."""

    item: Literal[0]
    opens: Annotated[int, Field(alias="open", strict=True, ge=-1000, le=1000)]


class Cut(_Strict):
    """A band of scores: from a sum of all items upwards, or from one downwards. `published` is as its source has it."""

    label: Id
    at_least: Sum | None = None
    at_most: Sum | None = None
    published: Text

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a cut has one of at_least and at_most")
        return self

    @property
    def value(self) -> int:
        """The sum it starts at."""
        found = self.at_most if self.at_least is None else self.at_least
        assert found is not None
        return found

    def holds(self, total: int, answered: int, size: int) -> bool:
        """Whether a sum of some answers, seen as of all `size` items, is in the band."""
        return (
            (total * size >= self.value * answered) if self.at_most is None else (total * size <= self.value * answered)
        )


class Reference(_Strict):
    """A figure published of people elsewhere, to compare with. A share is from 0 to 1."""

    figure: Literal["mean", "at_risk_share"]
    value: Annotated[float, Field(ge=-(10**6), le=10**6)]
    sd: float | None = None
    n: int | None = None
    of: Text
    unverified: bool = False

    @model_validator(mode="after")
    def _share_is_one(self) -> Self:
        if self.figure == "at_risk_share" and not 0 <= self.value <= 1:
            raise ValueError("a share is from 0 to 1")
        return self


class ScaleDefinition(_Strict):
    """One scale as written in the YAML. Items are numbers of the published instrument."""

    measures: Id
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=200)]
    reverse: Annotated[tuple[Item, ...], Field(max_length=200)] = ()
    min_answered: Item | None = None
    published_as: PublishedAs
    direction: Direction
    cuts: Annotated[tuple[Cut, ...], Few] = ()
    at_risk: Id | None = None
    reference: Annotated[tuple[Reference, ...], Few] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.items)) != len(self.items) or not set(self.reverse) <= set(self.items):
            raise ValueError("items must be distinct and contain every reversed one")
        if self.least > len(self.items):
            raise ValueError("min_answered exceeds the number of items")
        if len({cut.label for cut in self.cuts}) != len(self.cuts):
            raise ValueError("two cuts have one label")
        return self

    @model_validator(mode="after")
    def _at_risk_is_bad(self) -> Self:
        if self.at_risk is not None:
            cut = next((cut for cut in self.cuts if cut.label == self.at_risk), None)
            if cut is None:
                raise ValueError("at_risk names none of its cuts")
            if (cut.at_least is None) != (self.direction == "higher_is_better"):
                raise ValueError("at_risk names a cut of the good side")
        return self

    @property
    def least(self) -> int:
        """How many items must be answered."""
        return len(self.items) if self.min_answered is None else self.min_answered


class AtRiskRule(_Strict):
    """When a person is at risk on the instrument as a whole: SCALE:LABEL of any, or of all. It is never published."""

    any: Annotated[tuple[str, ...], Few] = ()
    all: Annotated[tuple[str, ...], Few] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.any) == bool(self.all):
            raise ValueError("the rule has one of any and all")
        return self

    @property
    def cuts(self) -> tuple[tuple[str, str], ...]:
        """Scale and label of each cut."""
        found = (name.partition(":") for name in self.any or self.all)
        return tuple((scale, label) for scale, _, label in found)


class Instrument(_Strict):
    """One instrument: its answers, its scales, the forms they are asked in, and where all of that was read."""

    id: Id
    version: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    name: Text
    licence: Licence
    citation: Annotated[tuple[Text, ...], Field(min_length=1, max_length=50)]
    health_workers: Text
    recall_days: Days | None
    min_interval_days: Days
    suggested_interval_days: Days
    sensitive: bool = False
    answers: AnswerRange
    gate: GateDefinition | None = None
    scales: Annotated[dict[Id, ScaleDefinition], Field(min_length=1, max_length=50)]
    at_risk_rule: AtRiskRule | None = None
    forms: Annotated[
        dict[Id, Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]],
        Field(min_length=1, max_length=50),
    ]
    wording: dict[Item, Text] = Field(default_factory=dict)
    sources: Annotated[dict[Id, Text], Field(min_length=1, max_length=50)]
    unverified: Annotated[tuple[Text, ...], Few] = ()
    traps: Annotated[tuple[Text, ...], Few] = ()

    @model_validator(mode="after")
    def _days_do_not_overlap(self) -> Self:
        if self.min_interval_days < (self.recall_days or 0):
            raise ValueError("min_interval_days is under recall_days: the same days would be asked about twice")
        if self.suggested_interval_days < self.min_interval_days:
            raise ValueError("suggested_interval_days is under min_interval_days")
        return self

    @model_validator(mode="after")
    def _items_in_one_scale_of_a_form(self) -> Self:
        # a scale that is the sum of others is never sealed beside them: two totals with a common part give it away
        for form, scales in self.forms.items():
            if unknown := set(scales) - set(self.scales):
                raise ValueError(f"form {form} has no scale {min(unknown)}")
            items = [item for scale in scales for item in self.scales[scale].items]
            if len(set(items)) != len(items):
                raise ValueError(f"form {form} has an item in two scales")
        return self

    @model_validator(mode="after")
    def _partial_answers_compare(self) -> Self:
        for name, scale in self.scales.items():
            if scale.least < len(scale.items) and (set(scale.items) & set(self.answers.other) or self.gate):
                raise ValueError(f"scale {name} may not be answered in part: its items do not all have one range")
        return self

    @model_validator(mode="after")
    def _cuts_divide_people(self) -> Self:
        for name, given in self.scales.items():
            scale = self._scale(name)
            if scale.score_max - scale.score_min > MOST_SCORES:
                raise ValueError(f"scale {name} spans more than {MOST_SCORES} from its lowest sum to its highest")
            over = (cut for cut in given.cuts if not scale.score_min < cut.value + (cut.at_most is not None))
            under = (cut for cut in given.cuts if not cut.value - (cut.at_least is not None) < scale.score_max)
            if not scale.divides or any(over) or any(under):
                raise ValueError(f"nobody, or everybody, would be at risk on scale {name}, or in one of its bands")
        return self

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        for scale, label in self.at_risk_rule.cuts if self.at_risk_rule else ():
            if label not in {cut.label for cut in self.scales[scale].cuts} if scale in self.scales else True:
                raise ValueError(f"at_risk_rule: there is no cut {scale}:{label}")
        items = {item for scale in self.scales.values() for item in scale.items}
        if not {*self.answers.other, *self.wording} <= items:
            raise ValueError("answers.other or wording names an item that no scale has")
        if self.wording and self.licence.wording != "may_ship":
            raise ValueError("wording may not be here: licence.wording does not say may_ship")
        if self.gate is not None and not self.answers.min <= self.gate.opens <= self.answers.max:
            raise ValueError("gate.open is no answer")
        return self

    def build_forms(self) -> Iterator[Form]:
        """Each form with its scales in the order the YAML names them."""
        for form, scales in self.forms.items():
            found = tuple(self._scale(scale) for scale in scales)
            yield Form(form, self.version, self.id, self.sensitive, found, self._gate())

    def _gate(self) -> Gate | None:
        if self.gate is None:
            return None
        return Gate(str(self.gate.item), self.gate.opens, self.answers.min, self.answers.max)

    def _scale(self, name: str) -> Scale:
        given = self.scales[name]
        return Scale(
            id=name,
            items=tuple(str(item) for item in given.items),
            reverse=frozenset(str(item) for item in given.reverse),
            low=self.answers.min,
            high=self.answers.max,
            min_answered=given.least,
            published_as=given.published_as,
            direction=given.direction,
            cut=next((cut.value for cut in given.cuts if cut.label == given.at_risk), None),
            other=self._other(given),
        )

    def _other(self, scale: ScaleDefinition) -> tuple[tuple[str, Range], ...]:
        given: Mapping[int, Limits] = self.answers.other
        return tuple((str(item), (given[item].min, given[item].max)) for item in scale.items if item in given)

    def scale(self, name: str) -> Scale:
        """One scale as it is scored, in a form or not."""
        return self._scale(name)
