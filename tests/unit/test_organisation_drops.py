"""A record that lacks too much against the one in force, to the last person."""

from fractions import Fraction

import pytest

from schemas.canonical import canonical_json
from schemas.codec import decode
from schemas.events import OrganisationUpdated
from schemas.organisation import Organisation, organisation
from schemas.organisation_drops import LARGEST_DROP, drops
from tests.hospital import record

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 10, "imaging/ct": 20, "imaging/mri": 20, "lab/blood": 10}


def built(heads: dict[str, int]) -> Organisation:
    event = decode(canonical_json(record(heads)))
    assert isinstance(event, OrganisationUpdated)
    return organisation(event)


def found(after: dict[str, int], largest: Fraction = LARGEST_DROP) -> list[str]:
    return list(drops(built(HEADS), built(after), largest))


def test_the_same_more_and_a_fifth_less_are_fine() -> None:
    assert found(HEADS) == []
    assert found(HEADS | {"surgery/ward-3": 400}) == []
    # 10 of 50, 8 of 40, 2 of 10, together 20 of 100
    assert found(HEADS | {"surgery/ward-1": 30, "imaging/ct": 12, "lab/blood": 8}) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (HEADS | {"surgery/ward-1": 29}, ["surgery goes from 50 to 39 people"]),
        (HEADS | {"lab/blood": 7}, ["lab goes from 10 to 7 people"]),
        (
            HEADS | {"surgery/ward-1": 30, "imaging/ct": 12, "lab/blood": 7},
            ["general goes from 100 to 79 people", "lab goes from 10 to 7 people"],
        ),
    ],
)
def test_one_person_more_is_told(after: dict[str, int], said: list[str]) -> None:
    assert found(after) == said


def test_a_node_of_the_first_level_that_is_gone_is_told_although_its_people_are_elsewhere() -> None:
    without = {place: heads for place, heads in HEADS.items() if place != "lab/blood"}
    assert found({**without, "surgery/blood": 10}) == ["lab goes from 10 to 0 people, as it is not in the record"]


def test_units_that_are_gone_are_counted() -> None:
    # one of five is a fifth, two are more
    assert found({**HEADS, "surgery/ward-1": 50, "surgery/ward-2": 0}) == []
    renamed = {"surgery/a": 40, "surgery/b": 10, "imaging/ct": 20, "imaging/mri": 20, "lab/blood": 10}
    assert found(renamed) == ["2 of 5 units are gone, ward-1 among them"]
    assert found(renamed, Fraction(2, 5)) == []


def test_a_first_record_and_another_facility_are_compared_with_nothing() -> None:
    assert list(drops(None, built(HEADS), Fraction(0))) == []
    assert found(HEADS | {"lab/blood": 9}, Fraction(0)) == [
        "general goes from 100 to 99 people",
        "lab goes from 10 to 9 people",
    ]
