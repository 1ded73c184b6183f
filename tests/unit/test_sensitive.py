"""Sensitive forms, on a log made by hand: where they are sealed, and what is told beside them."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.clickhouse.rows import rows
from schemas.clickhouse.tables import NODES
from schemas.errors import Reason
from schemas.policy import Policy
from stream_processors.steps.replay import Replay
from tests.hospital import answers, closing, opening, record, season
from tests.records import replayed

HEADS = {"surgery/ward-1": 60, "surgery/ward-2": 40, "imaging/ct": 34, "imaging/mri": 6}
LEAVES = ["ct", "mri", "ward-1", "ward-2"]


def asked(counts: Mapping[str, int], form: str = "phq_2", heads: Mapping[str, int] = HEADS, **changes: Any) -> Replay:
    """What a round of one form comes to."""
    marker = opening(LEAVES, **({"forms": [form]} | changes))
    return replayed([record(heads), marker, *answers("r1", counts, form), closing()])


def sealed_at(result: Replay) -> dict[str, int]:
    """Node to the size of the cohort that was sealed there."""
    return {row.node: row.n for row in result.cohorts}


def states(result: Replay) -> dict[str, dict[str, str]]:
    """Node to its states."""
    (closed,) = result.rounds
    return {node.node: dict(node.states) for node in closed.nodes}


def test_a_sensitive_form_is_sealed_at_departments_of_at_least_thirty_and_tells_one_state_each() -> None:
    result = asked({"ward-1": 25, "ward-2": 5, "ct": 29})
    assert sealed_at(result) == {"surgery": 30}
    assert states(result) == {
        "general": {"phq_2": "published"},
        "surgery": {"phq_2": "published"},
        "imaging": {"phq_2": "not_published"},
    }
    (closed,) = result.rounds
    assert closed.sensitive == ("phq_2",)
    assert all(node.headcount is None and node.headcount_asked is None for node in closed.nodes)
    assert {row.node for row in result.indicators} == {"general", "surgery", "imaging"}
    assert {row.state for row in result.indicators} == {"published", "not_published"}
    assert all(row.coverage is None for row in result.indicators)


def test_a_unit_of_fifty_who_opted_in_has_no_figure_of_its_own() -> None:
    result = asked({"ward-1": 50})
    # all of one unit: the department's figure would be the unit's
    assert sealed_at(result) == {}
    assert set(states(result)) == {"general", "surgery", "imaging"}


@pytest.mark.parametrize(("in_mri", "sealed"), [(4, {"imaging": 38}), (5, {}), (6, {})])
def test_where_fewer_than_two_did_not_opt_in_it_is_not_told_that_the_others_did(
    in_mri: int, sealed: dict[str, int]
) -> None:
    # 40 were asked in imaging: of 39 who opted in, the one who did not would know the rest
    result = asked({"ct": 34, "mri": in_mri})
    assert sealed_at(result) == sealed
    assert states(result)["imaging"]["phq_2"] == ("published" if sealed else "not_published")


def test_of_two_headcounts_that_do_not_agree_the_smaller_one_leaves_the_room() -> None:
    # readers see the department's own number, whatever its units add up to
    def sealed(headcount: int | None) -> dict[str, int]:
        place = record(HEADS)
        next(node for node in place["nodes"] if node["id"] == "imaging")["headcount"] = headcount
        body = answers("r1", {"ct": 32, "mri": 4}, "phq_2")
        return sealed_at(replayed([place, opening(LEAVES, forms=["phq_2"]), *body, closing()]))

    assert sealed(None) == sealed(38) == {"imaging": 36}
    assert sealed(37) == {}


def test_where_everybody_of_the_facility_opted_in_nothing_is_told() -> None:
    everybody = {"ct": 34, "mri": 6, "ward-1": 60, "ward-2": 40}
    assert sealed_at(asked(everybody)) == {}
    assert sealed_at(asked(everybody | {"ward-1": 58})) == {"surgery": 98}


def test_where_nearly_all_of_a_department_opted_in_the_pool_above_does_not_tell() -> None:
    # 39 of 40 and 29 of 100: of 68 at least 39 would have to be of one of the two
    assert sealed_at(asked({"ct": 34, "mri": 5, "ward-1": 20, "ward-2": 9})) == {}
    # fewer than 30 in either department: 29 + 27 may be of any of the two, 29 + 28 only of nearly all that they can be
    assert sealed_at(asked({"ct": 23, "mri": 6, "ward-1": 18, "ward-2": 9})) == {"general": 56}
    assert sealed_at(asked({"ct": 23, "mri": 6, "ward-1": 19, "ward-2": 9})) == {}


def test_all_of_a_department_that_is_too_small_for_a_cohort_do_not_show_in_the_pool_above() -> None:
    heads = {"a/a1": 15, "a/a2": 14, "b/b1": 20, "b/b2": 20, "b/b3": 20}

    def sealed(**counts: int) -> dict[str, int]:
        marker = opening(["a1", "a2", "b1", "b2", "b3"], forms=["phq_2"])
        return sealed_at(replayed([record(heads), marker, *answers("r1", counts, "phq_2"), closing()]))

    # the others are 29 at most, or they were a cohort: of 58 the 29 of this department would be all
    assert sealed(a1=15, a2=14, b1=10, b2=10, b3=9) == {}
    assert sealed(a1=15, a2=12, b1=10, b2=10, b3=9) == {"general": 56}


@pytest.mark.parametrize(("asked_there", "sealed"), [(3, {}), (4, {}), (5, {"general": 33})])
def test_who_must_be_in_a_pool_because_one_unit_is_large_may_not_have_opted_in(
    asked_there: int, sealed: dict[str, int]
) -> None:
    # at least three of a pooled cohort are from outside its largest unit: if three were asked there, all of them are
    place, marker = record({"a/a1": asked_there, "b/b1": 60}), opening(["a1", "b1"], forms=["phq_2"])
    body = answers("r1", {"a1": 3, "b1": 30}, "phq_2")
    assert sealed_at(replayed([place, marker, *body, closing()])) == sealed


def test_beside_an_ordinary_form_headcounts_are_told_for_that_form_alone() -> None:
    marker = opening(LEAVES, forms=["sib5", "phq_2"])
    counts = {"ward-1": 20, "ward-2": 15}
    body = [*answers("r1", counts), *answers("r1", counts, "phq_2")]
    (closed,) = replayed([record(HEADS), marker, *body, closing()]).rounds
    stored = [row for table, row in rows(closed) if table is NODES]
    assert {row["node"] for row in stored if row["form"] == "phq_2"} == {"general", "surgery", "imaging"}
    assert all(row["headcount"] is None and row["headcount_asked"] is None for row in stored if row["form"] == "phq_2")
    assert {row["headcount"] for row in stored if row["form"] == "sib5"} == {140, 100, 40, 60, 34, None}


def test_a_policy_makes_a_form_sensitive_and_its_hash_tells() -> None:
    policy = {"sensitive_forms": ["sib5"]}
    result = asked({"ward-1": 25, "ward-2": 25}, "sib5", policy=policy)
    assert sealed_at(result) == {"surgery": 50}
    assert result.rounds[0].sensitive == ("sib5",)
    assert Policy(sensitive_forms=("sib5",)).hash() != Policy().hash()
    assert Policy(sensitive_forms=("b", "a", "b")) == Policy(sensitive_forms=("a", "b"))


def test_a_larger_k_is_a_larger_sensitive_cohort_too() -> None:
    assert sealed_at(asked({"ward-1": 25, "ward-2": 20}, policy={"k": 44})) == {"surgery": 45}
    assert sealed_at(asked({"ward-1": 25, "ward-2": 20}, policy={"k": 45})) == {}


def test_a_sensitive_form_is_in_no_season_and_its_rounds_share_no_day() -> None:
    def refusals(*markers: dict[str, Any]) -> list[str]:
        return [letter.reason for letter in replayed([record(HEADS), *markers]).dead_letters]

    in_a_season = opening(["ct", "ward-1", "ward-2"], season=season("short"), forms=["phq_2"])
    assert refusals(in_a_season) == [Reason.SENSITIVE_FORM]
    named = opening(["ct", "ward-1", "ward-2"], season=season("short"), policy={"sensitive_forms": ["sib5"]})
    assert refusals(named) == [Reason.SENSITIVE_FORM]
    apart = opening(["ct"], "r1", forms=["phq_2"]), opening(["mri"], "r2", forms=["phq_2"])
    assert refusals(*apart) == [Reason.ROUND_OVERLAPS]


def test_an_overfull_unit_is_in_no_sensitive_cohort_and_nobody_can_tell() -> None:
    result = asked({"ward-1": 67, "ward-2": 35})
    assert sealed_at(result) == {}
    assert states(result)["surgery"] == {"phq_2": "not_published"}


@pytest.mark.parametrize(
    ("levels", "places"),
    [
        (("facility", "department", "unit"), {"general", "surgery", "imaging"}),
        (("facility", "division", "unit"), {"general", "surgery", "imaging"}),
        (("facility", "unit", "department"), {"general", "surgery", "imaging", "ct", "mri", "ward-1", "ward-2"}),
    ],
)
def test_the_level_of_departments_is_found_by_its_name_or_is_the_second(
    levels: tuple[str, ...], places: set[str]
) -> None:
    result = replayed([record(HEADS, levels), opening(LEAVES, forms=["phq_2"]), closing()])
    assert set(states(result)) == places
