"""A response against the Questionnaire it answers: what FHIR R4 and SDC demand and the two resources alone can tell.

Not told, and so accepted: codes of ValueSets that are elsewhere, FHIRPath (invariants, calculated bounds, conditions
in FHIRPath), patterns (`regex`), and conversions between units other than a few.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from producers.sources.fhir_enable import Scope, is_enabled
from producers.sources.fhir_json import Object, extensions, objects, text
from producers.sources.fhir_questionnaire import Questionnaire
from producers.sources.fhir_rules import problems
from producers.sources.fhir_shape import is_value
from producers.sources.fhir_values import decimal_of

_OCCURS: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-{}Occurs"
_DONE: Final = ("completed", "amended")
_WITHOUT_ANSWERS: Final = ("group", "display")


class Violation(NamedTuple):
    """What a response has against its Questionnaire. `link` only if it is a linkId of the Questionnaire."""

    link: str | None
    hint: str


@dataclass(frozen=True, slots=True)
class _Level:
    """Questions that stand together, and the items of the response that stand where they belong."""

    asked: list[Object] = field(repr=False)
    scope: Scope = field(repr=False)


def violations(response: Object, questionnaire: Questionnaire) -> Iterator[Violation]:
    """Everything a response has against its Questionnaire, from the outside in."""
    checker = _Checker(questionnaire, text(response, "status") in _DONE)
    waiting = [_Level(objects(questionnaire.resource, "item"), Scope(objects(response, "item")))]
    if not _is_list_of_objects(response.get("item", [])):
        yield Violation(None, "item must be a list of objects: correct the program that wrote it")
    # no recursion: how deep a resource goes is not for us to choose
    while waiting:
        level = waiting.pop()
        yield from checker.strangers(level)
        for item in level.asked:
            yield from checker.item(item, level, waiting)


@dataclass(frozen=True, slots=True)
class _Checker:
    questionnaire: Questionnaire
    done: bool

    def strangers(self, level: _Level) -> Iterator[Violation]:
        """Items that do not belong where they stand."""
        here = {text(item, "linkId") for item in level.asked}
        for item in level.scope.items:
            link = text(item, "linkId")
            if link not in here:
                known = link in self.questionnaire.items
                wrong = "stands where it does not belong" if known else "is not in the questionnaire"
                hint = f"an item {wrong}: correct the program that wrote it, or give the right questionnaire"
                yield Violation(link if known else None, hint)

    def item(self, item: Object, level: _Level, waiting: list[_Level]) -> Iterator[Violation]:
        """What is wrong with the answers to one question, or with a group; what is below is put on the list."""
        link = text(item, "linkId")
        given = level.scope.by_link.get(link, [])
        enabled = is_enabled(item, level.scope)
        if self.done and enabled is False and any(_is_answered(one) for one in given):
            yield Violation(link, "the item is answered though its condition does not hold: correct it at the source")
        found = self._group(item, given) if text(item, "type") == "group" else self._question(item, given)
        yield from (Violation(link, hint) for hint in found)
        if self.done and enabled:
            yield from (Violation(link, hint) for hint in _missing(item, given))
        if enabled is not False:
            waiting += reversed(_below(item, given, level.scope))

    def _group(self, item: Object, given: list[Object]) -> Iterator[str]:
        if any("answer" in one for one in given):
            yield "a group is answered, which only a question can be: correct the program that wrote it"
        if len(given) > 1 and item.get("repeats") is not True:
            yield "the group is there more than once, and does not repeat: correct it at the source"
        yield from _too_many(item, given)
        yield from _of_lists(given)

    def _question(self, item: Object, given: list[Object]) -> Iterator[str]:
        yield from _of_lists(given)
        if len(given) > 1:
            yield "the question is there more than once; its answers belong together: correct the program that wrote it"
        if text(item, "type") == "display":
            if any("answer" in one or "item" in one for one in given):
                yield "a text without a question is answered: correct the program that wrote it"
            return
        if any("item" in one for one in given):
            yield "items below a question belong in its answers: correct the program that wrote it"
        answers = [answer for one in given for answer in objects(one, "answer")]
        yield from problems(item, answers, self.questionnaire)
        yield from _too_many(item, given)


def _of_lists(given: list[Object]) -> Iterator[str]:
    lists = [one[name] for one in given for name in ("answer", "item") if name in one]
    if not all(map(_is_list_of_objects, lists)):
        yield "answer and item must be lists of objects: correct the program that wrote it"
    elif not all(lists):
        yield "answer and item must not be empty lists: correct the program that wrote it"


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _below(item: Object, given: list[Object], scope: Scope) -> list[_Level]:
    """The questions below, once for each repetition of a group and each answer."""
    is_group = text(item, "type") == "group"
    holders = given if is_group else [answer for one in given for answer in objects(one, "answer")]
    return [_Level(objects(item, "item"), Scope(objects(holder, "item"), scope)) for holder in holders]


def _has_value(answer: Object) -> bool:
    return any(map(is_value, answer.items()))


def _is_answered(item: Object) -> bool:
    return any(map(_has_value, (answer for many in Scope([item]).answers.values() for answer in many)))


def _count(item: Object, given: list[Object]) -> int:
    if text(item, "type") == "group":
        return len(given)
    return sum(_has_value(answer) for one in given for answer in objects(one, "answer"))


def _missing(item: Object, given: list[Object]) -> Iterator[str]:
    if text(item, "type") == "display":
        return
    count, least = _count(item, given), _occurs(item, "min")
    if item.get("required") is True and not count:
        yield "the questionnaire requires an answer, and there is none: complete it at the source"
    elif least is not None and count < least:
        yield "there are fewer answers than the questionnaire requires: complete it at the source"


def _too_many(item: Object, given: list[Object]) -> Iterator[str]:
    most = _occurs(item, "max")
    if most is not None and _count(item, given) > most:
        yield "there are more answers than the questionnaire allows: correct it at the source"


def _occurs(item: Object, which: str) -> int | None:
    found = (decimal_of(one.get("valueInteger")) for one in extensions(item, [_OCCURS.format(which)]))
    return next((int(number) for number in found if number is not None), None)


def first_of(found: Iterator[Violation]) -> Violation | None:
    """The first violation, which says how many more there are; None if there is none."""
    first = next(found, None)
    if first is None:
        return None
    more = Counter(found).total()
    return first._replace(hint=f"{first.hint} (and {more} more)") if more else first
