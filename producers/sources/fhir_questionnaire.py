"""The FHIR Questionnaire that a response answers: its items, their options, and the scores of these."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from producers.sources.fhir_json import Number, Object, extensions, objects, part, text
from producers.sources.fhir_references import Reader

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
SCORES: Final = tuple(
    _BASE + name
    for name in (
        *("ordinalValue", "itemWeight", "questionnaire-ordinalValue"),
        *("valueset-ordinalValue", "codesystem-ordinalValue", "iso21090-CO-value"),
    )
)
"""The extensions that give a choice its number: of R4, of R5, and what STU3 had."""

Coding = tuple[str, str]


@dataclass(frozen=True)
class Questionnaire:
    """One Questionnaire. Wrong parts of it are passed over: it is not what is checked.

    One that is given is the hospital's own; others come with the answers, and may say anything.
    """

    resource: Object = field(repr=False)
    is_given: bool = False

    @cached_property
    def url(self) -> str:
        """Its canonical address."""
        return text(self.resource, "url")

    @cached_property
    def version(self) -> str:
        """Its version; empty if it has none."""
        return text(self.resource, "version")

    @cached_property
    def id(self) -> str:
        """Its id on its server."""
        return text(self.resource, "id")

    @cached_property
    def items(self) -> dict[str, Object]:
        """Every item at any depth by its linkId, in the order of the questions; of two with one linkId the first."""
        found: dict[str, Object] = {}
        waiting = objects(self.resource, "item")[::-1]
        while waiting:
            item = waiting.pop()
            found.setdefault(text(item, "linkId"), item)
            waiting += reversed(objects(item, "item"))
        return found

    def score(self, link: str, answer: Object, coding: Object) -> str | None:
        """The number a chosen answer stands for; None if neither response nor Questionnaire says one."""
        own = own_score(link, answer, coding)
        return own if own is not None else _chosen(self._scores.get(link, {}), coding)

    @cached_property
    def _scores(self) -> dict[str, dict[Coding, str]]:
        found = ((link, dict(self._item_scores(item))) for link, item in self.items.items())
        return {link: scores for link, scores in found if scores}

    def _item_scores(self, item: Object) -> Iterator[tuple[Coding, str]]:
        for option in (*objects(item, "option"), *objects(item, "answerOption")):
            coding = part(option, "valueCoding")
            score = _score(coding) or _score(option)
            if coding and score:
                yield _pair(coding), score
        yield from self._value_set_scores(value_set(item))

    def _value_set_scores(self, address: str) -> Iterator[tuple[Coding, str]]:
        for concept in concepts(self.contained(address)):
            score = _score(concept.extended)
            if score:
                yield concept.coding, score

    def contained(self, address: str) -> Object:
        """The ValueSet inside the Questionnaire with this address; an empty one if it has none."""
        if not address:
            return {}
        found = objects(self.resource, "contained")
        return next((one for one in found if address in (f"#{text(one, 'id')}", text(one, "url"))), {})


@dataclass(frozen=True, slots=True)
class Concept:
    """A code of a ValueSet, and what may carry its number."""

    coding: Coding
    extended: Object = field(repr=False)


def concepts(resource: Object) -> Iterator[Concept]:
    """The codes that a ValueSet lists itself, in its definition or its expansion."""
    for include in objects(part(resource, "compose"), "include"):
        system = text(include, "system")
        yield from (Concept((system, text(one, "code")), one) for one in objects(include, "concept"))
    waiting = objects(part(resource, "expansion"), "contains")
    while waiting:
        one = waiting.pop()
        yield Concept((text(one, "system"), text(one, "code")), one)
        waiting += objects(one, "contains")


def value_set(item: Object) -> str:
    """The address of the ValueSet of an item; empty if it has none. STU3 calls it options."""
    found = text(item, "answerValueSet") or text(part(item, "options"), "reference")
    return found if found.startswith("#") else found.partition("|")[0]


def own_score(_link: str, answer: Object, coding: Object) -> str | None:
    """The number that a response itself gives a chosen answer."""
    return _score(coding) or _score(answer)


def _score(extended: Any) -> str | None:
    for one in extensions(extended, SCORES):
        value = one.get("valueDecimal", one.get("valueInteger"))
        if isinstance(value, Number):
            return value.text
    return None


def _pair(coding: Object) -> Coding:
    return text(coding, "system"), text(coding, "code")


def _chosen(scores: dict[Coding, str], coding: Object) -> str | None:
    pair = _pair(coding)
    if pair in scores or pair[0]:
        return scores.get(pair)
    # without a system a code says which option is meant if only one has it
    found = [score for (_, code), score in scores.items() if code == pair[1]]
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Questionnaires:
    """Those that are known: given ones, and others that came with the answers."""

    given: tuple[Questionnaire, ...] = ()
    other: tuple[Questionnaire, ...] = ()

    def of_response(self, reader: Reader) -> Questionnaire | None:
        """The one a response answers, or None if it is not known."""
        canonical, reference = text(reader.response, "questionnaire"), part(reader.response, "questionnaire")
        named = canonical or text(reference, "reference")
        if named.startswith("#"):
            inside = reader.contained("Questionnaire")
            return next((Questionnaire(one) for one in inside if text(one, "id") == named[1:]), None)
        known = self.given or self.other
        if not named:
            return known[0] if len(known) == 1 else None
        url, _, version = named.partition("|")
        same = [one for one in (*self.given, *self.other) if not version or one.version in ("", version)]
        exact = [one for one in same if one.url == url and one.version == version]
        by_url = [one for one in same if one.url == url]
        # a canonical address of another Questionnaire may end in the same id
        is_place = not canonical or ":" not in url
        by_id = [one for one in same if one.id and url.rpartition("/")[2] == one.id and (is_place or not one.url)]
        return next(iter([*exact, *by_url, *by_id]), None)
