"""Where a response comes from, by what it refers to."""

from typing import Any

import pytest

from tests.fhir_files import ROLE, cells, response


def test_the_unit_is_of_the_role_of_the_author_inside_the_response() -> None:
    found = cells(response(contained=[ROLE], author={"reference": "#role"}))
    assert (found["$unit.organization"], found["$unit.location"]) == ("icu-1", "ward-b")
    assert found["$author"] == "Practitioner/9"


def test_a_role_without_a_person_names_nobody() -> None:
    role = {name: part for name, part in ROLE.items() if name != "practitioner"}
    assert cells(response(contained=[role], author={"reference": "#role"}))["$author"] == ""


@pytest.mark.parametrize(
    ("full_url", "reference"),
    [
        ("urn:uuid:1", "urn:uuid:1"),
        ("https://h.example/fhir/PractitionerRole/role", "PractitionerRole/role"),
        ("https://h.example/fhir/PractitionerRole/role", "https://h.example/fhir/PractitionerRole/role"),
    ],
)
def test_the_unit_is_of_a_role_elsewhere_in_the_bundle(full_url: str, reference: str) -> None:
    entries = [{"resource": response(author={"reference": reference})}, {"fullUrl": full_url, "resource": ROLE}]
    found = cells({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert found["$unit.organization"] == "icu-1"


def test_an_organisation_known_by_a_random_address_is_named_by_what_lasts() -> None:
    organisation = {"resourceType": "Organization", "identifier": [{"system": "u", "value": "icu-1"}]}
    entries = [
        {"resource": response(subject={"reference": "urn:uuid:2"})},
        {"fullUrl": "urn:uuid:2", "resource": organisation},
    ]
    assert cells({"resourceType": "Bundle", "entry": entries})["$unit.organization"] == "icu-1"
    inside = response(contained=[{**organisation, "id": "o"}], author={"reference": "#o"})
    assert cells(inside)["$unit.organization"] == "icu-1"


@pytest.mark.parametrize(
    ("reference", "field"),
    [
        ({"reference": "Location/icu-1"}, "$unit.location"),
        ({"reference": "Organization/icu-1"}, "$unit.organization"),
        ({"reference": "Organization?identifier=urn:u|icu-1"}, "$unit.organization"),
        ({"type": "Organization", "identifier": {"value": "icu-1"}}, "$unit.organization"),
    ],
)
def test_the_subject_may_be_the_unit(reference: dict[str, Any], field: str) -> None:
    found = cells(response(subject=reference, author={"reference": "Practitioner/9"}))
    assert {name: cell for name, cell in found.items() if name.startswith("$unit")} == {field: "icu-1"}


def test_two_places_of_a_role_are_none() -> None:
    role = {**ROLE, "location": [{"reference": "Location/a"}, {"reference": "Location/b"}]}
    assert "$unit.location" not in cells(response(contained=[role], author={"reference": "#role"}))
