"""What references of FHIR name: resources inside another, in the same Bundle or file, or elsewhere.

Only what says where somebody works is kept of other resources; their names, contacts and all else are not looked at.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from producers.sources.fhir_json import Object, objects, part, text

KEPT: Final = frozenset({"PractitionerRole", "Organization", "Location", "Questionnaire"})
"""The kinds of resources that are looked at beside the responses."""

_TYPE_AND_ID: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,60})/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?", re.DOTALL)
_BY_IDENTIFIER: Final = re.compile(r"([A-Z][A-Za-z]{1,60})\?identifier=(?:[^|&]*\|)?([^|&]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Around:
    """The resources beside a response, by the addresses under which they are referred to."""

    known: dict[str, Object] = field(default_factory=dict, repr=False)

    def add(self, resource: Object, full_url: str = "") -> None:
        """Keep a resource if it is of a kind that can say where somebody works."""
        kind, own = text(resource, "resourceType"), text(resource, "id")
        if kind in KEPT:
            names = (full_url, f"{kind}/{own}" if own else "")
            self.known.update({name: resource for name in names if name})

    def questionnaires(self) -> Iterator[Object]:
        """The Questionnaires among them, each once."""
        found = {id(one): one for one in self.known.values() if text(one, "resourceType") == "Questionnaire"}
        return iter(found.values())


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the references of one response."""

    response: Object = field(repr=False)
    around: Around = field(repr=False)

    def contained(self, kind: str | None = None) -> list[Object]:
        """The resources inside the response, of a kind or of any."""
        return [one for one in objects(self.response, "contained") if kind is None or text(one, "resourceType") == kind]

    def resolve(self, reference: Object) -> Object:
        """The resource a reference names, or an empty one if it is not here."""
        address = text(reference, "reference")
        if address.startswith("#"):
            return next((one for one in self.contained() if text(one, "id") == address[1:]), {})
        found = _TYPE_AND_ID.fullmatch(address)
        short = f"{found[1]}/{found[2]}" if found else ""
        return self.around.known.get(address) or self.around.known.get(short) or {}

    def kind(self, reference: Object) -> str:
        """The kind of resource a reference names; empty if nothing says it."""
        found = _TYPE_AND_ID.fullmatch(text(reference, "reference"))
        found = found or _BY_IDENTIFIER.fullmatch(text(reference, "reference"))
        given = text(reference, "type").rsplit("/", 1)[-1]
        return text(self.resolve(reference), "resourceType") or (found[1] if found else given)

    def name(self, reference: Object) -> str:
        """What names the resource a reference is about: its id, or its identifier where it has no lasting id."""
        address = text(reference, "reference")
        if not address:
            return text(part(reference, "identifier"), "value")
        found = _TYPE_AND_ID.fullmatch(address) or _BY_IDENTIFIER.fullmatch(address)
        if found:
            return found[2]
        there = self.resolve(reference)
        identifiers = [text(one, "value") for one in objects(there, "identifier")]
        names = [*identifiers[:1], text(there, "id")]
        return next(filter(None, names if address.startswith("#") else reversed(names)), "")

    def who(self, reference: Object) -> str:
        """What tells one person from another: the reference as it stands, or an identifier with its system.

        An address inside the response is the same in all of them, so there what it leads to is taken.
        """
        address = text(reference, "reference")
        if address and not address.startswith("#"):
            return address
        there = self.resolve(reference)
        if text(there, "resourceType") == "PractitionerRole":
            found = part(there, "practitioner")
            behind = text(found, "reference")
            return self._identified([part(found, "identifier")]) if behind[:1] in ("", "#") else behind
        return self._identified([part(reference, "identifier"), *objects(there, "identifier")])

    def _identified(self, identifiers: Iterable[Object]) -> str:
        found = (f"{text(one, 'system')}|{text(one, 'value')}" for one in identifiers if text(one, "value"))
        return next(found, "")

    def units(self) -> dict[str, str]:
        """Where the response comes from: of its author if that says it, else of its subject."""
        return self._units(part(self.response, "author")) or self._units(part(self.response, "subject"))

    def _units(self, reference: Object) -> dict[str, str]:
        kind = self.kind(reference)
        if kind in ("Organization", "Location"):
            found = {f"$unit.{kind.lower()}": self.name(reference)}
        elif kind == "PractitionerRole":
            role = self.resolve(reference)
            places = objects(role, "location")
            place = self.name(places[0]) if len(places) == 1 else ""
            found = {"$unit.organization": self.name(part(role, "organization")), "$unit.location": place}
        else:
            found = {}
        return {name: value for name, value in found.items() if value}
