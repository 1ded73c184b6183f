"""What an answer may look like in a QuestionnaireResponse, whatever was asked: https://hl7.org/fhir/R4/datatypes.html."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from producers.sources.fhir_compare import is_date, is_instant, is_time
from producers.sources.fhir_questionnaire import value_of
from producers.sources.fhir_resources import MOST_DEEP, Resource, objects, text
from producers.sources.json_text import Number

_INTEGER: Final = re.compile("-?(?:0|[1-9][0-9]{0,9})")
_ITEM_NAMES: Final = frozenset({"id", "extension", "modifierExtension", "linkId", "definition", "text", "subject"})
_ANSWER_NAMES: Final = frozenset({"id", "extension", "modifierExtension", "item"})


class Violation(NamedTuple):
    """A rule that a response breaks.

    `link` is the item's if the Questionnaire has it, for a response may hold any text; empty of what it does not have,
    and None if the rule is of FHIR and not of the Questionnaire.
    """

    link: str | None
    rule: str


def _is_integer(value: Any) -> bool:
    return isinstance(value, Number) and bool(_INTEGER.fullmatch(value)) and -(2**31) <= int(value) < 2**31


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number) and bool(value.strip())


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_address(value: Any) -> bool:
    return _is_text(value) and not re.search(r"\s", value)


def _is_coding(value: Any) -> bool:
    return _is_block(value) and ("code" not in value or value["code"] is None or _is_code(value["code"]))


def _is_code(value: Any) -> bool:
    return _is_text(value) and value == value.strip()


def _is_quantity(value: Any) -> bool:
    if not _is_block(value) or (text(value, "code") and not text(value, "system")):
        return False
    return value.get("value") is None or isinstance(value["value"], Number)


def _is_attachment(value: Any) -> bool:
    return _is_block(value) and (value.get("data") is None or bool(text(value, "contentType")))


TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "Boolean": lambda value: isinstance(value, bool),
    "Decimal": lambda value: isinstance(value, Number),
    "Integer": _is_integer,
    "Date": is_date,
    "DateTime": lambda value: is_date(value) or is_instant(value),
    "Instant": is_instant,
    "Time": is_time,
    "String": _is_text,
    "Uri": _is_address,
    "Attachment": _is_attachment,
    "Coding": _is_coding,
    "Quantity": _is_quantity,
    "Reference": _is_block,
}
"""The types an answer may have, and whether a value is one."""


def shape_violations(response: Resource) -> Iterator[Violation]:
    """What no QuestionnaireResponse may look like, item by item; nothing of what it holds is in the result."""
    if not isinstance(response.get("item") or [], list):
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
        if item.get(name) is not None and not (isinstance(item[name], list) and item[name]):
            yield Violation(None, "the items or answers of an item are no list, or an empty one")
    for answer in _list(item, "answer"):
        yield from _answer(answer)


def _answer(answer: Any) -> Iterator[Violation]:
    if not isinstance(answer, dict) or not answer:
        yield Violation(None, "an answer is empty, or no object")
        return
    values = [name for name, value in answer.items() if name.startswith("value") and value is not None]
    if any(name[len("value") :] not in TYPES for name in values) or not _is_known(answer, _ANSWER_NAMES | {*values}):
        yield Violation(None, "an answer has a property that FHIR does not have")
    elif len(values) > 1:
        yield Violation(None, "an answer has several values")
    elif values:
        kind, value = value_of(answer)
        if not TYPES[kind](value):
            yield Violation(None, f"an answer is no {kind} as FHIR writes it")


def _is_known(element: Resource, names: frozenset[str]) -> bool:
    # a name that begins with _ holds extensions of a simple value
    return all(name in names or name.startswith("_") or value is None for name, value in element.items())
