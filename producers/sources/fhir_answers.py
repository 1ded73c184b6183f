"""The values given to one item against what the item allows: types, options, limits, sizes. Pure; no value is told."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from producers.sources.fhir_questionnaire import Item, Option, value_of
from producers.sources.fhir_resources import objects, text
from producers.sources.json_text import Number

Value = tuple[str, Any]
_CHOICE: Final = frozenset({"Coding", "Date", "Time", "Integer", "String", "Reference"})
_KINDS: Final = {
    "boolean": frozenset({"Boolean"}),
    "decimal": frozenset({"Decimal"}),
    "integer": frozenset({"Integer"}),
    "date": frozenset({"Date"}),
    "dateTime": frozenset({"DateTime"}),
    "time": frozenset({"Time"}),
    "string": frozenset({"String"}),
    "text": frozenset({"String"}),
    "url": frozenset({"Uri"}),
    "choice": _CHOICE,
    "open-choice": _CHOICE,
    "coding": frozenset({"Coding", "String"}),
    "attachment": frozenset({"Attachment"}),
    "reference": frozenset({"Reference"}),
    "quantity": frozenset({"Quantity"}),
}
_BYTES_PER_MEGABYTE: Final = 1_000_000


def answer_violations(item: Item, values: Sequence[Value]) -> Iterator[str]:
    """The rules that the values of one item break."""
    kinds = _KINDS.get(item.kind)
    if kinds is not None and any(kind not in kinds for kind, _ in values):
        yield f"the answer is of another type than the questionnaire asks for, {item.kind}"
        return
    yield from _options(item, values)
    for kind, value in values:
        yield from _limits(item, kind, value)
        yield from _sizes(item, kind, value)
        if kind == "Quantity":
            yield from _units(item, value)


def _options(item: Item, values: Sequence[Value]) -> Iterator[str]:
    if item.options is None:
        return
    chosen = [next((one for one in item.options if is_option(value, one)), None) for value in values]
    if any(one is None and not _is_free(item, value) for one, value in zip(chosen, values, strict=True)):
        yield "the answer is not one of the options of the questionnaire"
    if len(values) > 1 and any(one is not None and one.is_exclusive for one in chosen):
        yield "an answer that excludes all others is given together with another"


def _is_free(item: Item, value: Value) -> bool:
    """Whether an answer need not be one of the options."""
    constraint = text(item.raw, "answerConstraint")
    if constraint == "optionsOrType":
        return True
    is_open = item.kind == "open-choice" or constraint == "optionsOrString"
    # a coding without a code is text that somebody wrote
    return is_open and (value[0] == "String" or (value[0] == "Coding" and not text(value[1], "code")))


def is_option(value: Value, option: Option) -> bool:
    """Whether a value is an option. A coding may leave out the system."""
    if value[0] != option.kind:
        return False
    if value[0] == "Coding":
        return _is_coding(value[1], option.value)
    if value[0] == "Reference":
        return text(value[1], "reference") == text(option.value, "reference")
    mine, other = _number(value[1]), _number(option.value)
    return mine == other if mine is not None and other is not None else value[1] == option.value


def _is_coding(given: Any, option: Any) -> bool:
    system, code = text(given, "system"), text(given, "code")
    if not code:
        return not text(option, "code") and text(given, "display") == text(option, "display")
    return code == text(option, "code") and (not system or system == text(option, "system"))


def _limits(item: Item, kind: str, value: Any) -> Iterator[str]:
    for name, sign in (("minValue", 1), ("maxValue", -1)):
        for limit in item.extension(name):
            over = difference(value, limit, kind)
            if over is not None and over * sign < 0:
                yield f"the answer is {'under' if sign > 0 else 'over'} the limit of the questionnaire"


def difference(value: Any, limit: Any, kind: str) -> int | None:
    """1 if a value is over a limit, -1 if it is under, 0 if neither; None if they cannot be compared."""
    if kind in ("Integer", "Decimal"):
        mine, other = _number(value), _number(limit)
        return None if mine is None or other is None else (mine > other) - (mine < other)
    # dates and times of equal precision and, if any, equal offset stand in the order of their letters
    is_alike = isinstance(limit, str) and isinstance(value, str) and len(value) == len(limit) and kind != "String"
    if is_alike and (kind in ("Date", "Time") or value[19:] == limit[19:]):
        return int(value > limit) - int(value < limit)
    return None


def _sizes(item: Item, kind: str, value: Any) -> Iterator[str]:
    if kind in ("String", "Uri"):
        most, least = _number(item.raw.get("maxLength")), _first(item, "minLength")
        if most is not None and len(value) > most:
            yield "the text is longer than the questionnaire allows"
        if least is not None and len(value) < least:
            yield "the text is shorter than the questionnaire asks for"
    elif kind in ("Decimal", "Integer"):
        most = _first(item, "maxDecimalPlaces")
        if most is not None and _places(value) > most:
            yield "the number has more decimal places than the questionnaire allows"
    elif kind == "Attachment":
        yield from _attachment(item, value)
    elif kind == "Reference":
        yield from _reference(item, value)


def _attachment(item: Item, value: Any) -> Iterator[str]:
    types = item.extension("mimeType")
    if types and text(value, "contentType") and text(value, "contentType") not in types:
        yield "the attachment is of a kind that the questionnaire does not allow"
    most, size = _first(item, "maxSize"), _number(value.get("size"))
    if size is None:
        size = Decimal(len(text(value, "data")) * 3 // 4)
    if most is not None and size > most * _BYTES_PER_MEGABYTE:
        yield "the attachment is larger than the questionnaire allows"


def _reference(item: Item, value: Any) -> Iterator[str]:
    allowed = item.extension("referenceResource")
    named = text(value, "reference").split("/_history/")[0].split("/")
    kind = text(value, "type") or (named[-2] if len(named) > 1 else "")
    if allowed and kind[:1].isupper() and kind not in allowed:
        yield "the answer refers to another kind of thing than the questionnaire allows"


def _units(item: Item, value: Any) -> Iterator[str]:
    own = (text(value, "system"), text(value, "code"))
    options = [one for one in item.extension("unitOption") if isinstance(one, dict)]
    if options and own[1] and own not in [(text(one, "system"), text(one, "code")) for one in options]:
        yield "the unit is not one of those of the questionnaire"
    for name, sign in (("minQuantity", 1), ("maxQuantity", -1)):
        for limit in item.extension(name):
            if not all(own):
                yield "the unit is not coded, so that the limits of the questionnaire cannot be checked"
            elif own == (text(limit, "system"), text(limit, "code")):
                over = difference(value.get("value"), limit.get("value"), "Decimal")
                if over is not None and over * sign < 0:
                    yield f"the quantity is {'under' if sign > 0 else 'over'} the limit of the questionnaire"


def _first(item: Item, name: str) -> Decimal | None:
    values = item.extension(name)
    return _number(values[0]) if values else None


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, Number):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _places(value: Any) -> int:
    number = _number(value)
    exponent = number.as_tuple().exponent if number is not None else 0
    return -exponent if isinstance(exponent, int) else 0


def values_of(element: Any) -> list[Value]:
    """The values that the answers of one item of a response have."""
    return [value for value in map(value_of, objects(element, "answer")) if value[0]]
