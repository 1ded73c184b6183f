"""Staff groups as the last level, on a log made by hand: what all nurses covers, and what overfull takes away."""

import pytest

from schemas.errors import Reason
from schemas.indicator import Indicator
from stream_processors.steps.replay import Replay
from tests.hospital import Event, answers, closing, opening, record
from tests.records import replayed

LEVELS = ("facility", "department", "unit", "staff_group")
HEADS = {
    "surgery/ward-1/nurse": 30,
    "surgery/ward-1/physician": 9,
    "surgery/ward-2/nurse": 14,
    "surgery/ward-2/physician": 8,
    "imaging/ct/nurse": 12,
}
LEAVES = sorted(f"{place.split('/')[1]}-{place.split('/')[2]}" for place in HEADS)


def one_round(counts: dict[str, int], round: str = "r1", day: str = "2026-01-06") -> list[Event]:
    """A round of every staff group."""
    marker = opening(LEAVES, round, first_answer_date=day, last_answer_date=day)
    return [marker, *answers(round, counts, day=day), closing(round)]


def all_nurses(result: Replay, node: str, round: str = "r1") -> Indicator:
    """The figures of all nurses under a node."""
    (found,) = [row for row in result.indicators if (row.node, row.round, row.staff_group) == (node, round, "nurse")]
    return found


def test_all_nurses_are_the_cohorts_of_nurses_alone_and_it_says_how_many_units_those_are() -> None:
    counts = {"ward-1-nurse": 15, "ward-1-physician": 5, "ward-2-nurse": 6, "ward-2-physician": 5, "ct-nurse": 3}
    result = replayed([record(HEADS, LEVELS), *one_round(counts)])
    assert {row.node: row.n for row in result.cohorts} == {"ward-1-nurse": 15, "ward-2": 11}
    found = all_nurses(result, "surgery")
    assert (found.responses, found.leaves_published, found.leaves_fielded) == (15, 1, 2)
    assert found.coverage == round(15 / 44, 4)
    house = all_nurses(result, "general")
    assert (house.responses, house.leaves_published, house.leaves_fielded, house.state) == (15, 1, 3, "published")
    ordinary = next(row for row in result.indicators if row.node == "surgery" and row.staff_group is None)
    assert (ordinary.responses, ordinary.leaves_published, ordinary.leaves_fielded) == (26, None, None)


def test_a_place_with_one_leaf_of_a_group_has_no_line_for_it() -> None:
    result = replayed([record(HEADS, LEVELS), *one_round({})])
    (closed,) = result.rounds
    groups = {(node.node, node.staff_group): node for node in closed.nodes if node.staff_group}
    assert set(groups) == {
        ("general", "nurse"),
        ("surgery", "nurse"),
        ("general", "physician"),
        ("surgery", "physician"),
    }
    assert groups["general", "nurse"].headcount == 56
    assert groups["general", "physician"].headcount_asked == 17
    assert {node.of_group for node in closed.nodes} == {None, "nurse", "physician"}
    assert groups["surgery", "nurse"].states == {"sib5": "withheld"}


def test_over_a_window_the_units_add_up_as_the_rounds_do() -> None:
    first = one_round({"ward-1-nurse": 15})
    second = one_round({"ward-2-nurse": 12}, "r2", "2026-01-20")
    found = all_nurses(replayed([record(HEADS, LEVELS), *first, *second]), "surgery", "r2")
    assert (found.responses, found.rounds_published, found.leaves_published, found.leaves_fielded) == (27, 2, 2, 2)
    assert found.coverage == round(27 / 88, 4)


def test_a_retired_cohort_leaves_its_staff_groups_too() -> None:
    retiring = {
        "type": "cohort.retirement",
        "facility": "general",
        "event_id": "00000000-0000-8000-8000-000000000001",
        "round": "r1",
        "form": "sib5",
        "node": "ward-1-nurse",
        "reason": "consent",
    }
    counts = {"ward-1-nurse": 15, "ward-2-nurse": 12}
    result = replayed([record(HEADS, LEVELS), *one_round(counts), retiring])
    again = [row for row in result.indicators if row.staff_group == "nurse" and row.cohorts_retired]
    assert {(row.node, row.responses, row.leaves_published) for row in again} == {
        ("general", 12, 1),
        ("surgery", 12, 1),
    }


@pytest.mark.parametrize(
    ("counts", "overfull", "published"),
    [
        # one group too many for itself alone: its unit is still within its headcount
        ({"ward-2-physician": 11, "ward-1-nurse": 15}, {"ward-2-physician"}, {"ward-1-nurse"}),
        # every group within its own limit, the unit beyond: nothing at or below it
        ({"ward-2-nurse": 16, "ward-2-physician": 10, "ward-1-nurse": 15}, {"ward-2"}, {"ward-1-nurse"}),
    ],
)
def test_overfull_is_decided_from_the_top_down(counts: dict[str, int], overfull: set[str], published: set[str]) -> None:
    result = replayed([record(HEADS, LEVELS), *one_round(counts)])
    assert {row.node for row in result.cohorts} == published
    (closed,) = result.rounds
    states = {node.node: node.states["sib5"] for node in closed.nodes if node.staff_group is None}
    assert {states[node] for node in overfull} == {"withheld"}


def test_a_staff_group_stands_on_leaves_alone() -> None:
    wrong = record(HEADS, LEVELS)
    next(node for node in wrong["nodes"] if node["id"] == "ward-1")["staff_group"] = "nurse"
    assert [letter.reason for letter in replayed([wrong]).dead_letters] == [Reason.BAD_ORGANISATION]


def test_levels_keep_their_order_while_a_round_is_open() -> None:
    turned = ("facility", "unit", "department", "staff_group")

    def refusals(*events: Event) -> list[str]:
        return [letter.reason for letter in replayed([record(HEADS, LEVELS), *events]).dead_letters]

    reordered = record(HEADS, turned)
    assert refusals(opening(LEAVES), reordered) == [Reason.LEVELS_REORDERED]
    assert refusals(opening(LEAVES), closing(), reordered) == []
    assert refusals(opening(LEAVES), closing("r1", "round.cancelled"), reordered) == []
    # a level more or less is no other order
    assert refusals(opening(LEAVES), record({"surgery/ward-1": 40}, LEVELS[:3])) == []
