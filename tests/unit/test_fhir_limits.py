"""Limits that hold across offsets, units and precisions, and values that are written wrongly."""

import json
from typing import Any

import pytest

from producers.sources.fhir_check import violations
from producers.sources.fhir_questionnaire import parse
from producers.sources.json_text import loads

BASE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
UCUM = "http://unitsofmeasure.org"
Json = dict[str, Any]


def item(kind: str, extension: tuple[tuple[str, Json], ...] = (), **others: Any) -> Json:
    """An item of a Questionnaire; extensions are pairs of address and value."""
    return {"linkId": "q", "type": kind, "extension": [{"url": url, **value} for url, value in extension], **others}


def fits(asked: Json, *values: Json, before: tuple[Json, ...] = (), **questionnaire: Any) -> bool:
    """Whether these answers to one item break no rule."""
    given = [*(one["given"] for one in before), {"linkId": "q", "answer": [*values]}]
    form = {"resourceType": "Questionnaire", "item": [*(one["asked"] for one in before), asked], **questionnaire}
    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": given}
    return not list(violations(loads(json.dumps(response)), parse(loads(json.dumps(form)))))


@pytest.mark.parametrize(
    ("name", "least", "most", "within", "below", "above"),
    [
        ("Date", "2026-10-02", "2026-10-04", ["2026-10-02", "2026-10", "2026"], "2026-09", "2027"),
        (
            "DateTime",
            "2026-10-02T10:00:00Z",
            "2026-10-03T10:00:00Z",
            ["2026-10-02T12:00:00+02:00", "2026-10-03"],
            "2026-10-02T11:59:59+02:00",
            "2026-10-03T10:00:00.5Z",
        ),
        ("Time", "08:00:00", "09:00:00", ["08:00:00", "09:00:00.0"], "07:59:59.9", "09:00:00.1"),
        ("Integer", 2, 4, [2, 4], 1, 10**9),
        ("Decimal", 2, 4.5, [2.0, 4.50], 1.99, 4.51),
    ],
)
def test_limits_hold(name: str, least: Any, most: Any, within: list[Any], below: Any, above: Any) -> None:
    limits = ((f"{BASE}minValue", {f"value{name}": least}), (f"{BASE}maxValue", {f"value{name}": most}))
    asked = item(name[0].lower() + name[1:], limits)
    assert all(fits(asked, {f"value{name}": value}) for value in within)
    assert not fits(asked, {f"value{name}": below})
    assert not fits(asked, {f"value{name}": above})


def amount(value: float, code: str, system: str = UCUM) -> Json:
    """A quantity in a coded unit."""
    return {"valueQuantity": {"value": value, "system": system, "code": code}}


@pytest.mark.parametrize("urls", [(f"{BASE}minValue", f"{BASE}maxValue"), (f"{SDC}minQuantity", f"{SDC}maxQuantity")])
def test_limits_of_quantities_hold_in_every_unit_that_can_be_converted(urls: tuple[str, str]) -> None:
    asked = item("quantity", ((urls[0], amount(5, "kg")), (urls[1], amount(50, "kg"))))
    assert fits(asked, amount(5, "kg"))
    assert fits(asked, amount(49_999, "g"))
    assert not fits(asked, amount(51, "kg"))
    assert not fits(asked, amount(4_999, "g"))
    assert not fits(asked, amount(10, "[mi_i]"))
    assert fits(asked, amount(10, "[car_Au]"))
    assert fits(asked, amount(10, "x", "urn:own"))
    assert not fits(asked, {"valueQuantity": {"value": 10, "unit": "kg"}})


def test_units_are_those_of_the_questionnaire() -> None:
    units = [{"system": "urn:u", "code": "h"}, {"display": "shifts"}]
    options = tuple((f"{BASE}questionnaire-unitOption", {"valueCoding": one}) for one in units)
    listed = item("quantity", options)
    assert fits(listed, amount(1, "h", "urn:u"))
    assert fits(listed, {"valueQuantity": {"value": 1, "unit": "shifts"}})
    assert not fits(listed, amount(1, "d", "urn:u"))
    free = {"valueQuantity": {"value": 1, "unit": "h"}}
    assert not fits(listed, free)
    elsewhere = item("quantity", ((f"{BASE}questionnaire-unitValueSet", {"valueCanonical": "urn:v"}),))
    assert fits(elsewhere, amount(1, "d", "urn:u"))
    assert not fits(elsewhere, free)
    assert fits(item("quantity", (*options, (f"{SDC}unitOpen", {"valueCode": "optionsOrString"}))), free)


@pytest.mark.parametrize(("places", "value", "is_fine"), [(2, 1.25, True), (2, 1.125, False), (0, 3.0, True)])
def test_decimal_places_are_those_that_count(places: int, value: float, is_fine: bool) -> None:
    limit = ((f"{BASE}maxDecimalPlaces", {"valueInteger": places}),)
    assert fits(item("decimal", limit), {"valueDecimal": value}) is is_fine
    assert fits(item("quantity", limit), {"valueQuantity": {"value": value}}) is is_fine


def test_the_kind_of_a_file_has_no_parameters() -> None:
    types = ((f"{BASE}mimeType", {"valueCode": "image/gif"}), (f"{BASE}mimeType", {"valueCode": "text/*"}))
    for kind, is_fine in (("Image/GIF", True), ("text/plain;charset=utf-8", True), ("image/png", False)):
        assert fits(item("attachment", types), {"valueAttachment": {"contentType": kind, "url": "urn:x"}}) is is_fine


CODING = {"valueCoding": {"system": "s", "code": "a"}}


@pytest.mark.parametrize("kind", ["choice", "open-choice", "coding"])
def test_a_choice_takes_codes_and_what_its_options_are(kind: str) -> None:
    assert fits(item(kind), CODING)
    assert fits(item(kind), {"valueString": "own words"}) is (kind == "open-choice")
    assert not fits(item(kind), {"valueInteger": 3})
    for option in ({"valueInteger": 3}, {"valueDate": "2026-10-12"}, {"valueString": "x"}):
        assert fits(item(kind, answerOption=[option]), option) is (kind != "coding")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("choice", {"valueCoding": {"system": "urn:s", "code": " c"}}),
        ("choice", {"valueCoding": {"system": "urn:s", "code": 3}}),
        ("date", {"valueDate": "2026-02-30"}),
        ("date", {"valueDate": "2026-13"}),
        ("dateTime", {"valueDateTime": "2026-10-20T10:00Z"}),
        ("dateTime", {"valueDateTime": "2026-10T10:00:00Z"}),
        ("url", {"valueUri": "a b"}),
        ("quantity", {"valueQuantity": {"value": 3, "code": "kg"}}),
        ("quantity", {"valueQuantity": {"value": "3"}}),
        ("attachment", {"valueAttachment": {"data": "eA=="}}),
    ],
)
def test_values_that_are_written_wrongly_are_found(kind: str, value: Json) -> None:
    assert not fits(item(kind), value)


def test_a_condition_on_another_type_than_the_question_has_says_nothing() -> None:
    condition = {"question": "p", "operator": "=", "answerDecimal": 2}
    asked = item("string", enableWhen=[condition], required=True)
    other = {"asked": {"linkId": "p", "type": "integer"}, "given": {"linkId": "p", "answer": [{"valueInteger": 2}]}}
    assert fits(asked, {"valueString": "x"}, before=(other,))


def test_a_nested_expansion_is_a_list_of_options() -> None:
    nested = [{"system": "s", "code": "all", "contains": [{"system": "s", "code": "a"}]}]
    for more, is_fine in (({}, False), ({"total": 900}, True)):
        inside = {"resourceType": "ValueSet", "id": "v", "expansion": {"contains": nested, **more}}
        asked = item("choice", answerValueSet="#v")
        assert fits(asked, CODING, contained=[inside])
        assert fits(asked, {"valueCoding": {"system": "s", "code": "b"}}, contained=[inside]) is is_fine


def test_one_of_several_answers_leaves_open_whether_it_is_another() -> None:
    asked = item("string", enableWhen=[{"question": "p", "operator": "!=", "answerInteger": 2}], required=True)
    many = {"linkId": "p", "answer": [{"valueInteger": 2}, {"valueInteger": 3}]}
    other = {"asked": {"linkId": "p", "type": "integer", "repeats": True}, "given": many}
    assert fits(asked, {"valueString": "x"}, before=(other,))
    assert fits(asked, {"_valueString": {"id": "x"}}, before=(other,))
