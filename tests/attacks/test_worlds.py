"""What the worlds of the attacks on seasons and sensitive forms come to, so that the attacks try what they say."""

from random import Random

import pytest

from tests.attacks import calendars, groups, sensitive
from tests.attacks.designs import sealed
from tests.attacks.results import NAMES_OF_ATTACKS
from tests.attacks.world import HOUSE


def test_a_calendar_chosen_by_answers_is_refused_and_the_same_units_are_asked() -> None:
    worlds = {high: sealed(world) for high, world in calendars.assigned_by_answers(Random(1)).items()}
    assert {high: view.refusals for high, view in worlds.items()} == {True: [], False: ["bad_season"]}
    for view in worlds.values():
        assert view.last("ward", "r1") is None
        assert view.last("ward", "long") is not None


@pytest.mark.parametrize("make", [sensitive.everybody_of_a_department, sensitive.everybody_of_the_others])
def test_a_department_is_published_beside_the_one_where_everybody_opted_in(make: sensitive.Make) -> None:
    for seed in range(5):
        view = sealed(make(Random(seed)))
        assert view.last("surgery") is not None
        assert view.last("medicine") is None


def test_the_units_department_is_published_where_everybody_of_a_unit_opted_in() -> None:
    view = sealed(sensitive.everybody_of_a_unit(Random(1)))
    assert view.last("medicine") is not None
    assert view.last("ward") is None


def test_the_rest_of_the_hospital_is_withheld_where_all_or_all_but_one_opted_in() -> None:
    view = sealed(sensitive.everybody_of_the_others(Random(1)))
    assert view.last(HOUSE) == view.last("surgery")


def test_all_nurses_are_shown_beside_their_units() -> None:
    world = groups.SCENARIOS[1].make(Random(1))
    view = sealed(world)
    nurses = view.last(HOUSE, staff="nurse")
    assert nurses is not None
    assert nurses.n == 22
    assert view.last("ward-nurse") is None


def test_no_two_attacks_have_one_name() -> None:
    assert len(set(NAMES_OF_ATTACKS)) == len(NAMES_OF_ATTACKS)
