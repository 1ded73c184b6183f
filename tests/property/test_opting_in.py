"""That somebody answered a sensitive form stays open: every way to answer is tried, and what readers can conclude."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, combinations, product

import pytest

from deploy.resources import catalogue
from schemas.events import OrganisationUpdated
from schemas.organisation import Organisation, organisation
from schemas.policy import Policy
from stream_processors.steps.seal import Sealing, split
from tests.hospital import record

POLICY = Policy(k=5, k_sensitive=20)
DEPARTMENTS = ("facility", "department", "unit")
Answered = tuple[int, ...]
Cohorts = tuple[tuple[str, int], ...]

PLACES: list[tuple[str, Mapping[str, int], tuple[str, ...]]] = [
    ("one unit each, one of them hardly larger than `outside`", {"a/a1": 5, "b/b1": 40}, DEPARTMENTS),
    ("one unit each", {"a/a1": 10, "b/b1": 40}, DEPARTMENTS),
    ("departments of two units", {"a/a1": 12, "a/a2": 12, "b/b1": 13, "b/b2": 13}, DEPARTMENTS),
    ("a department of fewer than a cohort", {"a/a1": 10, "a/a2": 9, "b/b1": 13, "b/b2": 14}, DEPARTMENTS),
    ("three departments", {"a/a1": 12, "a/a2": 12, "b/b1": 22, "c/c1": 6}, DEPARTMENTS),
    ("a single department", {"a/a1": 12, "a/a2": 30}, DEPARTMENTS),
    ("departments are the leaves", {"a": 24, "b": 26, "c": 9}, ("facility", "department")),
    ("units right under the facility", {"a": 24, "b": 24, "c": 6}, ("facility", "unit")),
]


def sealings(place: Organisation) -> dict[Cohorts, list[Answered]]:
    """What is published of a round, to all the ways to answer that come to it: how many of each leaf did."""
    leaves = place.leaves()
    sealing = Sealing(place, place.asked(leaves), POLICY, POLICY.hash(), "r1", catalogue()["phq_2"])
    found = defaultdict(list)
    for answered in product(*(range(place.headcounts[leaf] + 1) for leaf in leaves)):
        sizes = dict(zip(leaves, answered, strict=True))
        sealed = split({leaf: size for leaf, size in sizes.items() if size}, sealing).sealed
        found[tuple(sorted((node, sum(map(sizes.__getitem__, of))) for node, of in sealed.items()))].append(answered)
    return found


def groups(place: Organisation) -> Iterator[tuple[int, ...]]:
    """Every set of leaves, as positions."""
    positions = range(len(place.leaves()))
    return chain.from_iterable(combinations(positions, size + 1) for size in positions)


@pytest.mark.parametrize(("what", "heads", "levels"), PLACES, ids=[what for what, _, _ in PLACES])
def test_of_any_units_at_least_two_people_may_not_have_answered_or_nobody_need_have(
    what: str, heads: Mapping[str, int], levels: tuple[str, ...]
) -> None:
    place = organisation(OrganisationUpdated.model_validate_json(json.dumps(record(heads, levels))))
    found = sealings(place)
    assert len(found) > 1, what
    people = [place.headcounts[leaf] for leaf in place.leaves()]
    for cohorts, ways in found.items():
        for group in groups(place):
            least = min(sum(way[leaf] for leaf in group) for way in ways)
            assert not least or sum(people[leaf] for leaf in group) - least >= POLICY.guard, (cohorts, group)
