"""FHIR's JSON: numbers keep their digits and are no strings, and anything may stand anywhere in what is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from producers.sources.json_text import loads

Object = Mapping[str, Any]
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is written: huge ones cost nothing, and 1.50 is not 1.5."""

    text: str


class Malformed(Exception):
    """A resource is not what FHIR says. `column` is a name that FHIR itself gives, never one of the resource."""

    def __init__(self, column: str, hint: str) -> None:
        super().__init__(hint)
        self.column, self.hint = column, hint


def load_json(data: bytes | str) -> Any:
    """One JSON value with its numbers as written; NotJson if it is none."""
    return loads(data, Number)


def string(value: Any) -> str:
    """A JSON string as it stands; all else is none."""
    return value if isinstance(value, str) else ""


def part(value: Any, name: str) -> Object:
    """The object under a name; an empty one if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else _NOTHING


def text(value: Any, name: str) -> str:
    """The string under a name; empty if there is none."""
    return string(value.get(name)) if isinstance(value, dict) else ""


def objects(value: Any, name: str) -> list[Object]:
    """The objects of the list under a name; what is no object is left out, and one alone is a list of one."""
    found = value.get(name) if isinstance(value, dict) else None
    many = found if isinstance(found, list) else [found]
    return [one for one in many if isinstance(one, dict)]


def extensions(value: Any, urls: Sequence[str]) -> Iterator[Object]:
    """The extensions with one of these addresses, in the order of the addresses."""
    given = objects(value, "extension")
    return (one for url in urls for one in given if text(one, "url") == url)


def strict_objects(value: Object, name: str) -> list[Object]:
    """The objects of the list under a name, which may be left out or null. Malformed if anything else is there."""
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Malformed(name, f"{name} must be a list of objects: correct the program that wrote it")
    return found
