"""What an answer may look like in a QuestionnaireResponse, whatever was asked: https://hl7.org/fhir/R4/datatypes.html."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from producers.sources.fhir_questionnaire import value_of
from producers.sources.fhir_resources import MOST_DEEP, Resource, objects, text
from producers.sources.json_text import Number

_DATE: Final = r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_PATTERNS: Final = {
    "Date": re.compile(_DATE),
    "Time": re.compile(_CLOCK),
    "DateTime": re.compile(f"{_DATE}(?:T{_CLOCK}{_ZONE})?"),
    "Instant": re.compile(f"{_DATE}T{_CLOCK}{_ZONE}"),
}
_INTEGER: Final = re.compile("-?(?:0|[1-9][0-9]{0,9})")
_ITEM_NAMES: Final = frozenset({"id", "extension", "modifierExtension", "linkId", "definition", "text", "subject"})
_ANSWER_NAMES: Final = frozenset({"id", "extension", "modifierExtension", "item"})


class Violation(NamedTuple):
    """A rule that a response breaks. `link` is the item's if the Questionnaire has it; a response may hold any text."""

    link: str | None
    rule: str


def _is_integer(value: Any) -> bool:
    return isinstance(value, Number) and bool(_INTEGER.fullmatch(value)) and -(2**31) <= int(value) < 2**31


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number) and bool(value.strip())


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _matches(kind: str) -> Callable[[Any], bool]:
    pattern = _PATTERNS[kind]
    return lambda value: _is_text(value) and bool(pattern.fullmatch(value))


TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "Decimal": lambda value: isinstance(value, Number),
    "Integer": _is_integer,
    "Date": _matches("Date"),
    "DateTime": _matches("DateTime"),
    "Time": _matches("Time"),
    "String": _is_text,
    "Uri": _is_text,
    "Attachment": _is_block,
    "Coding": _is_block,
    "Quantity": _is_block,
    "Reference": _is_block,
}
"""The types an answer may have, and whether a value is one."""


def shape_violations(response: Resource) -> Iterator[Violation]:
    """What no QuestionnaireResponse may look like, item by item; nothing of what it holds is in the result."""
    if not isinstance(response.get("item", []), list):
        yield Violation(None, "its items are no list")
    waiting: list[tuple[Any, int]] = [(response, 0)]
    while waiting:
        element, depth = waiting.pop()
        if depth > MOST_DEEP:
            yield Violation(None, "items are nested far too deep")
            return
        for item in _list(element, "item"):
            yield from _item(item)
            waiting.append((item, depth + 1))
            waiting += [(answer, depth + 1) for answer in objects(item, "answer")]


def _list(element: Any, name: str) -> list[Any]:
    found = element.get(name) if isinstance(element, dict) else None
    return found if isinstance(found, list) else []


def _item(item: Any) -> Iterator[Violation]:
    if not isinstance(item, dict):
        yield Violation(None, "an item is no object")
        return
    if not text(item, "linkId"):
        yield Violation(None, "an item has no linkId")
    if not _is_known(item, _ITEM_NAMES | {"item", "answer"}):
        yield Violation(None, "an item has a property that FHIR does not have")
    for name in ("item", "answer"):
        if name in item and not (isinstance(item[name], list) and item[name]):
            yield Violation(None, "the items or answers of an item are no list, or an empty one")
    for answer in _list(item, "answer"):
        yield from _answer(answer)


def _answer(answer: Any) -> Iterator[Violation]:
    if not isinstance(answer, dict) or not answer:
        yield Violation(None, "an answer is empty, or no object")
        return
    values = [name for name in answer if name.startswith("value")]
    if any(name[len("value") :] not in TYPES for name in values) or not _is_known(answer, _ANSWER_NAMES | {*values}):
        yield Violation(None, "an answer has a property that FHIR does not have")
    elif len(values) > 1:
        yield Violation(None, "an answer has several values")
    elif values:
        kind, value = value_of(answer)
        if value is None or not TYPES[kind](value):
            yield Violation(None, f"an answer is no {kind} as FHIR writes it")


def _is_known(element: Resource, names: frozenset[str]) -> bool:
    # a name that begins with _ holds extensions of a simple value
    return all(name in names or name.startswith("_") for name in element)
