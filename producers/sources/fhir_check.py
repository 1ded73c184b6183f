"""A QuestionnaireResponse against its Questionnaire: the rules of FHIR and SDC that need no terminology server, no
FHIRPath and no regular expressions. Of units of measure a few are known, see `fhir_units.py`.

https://hl7.org/fhir/R4/questionnaireresponse.html and https://hl7.org/fhir/uv/sdc. The order of items is not checked:
it says nothing about an answer. False alarms would lose answers, so what cannot be decided here passes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from producers.sources.fhir_answers import answer_violations
from producers.sources.fhir_enabled import Around, is_enabled
from producers.sources.fhir_questionnaire import Item, Questionnaire, value_of
from producers.sources.fhir_resources import Resource, objects, text
from producers.sources.fhir_shape import Violation, shape_violations
from producers.sources.json_text import Number

_NOT_ASKED = ("display", "group", "question")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the response we are: the elements around, outermost first, and whether all must be answered by now."""

    around: tuple[Around, ...]
    is_finished: bool


def violations(response: Resource, questionnaire: Questionnaire) -> Iterator[Violation]:
    """Every rule the response breaks. What is in progress need not be complete."""
    broken = list(shape_violations(response))
    if broken:
        yield from broken
        return
    is_finished = response.get("status") not in ("in-progress", "stopped")
    yield from _children(response, questionnaire.items, _Place((Around(response),), is_finished))


def _children(element: Resource, items: Sequence[Item], place: _Place) -> Iterator[Violation]:
    given: dict[str, list[Resource]] = {}
    for one in objects(element, "item"):
        given.setdefault(text(one, "linkId"), []).append(one)
    if given.keys() - {item.link for item in items}:
        yield Violation("", "there is an item that the questionnaire does not have in this place")
    for item in items:
        yield from _item(item, given.get(item.link, []), place)


def _item(item: Item, given: list[Resource], place: _Place) -> Iterator[Violation]:
    enabled = is_enabled(item, place.around)
    if enabled is False:
        if any(map(_is_answered, given)):
            yield Violation(item.link, "it is answered, though by the other answers it was not asked")
        return
    # of what may not have been asked nothing is demanded, nor of what stands below it
    place = _Place(place.around, place.is_finished and enabled is True)
    if not given:
        if item.required and place.is_finished and item.kind != "display":
            yield Violation(item.link, "it must be answered")
        return
    if len(given) > 1 and not (item.repeats and item.kind == "group"):
        yield Violation(item.link, "it is there more than once")
    if item.kind == "group":
        yield from _counted(item, len(given), place)
    for one in given:
        yield from (_group if item.kind in _NOT_ASKED else _question)(item, one, place)


def _group(item: Item, given: Resource, place: _Place) -> Iterator[Violation]:
    if objects(given, "answer"):
        yield Violation(item.link, "it is answered, though it is no question")
        return
    yield from _children(given, item.items, _Place((*place.around, Around(given)), place.is_finished))


def _question(item: Item, given: Resource, place: _Place) -> Iterator[Violation]:
    if objects(given, "item"):
        yield Violation(item.link, "items stand beside its answers, not under them")
    answers = objects(given, "answer")
    values = [value_of(answer) for answer in answers]
    values = [value for value in values if value[0]]
    if not values and item.required and place.is_finished:
        yield Violation(item.link, "it must be answered")
        return
    if len(answers) > 1 and not item.repeats:
        yield Violation(item.link, "it has several answers and may have one")
    yield from _counted(item, len(answers), place)
    yield from (Violation(item.link, rule) for rule in answer_violations(item, values))
    around = (*place.around, Around(given))
    for answer in answers:
        yield from _children(answer, item.items, _Place((*around, Around(answer)), place.is_finished))


def _counted(item: Item, count: int, place: _Place) -> Iterator[Violation]:
    least, most = (_whole(item.extension(name)) for name in ("minOccurs", "maxOccurs"))
    if least is not None and count < least and place.is_finished:
        yield Violation(item.link, "it has fewer answers than the questionnaire asks for")
    if most is not None and count > most:
        yield Violation(item.link, "it has more answers than the questionnaire allows")


def _whole(values: list[Any]) -> int | None:
    value = values[0] if values else None
    return int(value) if isinstance(value, Number) and value.isdigit() and len(value) < 10 else None


def _is_answered(given: Resource) -> bool:
    waiting = [given]
    while waiting:
        element = waiting.pop()
        if value_of(element)[0]:
            return True
        waiting += objects(element, "item") + objects(element, "answer")
    return False
