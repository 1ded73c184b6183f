"""JSON with exact numbers, of which nothing is lost or made up."""

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from schemas.errors import InputRefused

Raw = Mapping[str, Any]
_LARGEST_EXPONENT: Final = 400


def exact_json(line: bytes, at: str) -> Raw:
    """One JSON object with exact numbers; InputRefused if it is none, or if of two equal columns one would be lost."""
    try:
        value = json.loads(line, parse_float=_fraction, parse_constant=_no_number, object_pairs_hook=_once)
    except _TwiceError:
        raise InputRefused(f"{at}: a column is given twice") from None
    except (ValueError, RecursionError):
        raise InputRefused(f"{at}: this is not JSON; is the file whole?") from None
    if not isinstance(value, dict):
        raise InputRefused(f"{at}: this is not a JSON object")
    return value


class _TwiceError(Exception):
    """A JSON object names a column twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _TwiceError
    return value


def _fraction(text: str) -> Fraction:
    exponent = text.lower().partition("e")[2]
    if exponent and abs(int(exponent)) > _LARGEST_EXPONENT:
        raise ValueError(text)
    return Fraction(text)


def _no_number(name: str) -> Fraction:
    raise ValueError(name)
