"""What a Questionnaire says about the answers to one item: their type, options, bounds, lengths and units.

Left to others, because more than the two resources is needed: codes of a ValueSet elsewhere, FHIRPath, and patterns
(`regex`), which are of a kind that each program reads differently.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from producers.sources.fhir_json import Number, Object, extensions, objects, part, string, text
from producers.sources.fhir_options import NOT_OPTION, not_an_option, option_names
from producers.sources.fhir_questionnaire import Questionnaire
from producers.sources.fhir_shape import VALUES, is_value
from producers.sources.fhir_units import dimensions_differ
from producers.sources.fhir_values import compare, decimal_of, incomplete, malformed

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
_TYPES: Final = {
    **{name: f"value{name[0].upper()}{name[1:]}" for name in ("boolean", "decimal", "integer", "date", "dateTime")},
    **{name: f"value{name[0].upper()}{name[1:]}" for name in ("time", "attachment", "reference", "quantity")},
    **dict.fromkeys(("string", "text"), "valueString"),
    "url": "valueUri",
    **dict.fromkeys(("choice", "open-choice", "coding"), "valueCoding"),
}
_MEGABYTE: Final = 1_000_000
_WRONG_UNIT: Final = "the unit of the answer is not one that the questionnaire allows: correct it at the source"

Answer = tuple[str, Any]
"""What a value is called, and the value."""


def problems(item: Object, answers: list[Object], questionnaire: Questionnaire) -> Iterator[str]:
    """What the answers to one item have against it, a sentence each."""
    for answer in answers:
        yield from _of_shape(answer)
    values = [one for answer in answers for one in answer.items() if is_value(one)]
    fit = [(name, value) for name, value in values if name in VALUES and isinstance(value, VALUES[name])]
    for one in fit:
        yield from _of_answer(item, one, questionnaire)
    if len(values) > 1:
        yield from _of_several(item, fit)


def _of_shape(answer: Object) -> Iterator[str]:
    names = [one[0] for one in answer.items() if is_value(one)]
    if len(names) > 1:
        yield "an answer has two values where one is allowed: correct the program that wrote it"
    if any(name not in VALUES or not isinstance(answer[name], VALUES[name]) for name in names):
        yield "an answer has a value of a type that FHIR does not have: correct the program that wrote it"
    strange = [name for name in answer if not name.startswith(("value", "_")) and name not in _PROPERTIES]
    if strange:
        yield "an answer has a property that FHIR does not have: correct the program that wrote it"
    if not answer:
        yield "the answer is empty: leave it out, or answer it at the source"


_PROPERTIES: Final = frozenset({"id", "extension", "modifierExtension", "item", "fhir_comments"})


def _of_several(item: Object, values: list[Answer]) -> Iterator[str]:
    if item.get("repeats") is not True:
        yield "the questionnaire allows one answer, and there are several: correct it at the source"
    exclusive = [
        option
        for option in objects(item, "answerOption")
        for one in extensions(option, [f"{_BASE}questionnaire-optionExclusive"])
        if one.get("valueBoolean") is True
    ]
    if exclusive and any(not not_an_option(exclusive, one) for one in values):
        yield "an option that stands alone was chosen together with others: correct it at the source"


def _of_answer(item: Object, answer: Answer, questionnaire: Questionnaire) -> Iterator[str]:
    name, value = answer
    wrong = malformed(name, value) or incomplete(name, value) or _of_type(item, name)
    if wrong:
        yield wrong
        return
    if not _is_free(item, name, value) and not_an_option(option_names(item, questionnaire), answer):
        yield NOT_OPTION
    yield from _of_length(item, name, value)
    yield from _of_bounds(item, name, value)
    if name == "valueQuantity":
        yield from _of_unit(item, value)
    if name == "valueAttachment":
        yield from _of_attachment(item, value)
    if name == "valueReference":
        yield from _of_reference(item, value)


def _of_type(item: Object, name: str) -> str | None:
    kind = text(item, "type")
    if kind == "question":
        return "the questionnaire gives the item a type that cannot be answered: correct the questionnaire"
    if kind not in _TYPES or name == _TYPES[kind] or (name == "valueString" and _takes_text(item)):
        return None
    # R4 lets the options of a choice be of other types than codes
    options = [option for option in objects(item, "answerOption") if name in option]
    if kind in ("choice", "open-choice") and (options or (name == "valueReference" and _is_stu3(item))):
        return None
    return "the answer is not of the type that the questionnaire asks for: correct it at the source"


def _is_stu3(item: Object) -> bool:
    return bool(objects(item, "option") or part(item, "options"))


def _takes_text(item: Object) -> bool:
    return text(item, "type") == "open-choice" or text(item, "answerConstraint") == "optionsOrString"


def _is_free(item: Object, name: str, value: Any) -> bool:
    """Whether the answer need be none of the options."""
    if text(item, "answerConstraint") == "optionsOrType":
        return True
    # own words are written as a coding without a code by some programs
    is_text = name == "valueString" or (name == "valueCoding" and not text(value, "code"))
    return is_text and _takes_text(item)


def _of_length(item: Object, name: str, value: Any) -> Iterator[str]:
    if name not in ("valueString", "valueUri"):
        return
    longest = decimal_of(item.get("maxLength"))
    if longest is not None and len(value) > longest:
        yield "the answer is longer than the questionnaire allows: correct it at the source"
    shortest = _number(item, f"{_BASE}minLength")
    if shortest is not None and len(value) < shortest:
        yield "the answer is shorter than the questionnaire allows: correct it at the source"


def _of_bounds(item: Object, name: str, value: Any) -> Iterator[str]:
    kind = name.removeprefix("value")
    least = _bounds(item, kind, (f"{_BASE}minValue", f"{_SDC}minQuantity"))
    most = _bounds(item, kind, (f"{_BASE}maxValue", f"{_SDC}maxQuantity"))
    if any(compare(kind, value, bound) == -1 for bound in least):
        yield "the answer is less than the questionnaire allows: correct it at the source"
    if any(compare(kind, value, bound) == 1 for bound in most):
        yield "the answer is more than the questionnaire allows: correct it at the source"
    if kind == "Quantity":
        yield from _of_measure(value, least + most)
    places = _number(item, f"{_BASE}maxDecimalPlaces")
    number = part({"": value}, "").get("value") if kind == "Quantity" else value
    if places is not None and isinstance(number, Number) and _decimal_places(number) > places:
        yield "the answer has more decimal places than the questionnaire allows: correct it at the source"


def _bounds(item: Object, kind: str, urls: tuple[str, ...]) -> list[Any]:
    names = ("valueInteger", "valueDecimal") if kind in ("Integer", "Decimal") else (f"value{kind}",)
    if kind in ("Date", "DateTime"):
        names = ("valueDate", "valueDateTime")
    return [one[name] for one in extensions(item, urls) for name in names if name in one]


def _of_measure(quantity: Object, bounds: list[Any]) -> Iterator[str]:
    """Bounds hold in whatever unit an answer is, so its unit must be one that can be converted."""
    if bounds and not (text(quantity, "system") and text(quantity, "code")):
        yield "the unit of the answer has no code, so that the bounds cannot be checked: correct it at the source"
    coded = text(quantity, "system"), text(quantity, "code")
    if any(dimensions_differ(coded, (text(bound, "system"), text(bound, "code"))) for bound in bounds):
        yield "the unit of the answer measures something else than the questionnaire's: correct it at the source"


def _decimal_places(number: Number) -> int:
    found = decimal_of(number)
    if not found:
        return 0
    exponent = found.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _number(item: Object, url: str) -> Decimal | None:
    found = (one.get(name) for one in extensions(item, [url]) for name in ("valueInteger", "valueDecimal"))
    return next((number for value in found if (number := decimal_of(value)) is not None), None)


def _of_unit(item: Object, quantity: Object) -> Iterator[str]:
    options = [part(one, "valueCoding") for one in extensions(item, [f"{_BASE}questionnaire-unitOption"])]
    elsewhere = next(extensions(item, [f"{_BASE}questionnaire-unitValueSet"]), None)
    if any(text(one, "valueCode") != "optionsOnly" for one in extensions(item, [f"{_SDC}unitOpen"])):
        return
    if options:
        fits = any(_is_unit(quantity, option) for option in options)
    else:
        fits = not elsewhere or bool(text(quantity, "system") and text(quantity, "code"))
    if not fits:
        yield _WRONG_UNIT


def _is_unit(quantity: Object, option: Object) -> bool:
    if text(option, "code"):
        fits = text(option, "system") in ("", text(quantity, "system"))
        return fits and text(quantity, "code") == text(option, "code")
    return text(quantity, "unit") == text(option, "display")


def _of_attachment(item: Object, attachment: Object) -> Iterator[str]:
    allowed = [_mime(text(one, "valueCode")) for one in extensions(item, [f"{_BASE}mimeType"])]
    given = _mime(text(attachment, "contentType"))
    if allowed and given and not any(_fits(given, pattern) for pattern in allowed):
        yield "the attachment is not of a type that the questionnaire allows: correct it at the source"
    most, size = _number(item, f"{_BASE}maxSize"), _size(attachment)
    if most is not None and size > most * _MEGABYTE:
        yield "the attachment is larger than the questionnaire allows: correct it at the source"


def _mime(written: str) -> str:
    return written.partition(";")[0].strip().casefold()


def _fits(given: str, pattern: str) -> bool:
    return given == pattern or (pattern.endswith("/*") and given.startswith(pattern[:-1]))


def _size(attachment: Object) -> Decimal:
    data = re.sub(r"\s", "", text(attachment, "data")).rstrip("=")
    stated = decimal_of(attachment.get("size")) or Decimal(0)
    return max(stated, Decimal(len(data) * 3 // 4))


_KIND: Final = re.compile(r"(?:\S*/)?([A-Z][A-Za-z]{1,60})/[A-Za-z0-9\-.]{1,64}(?:/_history/\S+)?")


def _of_reference(item: Object, reference: Object) -> Iterator[str]:
    found = _KIND.fullmatch(text(reference, "reference"))
    kind = found[1] if found else string(reference.get("type"))
    allowed = [text(one, "valueCode") for one in extensions(item, [f"{_BASE}questionnaire-referenceResource"])]
    if allowed and kind and kind not in allowed:
        yield "the answer refers to something else than the questionnaire asks for: correct it at the source"
