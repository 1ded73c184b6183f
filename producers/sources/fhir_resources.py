"""FHIR in files: single resources, Bundles and NDJSON; and references between what a file holds.

A resource is what `json_text.loads` gives. Whatever else a file holds beside the wanted type only resolves references.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from producers.sources.csv_text import load
from producers.sources.json_text import NotJson, Number, decoded, loads
from producers.sources.sheet import Refused, RowReason
from schemas.errors import InputRefused

Resource = dict[str, Any]
_Member = tuple[int, str, Resource]
MOST_DEEP: Final = 100
"""Deepest nesting of items that is read; the deepest forms in use have fewer than ten levels."""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource, its number or line in the file, and what its references may mean."""

    line: int
    resource: Resource
    others: Mapping[str, Resource]
    inside: Mapping[str, Resource] = field(default_factory=dict, repr=False)

    def resolved(self, reference: Any) -> Resource:
        """The resource that a reference means, if the file holds it; else an empty one."""
        target = text(reference, "reference")
        if target.startswith("#"):
            return self.inside.get(target[1:], {})
        return self.others.get(target) or self.others.get("/".join(_type_and_id(target))) or {}


def read_resources(file: Path | bytes, kind: str) -> Iterator[Found | Refused]:
    """Every resource of a kind in a file. InputRefused, before the first, if there is none."""
    name, data = load(file)
    broken = "is empty: export it again"
    try:
        whole = [(1, loads(decoded(data)))]
    except NotJson as error:
        whole, broken = [], str(error)
    lines = whole or list(_lines(data))
    good = [(line, one) for line, one in lines if not isinstance(one, Refused)]
    parts = [part for line, one in good for part in _parts(line, one, len(lines) > 1)]
    members = [part for part in parts if not isinstance(part, Refused)]
    if not any(_is(one, kind) for _, _, one in members):
        if not good:
            raise InputRefused(f"{name}: {broken}")
        raise InputRefused(f"{name}: holds no {kind} of FHIR: give a resource, a Bundle or NDJSON, as JSON")
    others = _known(members)
    found: list[Found | Refused] = [
        Found(line, one, others, _inside(one)) for line, _, one in members if _is(one, kind)
    ]
    found += [one for _, one in lines if isinstance(one, Refused)]
    found += [part for part in parts if isinstance(part, Refused)]
    return iter(sorted(found, key=lambda one: one.line))


def objects(resource: Any, name: str) -> list[Resource]:
    """The objects of a list; what is none is left out."""
    found = resource.get(name) if isinstance(resource, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def block(resource: Any, name: str) -> Resource:
    """The object of a name; an empty one if there is none."""
    found = resource.get(name) if isinstance(resource, dict) else None
    return found if isinstance(found, dict) else {}


def text(resource: Any, name: str) -> str:
    """The text of a name; none if it is anything else."""
    found = resource.get(name) if isinstance(resource, dict) else None
    return found if isinstance(found, str) and not isinstance(found, Number) else ""


def id_of(reference: Any) -> str:
    """The id in a reference such as `Organization/med-a`, also of an absolute one or of a version; else nothing."""
    target = text(reference, "reference")
    return "" if target.startswith(("#", "urn:")) else "".join(_type_and_id(target)[1:])


def name_of(reference: Any) -> str:
    """What a reference calls its target, such as `Practitioner/1`: the same with a server's address or a version."""
    target = text(reference, "reference").strip()
    if not target or target.startswith(("#", "urn:")):
        return ""
    parts = _type_and_id(target)
    return "/".join(parts) if parts and parts[0][:1].isupper() else target.split("/_history/")[0]


def identifier_of(reference: Any, resource: Resource) -> str:
    """The value of the identifier in a reference, or the only one of the resource it means."""
    own = text(block(reference, "identifier"), "value")
    values = [text(one, "value") for one in objects(resource, "identifier")]
    return own or (values[0] if len(values) == 1 else "")


def _inside(resource: Resource) -> dict[str, Resource]:
    """The resources inside another by their ids; the first, if two have one."""
    return {text(one, "id"): one for one in reversed(objects(resource, "contained"))}


def _type_and_id(target: str) -> list[str]:
    parts = target.split("/_history/")[0].split("/")
    return parts[-2:] if len(parts) > 1 else []


def _is(resource: Resource, kind: str) -> bool:
    return resource.get("resourceType") == kind


def _lines(data: bytes) -> Iterator[tuple[int, Any]]:
    content = decoded(data)
    lines: list[Any] = content.splitlines() if isinstance(content, bytes) else content.split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _line(number, line)


def _line(number: int, line: bytes | str) -> Any:
    try:
        return loads(line)
    except NotJson as error:
        return Refused(number, None, str(RowReason.UNREADABLE_ROW), str(error))


def _parts(line: int, found: Any, is_line: bool) -> Iterator[_Member | Refused]:
    """Number, full URL and resource of what stands at one place: itself, or the entries of a Bundle."""
    if not isinstance(found, dict) or not text(found, "resourceType"):
        yield Refused(line, None, str(RowReason.WRONG_SHAPE), "not a resource of FHIR: export it again")
    elif not _is(found, "Bundle"):
        yield line, "", found
    else:
        entries = found.get("entry")
        for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
            yield from _entry(line if is_line else number, entry)


def _entry(line: int, entry: Any) -> Iterator[_Member | Refused]:
    """The resource of an entry; entries that only say what a server did have none."""
    resource = (entry.get("resource") or {}) if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        yield Refused(line, None, str(RowReason.WRONG_SHAPE), "an entry without a resource of FHIR: export it again")
    elif resource:
        yield line, text(entry, "fullUrl"), resource


def _known(members: list[_Member]) -> dict[str, Resource]:
    named = {f"{text(one, 'resourceType')}/{text(one, 'id')}": one for _, _, one in members}
    return named | {url: one for _, url, one in members if url}
