"""Whatever a FHIR file or a Questionnaire holds: sheets, refusals without content, or a refusal of the whole file."""

import json
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.sources.fhir import read_fhir
from producers.sources.fhir_check import violations
from producers.sources.fhir_questionnaire import parse
from producers.sources.json_text import loads
from producers.sources.sheet import Refused, RowReason, Sheet
from schemas.errors import InputRefused

SECRET: Final = "Wilhelmine-EMP-7310001"
BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
NAMES: Final = (
    *("resourceType", "id", "meta", "versionId", "tag", "system", "code", "display", "contained", "url", "version"),
    *("status", "authored", "author", "source", "subject", "reference", "identifier", "value", "type", "questionnaire"),
    *("item", "linkId", "answer", "valueInteger", "valueDecimal", "valueString", "valueBoolean", "valueCoding"),
    *("valueDate", "valueDateTime", "valueTime", "valueUri", "valueQuantity", "valueReference", "valueAttachment"),
    *("entry", "resource", "fullUrl", "practitioner", "organization", "location", "extension", "answerOption"),
    *("required", "repeats", "enableWhen", "question", "operator", "answerInteger", "answerCoding", "enableBehavior"),
    *("answerValueSet", "compose", "include", "concept", "expansion", "contains", "maxLength", "contentType", "data"),
)
TEXTS: Final = (
    *("QuestionnaireResponse", "Questionnaire", "Bundle", "PractitionerRole", "Organization", "ValueSet"),
    *(
        "completed",
        "amended",
        "in-progress",
        "entered-in-error",
        "group",
        "display",
        "choice",
        "open-choice",
        "integer",
    ),
    *("date", "quantity", "attachment", "a", "b", "#a", "#b", "urn:q", "Organization/icu-1", "2026-10-20", "\ud800"),
    *("2026-10-20T10:00:00+14:00", "0001-01-01T00:00:00+14:00", "10:00:60", "exists", "=", "!=", ">", "any", SECRET),
    *(f"{BASE}{name}" for name in ("ordinalValue", "minValue", "maxValue", "maxDecimalPlaces", "maxSize")),
    *(f"{BASE}questionnaire-{name}" for name in ("minOccurs", "maxOccurs", "unitOption", "optionExclusive")),
)
LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=4).map(lambda text: SECRET + text),
)
ANYTHING: Final = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=6)
    ),
    max_leaves=20,
)


@st.composite
def items(draw: st.DrawFn, part: str) -> Any:
    """Items of a response or a Questionnaire that are nearly right, with anything anywhere."""
    values = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=2)
    links, more = st.sampled_from("abc"), draw(values)
    found = {"linkId": draw(links), **more}
    if part == "answer":
        found.setdefault("answer", draw(st.lists(values, max_size=2)))
    return found


def nearly(kind: str, part: str) -> st.SearchStrategy[Any]:
    """A resource that is nearly right."""
    fixed = {"resourceType": st.just(kind), "status": st.sampled_from(["completed", "in-progress", "entered-in-error"])}
    more = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3)
    whole = st.fixed_dictionaries({**fixed, "item": st.lists(items(part), max_size=3)})
    return st.builds(lambda base, other: {**base, **other, "resourceType": kind}, whole, more)


RESPONSES: Final = nearly("QuestionnaireResponse", "answer")
QUESTIONNAIRES: Final = nearly("Questionnaire", "item")


def check_silent(said: str) -> None:
    """Nothing of what somebody wrote is said."""
    assert SECRET not in said


def accounted(data: bytes, *questionnaires: bytes) -> None:
    """Every outcome is a sheet, or a refusal that tells nothing of what the file holds."""
    try:
        found = list(read_fhir(data, questionnaires))
    except InputRefused as refusal:
        check_silent(str(refusal))
        return
    assert found
    for one in found:
        check_silent(repr(one))
        if isinstance(one, Sheet):
            assert all(isinstance(name, str) and isinstance(cell, str) for name, cell in one.cells.items())
        else:
            assert isinstance(one, Refused)
            assert one.reason in set(RowReason)


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_bytes_raise_nothing_else(data: bytes) -> None:
    accounted(data)
    accounted(b'{"resourceType": "QuestionnaireResponse", "status": "completed"}\n' + data)


@settings(deadline=None)
@given(response=RESPONSES, other=ANYTHING)
def test_any_json_raises_nothing_else(response: Any, other: Any) -> None:
    accounted(json.dumps(other).encode())
    accounted(json.dumps(response).encode())
    accounted("\n".join(json.dumps(one) for one in (response, other, response)).encode())
    accounted(json.dumps({"resourceType": "Bundle", "entry": [{"resource": response}, other]}).encode())


@settings(deadline=None)
@given(response=RESPONSES, questionnaire=QUESTIONNAIRES)
def test_any_questionnaire_raises_nothing_else(response: Any, questionnaire: Any) -> None:
    """Its linkIds alone are named, which are the hospital's own."""
    quiet = json.dumps(questionnaire).replace(SECRET, "own").encode()
    accounted(json.dumps({**response, "questionnaire": None}).encode(), quiet)
    try:
        known = parse(loads(json.dumps(questionnaire)))
    except ValueError as error:
        check_silent(str(error))
        return
    links = {item.link for item in known.all_items()}
    for violation in violations(loads(json.dumps(response)), known):
        # an item that it does not have is a matter of the questionnaire as a whole, and is not named
        assert violation.link in {None, "", *links}
        check_silent(violation.rule)


@settings(deadline=None)
@given(response=RESPONSES, questionnaire=QUESTIONNAIRES)
def test_a_questionnaire_that_came_with_the_answers_is_not_quoted(response: Any, questionnaire: Any) -> None:
    entries = [{"resource": {**response, "questionnaire": "urn:q"}}, {"resource": {**questionnaire, "url": "urn:q"}}]
    accounted(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
