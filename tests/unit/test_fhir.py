"""FHIR files become answer sheets: one resource, Bundles and NDJSON, with what they refer to."""

import json
from pathlib import Path
from typing import Any

import pytest

from producers.sources.fhir import read_fhir
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from tests.fhir_files import ROLE, answer, cells, read, refused, response

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
WEIGHT = "http://hl7.org/fhir/StructureDefinition/itemWeight"
CODES = "https://hospital.example/codes"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('{"valueInteger": 3}', "3"),
        ('{"valueDecimal": 1.50}', "1.50"),
        ('{"valueBoolean": true}', "true"),
        ('{"valueBoolean": false}', "false"),
        ('{"valueString": "often"}', "often"),
        ('{"valueDate": "2026-10"}', "2026-10"),
        ('{"valueDateTime": "2026-10-20T10:00:00+02:00"}', "2026-10-20T10:00:00+02:00"),
        ('{"valueTime": "10:30:00"}', "10:30:00"),
        ('{"valueUri": "urn:x"}', "urn:x"),
        ('{"valueCoding": {"system": "s", "code": "c7"}}', "c7"),
        ('{"valueQuantity": {"value": 12.0, "unit": "h"}}', "12.0"),
        ('{"valueReference": {"reference": "Organization/icu-1"}}', "icu-1"),
        ('{"valueReference": {"reference": "Patient/p"}}', "Patient/p"),
        ('{"valueAttachment": {"url": "https://x.example"}}', ""),
    ],
)
def test_every_type_of_answer_is_text(value: str, cell: str) -> None:
    item = f'{{"linkId": "a", "answer": [{value}]}}'
    text = f'{{"resourceType": "QuestionnaireResponse", "status": "completed", "item": [{item}]}}'
    [sheet] = read_fhir(text.encode())
    assert isinstance(sheet, Sheet)
    assert sheet.cells["a"] == cell


def test_items_are_found_at_any_depth_and_under_answers() -> None:
    inner = answer("c", {"valueInteger": 3})
    found = cells(
        response(
            {"linkId": "g", "item": [{"linkId": "h", "item": [answer("a", {"valueInteger": 1})]}]},
            answer("b", {"valueInteger": 2, "item": [inner]}),
            {"linkId": "unanswered"},
            {"linkId": "absent", "answer": [{"_valueString": {"extension": []}}, {"valueString": None}]},
        )
    )
    assert {name: cell for name, cell in found.items() if name[0] != "$"} == {"a": "1", "b": "2", "c": "3"}


def test_several_answers_are_numbered_and_none_has_the_bare_name() -> None:
    group = [{"linkId": "g", "item": [answer("a", {"valueInteger": number})]} for number in (4, 5)]
    found = cells(response(*group, answer("b", {"valueString": "x"}, {"valueString": "y"})))
    assert {"a#1": "4", "a#2": "5", "b#1": "x", "b#2": "y"}.items() <= found.items()
    assert not {"a", "b"} & found.keys()


def test_a_name_that_could_mean_two_answers_means_none() -> None:
    found = cells(response(answer("a", {"valueInteger": 1}, {"valueInteger": 2}), answer("a#1", {"valueInteger": 3})))
    assert "a#1" not in found
    assert found["a#2"] == "2"


def test_no_item_passes_for_a_field_of_the_source() -> None:
    found = cells(response(answer("$unit.organization", {"valueString": "icu-1"}), answer("$id", {"valueString": "x"})))
    assert found["$id"] == "r1"
    assert "$unit.organization" not in found


def test_a_response_says_who_what_and_when() -> None:
    found = cells(
        response(
            answer("a", {"valueInteger": 1}),
            meta={"versionId": "3", "tag": [{"system": "urn:unit", "code": "icu-1"}]},
            authored="2026-10-20T10:00:00+02:00",
            questionnaire="https://h.example/Questionnaire/q|2.1",
            author={"identifier": {"system": "urn:staff", "value": "77"}},
            source={"reference": "Practitioner/9"},
        )
    )
    assert found == {
        "a": "1",
        "$id": "r1",
        "$status": "completed",
        "$authored": "2026-10-20T10:00:00+02:00",
        "$questionnaire": "https://h.example/Questionnaire/q",
        "$questionnaire.version": "2.1",
        "$revision": "3",
        "$author": "urn:staff|77",
        "$source": "Practitioner/9",
        "$subject": "",
        "$tag": "icu-1",
        "$tag:urn:unit": "icu-1",
    }


def test_two_tags_of_one_system_name_no_unit() -> None:
    tags = [{"system": "u", "code": "a"}, {"system": "u", "code": "b"}, {"system": "v", "code": "c"}]
    found = cells(response(meta={"tag": tags}))
    assert {name for name in found if name.startswith("$tag")} == {"$tag:v"}


@pytest.mark.parametrize(
    ("version", "status", "revision"),
    [
        ("7", "completed", "7"),
        (None, "completed", "0"),
        (None, "amended", "1"),
        ("2026-10-20T10:00:00Z", "amended", "1"),
        ("12345678", "completed", "0"),
        (7, "completed", "0"),
    ],
)
def test_the_revision_is_the_version_or_what_the_status_says(version: Any, status: str, revision: str) -> None:
    assert cells(response(meta={"versionId": version}, status=status))["$revision"] == revision


def test_stu3_refers_to_its_questionnaire() -> None:
    found = cells(response(questionnaire={"reference": "Questionnaire/q3"}))
    assert found["$questionnaire"] == "Questionnaire/q3"


def scored(extension: dict[str, Any], option: str = "answerOption") -> dict[str, Any]:
    """A Questionnaire whose only option carries a number."""
    coding = {"system": CODES, "code": "o3", "extension": [extension]}
    item = {"linkId": "a", "type": "choice", option: [{"valueCoding": coding}]}
    return {
        "resourceType": "Questionnaire",
        "url": "https://h.example/q",
        "item": [{"linkId": "g", "type": "group", "item": [item]}],
    }


CHOSEN = {"linkId": "g", "item": [answer("a", {"valueCoding": {"system": CODES, "code": "o3"}})]}


@pytest.mark.parametrize(
    ("extension", "option"),
    [
        ({"url": ORDINAL, "valueDecimal": 3}, "answerOption"),
        ({"url": WEIGHT, "valueDecimal": 3}, "answerOption"),
        ({"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-ordinalValue", "valueDecimal": 3}, "option"),
    ],
)
def test_a_choice_is_its_number_in_the_questionnaire(extension: dict[str, Any], option: str) -> None:
    found = response(CHOSEN, questionnaire="https://h.example/q")
    assert cells(found, scored(extension, option))["a"] == "3"
    assert cells(found)["a"] == "o3"


def test_a_choice_is_its_number_in_a_value_set_inside_the_questionnaire() -> None:
    concept = {"code": "o3", "extension": [{"url": ORDINAL, "valueDecimal": 3}]}
    value_set = {
        "resourceType": "ValueSet",
        "id": "v",
        "compose": {"include": [{"system": CODES, "concept": [concept]}]},
    }
    item = {"linkId": "a", "type": "choice", "answerValueSet": "#v"}
    found = response(answer("a", {"valueCoding": {"system": CODES, "code": "o3"}}), questionnaire="#q")
    inside = {"resourceType": "Questionnaire", "id": "q", "contained": [value_set], "item": [item]}
    assert cells({**found, "contained": [inside]})["a"] == "3"


def test_the_number_in_the_answer_itself_comes_first() -> None:
    coding = {"system": CODES, "code": "o3", "extension": [{"url": WEIGHT, "valueDecimal": 4}]}
    found = response(answer("a", {"valueCoding": coding}))
    assert cells(found)["a"] == "4"


def test_a_code_without_a_system_is_the_option_that_has_it() -> None:
    chosen = {"linkId": "g", "item": [answer("a", {"valueCoding": {"code": "o3"}})]}
    found = response(chosen, questionnaire="https://h.example/q")
    assert cells(found, scored({"url": ORDINAL, "valueDecimal": 3}))["a"] == "3"


def test_a_code_of_another_system_has_no_number() -> None:
    chosen = {"linkId": "g", "item": [answer("a", {"valueCoding": {"system": "urn:other", "code": "o3"}})]}
    questionnaire = scored({"url": ORDINAL, "valueDecimal": 3})
    questionnaire["item"][0]["item"][0]["answerConstraint"] = "optionsOrType"
    assert cells(response(chosen, questionnaire="https://h.example/q"), questionnaire)["a"] == "o3"


@pytest.mark.parametrize(
    ("status", "reason", "column"),
    [
        ("in-progress", "not_submitted", "$status"),
        ("stopped", "not_submitted", "$status"),
        ("foo", "wrong_shape", "$status"),
        (None, "wrong_shape", "$status"),
        (["completed"], "wrong_shape", "$status"),
    ],
)
def test_only_what_was_sent_is_read(status: Any, reason: str, column: str) -> None:
    outcome = refused(response(answer("a", {"valueInteger": 1}), status=status))
    assert (outcome.reason, outcome.column) == (reason, column)


def test_an_error_is_withdrawn_however_it_is_written() -> None:
    [sheet] = read(response(status="entered-in-error", item="gone"))
    assert isinstance(sheet, Sheet)
    assert sheet.withdrawn
    assert sheet.cells["$id"] == "r1"


@pytest.mark.parametrize(
    "found",
    [
        {"item": {"linkId": "a"}},
        {"item": ["a"]},
        {"item": [{"answer": []}]},
        {"item": [{"linkId": 5}]},
        {"item": [{"linkId": " "}]},
        {"item": [{"linkId": "a", "answer": {"valueInteger": 1}}]},
        {"item": [{"linkId": "a", "answer": [1]}]},
        {"item": [{"linkId": "a", "item": "b"}]},
        {"item": [answer("a", {"valueInteger": 1, "valueString": "x"})]},
        {"item": [answer("a", {"valueInteger": "1"})]},
        {"item": [answer("a", {"valueInteger": 1.5})]},
        {"item": [answer("a", {"valueInteger": 2**40})]},
        {"item": [answer("a", {"valueBoolean": "true"})]},
        {"item": [answer("a", {"valueCode": "x"})]},
        {"item": [answer("a", {"valueCoding": "x"})]},
        {"item": [answer("a", {"valueDate": "2026-02-30"})]},
        {"item": [answer("a", {"valueDate": "20.10.2026"})]},
        {"item": [answer("a", {"valueDateTime": "2026-10-20T10:00:00"})]},
        {"item": [answer("a", {"valueTime": "25:00:00"})]},
    ],
)
def test_what_is_not_built_as_fhir_says_is_refused(found: dict[str, Any]) -> None:
    outcome = refused({"resourceType": "QuestionnaireResponse", "status": "completed", **found})
    assert outcome.reason == "wrong_shape"
    assert outcome.column in {"item", "answer", "linkId"}


def test_the_lines_of_ndjson_are_read_one_by_one() -> None:
    good = json.dumps(response(answer("a", {"valueInteger": 1}))).encode()
    other = json.dumps(ROLE).encode()
    late = json.dumps(response(author={"reference": "PractitionerRole/role"})).encode()
    data = b"\xef\xbb\xbf" + b"\r\n".join([good[:40], good, b"", late, b"[1]", b'{"a": 1}', b"\xff", other]) + b"\n"
    found = list(read_fhir(data))
    outcomes = [(one.line, one.reason if isinstance(one, Refused) else "read") for one in found]
    assert outcomes == [
        (1, "unreadable_row"),
        (2, "read"),
        (4, "read"),
        (5, "wrong_shape"),
        (6, "wrong_shape"),
        (7, "unreadable_row"),
    ]
    assert isinstance(found[2], Sheet)
    assert found[2].cells["$unit.organization"] == "icu-1"


def test_the_entries_of_a_bundle_are_numbered_and_others_passed_over() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    entries = [{"resource": outcome}, {"resource": response()}, {"response": {"status": "201"}}, 5, {"resource": "x"}]
    found = read({"resourceType": "Bundle", "entry": entries})
    assert [(one.line, type(one).__name__) for one in found] == [(2, "Sheet"), (4, "Refused"), (5, "Refused")]


def test_windows_text_is_read() -> None:
    [sheet] = read_fhir(json.dumps(response(answer("a", {"valueInteger": 1})), indent=1).encode("utf-16"))
    assert isinstance(sheet, Sheet)
    assert sheet.cells["a"] == "1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a,b\n1,2\n",
        b"[]",
        b"5",
        b"{}",
        b'{"resourceType": "Bundle", "entry": []}',
        b'{"resourceType": "Bundle", "entry": 5}',
        b'{"resourceType": "Patient"}\n{"resourceType": "Patient"}',
        b'{"resourceType": "QuestionnaireResponse", "status": "completed"',
        b"[" * 100_000,
        b'{"resourceType": "QuestionnaireResponse", "item": ' * 10_000,
    ],
)
def test_a_file_without_responses_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(InputRefused, match=r"the export: .*[a-z]"):
        read_fhir(data)


def test_a_questionnaire_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(InputRefused, match="there is no FHIR Questionnaire in it"):
        read(response(), response())


def test_files_are_read_by_path(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(response(answer("a", {"valueInteger": 1}))))
    assert len(list(read_fhir(tmp_path / "r.json"))) == 1
    with pytest.raises(InputRefused, match=r"gone\.json: cannot be read"):
        read_fhir(tmp_path / "gone.json")


def test_deep_items_and_huge_numbers_are_accounted_for() -> None:
    deep = '{"linkId": "a", "item": [' * 10_000 + "]}" * 10_000
    start = '{"resourceType": "QuestionnaireResponse", "status": "completed", "item": ['
    huge = f'{start}{{"linkId": "a", "answer": [{{"valueDecimal": {"9" * 100_000}}}]}}]}}'
    found = list(read_fhir("\n".join([huge, f"{start}{deep}]}}"]).encode()))
    assert isinstance(found[0], Sheet)
    assert isinstance(found[1], Refused)
    assert found[1].reason == "unreadable_row"
