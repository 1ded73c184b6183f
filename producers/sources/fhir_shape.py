"""How a QuestionnaireResponse is built, whatever it answers. What is null counts as left out."""

from collections.abc import Iterator
from typing import Any, Final

from producers.sources.fhir_json import Malformed, Number, Object, strict_objects
from producers.sources.fhir_values import malformed

VALUES: Final = {
    **dict.fromkeys(("valueInteger", "valueDecimal"), Number),
    "valueBoolean": bool,
    **dict.fromkeys(("valueDate", "valueDateTime", "valueInstant", "valueTime", "valueString", "valueUri"), str),
    **dict.fromkeys(("valueCoding", "valueQuantity", "valueAttachment", "valueReference"), dict),
}
"""What an answer may be called in any version of FHIR, and what JSON it is."""


def is_value(named: tuple[str, Any]) -> bool:
    """Whether a part of an answer is its value."""
    return named[0].startswith("value") and named[1] is not None


def answer_items(response: Object) -> Iterator[tuple[str, list[Object]]]:
    """Every item at any depth: its linkId and its answers. Malformed if the resource is not built as FHIR says."""
    waiting = strict_objects(response, "item")[::-1]
    while waiting:
        item = waiting.pop()
        link = item.get("linkId")
        if not isinstance(link, str) or not link.strip():
            raise Malformed("linkId", "an item has no linkId, or one that is no text: correct the program")
        answers = strict_objects(item, "answer")
        yield link, answers
        below = [*(one for answer in answers for one in strict_objects(answer, "item")), *strict_objects(item, "item")]
        waiting += reversed(below)


def value_of(answer: Object) -> tuple[str, Any] | None:
    """The name and value of an answer; None if it has none. Malformed if it has two, or none that FHIR knows."""
    names = [name for name, value in answer.items() if is_value((name, value))]
    if not names:
        return None
    if len(names) > 1:
        raise Malformed("answer", "an answer has two values where one is allowed: correct the program that wrote it")
    name, value = names[0], answer[names[0]]
    if name not in VALUES or not isinstance(value, VALUES[name]):
        raise Malformed("answer", "an answer has a value of a type that FHIR does not have: correct the program")
    wrong = malformed(name, value)
    if wrong:
        raise Malformed("answer", wrong)
    return name, value
