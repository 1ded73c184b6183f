"""Values of FHIR: whether they are well formed, and how two of a kind compare. What cannot be told is told as None."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from producers.sources.fhir_json import Number, Object, part, string, text
from producers.sources.fhir_units import in_base_unit

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,40})?"
_CLOCK: Final = re.compile(_TIME)
_STAMP: Final = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})T({_TIME})(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,9})")
_BOUND: Final = 2**31
# an exponent beyond it is no measurement, and would cost memory to write out
_LONGEST_NUMBER: Final = 60
_LARGEST_EXPONENT: Final = 400
# Python's dates begin with the year 1
_NO_YEAR: Final = "0000"


def decimal_of(value: Any) -> Decimal | None:
    """A JSON number exactly; None if it is none, or too long or large to be one that somebody measured."""
    if not isinstance(value, Number) or len(value.text) > _LONGEST_NUMBER:
        return None
    try:
        found = Decimal(value.text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= _LARGEST_EXPONENT else None


def is_date(value: str) -> bool:
    """Whether it is a year, a month or a day of the calendar."""
    found = _DATE.fullmatch(value)
    if found is None or found[1] == _NO_YEAR:
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True


def is_date_time(value: str) -> bool:
    """Whether it is a date, or a day with a time and its offset."""
    found = _STAMP.fullmatch(value)
    return is_date(found[1]) if found else is_date(value)


def malformed(name: str, value: Any) -> str | None:
    """What is wrong with how a date, a time or a whole number is written; None if nothing."""
    match name:
        case "valueDate":
            fine, kind = is_date(value), "a date"
        case "valueDateTime":
            fine, kind = is_date_time(value), "a date with or without a time and its offset"
        case "valueInstant":
            fine, kind = bool(_STAMP.fullmatch(value)) and is_date_time(value), "a date with a time and its offset"
        case "valueTime":
            fine, kind = bool(_CLOCK.fullmatch(value)), "a time"
        case "valueInteger":
            fine, kind = _is_integer(value.text), "a whole number that FHIR allows"
        case "valueDecimal":
            fine, kind = not _is_no_number(value.text), "a number"
        case _:
            return None
    return None if fine else f"the answer is not {kind}: correct the program that wrote it"


def incomplete(name: str, value: Any) -> str | None:
    """What a value lacks, or has against the rules of its type; None if nothing."""
    if value in ("", {}):
        return "the answer is empty: leave it out, or answer it at the source"
    if name == "valueUri" and re.search(r"\s", value):
        return "the answer is no address: correct it at the source"
    if name == "valueCoding":
        code = value.get("code")
        wrong = code is not None and (not string(code) or string(code).strip() != code)
        return "the code of the answer is malformed: correct the program that wrote it" if wrong else None
    if name == "valueQuantity":
        return _of_quantity(value)
    if name == "valueAttachment" and value.get("data") is not None and not text(value, "contentType"):
        return "the attachment has no contentType: correct the program that wrote it"
    return None


def _of_quantity(value: Object) -> str | None:
    if "value" in value and not isinstance(value["value"], Number):
        return "the quantity has no number as its value: correct the program that wrote it"
    if text(value, "code") and not text(value, "system"):
        return "the unit has a code and no system: correct the program that wrote it"
    return None


def _is_integer(written: str) -> bool:
    return bool(_INTEGER.fullmatch(written)) and -_BOUND <= int(written) < _BOUND


def _is_no_number(written: str) -> bool:
    # what JSON readers take beyond JSON
    return written in ("NaN", "Infinity", "-Infinity")


def compare(name: str, left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as the first of two values of one type is less, equal or more; None if that cannot be told."""
    match name:
        case "Integer" | "Decimal":
            return _order(decimal_of(left), decimal_of(right))
        case "Date" | "DateTime" | "Instant":
            return _compare_dates(string(left), string(right))
        case "Time":
            fine = _CLOCK.fullmatch(string(left)) and _CLOCK.fullmatch(string(right))
            return _order(_clock(left), _clock(right)) if fine else None
        case "Quantity":
            return _compare_quantities(left, right)
        case "String":
            return _order(string(left), string(right))
        case _:
            return None


def equal(name: str, left: Any, right: Any) -> bool | None:
    """Whether two values of one type mean the same; None if that cannot be told."""
    match name:
        case "Coding":
            return same_coding(left, right)
        case "Boolean":
            return left is right
        case "Reference":
            one, other = text(left, "reference"), text(right, "reference")
            return one == other if one and other else None
        case "Uri":
            return bool(left == right)
        case _:
            order = compare(name, left, right)
            return None if order is None else order == 0


def same_coding(left: Any, right: Any) -> bool:
    """Whether two codings name one code. Without a code, what is displayed counts; a system left out fits any."""
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    systems = {text(left, "system"), text(right, "system")} - {""}
    if len(systems) > 1:
        return False
    codes = text(left, "code"), text(right, "code")
    if any(codes):
        return codes[0] == codes[1]
    return text(left, "display") == text(right, "display")


def _order(left: Any, right: Any) -> int | None:
    if left is None or right is None:
        return None
    return int(left > right) - int(left < right)


def _clock(value: str) -> tuple[str, Decimal]:
    return value[:6], Decimal(value[6:])


def _compare_dates(left: str, right: str) -> int | None:
    if not is_date_time(left) or not is_date_time(right):
        return None
    one, other = _instant(left), _instant(right)
    if one is not None and other is not None:
        return _order(one, other)
    length = min(len(left.partition("T")[0]), len(right.partition("T")[0]))
    order = _order(left[:length], right[:length])
    # a month and a day within it are neither equal nor one before the other
    return order if order or len(left) == len(right) else None


def _instant(value: str) -> tuple[datetime, Decimal] | None:
    found = _STAMP.fullmatch(value)
    if found is None:
        return None
    minute = f"{found[1]}T{found[2][:5]}{found[3].replace('Z', '+00:00')}"
    try:
        return datetime.fromisoformat(minute).astimezone(UTC), Decimal(found[2][6:])
    except (ValueError, OverflowError):
        return None


def _compare_quantities(left: Any, right: Any) -> int | None:
    one, other = decimal_of(part({"": left}, "").get("value")), decimal_of(part({"": right}, "").get("value"))
    if one is None or other is None:
        return None
    if _unit(left) == _unit(right):
        return _order(one, other)
    converted = in_base_unit(one, *_unit(left)[:2]), in_base_unit(other, *_unit(right)[:2])
    if converted[0] is None or converted[1] is None or converted[0][0] != converted[1][0]:
        return None
    return _order(converted[0][1], converted[1][1])


def _unit(quantity: Object) -> tuple[str, str, str]:
    system, code = text(quantity, "system"), text(quantity, "code")
    return system, code, "" if code else text(quantity, "unit")
