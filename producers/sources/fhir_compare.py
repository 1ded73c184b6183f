"""How two values of FHIR compare. What cannot be told is told as None, so that it can pass."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from producers.sources.fhir_resources import text
from producers.sources.fhir_units import in_base_unit
from producers.sources.json_text import Number

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,40})?"
_CLOCK: Final = re.compile(_TIME)
_STAMP: Final = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})T({_TIME})(Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
)
# nobody measures more digits or larger powers, and exact sums with them would cost without end
_LONGEST_NUMBER: Final = 60
_LARGEST_POWER: Final = 400


def number_of(value: Any) -> Decimal | None:
    """A JSON number exactly; None if it is none that somebody could have measured."""
    if not isinstance(value, Number) or len(value) > _LONGEST_NUMBER:
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) <= _LARGEST_POWER else None


def is_date(value: Any) -> bool:
    """Whether it is a year, a month, or a day of the calendar."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True


def is_time(value: Any) -> bool:
    """Whether it is a time of day with its seconds."""
    return isinstance(value, str) and bool(_CLOCK.fullmatch(value))


def is_instant(value: Any) -> bool:
    """Whether it is a day with a time and its offset."""
    found = _STAMP.fullmatch(value) if isinstance(value, str) else None
    return found is not None and is_date(found[1])


def difference(value: Any, limit: Any, kind: str) -> int | None:
    """1 if a value is over a limit, -1 if it is under, 0 if neither; None if they cannot be compared."""
    if kind in ("Integer", "Decimal"):
        return _order(number_of(value), number_of(limit))
    if kind in ("Date", "DateTime", "Instant"):
        return _of_dates(value, limit)
    if kind == "Time" and is_time(value) and is_time(limit):
        return _order((value[:6], Decimal(value[6:])), (limit[:6], Decimal(limit[6:])))
    if kind == "Quantity":
        return _of_quantities(value, limit)
    return None


def unit_of(quantity: Any) -> tuple[str, str]:
    """System and code of a unit."""
    return text(quantity, "system"), text(quantity, "code")


def _order(left: Any, right: Any) -> int | None:
    return None if left is None or right is None else int(left > right) - int(left < right)


def _of_dates(left: Any, right: Any) -> int | None:
    if not all(is_date(one) or is_instant(one) for one in (left, right)):
        return None
    if is_instant(left) and is_instant(right):
        return _order(_instant(left), _instant(right))
    length = min(len(one.partition("T")[0]) for one in (left, right))
    order = _order(left[:length], right[:length])
    # a month is neither before nor after a day in it, nor equal to it
    return order if order or len(left) == len(right) else None


def _instant(value: str) -> tuple[datetime, Decimal] | None:
    found = _STAMP.fullmatch(value)
    assert found is not None  # asked before
    try:
        minute = datetime.fromisoformat(f"{found[1]}T{found[2][:5]}{found[3].replace('Z', '+00:00')}")
        return minute.astimezone(UTC), Decimal(found[2][6:])
    except OverflowError:
        return None


def _of_quantities(left: Any, right: Any) -> int | None:
    if not isinstance(left, dict) or not isinstance(right, dict):
        return None
    one, other = number_of(left.get("value")), number_of(right.get("value"))
    if one is None or other is None:
        return None
    if unit_of(left) == unit_of(right):
        return _order(one, other) if unit_of(left)[1] or text(left, "unit") == text(right, "unit") else None
    mine, theirs = in_base_unit(one, *unit_of(left)), in_base_unit(other, *unit_of(right))
    if mine is None or theirs is None or mine[0] != theirs[0]:
        return None
    return _order(mine[1], theirs[1])
