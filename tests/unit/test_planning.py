"""What a plan is made of, against enumeration and simulation."""

from itertools import product
from math import inf, isinf
from random import Random
from statistics import fmean

import pytest

from deploy.resources import catalogue
from producers.simulation.habits import inclination
from schemas.canonical import canonical_json
from schemas.codec import decode
from schemas.events import OrganisationUpdated
from schemas.organisation import Organisation, organisation
from schemas.policy import Policy
from stream_processors.planning.calendars import (
    answers,
    chance_of_figures,
    expected_answers,
    proposed_threshold,
)
from stream_processors.planning.candidates import Candidate, candidates
from stream_processors.planning.levels import down_to, leaf_levels
from stream_processors.planning.precision import MOST_DAYS, SHIFT, days_to_see
from stream_processors.planning.season import heard_once
from stream_processors.planning.shares import Fielding, published_departments, shares
from stream_processors.steps.figures import Z
from tests.hospital import record

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 4}


def hospital(heads: dict[str, int] = HEADS) -> Organisation:
    """A small hospital."""
    event = decode(canonical_json(record(heads)))
    assert isinstance(event, OrganisationUpdated)
    return organisation(event)


def enumerated(heads: int, chance: float) -> list[float]:
    """P(n answer), by going through everybody's answer or silence."""
    found = [0.0] * (heads + 1)
    for pattern in product([True, False], repeat=heads):
        weight = 1.0
        for answered in pattern:
            weight *= chance if answered else 1 - chance
        found[sum(pattern)] += weight
    return found


def test_the_chance_of_figures_is_that_of_enough_answers() -> None:
    exact = enumerated(10, 0.3)
    assert chance_of_figures(10, 0.3, 4) == pytest.approx(sum(exact[4:]))
    mean = sum(n * share for n, share in enumerate(exact) if n >= 4) / sum(exact[4:])
    assert expected_answers(10, 0.3, 4) == pytest.approx(mean)
    assert (chance_of_figures(3, 0.9, 4), expected_answers(3, 0.9, 4)) == (0, 0)
    assert chance_of_figures(62_000, 0.4, 11) == pytest.approx(1)


def test_answers_are_drawn_as_often_as_they_come() -> None:
    random, exact = Random(1), enumerated(6, 0.4)
    drawn = [answers(random, 6, 0.4) for _ in range(20_000)]
    assert [drawn.count(n) / len(drawn) for n in range(7)] == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize(("chance", "size"), [(0.4, 11), (0.6, 11), (0.2, 11), (0.4, 6), (0.95, 11)])
def test_the_threshold_is_the_smallest_headcount_that_is_reliable(chance: float, size: int) -> None:
    found = proposed_threshold(chance, size)
    assert chance_of_figures(found, chance, size) >= 0.8 > chance_of_figures(found - 1, chance, size)


def test_half_a_standard_deviation_shows_after_the_time_that_is_told() -> None:
    random, count, days = Random(2), 15, 14
    told = days_to_see(count, 1, days)
    rounds, before = round(told / days), 13

    def seen(rounds_since: int) -> float:
        """How often the interval of the difference leaves nothing out but chance, in trials."""
        half = Z * (1 / (rounds_since * count) + 1 / (before * count)) ** 0.5
        trials = [
            fmean(random.gauss(SHIFT, 1) for _ in range(rounds_since * count))
            - fmean(random.gauss(0, 1) for _ in range(before * count))
            for _ in range(1_500)
        ]
        return fmean(difference > half for difference in trials)

    assert seen(rounds) >= 0.78
    assert seen(rounds - 1) < 0.8


def test_what_does_not_show_within_two_years_never_does() -> None:
    assert isinf(days_to_see(15, 1, 84))
    assert isinf(days_to_see(0, 1, 14))
    assert isinf(days_to_see(15, 0, 14))
    assert 0 < days_to_see(60, 1, 84) <= MOST_DAYS
    assert days_to_see(30, 0.5, 14) > days_to_see(30, 1, 14)
    assert days_to_see(11, 0.01, 14) == inf


def test_a_leaf_is_heard_once_in_a_season_as_its_people_s_habits_allow() -> None:
    def once(kind: str) -> list[float]:
        random = Random(3)
        habit = lambda drawn: inclination(drawn, "independent" if kind == "independent" else "habitual", 0.4)  # noqa: E731
        return heard_once(random, [25, 8], habit, 6, [11, 16], 400)[11]

    exact = 1 - (1 - chance_of_figures(25, 0.4, 11)) ** 6
    assert once("independent") == pytest.approx([exact, 0], abs=0.05)
    assert once("habitual")[0] < exact - 0.05


def test_shares_of_two_calendars_are_of_every_leaf_in_its_own() -> None:
    place, policy, form = hospital(), Policy(), catalogue()["sib5"]
    everybody = shares(Random(1), place, [Fielding(place.leaves(), 1)], policy, form, 3)
    assert (everybody.published, everybody.pooled, everybody.withheld) == (0.75, 0, 0.25)
    assert everybody.heard == pytest.approx(72 / 76)
    assert everybody.lost == pytest.approx(4 / 76)
    apart = shares(Random(1), place, [Fielding(("ct", "ward-1"), 1), Fielding(("mri", "ward-2"), 0)], policy, form, 3)
    assert (apart.published, apart.withheld, apart.heard) == (0.5, 0.5, 1)
    nobody = shares(Random(1), place, [Fielding(place.leaves(), 0)], policy, form, 3)
    assert (nobody.withheld, nobody.heard, nobody.lost) == (1, 0, 0)


def test_departments_of_a_sensitive_form() -> None:
    place, form = hospital(), catalogue()["phq_2"]
    # surgery has 52 people and imaging 24; at least 30 must answer, and not all but one
    assert published_departments(Random(1), place, 0.8, Policy(), form, 50) == pytest.approx(0.5, abs=0.02)
    assert published_departments(Random(1), place, 1.0, Policy(), form, 3) == 0


def test_a_coarser_organisation_counts_everybody_at_its_leaves() -> None:
    place = hospital()
    coarse = down_to(place, "department")
    assert {leaf: coarse.headcounts[leaf] for leaf in coarse.leaves()} == {"imaging": 24, "surgery": 52}
    assert down_to(place, "unit") is place
    assert leaf_levels(place) == ("department", "unit")


def test_candidates_differ_from_the_usual_one_in_one_thing_unless_all_are_wanted() -> None:
    usual = Candidate(10, "unit", 14, 1)
    found = candidates([5, 10], ["department", "unit"], [7, 14], usual, whole_grid=False)
    assert found[:2] == [usual, usual._replace(calendars=2)]
    assert len(found) == len(set(found)) == 8
    assert all(sum(a != b for a, b in zip(one, usual, strict=True)) <= 2 for one in found)
    assert len(candidates([5, 10], ["department", "unit"], [7, 14], usual, whole_grid=True)) == 16
