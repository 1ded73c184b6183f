"""FHIR files with small responses in them, and what the reader makes of them."""

import json
from typing import Any, Final

from producers.sources.fhir import read_fhir
from producers.sources.sheet import Refused, Sheet

ROLE: Final[dict[str, Any]] = {
    "resourceType": "PractitionerRole",
    "id": "role",
    "practitioner": {"reference": "Practitioner/9"},
    "organization": {"reference": "Organization/icu-1"},
    "location": [{"reference": "https://h.example/fhir/Location/ward-b/_history/2"}],
}


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A completed response with these items."""
    return {"resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed", "item": [*items], **more}


def answer(link: str, *values: dict[str, Any]) -> dict[str, Any]:
    """An item with these answers."""
    return {"linkId": link, "answer": [*values]}


def read(found: Any, *questionnaires: dict[str, Any]) -> list[Sheet | Refused]:
    """What becomes of a file with this content."""
    return list(read_fhir(json.dumps(found).encode(), [json.dumps(one).encode() for one in questionnaires]))


def cells(found: Any, *questionnaires: dict[str, Any]) -> dict[str, str]:
    """The cells of the only sheet of a file."""
    [sheet] = read(found, *questionnaires)
    assert isinstance(sheet, Sheet), sheet
    return dict(sheet.cells)


def refused(found: Any, *questionnaires: dict[str, Any]) -> Refused:
    """The only refusal of a file."""
    [outcome] = read(found, *questionnaires)
    assert isinstance(outcome, Refused), outcome
    return outcome
