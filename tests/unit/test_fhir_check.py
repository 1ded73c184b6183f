"""Every rule of a Questionnaire, with a response that keeps it and one that does not."""

import json
from typing import Any

import pytest

from producers.sources.fhir import read_fhir
from producers.sources.sheet import Refused, Sheet
from tests.fhir_resources import (
    BASE,
    SDC,
    Json,
    answered,
    asked,
    coding,
    found,
    given,
    group,
    quantity,
    question,
    verdict,
)

VALUES: dict[str, Json] = {
    "boolean": {"valueBoolean": True},
    "decimal": {"valueDecimal": 1.5},
    "integer": {"valueInteger": -3},
    "date": {"valueDate": "2024-02-29"},
    "dateTime": {"valueDateTime": "2026-10-20T10:00:00.5Z"},
    "time": {"valueTime": "23:59:59"},
    "string": {"valueString": "x"},
    "url": {"valueUri": "https://x.example/a"},
    "choice": coding("c"),
    "attachment": {"valueAttachment": {"contentType": "text/plain", "data": "eA=="}},
    "reference": {"valueReference": {"reference": "Patient/p"}},
    "quantity": {"valueQuantity": {"value": 3, "unit": "kg"}},
}
SAME = {"text": "string", "open-choice": "choice", "coding": "choice"}


@pytest.mark.parametrize("kind", [*VALUES, *SAME])
def test_an_answer_is_of_the_type_of_its_question(kind: str) -> None:
    own = SAME.get(kind, kind)
    fitting = {name for name, value in VALUES.items() if verdict(question(kind), value)}
    assert fitting == ({own, "string"} if kind == "open-choice" else {own})


def test_a_type_nobody_knows_takes_any_answer_and_an_abstract_one_none() -> None:
    assert verdict(question("holo-choice"), VALUES["string"])
    assert not verdict(question("question"), VALUES["string"])


@pytest.mark.parametrize("name", ["answerOption", "option"])
def test_an_answer_is_one_of_the_options(name: str) -> None:
    item = {**question("choice"), name: [coding("c"), coding("d")]}
    assert verdict(item, coding("c"))
    assert verdict(item, {"valueCoding": {"code": "d"}})
    assert not verdict(item, coding("e"))
    assert not verdict(item, coding("c", "urn:other"))


@pytest.mark.parametrize(
    ("kind", "option", "other"),
    [
        ("integer", {"valueInteger": 2}, {"valueInteger": 3}),
        ("choice", {"valueInteger": 2}, {"valueInteger": 3}),
        ("date", {"valueDate": "2026-10-20"}, {"valueDate": "2026-10-21"}),
        ("time", {"valueTime": "10:00:00"}, {"valueTime": "10:00:01"}),
        ("string", {"valueString": "x"}, {"valueString": "X"}),
        ("choice", {"valueString": "x"}, {"valueString": "y"}),
        ("choice", {"valueReference": {"reference": "Patient/p"}}, {"valueReference": {"reference": "Patient/q"}}),
    ],
)
def test_options_are_of_any_type(kind: str, option: Json, other: Json) -> None:
    assert verdict(question(kind, answerOption=[option]), option)
    assert not verdict(question(kind, answerOption=[option]), other)


def test_own_words_need_be_no_option_where_they_are_allowed() -> None:
    options = [coding("c")]
    words = {"valueString": "something else"}
    assert verdict(question("open-choice", answerOption=options), words)
    assert verdict(question("coding", answerOption=options, answerConstraint="optionsOrString"), words)
    assert verdict(question("coding", answerOption=options, answerConstraint="optionsOrType"), coding("e"))
    assert not verdict(question("coding", answerOption=options, answerConstraint="optionsOnly"), words)
    assert not verdict(question("open-choice", answerOption=options), coding("e"))


def test_a_value_set_inside_the_questionnaire_is_a_list_of_options_if_it_lists_all() -> None:
    include: Json = {"system": "urn:s", "concept": [{"code": "c"}]}
    item = question("choice", answerValueSet="#v")

    def chosen(code: str, value_set: Json) -> bool:
        inside = {"resourceType": "ValueSet", "id": "v", **value_set}
        return not found(given(answered(coding(code))), asked(item, contained=[inside]))

    assert chosen("c", {"compose": {"include": [include]}})
    assert not chosen("d", {"compose": {"include": [include]}})
    assert chosen("d", {"compose": {"include": [include, {"system": "urn:t"}]}})
    assert chosen("d", {"compose": {"include": [{**include, "valueSet": ["urn:v"]}]}})
    contains = [{"system": "urn:s", "code": "p", "contains": [{"system": "urn:s", "code": "c"}]}]
    assert chosen("c", {"expansion": {"contains": contains}})
    assert not chosen("d", {"expansion": {"contains": contains}})
    assert chosen("d", {"expansion": {"contains": contains, "total": 900}})


def test_codes_of_value_sets_elsewhere_are_accepted() -> None:
    assert verdict(question("choice", answerValueSet="urn:elsewhere"), coding("e"))


def test_an_exclusive_option_stands_alone() -> None:
    exclusive = {**coding("none"), "extension": [{"url": f"{BASE}questionnaire-optionExclusive", "valueBoolean": True}]}
    item = question("choice", repeats=True, answerOption=[coding("c"), coding("d"), exclusive])
    assert verdict(item, coding("c"), coding("d"))
    assert verdict(item, coding("none"))
    assert not verdict(item, coding("c"), coding("none"))


@pytest.mark.parametrize(
    ("kind", "least", "most", "within", "below", "above"),
    [
        ("integer", 2, 4, [2, 4], 1, 5),
        ("decimal", 2, 4.5, [2.0, 4.50], 1.99, 4.51),
        ("date", "2026-10-02", "2026-10-04", ["2026-10-02", "2026-10"], "2026-10-01", "2027"),
        (
            "dateTime",
            "2026-10-02T10:00:00Z",
            "2026-10-03T10:00:00Z",
            ["2026-10-02T12:00:00+02:00"],
            "2026-10-02T11:59:59+02:00",
            "2026-10-03T10:00:00.5Z",
        ),
        ("time", "08:00:00", "09:00:00", ["08:00:00", "09:00:00.0"], "07:59:59.9", "09:00:00.1"),
    ],
)
def test_bounds_hold(kind: str, least: Any, most: Any, within: list[Any], below: Any, above: Any) -> None:
    name = f"value{kind[0].upper()}{kind[1:]}"
    item = question(kind, extension=((f"{BASE}minValue", {name: least}), (f"{BASE}maxValue", {name: most})))
    assert all(verdict(item, {name: value}) for value in within)
    assert not verdict(item, {name: below})
    assert not verdict(item, {name: above})


@pytest.mark.parametrize("urls", [(f"{BASE}minValue", f"{BASE}maxValue"), (f"{SDC}minQuantity", f"{SDC}maxQuantity")])
def test_bounds_of_amounts_hold_in_every_unit_that_can_be_converted(urls: tuple[str, str]) -> None:
    item = question("quantity", extension=((urls[0], quantity(5, "kg")), (urls[1], quantity(50, "kg"))))
    assert verdict(item, quantity(5, "kg"))
    assert verdict(item, quantity(49_999, "g"))
    assert not verdict(item, quantity(51, "kg"))
    assert not verdict(item, quantity(4_999, "g"))
    assert not verdict(item, quantity(10, "[mi_i]"))
    assert verdict(item, quantity(10, "[car_Au]"))
    assert verdict(item, quantity(10, "x", "urn:own"))
    assert not verdict(item, {"valueQuantity": {"value": 10, "unit": "kg"}})


def test_units_are_those_of_the_questionnaire() -> None:
    units = [{"system": "urn:u", "code": "h"}, {"display": "shifts"}]
    listed = question(
        "quantity", extension=[(f"{BASE}questionnaire-unitOption", {"valueCoding": one}) for one in units]
    )
    assert verdict(listed, quantity(1, "h", "urn:u"))
    assert verdict(listed, {"valueQuantity": {"value": 1, "unit": "shifts"}})
    assert not verdict(listed, quantity(1, "d", "urn:u"))
    assert not verdict(listed, {"valueQuantity": {"value": 1, "unit": "h"}})
    elsewhere = question("quantity", extension=[(f"{BASE}questionnaire-unitValueSet", {"valueCanonical": "urn:v"})])
    assert verdict(elsewhere, quantity(1, "d", "urn:u"))
    assert not verdict(elsewhere, {"valueQuantity": {"value": 1, "unit": "d"}})
    listed["extension"].append({"url": f"{SDC}unitOpen", "valueCode": "optionsOrString"})
    assert verdict(listed, {"valueQuantity": {"value": 1, "unit": "h"}})


@pytest.mark.parametrize(
    ("places", "value", "fits"), [(2, 1.25, True), (2, 1.125, False), (0, 3.0, True), (0, 3.5, False)]
)
def test_decimal_places_are_counted(places: int, value: float, fits: bool) -> None:
    item = question("decimal", extension=[(f"{BASE}maxDecimalPlaces", {"valueInteger": places})])
    assert verdict(item, {"valueDecimal": value}) is fits


@pytest.mark.parametrize(("kind", "name"), [("string", "valueString"), ("text", "valueString"), ("url", "valueUri")])
def test_text_is_as_long_as_it_may_be(kind: str, name: str) -> None:
    item = question(kind, maxLength=3, extension=[(f"{BASE}minLength", {"valueInteger": 2})])
    assert [verdict(item, {name: "x" * length}) for length in range(1, 5)] == [False, True, True, False]


def attachment(kind: str, size: int | None = None, data: str | None = None) -> Json:
    """A file as an answer."""
    return {
        "valueAttachment": {"contentType": kind, **({"size": size} if size else {}), **({"data": data} if data else {})}
    }


def test_attachments_are_of_an_allowed_type_and_size() -> None:
    types = [(f"{BASE}mimeType", {"valueCode": name}) for name in ("image/gif", "text/*")]
    item = question("attachment", extension=[*types, (f"{BASE}maxSize", {"valueDecimal": 0.001})])
    assert verdict(item, attachment("image/gif", 900))
    assert verdict(item, attachment("text/plain;charset=utf-8"))
    assert not verdict(item, attachment("image/png"))
    assert not verdict(item, attachment("image/gif", 1001))
    assert not verdict(item, attachment("image/gif", data="A" * 2000))


def test_references_are_to_an_allowed_kind() -> None:
    item = question("reference", extension=[(f"{BASE}questionnaire-referenceResource", {"valueCode": "Patient"})])
    assert verdict(item, {"valueReference": {"reference": "https://h.example/fhir/Patient/p"}})
    assert verdict(item, {"valueReference": {"reference": "urn:uuid:5"}})
    assert not verdict(item, {"valueReference": {"reference": "Device/d"}})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", {}),
        ("string", {"valueString": ""}),
        ("string", {"valueString": "x", "score": 3}),
        ("string", {"valueString": "x", "valueInteger": 3}),
        ("choice", {"valueCoding": {}}),
        ("choice", {"valueCoding": {"system": "urn:s", "code": " c"}}),
        ("choice", {"valueCode": "c"}),
        ("integer", {"valueInteger": "3"}),
        ("integer", {"valueInteger": 2**31}),
        ("date", {"valueDate": "2026-13-01"}),
        ("dateTime", {"valueDateTime": "2026-10-20T10:00:00"}),
        ("dateTime", {"valueDateTime": "2026-10-20T10:00Z"}),
        ("time", {"valueTime": "10:00"}),
        ("url", {"valueUri": "a b"}),
        ("quantity", {"valueQuantity": {"value": 3, "code": "kg"}}),
        ("quantity", {"valueQuantity": {"value": "3"}}),
        ("attachment", {"valueAttachment": {"data": "eA=="}}),
    ],
)
def test_malformed_answers_are_found(kind: str, value: Json) -> None:
    assert not verdict(question(kind), value)


@pytest.mark.parametrize(
    "value",
    [
        {"_valueString": {"extension": [{"url": f"{BASE}data-absent-reason", "valueCode": "unknown"}]}},
        {"id": "1", "valueString": "x", "extension": [{"url": "urn:x", "valueCode": "y"}]},
        {"valueString": None},
    ],
)
def test_answers_may_carry_more_than_a_value(value: Json) -> None:
    assert verdict(question("string"), value)


def test_only_what_repeats_has_several_answers() -> None:
    values = [{"valueString": "x"}, {"valueString": "y"}]
    assert verdict(question("string", repeats=True), *values)
    assert not verdict(question("string"), *values)
    assert not verdict(question("string"), *values, status="in-progress")


def test_as_many_answers_as_asked_for() -> None:
    bounds = [(f"{BASE}questionnaire-{which}Occurs", {"valueInteger": n}) for which, n in (("min", 2), ("max", 3))]
    item = question("string", repeats=True, extension=bounds)
    many = [{"valueString": str(number)} for number in range(4)]
    assert [verdict(item, *many[:count]) for count in range(1, 5)] == [False, True, True, False]
    assert verdict(item, many[0], status="in-progress")


def test_what_is_required_is_answered_once_it_is_sent() -> None:
    questionnaire = asked(group(question("string", required=True)))
    empty = {"linkId": "g", "item": [{"linkId": "a"}]}
    assert [one.link for one in found(given(empty), questionnaire)] == ["a"]
    assert found(given({"linkId": "g"}, status="amended"), questionnaire)
    assert not found(given(empty, status="in-progress"), questionnaire)
    assert not found(given({"linkId": "g", "item": [answered({"valueString": "x"})]}), questionnaire)
    # what stands below something that is not there, and need not be, is not missing
    assert not found(given(), questionnaire)


def test_a_required_group_is_there() -> None:
    assert found(given(), asked(group(question("string"), required=True)))
    assert not found(given({"linkId": "g"}), asked(group(question("string"), required=True)))


def test_a_group_repeats_as_an_item_and_a_question_in_its_answers() -> None:
    twice = [{"linkId": "g", "item": [answered({"valueString": "x"})]}] * 2
    assert not found(given(*twice), asked(group(question("string"), repeats=True)))
    assert found(given(*twice), asked(group(question("string"))))
    most = [{"url": f"{BASE}questionnaire-maxOccurs", "valueInteger": 1}]
    assert found(given(*twice), asked(group(question("string"), repeats=True, extension=most)))
    again = [answered({"valueString": "x"})] * 2
    assert found(given(*again), asked(question("string", repeats=True)))


def test_groups_and_displays_have_no_answers() -> None:
    value = {"valueString": "x"}
    assert found(given(answered(value, link="g")), asked(group(question("string"))))
    assert found(given(answered(value)), asked(question("display")))
    assert not found(given({"linkId": "a", "text": "Hello"}), asked(question("display")))


def test_items_stand_where_the_questionnaire_has_them_in_any_order() -> None:
    below = question("string", item=[question("integer", "b")])
    questionnaire = asked(group(below), question("integer", "c"))
    inner = answered({"valueInteger": 1}, link="b")
    right = answered({"valueString": "x", "item": [inner]})
    last = answered({"valueInteger": 1}, link="c")
    assert not found(given(last, {"linkId": "g", "item": [right]}), questionnaire)
    assert [one.link for one in found(given(right), questionnaire)] == ["a"]
    beside = {"linkId": "g", "item": [{**answered({"valueString": "x"}), "item": [inner]}]}
    assert [one.link for one in found(given(beside), questionnaire)] == ["a"]
    assert [one.link for one in found(given(answered({"valueString": "x"}, link="z")), questionnaire)] == [None]


@pytest.mark.parametrize(
    "item", [{"linkId": "a", "answer": []}, {"linkId": "a", "answer": "x"}, {"linkId": "a", "item": [5]}]
)
def test_lists_are_lists_of_objects_and_not_empty(item: Json) -> None:
    assert found(given(item), asked(question("string")))


def outcome(response: Json, *questionnaires: Json) -> Sheet | Refused:
    """What the reader makes of a response."""
    files = [json.dumps(one).encode() for one in questionnaires]
    [one] = read_fhir(json.dumps(response).encode(), files)
    return one


def test_a_refusal_names_the_first_question_and_counts_the_others() -> None:
    values = [{"valueInteger": number} for number in (7, 8)]
    one = outcome(given(answered(*values)), asked(question("integer", answerOption=[{"valueInteger": 1}])))
    assert isinstance(one, Refused)
    assert (one.reason, one.column) == ("against_questionnaire", "a")
    assert one.hint.endswith("(and 2 more)")


def test_a_link_that_only_the_response_knows_is_not_named() -> None:
    one = outcome(given(answered({"valueString": "x"}, link="EMP-731")), asked(question("string")))
    assert isinstance(one, Refused)
    assert one.column is None
    assert "EMP" not in one.hint
    inside = {**asked(question("integer", "EMP-731")), "id": "q"}
    own = given(answered({"valueString": "x"}, link="EMP-731"), questionnaire="#q") | {"contained": [inside]}
    assert "EMP" not in repr(outcome(own))
    assert isinstance(outcome(own), Refused)


@pytest.mark.parametrize(
    ("named", "questionnaire", "is_checked"),
    [
        ("urn:q", {}, True),
        ("urn:q|2", {}, True),
        ("urn:q|2", {"version": "2"}, True),
        ("urn:q|2", {"version": "1"}, False),
        ("urn:other", {}, False),
        (None, {}, True),
        ("Questionnaire/own", {"id": "own"}, True),
        ("https://h.example/Questionnaire/own", {"id": "own"}, False),
        ("https://h.example/Questionnaire/own", {"id": "own", "url": None}, True),
        ({"reference": "https://h.example/Questionnaire/own"}, {"id": "own"}, True),
        ({"reference": "Questionnaire/another"}, {"id": "own"}, False),
    ],
)
def test_a_response_is_checked_against_the_questionnaire_it_names(
    named: Any, questionnaire: Json, is_checked: bool
) -> None:
    one = outcome({**given(), "questionnaire": named}, asked(question("string", required=True), **questionnaire))
    assert isinstance(one, Refused) is is_checked


def test_of_two_questionnaires_the_named_version_counts() -> None:
    old, new = asked(question("string"), version="1"), asked(question("string", required=True), version="2")
    assert isinstance(outcome({**given(), "questionnaire": "urn:q|2"}, old, new), Refused)
    assert isinstance(outcome({**given(), "questionnaire": "urn:q|1"}, old, new), Sheet)


def test_a_questionnaire_beside_the_response_is_known() -> None:
    entries = [{"resource": given()}, {"fullUrl": "urn:uuid:1", "resource": asked(question("string", required=True))}]
    one = outcome({"resourceType": "Bundle", "entry": entries})
    assert isinstance(one, Refused)
    assert one.column is None
