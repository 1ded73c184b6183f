"""Each rule of a Questionnaire both ways: what it forbids is refused, and what it allows is not."""

import json
from typing import Any

import pytest

from producers.sources.fhir_check import violations
from producers.sources.fhir_questionnaire import parse
from producers.sources.json_text import loads

BASE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
Json = dict[str, Any]


def rules(items: list[Json], given: list[Json], status: str = "completed", **questionnaire: Any) -> list[str]:
    """The rules that a response with these items breaks."""
    form = parse(loads(json.dumps({"resourceType": "Questionnaire", "item": items, **questionnaire})))
    response = loads(json.dumps({"resourceType": "QuestionnaireResponse", "status": status, "item": given}))
    return [f"{one.link}: {one.rule}" for one in violations(response, form)]


def ext(name: str, base: str = BASE, **value: Any) -> Json:
    """An extension."""
    return {"url": base + name, **value}


def answered(*values: Json, link: str = "q") -> list[Json]:
    """A response to one item."""
    return [{"linkId": link, "answer": list(values)}]


def number(value: object) -> Json:
    """An integer as an answer or option."""
    return {"valueInteger": value}


def decimal(value: object) -> Json:
    """A decimal number as an answer."""
    return {"valueDecimal": value}


def string(value: object) -> Json:
    """Text as an answer or option."""
    return {"valueString": value}


def day(value: object) -> Json:
    """A date as an answer or option."""
    return {"valueDate": value}


def clock(value: object) -> Json:
    """A time of day as an answer or option."""
    return {"valueTime": value}


def amount(value: object) -> Json:
    """A quantity as an answer."""
    return {"valueQuantity": value}


def item(kind: str, **others: Any) -> Json:
    """An item of a Questionnaire."""
    return {"linkId": "q", "type": kind, **others}


CODING = {"valueCoding": {"system": "s", "code": "a"}}
OTHER = {"valueCoding": {"system": "s", "code": "b"}}
OPTIONS: Json = {
    "answerOption": [CODING, {**OTHER, "extension": [ext("questionnaire-optionExclusive", valueBoolean=True)]}]
}
KG = {"system": "http://unitsofmeasure.org", "code": "kg"}
LIMITS: Json = {"extension": [ext("minQuantity", SDC, valueQuantity={"value": 5, **KG})]}
VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "v",
    "compose": {"include": [{"system": "s", "concept": [{"code": "a"}]}]},
}


@pytest.mark.parametrize(
    ("asked", "fits", "does_not", "rule"),
    [
        (item("boolean"), {"valueBoolean": False}, CODING, "another type"),
        (item("integer"), number(3), decimal(3.5), "another type"),
        (item("decimal"), decimal(3), number(3), "another type"),
        (item("date"), day("2026-10"), {"valueDateTime": "2026-10-12"}, "another type"),
        (item("dateTime"), {"valueDateTime": "2026-10-12T10:00:00+02:00"}, CODING, "another type"),
        (item("time"), clock("10:00:00"), string("10"), "another type"),
        (item("string"), string("x"), number(3), "another type"),
        (item("text"), string("x"), CODING, "another type"),
        (item("url"), {"valueUri": "https://x.example"}, string("x"), "another type"),
        (item("reference"), {"valueReference": {"reference": "Patient/1"}}, string("x"), "another type"),
        (item("attachment"), {"valueAttachment": {"url": "https://x.example"}}, CODING, "another type"),
        (item("quantity"), amount({"value": 3}), decimal(3), "another type"),
        (item("choice"), CODING, {"valueBoolean": True}, "another type"),
        (item("coding"), CODING, number(3), "another type"),
        (item("choice", **OPTIONS), CODING, {"valueCoding": {"system": "s", "code": "c"}}, "one of the options"),
        (item("choice", **OPTIONS), CODING, {"valueCoding": {"system": "t", "code": "a"}}, "one of the options"),
        (item("choice", **OPTIONS), {"valueCoding": {"code": "a"}}, string("a"), "another type"),
        (item("open-choice", **OPTIONS), string("mine"), {"valueCoding": {"code": "c"}}, "one of the options"),
        (
            item("coding", answerConstraint="optionsOrString", **OPTIONS),
            string("mine"),
            {"valueCoding": {"code": "c"}},
            "one of the options",
        ),
        (item("integer", answerOption=[number(1)]), number(1), number(2), "the options"),
        (
            item("time", answerOption=[clock("10:00:00")]),
            clock("10:00:00"),
            clock("09:00:00"),
            "opt",
        ),
        (
            item("date", answerOption=[day("2026-01-01")]),
            day("2026-01-01"),
            day("2026"),
            "opt",
        ),
        (
            item("string", answerOption=[string("x")]),
            string("x"),
            string("y"),
            "the options",
        ),
        (item("choice", answerValueSet="#v"), CODING, OTHER, "one of the options"),
        (item("choice", options={"reference": "#v"}), CODING, OTHER, "one of the options"),
        (
            item("integer", extension=[ext("minValue", valueInteger=2)]),
            number(2),
            number(1),
            "under",
        ),
        (
            item("integer", extension=[ext("maxValue", valueInteger=2)]),
            number(-3),
            number(10),
            "over",
        ),
        (
            item("decimal", extension=[ext("maxValue", valueDecimal=2.5)]),
            decimal(2.50),
            decimal(2.51),
            "over",
        ),
        (
            item("date", extension=[ext("minValue", valueDate="2026-10-12")]),
            day("2026-10-12"),
            day("2026-10-11"),
            "under",
        ),
        (
            item("time", extension=[ext("maxValue", valueTime="10:00:00")]),
            clock("09:59:59"),
            clock("10:00:01"),
            "over",
        ),
        (
            item("decimal", extension=[ext("maxDecimalPlaces", valueInteger=1)]),
            decimal(2.5),
            decimal(2.25),
            "decimal places",
        ),
        (item("string", maxLength=3), string("abc"), string("abcd"), "longer"),
        (
            item("text", extension=[ext("minLength", valueInteger=2)]),
            string("ab"),
            string("a"),
            "shorter",
        ),
        (
            item(
                "attachment", extension=[ext("mimeType", valueCode="image/png"), ext("mimeType", valueCode="image/gif")]
            ),
            {"valueAttachment": {"contentType": "image/gif"}},
            {"valueAttachment": {"contentType": "text/html"}},
            "attachment is of a kind",
        ),
        (
            item("attachment", extension=[ext("maxSize", valueDecimal=0.001)]),
            {"valueAttachment": {"size": 1000}},
            {"valueAttachment": {"contentType": "text/plain", "data": "A" * 2000}},
            "larger",
        ),
        (
            item("reference", extension=[ext("questionnaire-referenceResource", valueCode="Practitioner")]),
            {"valueReference": {"reference": "https://x.example/Practitioner/1/_history/2"}},
            {"valueReference": {"reference": "Patient/1"}},
            "another kind of thing",
        ),
        (
            item("quantity", **LIMITS),
            amount({"value": 5, **KG}),
            amount({"value": 4.9, **KG}),
            "under",
        ),
        (
            item("quantity", **LIMITS),
            amount({"value": 5000, **KG, "code": "g"}),
            amount({"value": 9}),
            "coded",
        ),
        (
            item("quantity", extension=[ext("questionnaire-unitOption", valueCoding=KG)]),
            amount({"value": 1, **KG}),
            amount({"value": 5000, **KG, "code": "g"}),
            "the unit is not one",
        ),
    ],
)
def test_one_answer(asked: Json, fits: Json, does_not: Json, rule: str) -> None:
    assert rules([asked], answered(fits), contained=[VALUE_SET]) == []
    (broken,) = rules([asked], answered(does_not), contained=[VALUE_SET])
    assert broken.startswith("q: ")
    assert rule in broken
    # a response in progress is held to what it says already
    assert rules([asked], answered(does_not), "in-progress", contained=[VALUE_SET]) == [broken]


@pytest.mark.parametrize("kind", ["display", "group", "question"])
def test_what_is_no_question_has_no_answer(kind: str) -> None:
    assert rules([item(kind)], [{"linkId": "q"}]) == []
    assert rules([item(kind)], answered(CODING)) == ["q: it is answered, though it is no question"]


def test_several_answers() -> None:
    two = answered(string("a"), string("b"))
    assert rules([item("string", repeats=True)], two) == []
    assert rules([item("string")], two) == ["q: it has several answers and may have one"]
    assert rules([item("string", repeats=True)], [*two, *two]) == ["q: it is there more than once"]
    many = item("string", repeats=True, extension=[ext("questionnaire-maxOccurs", valueInteger=1)])
    assert rules([many], two) == ["q: it has more answers than the questionnaire allows"]
    few = item("string", repeats=True, extension=[ext("questionnaire-minOccurs", valueInteger=3)])
    assert rules([few], two) == ["q: it has fewer answers than the questionnaire asks for"]
    assert rules([few], two, "in-progress") == rules([few], []) == []
    exclusive = rules([item("choice", repeats=True, **OPTIONS)], answered(CODING, OTHER))
    assert exclusive == ["q: an answer that excludes all others is given together with another"]
    assert rules([item("choice", repeats=True, **OPTIONS)], answered(OTHER)) == []


@pytest.mark.parametrize("given", [[], [{"linkId": "q"}], [{"linkId": "q", "answer": [{"_valueString": {"id": "x"}}]}]])
def test_what_is_required_is_answered_once_it_is_sent_off(given: list[Json]) -> None:
    needed = [item("string", required=True)]
    assert rules(needed, given) == ["q: it must be answered"]
    assert rules(needed, given, "in-progress") == rules([item("string")], given) == []


def test_items_of_groups_and_of_answers_stand_where_they_are_asked() -> None:
    inner = {"linkId": "i", "type": "string", "required": True}
    group, question = item("group", repeats=True, item=[inner]), item("string", item=[inner])
    said = {"linkId": "i", "answer": [string("x")]}
    assert rules([group], [{"linkId": "q", "item": [said]}, {"linkId": "q", "item": [said]}]) == []
    assert rules([group], [{"linkId": "q", "item": [said]}, {"linkId": "q"}]) == ["i: it must be answered"]
    assert rules([group], []) == []
    assert rules([{**group, "required": True}], []) == ["q: it must be answered"]
    nested = {"linkId": "q", "answer": [{"valueString": "y", "item": [said]}]}
    assert rules([question], [nested]) == []
    assert rules([question], answered(string("y"))) == ["i: it must be answered"]
    beside = {"linkId": "q", "answer": [{"valueString": "y", "item": [said]}], "item": [said]}
    assert rules([question], [beside]) == ["q: items stand beside its answers, not under them"]
    for strange in ([said], [{"linkId": "q", "item": [said, {"linkId": "x"}]}], [{"linkId": "mine"}]):
        assert rules([group], strange) == [": there is an item that the questionnaire does not have in this place"]


def _when(**condition: Any) -> list[Json]:
    return [
        {"linkId": "first", "type": "integer"},
        {"linkId": "q", "type": "string", "required": True, "enableWhen": [{"question": "first", **condition}]},
    ]


@pytest.mark.parametrize(
    ("condition", "asked_at", "not_at"),
    [
        ({"operator": "=", "answerInteger": 3}, 3, 4),
        ({"operator": "!=", "answerInteger": 3}, 4, 3),
        ({"operator": ">", "answerInteger": 3}, 4, 3),
        ({"operator": "<", "answerInteger": 3}, 2, 3),
        ({"operator": ">=", "answerInteger": 3}, 3, 2),
        ({"operator": "<=", "answerInteger": 3}, 3, 4),
        ({"operator": "exists", "answerBoolean": True}, 3, None),
        ({"operator": "exists", "answerBoolean": False}, None, 3),
        ({"hasAnswer": True}, 3, None),
        ({"answerInteger": 3}, 3, 4),
    ],
)
def test_an_item_is_asked_by_the_answers_to_others(condition: Json, asked_at: int | None, not_at: int | None) -> None:
    form = _when(**condition)
    there = [[] if at is None else answered(number(at), link="first") for at in (asked_at, not_at)]
    mine = answered(string("x"))
    assert rules(form, [*there[0], *mine]) == rules(form, there[1]) == []
    assert rules(form, there[0]) == ["q: it must be answered"]
    assert rules(form, [*there[1], *mine]) == ["q: it is answered, though by the other answers it was not asked"]


def test_conditions_are_taken_together_as_the_questionnaire_says() -> None:
    conditions = [
        {"question": "first", "operator": ">", "answerInteger": 1},
        {"question": "first", "operator": "<", "answerInteger": 3},
    ]
    mine = answered(string("x"))
    for behaviour, at, is_asked in (("all", 2, True), ("all", 5, False), ("any", 5, True), ("any", 0, True)):
        form = _when()
        form[1] |= {"enableWhen": conditions, "enableBehavior": behaviour}
        first = answered(number(at), link="first")
        assert (rules(form, [*first, *mine]) == []) is is_asked
        assert (rules(form, first) == []) is not is_asked
    # how they are joined is not said: nothing can be told
    form = _when()
    form[1] |= {"enableWhen": [*conditions]}
    first = answered(number(5), link="first")
    assert rules(form, [*first, *mine]) == rules(form, first) == []


def test_what_cannot_be_told_here_passes() -> None:
    expression = [ext("enableWhenExpression", SDC, valueExpression={"language": "text/fhirpath", "expression": "true"})]
    hidden = item("string", required=True, extension=expression)
    assert rules([hidden], []) == rules([hidden], answered(string("x"))) == []
    elsewhere = item("choice", answerValueSet="http://terminology.example/vs")
    assert rules([elsewhere], answered({"valueCoding": {"system": "x", "code": "y"}})) == []
    unknown = item("a-type-of-tomorrow")
    assert rules([unknown], answered(CODING)) == []
    filtered = {"include": [{"system": "s", "filter": [{"property": "concept", "op": "is-a", "value": "x"}]}]}
    open_set = {"resourceType": "ValueSet", "id": "v", "compose": filtered}
    assert rules([item("choice", answerValueSet="#v")], answered(OTHER), contained=[open_set]) == []
    other_unit = amount({"value": 1, "system": "http://unitsofmeasure.org", "code": "[car_Au]"})
    assert rules([item("quantity", **LIMITS)], answered(other_unit)) == []
    partial = item("date", extension=[ext("minValue", valueDate="2026-10-12")])
    assert rules([partial], answered(day("2026"))) == []


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ([3], "an item is no object"),
        ([{"answer": [CODING]}], "an item has no linkId"),
        ([{"linkId": "q", "answers": []}], "an item has a property that FHIR does not have"),
        ([{"linkId": "q", "answer": []}], "no list, or an empty one"),
        ([{"linkId": "q", "answer": {}}], "no list, or an empty one"),
        ([{"linkId": "q", "answer": [{}]}], "an answer is empty"),
        ([{"linkId": "q", "answer": [{"valueCode": "a"}]}], "an answer has a property that FHIR does not have"),
        ([{"linkId": "q", "answer": [{**CODING, "note": "x"}]}], "an answer has a property that FHIR does not have"),
        ([{"linkId": "q", "answer": [{**CODING, "valueString": "x"}]}], "an answer has several values"),
        ([{"linkId": "q", "answer": [string("")]}], "an answer is no String"),
        ([{"linkId": "q", "answer": [number("3")]}], "an answer is no Integer"),
        ([{"linkId": "q", "answer": [number(3.5)]}], "an answer is no Integer"),
        ([{"linkId": "q", "answer": [number(2**31)]}], "an answer is no Integer"),
        ([{"linkId": "q", "answer": [{"valueBoolean": "true"}]}], "an answer is no Boolean"),
        ([{"linkId": "q", "answer": [day("12.10.2026")]}], "an answer is no Date"),
        ([{"linkId": "q", "answer": [{"valueDateTime": "2026-10-12T10:00:00"}]}], "an answer is no DateTime"),
        ([{"linkId": "q", "answer": [clock("24:00:00")]}], "an answer is no Time"),
        ([{"linkId": "q", "answer": [{"valueCoding": "a"}]}], "an answer is no Coding"),
    ],
)
def test_what_no_response_looks_like(given: list[Any], rule: str) -> None:
    broken = rules([item("choice")], given)
    assert broken
    assert rule in broken[0]


def test_a_questionnaire_that_cannot_be_one_is_refused() -> None:
    for items in ([{"type": "string"}], [item("string"), item("string")]):
        with pytest.raises(ValueError, match="no linkId, or two have the same"):
            parse(loads(json.dumps({"item": items})))
    deep: Json = item("group")
    for number in range(150):
        deep = {"linkId": f"g{number}", "type": "group", "item": [deep]}
    with pytest.raises(ValueError, match="far too deep"):
        parse(loads(json.dumps({"item": [deep]})))
