"""The values given to one item against what the item allows: types, options, limits, sizes. Pure; no value is told."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from producers.sources.fhir_compare import difference, number_of, unit_of
from producers.sources.fhir_questionnaire import Item, Option, value_of
from producers.sources.fhir_resources import objects, text
from producers.sources.fhir_units import measure_different_things

Value = tuple[str, Any]
_KINDS: Final = {
    **{name: name[0].upper() + name[1:] for name in ("boolean", "decimal", "integer", "date", "dateTime", "time")},
    **{name: name[0].upper() + name[1:] for name in ("string", "attachment", "reference", "quantity")},
    **dict.fromkeys(("choice", "open-choice", "coding"), "Coding"),
    "text": "String",
    "url": "Uri",
}
_BYTES_PER_MEGABYTE: Final = 1_000_000
_QUANTITY_LIMITS: Final = ("minValue", "maxValue", "minQuantity", "maxQuantity")


def answer_violations(item: Item, values: Sequence[Value]) -> Iterator[str]:
    """The rules that the values of one item break."""
    if not all(_is_of_type(item, kind) for kind, _ in values):
        yield f"the answer is of another type than the questionnaire asks for, {item.kind}"
        return
    yield from _options(item, values)
    for kind, value in values:
        yield from _limits(item, kind, value)
        yield from _sizes(item, kind, value)
        if kind == "Quantity":
            yield from _units(item, value)


def _is_of_type(item: Item, kind: str) -> bool:
    """Whether the item takes this type; any will do for an item of a type that is not known here."""
    if item.kind not in _KINDS or kind == _KINDS[item.kind] or (kind == "String" and _takes_text(item)):
        return True
    # R4 lets the options of a choice be dates, times, numbers, text and references
    return item.kind in ("choice", "open-choice") and any(one.kind == kind for one in item.options or ())


def _takes_text(item: Item) -> bool:
    return item.kind == "open-choice" or text(item.raw, "answerConstraint") == "optionsOrString"


def _options(item: Item, values: Sequence[Value]) -> Iterator[str]:
    if item.options is None:
        return
    near: dict[tuple[str, str], list[Option]] = {}
    for option in item.options:
        near.setdefault(_nearness(option.kind, option.value), []).append(option)
    chosen = [next((one for one in near.get(_nearness(*value), ()) if is_option(value, one)), None) for value in values]
    if any(one is None and not _is_free(item, value) for one, value in zip(chosen, values, strict=True)):
        yield "the answer is not one of the options of the questionnaire"
    if len(values) > 1 and any(one is not None and one.is_exclusive for one in chosen):
        yield "an answer that excludes all others is given together with another"


def _is_free(item: Item, value: Value) -> bool:
    """Whether an answer need not be one of the options."""
    if text(item.raw, "answerConstraint") == "optionsOrType":
        return True
    # a coding without a code is text that somebody wrote
    return _takes_text(item) and (value[0] == "String" or (value[0] == "Coding" and not text(value[1], "code")))


def _nearness(kind: str, value: Any) -> tuple[str, str]:
    """What a value and the option that it is have in common, so that long lists need not be gone through."""
    return kind, text(value, "code") if kind == "Coding" else ""


def is_option(value: Value, option: Option) -> bool:
    """Whether a value is an option. A coding may leave out the system."""
    if value[0] != option.kind:
        return False
    if value[0] == "Coding":
        return _is_coding(value[1], option.value)
    if value[0] == "Reference":
        return text(value[1], "reference") == text(option.value, "reference")
    mine, other = number_of(value[1]), number_of(option.value)
    return mine == other if mine is not None and other is not None else value[1] == option.value


def _is_coding(given: Any, option: Any) -> bool:
    system, code = text(given, "system"), text(given, "code")
    if not code:
        return not text(option, "code") and text(given, "display") == text(option, "display")
    return code == text(option, "code") and (not system or system == text(option, "system"))


def _limits(item: Item, kind: str, value: Any) -> Iterator[str]:
    for names, sign in ((("minValue", "minQuantity"), 1), (("maxValue", "maxQuantity"), -1)):
        for limit in (limit for name in names for limit in item.extension(name)):
            over = difference(value, limit, kind)
            if over is not None and over * sign < 0:
                yield f"the answer is {'under' if sign > 0 else 'over'} the limit of the questionnaire"


def _sizes(item: Item, kind: str, value: Any) -> Iterator[str]:
    if kind in ("String", "Uri"):
        most, least = number_of(item.raw.get("maxLength")), _first(item, "minLength")
        if most is not None and len(value) > most:
            yield "the text is longer than the questionnaire allows"
        if least is not None and len(value) < least:
            yield "the text is shorter than the questionnaire asks for"
    elif kind in ("Decimal", "Integer", "Quantity"):
        most = _first(item, "maxDecimalPlaces")
        if most is not None and _places(value.get("value") if kind == "Quantity" else value) > most:
            yield "the number has more decimal places than the questionnaire allows"
    elif kind == "Attachment":
        yield from _attachment(item, value)
    elif kind == "Reference":
        yield from _reference(item, value)


def _attachment(item: Item, value: Any) -> Iterator[str]:
    types, given = [_mime(one) for one in item.extension("mimeType")], _mime(value.get("contentType"))
    if types and given and not any(given == one or (one[-2:] == "/*" and given.startswith(one[:-1])) for one in types):
        yield "the attachment is of a kind that the questionnaire does not allow"
    most, size = _first(item, "maxSize"), number_of(value.get("size")) or Decimal(0)
    data = "".join(text(value, "data").split()).rstrip("=")
    if most is not None and max(size, Decimal(len(data) * 3 // 4)) > most * _BYTES_PER_MEGABYTE:
        yield "the attachment is larger than the questionnaire allows"


def _mime(written: Any) -> str:
    """A kind of file without its parameters, such as a charset."""
    return written.partition(";")[0].strip().casefold() if isinstance(written, str) else ""


def _reference(item: Item, value: Any) -> Iterator[str]:
    allowed = item.extension("referenceResource")
    named = text(value, "reference").split("/_history/")[0].split("/")
    kind = text(value, "type") or (named[-2] if len(named) > 1 else "")
    if allowed and kind[:1].isupper() and kind not in allowed:
        yield "the answer refers to another kind of thing than the questionnaire allows"


def _units(item: Item, value: Any) -> Iterator[str]:
    options = [one for one in item.extension("unitOption") if isinstance(one, dict)]
    is_open = any(one != "optionsOnly" for one in item.extension("unitOpen"))
    is_coded = all(unit_of(value))
    # of units that stand elsewhere only this is known: each has a code
    fits = any(_is_unit(value, one) for one in options) if options else is_coded or not item.extension("unitValueSet")
    if not fits and not is_open:
        yield "the unit is not one of those of the questionnaire"
    limits = [one for name in _QUANTITY_LIMITS for one in item.extension(name) if isinstance(one, dict)]
    if limits and not is_coded:
        yield "the unit is not coded, so that the limits of the questionnaire cannot be checked"
    if any(measure_different_things(unit_of(value), unit_of(one)) for one in limits):
        yield "the unit measures something else than the limits of the questionnaire"


def _is_unit(value: Any, option: Any) -> bool:
    if text(option, "code"):
        return text(value, "code") == text(option, "code") and text(option, "system") in ("", text(value, "system"))
    return text(value, "unit") == text(option, "display")


def _first(item: Item, name: str) -> Decimal | None:
    values = item.extension(name)
    return number_of(values[0]) if values else None


def _places(value: Any) -> int:
    number = number_of(value)
    exponent = number.normalize().as_tuple().exponent if number else 0
    return max(0, -exponent) if isinstance(exponent, int) else 0


def values_of(element: Any) -> list[Value]:
    """The values that the answers of one item of a response have."""
    return [value for value in map(value_of, objects(element, "answer")) if value[0]]
