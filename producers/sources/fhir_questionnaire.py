"""A FHIR Questionnaire as a tree of items: R4 and R4B, R5, and STU3 where it differs.

https://hl7.org/fhir/R4/questionnaire.html, and https://hl7.org/fhir/uv/sdc for the extensions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from producers.sources.fhir_resources import MOST_DEEP, Resource, block, objects, read_resources, text
from producers.sources.json_text import Number
from producers.sources.sheet import Refused
from schemas.errors import InputRefused

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
# the longer first: an address begins with both
_BASES: Final = (_BASE + "questionnaire-", _BASE, _SDC + "sdc-questionnaire-", _SDC)
WEIGHTS: Final = frozenset(
    _BASE + name for name in ("itemWeight", "ordinalValue", "questionnaire-ordinalValue", "valueset-ordinalValue")
) | {_BASE + "codesystem-ordinalValue"}


@dataclass(frozen=True, slots=True)
class Option:
    """A permitted answer: its type such as `Coding`, its value, its weight if it has one."""

    kind: str
    value: Any
    weight: str | None
    is_exclusive: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `options` is None if any answer of the type will do, as far as can be told without terminology.

    `extensions` are those of FHIR's own and of SDC, by the last part of their address.
    """

    link: str
    kind: str
    required: bool
    repeats: bool
    raw: Resource = field(repr=False)
    extensions: Mapping[str, list[Any]] = field(repr=False)
    options: tuple[Option, ...] | None
    items: tuple["Item", ...]

    def extension(self, name: str) -> list[Any]:
        """The values of an extension, by the last part of its address."""
        return self.extensions.get(name, [])


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A Questionnaire: what it is called, and its items."""

    id: str
    url: str
    version: str
    items: tuple[Item, ...]

    def all_items(self) -> Iterator[Item]:
        """Every item at any depth."""
        waiting = list(reversed(self.items))
        while waiting:
            item = waiting.pop()
            yield item
            waiting += reversed(item.items)


def read_questionnaires(files: Sequence[Path | bytes]) -> list[Questionnaire]:
    """The Questionnaires of files. InputRefused if a file holds none, or one that cannot be used."""
    found = [(file, one) for file in files for one in read_resources(file, "Questionnaire")]
    return [_questionnaire(file, one.resource) for file, one in found if not isinstance(one, Refused)]


def parse(resource: Resource) -> Questionnaire:
    """The tree of a Questionnaire; ValueError says what is wrong with it."""
    sets = {f"#{text(one, 'id')}": one for one in objects(resource, "contained")}
    items = _items(resource, sets, 0)
    parsed = Questionnaire(text(resource, "id"), text(resource, "url"), text(resource, "version"), items)
    links = [item.link for item in parsed.all_items()]
    if not all(links) or len(set(links)) != len(links):
        raise ValueError("an item has no linkId, or two have the same")
    return parsed


def value_of(element: Resource, prefix: str = "value") -> tuple[str, Any]:
    """Type and value of a `value[x]`, such as `("Coding", {...})`; nothing if there is none, or null."""
    for name, value in element.items():
        if name.startswith(prefix) and name[len(prefix) :][:1].isupper() and value is not None:
            return name[len(prefix) :], value
    return "", None


def _extensions(element: Any) -> dict[str, list[Any]]:
    """The values of an element's extensions of FHIR's own and of SDC, by the last part of their address."""
    found: dict[str, list[Any]] = {}
    for one in objects(element, "extension"):
        url = text(one, "url")
        base = next((base for base in _BASES if url.startswith(base)), None)
        if base is not None:
            found.setdefault(url[len(base) :], []).append(value_of(one)[1])
    return found


def weight_of(*elements: Any) -> str | None:
    """The first weight that one of the elements carries, as it is written."""
    for element in elements:
        for one in objects(element, "extension"):
            value = value_of(one)[1]
            if text(one, "url") in WEIGHTS and isinstance(value, Number):
                return value
    return None


def _questionnaire(file: Path | bytes, resource: Resource) -> Questionnaire:
    name = "the Questionnaire" if isinstance(file, bytes) else str(file)
    try:
        return parse(resource)
    except ValueError as error:
        raise InputRefused(f"{name}: cannot be used: {error}; correct it, or leave --questionnaire out") from None


def _items(element: Resource, sets: dict[str, Resource], depth: int) -> tuple[Item, ...]:
    if depth > MOST_DEEP:
        raise ValueError("its items are nested far too deep")
    return tuple(_item(one, sets, depth) for one in objects(element, "item"))


def _item(raw: Resource, sets: dict[str, Resource], depth: int) -> Item:
    return Item(
        text(raw, "linkId"),
        text(raw, "type"),
        raw.get("required") is True,
        raw.get("repeats") is True,
        raw,
        _extensions(raw),
        _options(raw, sets),
        _items(raw, sets, depth + 1),
    )


def _options(raw: Resource, sets: dict[str, Resource]) -> tuple[Option, ...] | None:
    """The options listed, and those of a contained value set; None if they stand elsewhere or nowhere."""
    listed = [*objects(raw, "answerOption"), *objects(raw, "option")]
    found = [_option(one) for one in listed]
    address = text(raw, "answerValueSet") or text(raw.get("options"), "reference")
    if address:
        members = _members(sets.get(address, {}))
        if members is None:
            return None
        found += members
    return tuple(found) or None


def _option(raw: Resource) -> Option:
    kind, value = value_of(raw)
    return Option(kind, value, weight_of(raw, value), True in _extensions(raw).get("optionExclusive", []))


def _members(value_set: Resource) -> list[Option] | None:
    """The codings of a contained value set, if it lists them all; None if a terminology server must say."""
    expansion = objects(value_set.get("expansion"), "contains")
    if expansion:
        # a server may cut an expansion off, and then says how many there are
        if block(value_set, "expansion").get("total") is not None:
            return None
        return [_coding(text(one, "system"), one) for one in _expanded(expansion)]
    compose = value_set.get("compose")
    includes = objects(compose, "include")
    if not includes or objects(compose, "exclude") or not all(map(_is_list, includes)):
        return None
    return [_coding(text(one, "system"), concept) for one in includes for concept in objects(one, "concept")]


def _expanded(waiting: list[Resource]) -> Iterator[Resource]:
    waiting = waiting[::-1]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(objects(one, "contains"))


def _is_list(include: Resource) -> bool:
    return bool(objects(include, "concept")) and not include.get("filter") and not include.get("valueSet")


def _coding(system: str, concept: Resource) -> Option:
    return Option("Coding", {"system": system, "code": concept.get("code")}, weight_of(concept), False)
