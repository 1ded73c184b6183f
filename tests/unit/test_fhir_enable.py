"""What a Questionnaire demands under conditions on other answers."""

from typing import Any

import pytest

from tests.fhir_resources import SDC, Json, answered, asked, coding, found, given, group, quantity, question


def conditional(*conditions: Json, **more: Any) -> Json:
    """A question that is required where a condition on `q` holds."""
    return question("string", required=True, enableWhen=[{"question": "q", **one} for one in conditions], **more)


@pytest.mark.parametrize(
    ("kind", "condition", "holds", "fails"),
    [
        ("boolean", {"operator": "exists", "answerBoolean": True}, {"valueBoolean": False}, None),
        ("boolean", {"operator": "exists", "answerBoolean": False}, None, {"valueBoolean": True}),
        ("boolean", {"hasAnswer": True}, {"valueBoolean": False}, None),
        ("boolean", {"operator": "=", "answerBoolean": True}, {"valueBoolean": True}, {"valueBoolean": False}),
        ("boolean", {"answerBoolean": True}, {"valueBoolean": True}, {"valueBoolean": False}),
        ("choice", {"operator": "=", "answerCoding": coding("c")["valueCoding"]}, coding("c"), coding("d")),
        ("choice", {"operator": "!=", "answerCoding": coding("c")["valueCoding"]}, coding("d"), coding("c")),
        ("integer", {"operator": ">", "answerInteger": 3}, {"valueInteger": 4}, {"valueInteger": 3}),
        ("integer", {"operator": "<", "answerInteger": 3}, {"valueInteger": 2}, {"valueInteger": 3}),
        ("decimal", {"operator": ">=", "answerDecimal": 3}, {"valueDecimal": 3.0}, {"valueDecimal": 2.9}),
        ("date", {"operator": "<=", "answerDate": "2026-10"}, {"valueDate": "2026-09-30"}, {"valueDate": "2026-11"}),
        ("time", {"operator": "<", "answerTime": "10:00:00"}, {"valueTime": "09:00:00"}, {"valueTime": "10:00:00"}),
        ("string", {"operator": "=", "answerString": "x"}, {"valueString": "x"}, {"valueString": "y"}),
        (
            "quantity",
            {"operator": ">", "answerQuantity": quantity(1, "kg")["valueQuantity"]},
            quantity(1001, "g"),
            quantity(1, "kg"),
        ),
    ],
)
def test_what_is_required_under_a_condition(kind: str, condition: Json, holds: Json | None, fails: Json | None) -> None:
    questionnaire = asked(question(kind, "q"), conditional(condition))

    def with_answer(value: Json | None, *more: Json) -> Json:
        return given(*([answered(value, link="q")] if value else []), *more)

    assert [one.link for one in found(with_answer(holds), questionnaire)] == ["a"]
    assert not found(with_answer(fails), questionnaire)
    assert not found(with_answer(holds, answered({"valueString": "x"})), questionnaire)
    assert [one.link for one in found(with_answer(fails, answered({"valueString": "x"})), questionnaire)] == ["a"]


def test_conditions_hold_together_or_one_by_one() -> None:
    conditions = [{"operator": ">", "answerInteger": 3}, {"operator": "<", "answerInteger": 9}]
    two = given(answered({"valueInteger": 2}, link="q"))
    for behaviour, is_missing in (("all", False), ("any", True)):
        questionnaire = asked(question("integer", "q"), conditional(*conditions, enableBehavior=behaviour))
        assert bool(found(two, questionnaire)) is is_missing


@pytest.mark.parametrize(
    "item",
    [
        conditional({"operator": "!=", "answerInteger": 3}),
        conditional({"operator": "~", "answerInteger": 3}),
        conditional({"operator": "=", "answerInteger": 3}, {"operator": "=", "answerInteger": 9}),
        conditional({"operator": "=", "answerDecimal": 2}),
        conditional(extension=[(f"{SDC}enableWhenExpression", {"valueExpression": {"expression": "true"}})]),
    ],
)
def test_nothing_is_demanded_where_it_is_not_known_whether_a_condition_holds(item: Json) -> None:
    many = answered({"valueInteger": 2}, {"valueInteger": 3}, link="q")
    questionnaire = asked(question("integer", "q", repeats=True), item)
    assert not found(given(many), questionnaire)
    assert not found(given(many, answered({"valueString": "x"})), questionnaire)


def test_a_condition_looks_at_its_own_repetition_first() -> None:
    condition = {"operator": "=", "answerInteger": 1}
    questionnaire = asked(group(question("integer", "q"), conditional(condition), repeats=True))

    def repetition(value: int, *more: Json) -> Json:
        return {"linkId": "g", "item": [answered({"valueInteger": value}, link="q"), *more]}

    assert not found(given(repetition(2), repetition(1, answered({"valueString": "x"}))), questionnaire)
    assert found(given(repetition(1), repetition(2, answered({"valueString": "x"}))), questionnaire)


def test_nothing_below_what_is_not_enabled_is_demanded() -> None:
    whole = group(question("string", required=True), required=True)
    whole["enableWhen"] = [{"question": "q", "operator": "=", "answerBoolean": True}]
    questionnaire = asked(question("boolean", "q"), whole)
    no = answered({"valueBoolean": False}, link="q")
    assert not found(given(no), questionnaire)
    assert not found(given(no, {"linkId": "g"}), questionnaire)
