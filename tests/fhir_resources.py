"""Small FHIR Questionnaires and responses to build cases from, and the verdict on them."""

import json
from collections.abc import Iterable
from typing import Any

from producers.sources.fhir_check import Violation, violations
from producers.sources.fhir_json import load_json
from producers.sources.fhir_questionnaire import Questionnaire

Json = dict[str, Any]
BASE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def asked(*items: Json, **more: Any) -> Json:
    """A Questionnaire."""
    return {"resourceType": "Questionnaire", "url": "urn:q", "item": [*items], **more}


def question(kind: str, link: str = "a", extension: Iterable[tuple[str, Json]] = (), **more: Any) -> Json:
    """A question; extensions are pairs of address and value."""
    extensions = [{"url": url, **value} for url, value in extension]
    return {"linkId": link, "type": kind, **more, **({"extension": extensions} if extensions else {})}


def group(*items: Json, link: str = "g", **more: Any) -> Json:
    """A group of questions."""
    return {"linkId": link, "type": "group", "item": [*items], **more}


def given(*items: Json, status: str = "completed", **more: Any) -> Json:
    """A response."""
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "urn:q",
        "status": status,
        "item": [*items],
        **more,
    }


def answered(*values: Json, link: str = "a") -> Json:
    """An item with its answers."""
    return {"linkId": link, "answer": [*values]}


def found(response: Json, questionnaire: Json) -> list[Violation]:
    """Every violation, with numbers read as from a file."""
    return list(violations(load_json(json.dumps(response)), Questionnaire(load_json(json.dumps(questionnaire)))))


def verdict(item: Json, *values: Json, status: str = "completed") -> bool:
    """Whether the answers to one question keep to it."""
    return not found(given(answered(*values), status=status), asked(item))


def coding(code: str, system: str = "urn:s") -> Json:
    """An answer that chooses a code."""
    return {"valueCoding": {"system": system, "code": code}}


def quantity(value: float, code: str, system: str = "http://unitsofmeasure.org") -> Json:
    """An amount in a coded unit."""
    return {"valueQuantity": {"value": value, "system": system, "code": code}}
