"""What is read from QuestionnaireResponses of every kind: answers, units, persons, versions; and from hostile files."""

import json
from typing import Any

import pytest

from producers.sources.fhir import read_fhir
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from tests.exports import questionnaire

Json = dict[str, Any]
BASE = "http://hl7.org/fhir/StructureDefinition/"


def response(**fields: Any) -> Json:
    """A response that is complete."""
    return {"resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed", **fields}


def read(*found: Any, forms: tuple[Json, ...] = ()) -> list[Sheet | Refused]:
    """What comes of resources, one a line."""
    data = "\n".join(json.dumps(one) for one in found).encode()
    return list(read_fhir(data, tuple(json.dumps(form).encode() for form in forms)))


def cells(*found: Any, forms: tuple[Json, ...] = ()) -> dict[str, str]:
    """The cells of the only sheet, but for what is empty."""
    (sheet,) = read(*found, forms=forms)
    assert isinstance(sheet, Sheet), sheet
    return {name: text for name, text in sheet.cells.items() if text}


def answers(*given: tuple[str, Json]) -> list[Json]:
    """Items with one answer each."""
    return [{"linkId": link, "answer": [answer]} for link, answer in given]


def test_every_kind_of_value_is_text() -> None:
    found = cells(
        response(
            item=answers(
                ("a", {"valueInteger": 3}),
                ("b", {"valueDecimal": 3.0}),
                ("c", {"valueBoolean": True}),
                ("d", {"valueString": "x"}),
                ("e", {"valueDate": "2026-10-12"}),
                ("f", {"valueCoding": {"system": "s", "code": "o3"}}),
                ("g", {"valueQuantity": {"value": 3}}),
            )
        )
    )
    assert [found.get(name) for name in "abcdefg"] == ["3", "3.0", "true", "x", "2026-10-12", "o3", None]


def test_weights_come_from_the_answer_itself_or_from_the_questionnaire() -> None:
    own = {"code": "z", "extension": [{"url": BASE + "ordinalValue", "valueDecimal": 4}]}
    given = response(
        questionnaire="https://hospital.example/Questionnaire/pulse|2",
        item=[
            {
                "linkId": "work",
                "item": answers(
                    ("w7", {"valueCoding": {"system": "https://hospital.example/codes", "code": "o2"}}),
                    ("w8", {"valueCoding": {"code": "o1"}}),
                ),
            }
        ],
    )
    found = cells(given, forms=(questionnaire(),))
    assert (found["w7"], found["w8"], found["$questionnaire.version"]) == ("2", "1", "2")
    without = cells({**given, "questionnaire": "https://hospital.example/other"}, forms=(questionnaire(),))
    assert (without["w7"], without["w8"]) == ("o2", "o1")
    assert cells(response(item=answers(("a", {"valueCoding": own}))))["a"] == "4"


def test_nested_and_repeated_items_are_found_by_their_linkid() -> None:
    inner = {"linkId": "i", "answer": [{"valueInteger": 2}]}
    found = cells(
        response(
            item=[
                {"linkId": "g", "item": [inner]},
                {"linkId": "g", "item": [inner]},
                {
                    "linkId": "q",
                    "answer": [{"valueInteger": 1, "item": [{"linkId": "n", "answer": [{"valueInteger": 5}]}]}],
                },
                {"linkId": "m", "answer": [{"valueInteger": 7}, {"valueInteger": 8}]},
            ]
        )
    )
    assert {name: found.get(name) for name in ("i", "i#1", "i#2", "q", "n", "m", "m#2")} == {
        "i": None,
        "i#1": "2",
        "i#2": "2",
        "q": "1",
        "n": "5",
        "m": None,
        "m#2": "8",
    }


ROLE = {
    "resourceType": "PractitionerRole",
    "id": "role1",
    "practitioner": {"reference": "Practitioner/ann"},
    "organization": {"reference": "Organization/med-a"},
    "location": [{"reference": "https://x.example/fhir/Location/w3/_history/7"}],
}
WHO = ("med-a", "w3", "Practitioner/ann")


@pytest.mark.parametrize(
    ("fields", "others", "expected"),
    [
        ({"author": {"reference": "#role1"}, "contained": [ROLE]}, [], WHO),
        ({"author": {"reference": "PractitionerRole/role1"}}, [ROLE], WHO),
        (
            {"author": {"reference": "https://x.example/PractitionerRole/role1"}},
            [ROLE],
            ("med-a", "w3", "Practitioner/ann"),
        ),
        ({"author": {"reference": "Organization/med-b"}}, [], ("med-b", None, "Organization/med-b")),
        (
            {"author": {"reference": "Practitioner/ann"}, "subject": {"reference": "Location/w4"}},
            [],
            (None, "w4", "Practitioner/ann"),
        ),
        ({"subject": {"type": "Organization", "reference": "Organization/icu"}}, [], ("icu", None, None)),
        # a mark within the response names nobody: with it everybody would be one person
        ({"author": {"reference": "#somebody"}}, [], (None, None, None)),
        ({"author": {"identifier": {"system": "s", "value": "E77"}}}, [], (None, None, "E77")),
        # a person with two roles would be two
        ({"author": {"reference": "PractitionerRole/elsewhere"}}, [], (None, None, None)),
        ({"author": {"reference": "Practitioner/ann/_history/4"}}, [], (None, None, "Practitioner/ann")),
    ],
)
def test_unit_and_person_come_from_the_author_or_the_subject(
    fields: Json, others: list[Json], expected: tuple[str | None, ...]
) -> None:
    found = cells(*others, response(**fields))
    assert (found.get("$organization"), found.get("$location"), found.get("$author")) == expected


def test_references_within_a_bundle_are_followed() -> None:
    organisation = {"resourceType": "Organization", "id": "x9", "identifier": [{"value": "MED-A"}]}
    role = {**ROLE, "organization": {"reference": "urn:uuid:0-1"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": "urn:uuid:0-1", "resource": organisation},
            {"fullUrl": "urn:uuid:0-2", "resource": role},
            {"resource": response(author={"reference": "urn:uuid:0-2"})},
            {"resource": {"resourceType": "OperationOutcome", "issue": []}},
            {"resource": None},
            {},
        ],
    }
    found = cells(bundle)
    assert (found["$organization"], found["$organization.identifier"], found["$location"]) == ("x9", "MED-A", "w3")


def test_tags_status_and_versions() -> None:
    tag = {"system": "https://hospital.example/unit", "code": "med-a"}
    found = cells(response(meta={"tag": [tag], "versionId": "12"}, authored="2026-10-12T08:00:00+02:00"))
    assert (found["$tag"], found["$tag:https://hospital.example/unit"], found["$revision"]) == ("med-a", "med-a", "12")
    assert cells(response(status="amended"))["$revision"] == "1"
    for version in ("2026-10-12T08:00:00", "12345678", "x", "-1", "\u0663"):
        assert cells(response(meta={"versionId": version}))["$revision"] == "0"


def test_stu3_names_its_questionnaire_by_a_reference() -> None:
    found = cells(response(questionnaire={"reference": "Questionnaire/pulse"}))
    assert found["$questionnaire"] == "Questionnaire/pulse"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("in-progress", "not_submitted"), ("stopped", "not_submitted"), ("foo", "wrong_shape"), (None, "wrong_shape")],
)
def test_what_is_not_sent_off_is_refused(status: str | None, reason: str) -> None:
    (found,) = read(response(status=status))
    assert isinstance(found, Refused)
    assert (found.reason, found.column) == (reason, "$status")


def test_what_was_entered_in_error_is_taken_back_even_without_content() -> None:
    (found,) = read(response(status="entered-in-error", item="gone"))
    assert isinstance(found, Sheet)
    assert found.withdrawn
    assert found.cells["$id"] == "r1"


def test_a_response_is_checked_against_the_questionnaire_it_names_alone() -> None:
    wrong = response(item=answers(("w7", {"valueInteger": 3})))
    named = {**wrong, "questionnaire": "https://hospital.example/Questionnaire/pulse"}
    (found,) = read({**wrong, "item": [{"linkId": "work", "item": named["item"]}]}, forms=(questionnaire(),))
    assert isinstance(found, Refused)
    assert (found.reason, found.column) == ("against_questionnaire", "w7")
    assert "another type" in found.hint
    (other,) = read({**named, "questionnaire": "https://hospital.example/other"}, forms=(questionnaire(),))
    assert isinstance(other, Sheet)
    strange = {**named, "item": answers(("mrs-meier@hospital.example", {"valueString": "secret"}))}
    (refused,) = read(strange, forms=(questionnaire(),))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.column) == ("against_questionnaire", None)
    assert "meier" not in repr(refused)
    assert "secret" not in repr(refused)


def test_broken_lines_are_counted_where_they_stand() -> None:
    data = b"\xef\xbb\xbf" + json.dumps(response()).encode() + b'\n\n{"resourceType": "Questionn\n\xff\xfe\xff\n[1]\n'
    found = list(read_fhir(data))
    assert [(one.line, getattr(one, "reason", None)) for one in found] == [
        *[(1, None), (3, "unreadable_row"), (4, "unreadable_row"), (5, "wrong_shape")]
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"resourceType": "Patient"}',
        b'{"resourceType": "QuestionnaireResponse",}',
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}',
        b'{"resourceType": "QuestionnaireResponse", "resourceType": "QuestionnaireResponse"}',
    ],
)
def test_a_file_without_a_response_is_refused(data: bytes) -> None:
    with pytest.raises(InputRefused):
        read_fhir(data)


def test_deep_and_endless_things_are_refused_and_cost_nothing() -> None:
    deep: Json = {"linkId": "x"}
    for _ in range(300):
        deep = {"linkId": "x", "item": [deep]}
    (found,) = read(response(item=[deep]))
    assert isinstance(found, Refused)
    assert "too deep" in found.hint
    huge = json.dumps(response(item=answers(("a", {"valueInteger": 0})))).replace(
        '"valueInteger": 0', f'"valueInteger": {"9" * 9999}'
    )
    (number,) = read_fhir(huge.encode())
    assert isinstance(number, Refused)
    assert "no Integer" in number.hint


def test_entries_that_are_no_resources_are_counted() -> None:
    entries = [{"resource": response()}, 5, {"resource": "x"}, {"resource": {"id": "x"}}, {"response": {}}]
    found = read({"resourceType": "Bundle", "entry": entries})
    assert [(one.line, getattr(one, "reason", None)) for one in found] == [
        *[(1, None), (2, "wrong_shape"), (3, "wrong_shape")]
    ]


def test_a_name_that_could_mean_two_answers_means_none() -> None:
    several = {"linkId": "a", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}
    found = cells(response(item=[several, *answers(("a#1", {"valueInteger": 3}))]))
    assert "a#1" not in found
    assert found["a#2"] == "2"


def test_answers_are_numbered_in_the_order_of_the_response() -> None:
    deep = {"linkId": "g", "item": [{"linkId": "h", "item": answers(("a", {"valueInteger": 1}))}]}
    found = cells(response(item=[deep, *answers(("a", {"valueInteger": 2}))]))
    assert (found["a#1"], found["a#2"]) == ("1", "2")


def test_no_item_passes_for_a_field_of_the_response() -> None:
    found = cells(response(item=answers(("$tag", {"valueString": "icu-1"}), ("$organization", {"valueString": "x"}))))
    assert "$tag" not in found
    assert "$organization" not in found


def test_two_codes_of_one_system_name_no_unit() -> None:
    tags = [{"system": "u", "code": "a"}, {"system": "u", "code": "b"}, {"system": "v", "code": "c"}]
    found = cells(response(meta={"tag": tags}))
    assert {name: cell for name, cell in found.items() if name.startswith("$tag")} == {"$tag:v": "c"}


def test_a_unit_may_be_an_answer_that_refers_to_it() -> None:
    found = cells(response(item=answers(("unit", {"valueReference": {"reference": "Organization/icu-1"}}))))
    assert found["unit"] == "icu-1"


def test_what_is_null_is_not_answered() -> None:
    given = [{"linkId": "b", "answer": None, "item": None}, *answers(("a", {"valueInteger": None}))]
    found = cells(response(item=given))
    assert not {"a", "b"} & found.keys()


def test_a_linkid_is_text() -> None:
    (found,) = read(response(item=[{"linkId": 5, "answer": [{"valueInteger": 1}]}]))
    assert isinstance(found, Refused)
    assert found.reason == "wrong_shape"


def test_weights_may_come_from_a_questionnaire_inside_the_response() -> None:
    concept = {"code": "o3", "extension": [{"url": f"{BASE}ordinalValue", "valueDecimal": 3}]}
    nested = {"contains": [{"system": "s", "code": "all", "contains": [{"system": "s", **concept}]}]}
    sets = [{"resourceType": "ValueSet", "id": "v", "expansion": nested}]
    asked = [{"linkId": "a", "type": "choice", "answerValueSet": "#v"}]
    form = {"resourceType": "Questionnaire", "id": "q", "contained": sets, "item": asked}
    given = answers(("a", {"valueCoding": {"system": "s", "code": "o3"}}))
    assert cells(response(questionnaire="#q", contained=[form], item=given))["a"] == "3"
    twice = {**form, "item": asked * 2}
    assert cells(response(questionnaire="#q", contained=[twice], item=given))["a"] == "o3"


def test_an_id_inside_the_response_names_no_unit() -> None:
    inside = {"resourceType": "Organization", "id": "o", "identifier": [{"value": "icu-1"}]}
    found = cells(response(contained=[inside], author={"reference": "#o"}))
    assert "$organization" not in found
    assert found["$organization.identifier"] == "icu-1"


@pytest.mark.parametrize(
    ("named", "form", "is_checked"),
    [
        ("urn:q|2", {"version": "2"}, True),
        ("urn:q|2", {}, True),
        ("urn:q|2", {"version": "1"}, False),
        ("Questionnaire/own", {"id": "own"}, True),
        ({"reference": "https://h.example/Questionnaire/own"}, {"id": "own"}, True),
        ("https://h.example/Questionnaire/own", {"id": "own"}, False),
        ("https://h.example/Questionnaire/own", {"id": "own", "url": None}, True),
    ],
)
def test_a_questionnaire_is_known_by_its_address_or_its_place(named: Any, form: Json, is_checked: bool) -> None:
    asked = [{"linkId": "a", "type": "string", "required": True}]
    whole = {"resourceType": "Questionnaire", "url": "urn:q", "item": asked, **form}
    (found,) = read(response(questionnaire=named), forms=(whole,))
    assert isinstance(found, Refused) is is_checked


def test_the_version_that_is_named_comes_before_one_without() -> None:
    asked = {"linkId": "a", "type": "string"}
    any_version: Json = {"resourceType": "Questionnaire", "url": "urn:q", "item": [asked]}
    second = {**any_version, "version": "2", "item": [{**asked, "required": True}]}
    (found,) = read(response(questionnaire="urn:q|2"), forms=(any_version, second))
    assert isinstance(found, Refused)
    (other,) = read(response(questionnaire="urn:q|3"), forms=(any_version, second))
    assert isinstance(other, Sheet)
