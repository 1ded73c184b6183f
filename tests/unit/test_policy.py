"""The floors of the disclosure policy, and what is derived from it."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.policy import FLOORS, Policy

JUST_UNDER = {"k": 4, "coalition": -1, "outside": 1, "k_sensitive": 19, "headcount_slack": -0.01}


def test_every_floor_is_tried_here() -> None:
    assert set(JUST_UNDER) == set(FLOORS)


@pytest.mark.parametrize("name", FLOORS)
def test_a_policy_under_a_floor_is_refused_with_the_reason(name: str) -> None:
    floor, why = FLOORS[name]
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate({name: JUST_UNDER[name]})
    (error,) = refused.value.errors()
    assert error["type"] == "policy_under_floor"
    assert error["msg"] == f"{name} is under its floor of {floor}: {why}"


@pytest.mark.parametrize("name", FLOORS)
def test_a_policy_may_stand_on_a_floor(name: str) -> None:
    assert getattr(Policy.model_validate({name: FLOORS[name][0]}), name) == FLOORS[name][0]


def test_the_defaults_are_the_published_ones() -> None:
    assert Policy().model_dump() == {
        "k": 10,
        "coalition": 1,
        "outside": 3,
        "k_sensitive": 30,
        "headcount_slack": 0.1,
        "identity": "person",
    }


def test_a_cohort_needs_k_people_and_the_coalition() -> None:
    assert Policy().cohort_size == 11
    assert Policy(k=5, coalition=0).cohort_size == 5
    assert Policy(k=12, coalition=3).cohort_size == 15


def test_the_guard_is_one_more_than_the_coalition() -> None:
    assert Policy().guard == 2
    assert Policy(coalition=0).guard == 1


def test_a_coalition_too_large_to_code_around_is_refused() -> None:
    assert Policy(k=5, coalition=3).guard == 4
    with pytest.raises(ValidationError, match="coalition must be at most k - 2"):
        Policy(k=5, coalition=4)


@pytest.mark.parametrize("policy", [Policy(), Policy(k=5, coalition=3), Policy(k=12, coalition=10)])
def test_the_smallest_cohort_leaves_the_guard_room_at_both_ends(policy: Policy) -> None:
    assert policy.cohort_size >= 2 * policy.guard


@pytest.mark.parametrize(
    "changed",
    [
        {"k": True},
        {"k": "10"},
        {"k": 10.0},
        {"k": 10_001},
        {"headcount_slack": float("nan")},
        {"headcount_slack": float("inf")},
        {"headcount_slack": 1.01},
        {"identity": "none"},
        {"k_min": 3},
    ],
)
def test_a_value_that_is_no_policy_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(changed)


def test_a_policy_cannot_be_changed() -> None:
    policy: Any = Policy()
    with pytest.raises(ValidationError, match="frozen"):
        policy.k = 1


def test_the_hash_is_the_same_everywhere_and_for_ever() -> None:
    assert Policy().hash() == "cdfd3fa431e10057143181ef6291d7da44951f243d2c94c317a79be7809b1312"
    assert Policy.model_validate_json("{}").hash() == Policy(headcount_slack=0.10, k=10).hash() == Policy().hash()


@pytest.mark.parametrize(
    "changed",
    [
        {"k": 11},
        {"coalition": 2},
        {"outside": 4},
        {"k_sensitive": 31},
        {"headcount_slack": 0.2},
        {"identity": "response"},
    ],
)
def test_every_parameter_is_in_the_hash(changed: dict[str, Any]) -> None:
    assert Policy.model_validate(changed).hash() != Policy().hash()
