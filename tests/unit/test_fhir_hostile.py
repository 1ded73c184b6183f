"""FHIR files that would count one person twice, or take long for their size."""

import json
import time
from typing import Any

import pytest

from producers.sources.fhir import read_fhir
from producers.sources.sheet import Sheet

URL = "https://hospital.example/Questionnaire/pulse"
MANY = 4000


def response(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "status": "completed",
        "questionnaire": URL,
        "authored": "2026-10-12T08:00:00+02:00",
        **more,
    }


def questionnaire(*items: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "status": "active", "url": URL, "item": list(items)}


def sheet(given: dict[str, Any], *known: dict[str, Any]) -> Sheet:
    (found,) = read_fhir(json.dumps(given).encode(), [json.dumps(one).encode() for one in known])
    assert isinstance(found, Sheet), found
    return found


@pytest.mark.parametrize(
    "reference",
    [
        "Practitioner/ann",
        "Practitioner/ann/_history/3",
        "https://ehr.example/fhir/Practitioner/ann",
        "https://ehr.example/fhir/Practitioner/ann/_history/3",
        " Practitioner/ann",
    ],
)
def test_a_person_is_one_however_the_reference_to_them_is_written(reference: str) -> None:
    role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": reference}}
    direct = sheet(response(author={"reference": reference}))
    by_role = sheet(response(author={"reference": "#role"}, contained=[role]))
    assert direct.cells["$author"] == by_role.cells["$author"] == "Practitioner/ann"


def test_many_references_to_what_is_inside_cost_little() -> None:
    inside = [{"resourceType": "Organization", "id": f"o{number}"} for number in range(MANY)]
    items = [{"linkId": f"a{n}", "answer": [{"valueReference": {"reference": "#none"}}]} for n in range(MANY)]
    assert spent(response(contained=inside, item=items)) < 2


def test_many_conditions_cost_little() -> None:
    when = [{"question": "a0", "operator": "=", "answerInteger": 1}]
    asked = [{"linkId": f"a{number}", "type": "integer", "enableWhen": when} for number in range(1, MANY)]
    form = questionnaire({"linkId": "a0", "type": "integer"}, *asked)
    items = [{"linkId": f"a{number}", "answer": [{"valueInteger": 1}]} for number in range(MANY)]
    assert spent(response(item=items), form) < 4


def test_many_answers_out_of_many_options_cost_little() -> None:
    options = [{"valueCoding": {"code": f"c{number}"}} for number in range(MANY)]
    form = questionnaire({"linkId": "a", "type": "choice", "repeats": True, "answerOption": options})
    answers = [{"valueCoding": {"code": f"c{MANY - 1}"}}] * MANY
    assert spent(response(item=[{"linkId": "a", "answer": answers}]), form) < 2


def spent(given: dict[str, Any], *known: dict[str, Any]) -> float:
    """Seconds of this process to read it; each of these took more than ten when it grew with the square."""
    begun = time.process_time()
    sheet(given, *known)
    return time.process_time() - begun
