"""Units from FHIR: Organization and Location, in a Bundle or NDJSON. Nothing else of a file is looked at.

Of a resource only id, identifier, name, type, what it is part of, whether it is in use and a headcount are read:
contacts, addresses and practitioners never leave the file.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from producers.sources.csv_text import load
from producers.sources.fhir_questionnaire import value_of
from producers.sources.fhir_resources import Found, Resource, block, objects, read_resources, text
from producers.sources.hr_mapping import HrMapping, refuse
from producers.sources.hr_units import Listed, Unit, refuse_repeats
from producers.sources.json_text import NotJson, decoded, loads
from producers.sources.mapping import tidy
from producers.sources.sheet import Refused
from schemas.errors import InputRefused

_LOST: Final = "?"
"""Stands for a unit above that the file does not hold; no code is so written."""
_NOT_IN_USE: Final = "is not in use"
Key = tuple[str, str]


def read_fhir_units(file: Path | bytes, mapping: HrMapping) -> Listed:
    """The units in use; InputRefused if a resource cannot be used, or the file is one page of several."""
    name, data = load(file)
    for bundle in _bundles(data):
        _check_whole(name, bundle)
    found = _resources(file, name, mapping)
    codes = {_key(one.resource): _code(one.resource, mapping) for one in found}
    refuse(name, _problems(found, codes))
    identified = _identified(found, codes)
    places: dict[str, list[int]] = {}
    units, others = list[Unit](), dict[str, str]()
    for one in found:
        code = codes[_key(one.resource)]
        if _is_used(one.resource):
            places.setdefault(code, []).append(one.line)
            units.append(_unit(one, code, codes, identified, mapping))
        else:
            others[code] = _NOT_IN_USE
    refuse_repeats(name, places)
    return Listed(tuple(units), {code: why for code, why in others.items() if code not in places})


def day_of_bundle(file: Path | bytes) -> date | None:
    """The day a Bundle says it was made, as written there; None if it does not say."""
    for bundle in _bundles(load(file)[1]):
        stamp = text(bundle, "timestamp") or text(block(bundle, "meta"), "lastUpdated")
        try:
            return date.fromisoformat(stamp[: len("2026-10-01")])
        except ValueError:
            continue
    return None


def _bundles(data: bytes) -> Iterator[Resource]:
    try:
        whole = loads(decoded(data))
    except NotJson:
        return
    if isinstance(whole, dict) and whole.get("resourceType") == "Bundle":
        yield whole


def _check_whole(name: str, bundle: Resource) -> None:
    if any(text(link, "relation") == "next" for link in objects(bundle, "link")):
        raise InputRefused(
            f"{name}: is one page of several, and a record is the whole organisation: fetch every page, and give "
            "all resources in one Bundle or as NDJSON"
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise InputRefused(f"{name}: has entries that are no objects of FHIR: export it again")


def _resources(file: Path | bytes, name: str, mapping: HrMapping) -> list[Found]:
    found, wrong, none = list[Found](), dict[int, str](), list[InputRefused]()
    for kind in mapping.fhir.resources:
        try:
            for one in read_resources(file, kind):
                if isinstance(one, Refused):
                    wrong[one.line] = f"line {one.line} is {one.hint}"
                else:
                    found.append(one)
        except InputRefused as error:
            none.append(error)
    # a file may hold one kind alone
    if none and not found:
        raise none[0]
    refuse(name, (wrong[line] for line in sorted(wrong)))
    return found


def _problems(found: list[Found], codes: Mapping[Key, str]) -> Iterator[str]:
    seen: dict[Key, int] = {}
    for one in found:
        resource, key = one.resource, _key(one.resource)
        where = f"the {key[0]} at line or entry {one.line}"
        if not key[1]:
            yield f"{where} has no id: export it again"
        elif not codes[key]:
            yield f"{where} has no identifier, or several, of the system that the mapping names: give it one"
        elif not isinstance(resource.get("active", True), bool) or not isinstance(resource.get("status", ""), str):
            yield f"{where} does not say clearly whether it is in use: correct active or status"
        elif seen.setdefault(key, one.line) != one.line:
            yield f"{where} has the id of the one at {seen[key]}: keep one of them"


def _key(resource: Resource) -> Key:
    return text(resource, "resourceType"), text(resource, "id")


def _code(resource: Resource, mapping: HrMapping) -> str:
    system = mapping.fhir.identifier_system
    if system is None:
        return text(resource, "id")
    values = {
        tidy(text(one, "value"))
        for one in objects(resource, "identifier")
        if text(one, "system") == system and text(one, "use") != "old"
    }
    return values.pop() if len(values) == 1 else ""


def _identified(found: list[Found], codes: Mapping[Key, str]) -> dict[Key, str]:
    """Codes by identifier, for references that name one instead of a resource."""
    return {
        (text(one, "system"), text(one, "value")): codes[_key(each.resource)]
        for each in found
        for one in objects(each.resource, "identifier")
        if text(one, "value")
    }


def _is_used(resource: Resource) -> bool:
    # a Location of mode kind is a sort of place, and none
    unused = text(resource, "status") == "inactive" or text(resource, "mode") == "kind"
    return resource.get("active", True) is True and not unused


def _unit(found: Found, code: str, codes: Mapping[Key, str], identified: Mapping[Key, str], mapping: HrMapping) -> Unit:
    resource = found.resource
    above = resource.get("partOf")
    if above is None and "Organization" in mapping.fhir.resources:
        above = resource.get("managingOrganization")
    parent = "" if above is None else _above(found, above, codes, identified)
    name = tidy(text(resource, "name"))
    return Unit(found.line, code, name, parent, _kinds(resource), _headcount(resource, mapping))


def _above(found: Found, reference: Any, codes: Mapping[Key, str], identified: Mapping[Key, str]) -> str:
    target = found.resolved(reference)
    code = codes.get(_key(target), "")
    named = block(reference, "identifier")
    return code or identified.get((text(named, "system"), text(named, "value")), _LOST)


def _kinds(resource: Resource) -> tuple[str, ...]:
    """The codes of what it is. Organizations have a list of types; a Location has one physical type, or a form."""
    concepts = [*objects(resource, "type"), block(resource, "physicalType"), block(resource, "form")]
    codes = [tidy(text(coding, "code")) for concept in concepts for coding in objects(concept, "coding")]
    return tuple(code for code in codes if code)


def _headcount(resource: Resource, mapping: HrMapping) -> str:
    """As written. Two of them, or one that is no number, give what is refused as none."""
    url = mapping.fhir.headcount_extension
    given = [value_of(one)[1] for one in objects(resource, "extension") if text(one, "url") == url]
    if not given or url is None:
        return ""
    return given[0] if len(given) == 1 and isinstance(given[0], str) else _LOST
