"""The few UCUM units that questionnaires ask for, so that bounds in one hold for answers in another.

It is no UCUM: of a unit that is not here nothing is said.
"""

from decimal import Decimal
from typing import Final

UCUM: Final = "http://unitsofmeasure.org"
_UNITS: Final[dict[str, tuple[str, str]]] = {
    **{code: ("mass", size) for code, size in (("kg", "1000"), ("g", "1"), ("mg", "0.001"), ("ug", "0.000001"))},
    **{
        code: ("mass", size) for code, size in (("t", "1000000"), ("[lb_av]", "453.59237"), ("[oz_av]", "28.349523125"))
    },
    **{code: ("length", size) for code, size in (("km", "1000"), ("m", "1"), ("cm", "0.01"), ("mm", "0.001"))},
    **{code: ("length", size) for code, size in (("[mi_i]", "1609.344"), ("[ft_i]", "0.3048"), ("[in_i]", "0.0254"))},
    **{code: ("time", size) for code, size in (("s", "1"), ("min", "60"), ("h", "3600"), ("d", "86400"))},
    **{code: ("time", size) for code, size in (("wk", "604800"), ("mo", "2629800"), ("a", "31557600"))},
    **{
        code: ("volume", size)
        for code, size in (("L", "1"), ("l", "1"), ("dL", "0.1"), ("mL", "0.001"), ("ml", "0.001"))
    },
}


def in_base_unit(value: Decimal, system: str, code: str) -> tuple[str, Decimal] | None:
    """What a quantity measures, and how much of it in the base unit; None if the unit is not known."""
    if system != UCUM or code not in _UNITS:
        return None
    dimension, size = _UNITS[code]
    return dimension, value * Decimal(size)


def measure_different_things(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two units, each a system and a code, are known to measure different things."""
    if one[0] != UCUM or other[0] != UCUM or one[1] not in _UNITS or other[1] not in _UNITS:
        return False
    return _UNITS[one[1]][0] != _UNITS[other[1]][0]
