"""What the series of units and of their parents do when units change between rounds, on whole logs.

In every unit that is asked 20 of 25 people answer, so a series that merely goes on keeps a coverage of 0.8.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from schemas.canonical import derived_id, sha256_hex
from schemas.errors import Reason
from schemas.events import RoundSealed
from schemas.indicator import Indicator
from stream_processors.steps.replay import Replay
from tests.records import replayed

LEVELS = ("facility", "department", "unit")
Line = Mapping[str, Any]


def line(id: str, parent: str | None, kind: str = "unit", headcount: int | None = 25, name: str = "") -> Line:
    """A node's line of the record; above the leaves the headcount is the sum."""
    given = headcount if kind in ("unit", "team") else None
    return {"id": id, "parent": parent, "kind": kind, "name": name or id.title(), "headcount": given}


GENERAL, MEDICINE = line("general", None, "facility"), line("medicine", "general", "department")
SURGERY = line("surgery", "general", "department")
WARD_A, WARD_B, THEATRE = line("ward-a", "medicine"), line("ward-b", "medicine"), line("theatre", "surgery")
TREE = (GENERAL, MEDICINE, SURGERY, WARD_A, WARD_B, THEATRE)
# of 20 people at 2 and 4 on the item, so many at 4: means of 2.5, 3.5 and 3.0
ANSWERS = {"ward-a": 5, "ward-b": 15, "theatre": 10}


def without(*gone: Line) -> tuple[Line, ...]:
    """The tree's lines but for these."""
    return tuple(given for given in TREE if given not in gone)


class Log:
    """A facility's log in the making, with a round every two weeks."""

    def __init__(self, *nodes: Line, facility: str = "general", levels: tuple[str, ...] = LEVELS) -> None:
        self.events: list[dict[str, Any]] = []
        self._facility, self._opened = facility, 0
        self.organise(*nodes, levels=levels)

    def _put(self, kind: str, /, **fields: Any) -> None:
        event_id = derived_id(kind, self._facility, len(self.events))
        self.events.append({"type": kind, "facility": self._facility, "event_id": event_id, **fields})

    def organise(self, *nodes: Line, levels: tuple[str, ...] = LEVELS) -> None:
        """Announce an organisation."""
        self._put("organisation.updated", levels=levels, nodes=nodes, effective_from="2026-01-01")

    def open(self, *leaves: str, forms: tuple[str, ...] = ("sib5",), days: int = 14) -> str:
        """Open the next round, r1 for the first; returns its id."""
        first = date(2026, 1, 5) + timedelta(days=14 * self._opened)
        self._opened += 1
        dates = {
            "first_answer_date": first.isoformat(),
            "last_answer_date": (first + timedelta(days=days - 1)).isoformat(),
        }
        name = f"r{self._opened}"
        self._put("round.opened", round=name, forms=forms, leaves=leaves, policy={}, key_id="k", **dates)
        return name

    def answer(self, round_: str, leaf: str, high: int, of: int = 20) -> None:
        """So many people at a leaf answer, some of them high."""
        first = next(event["first_answer_date"] for event in self.events if event.get("round") == round_)
        common = {"round": round_, "form": "sib5", "form_version": 1, "node": leaf, "source": "test", "key_id": "k"}
        for person in range(of):
            token = sha256_hex([round_, leaf, person])
            answers = {"1": 4 if person < high else 2}
            self._put("submission", respondent=token, revision=0, answers=answers, submitted_on=first, **common)

    def close(self, round_: str) -> None:
        """Close a round."""
        self._put("round.closed", round=round_)

    def rounds(self, count: int = 1, **answers: int) -> None:
        """Rounds in which the usual units, or these, answer as they always do."""
        asked = {name.replace("_", "-"): high for name, high in answers.items()} or ANSWERS
        for _ in range(count):
            name = self.open(*asked)
            for leaf, high in asked.items():
                self.answer(name, leaf, high)
            self.close(name)

    def replay(self) -> Replay:
        """What it leads to."""
        return replayed(self.events)

    def refusals(self) -> list[str]:
        """Why records of it are refused."""
        return [letter.reason for letter in self.replay().dead_letters]

    def series(self, node: str) -> list[Indicator]:
        """A node's indicators of the single item, in the order of their rounds' close; nothing else may be refused."""
        found = self.replay()
        assert found.dead_letters == []
        return [item for item in found.indicators if (item.node, item.form) == (node, "sib5")]


class Point(NamedTuple):
    """What a chart shows of an indicator."""

    round: str
    filled: str
    responses: int | None
    mean: float | None
    coverage: float | None
    change: float | None = None


def points(log: Log, node: str) -> list[Point]:
    """A node's series as a chart shows it."""
    return [
        Point(i.round, f"{i.rounds_published}/{i.rounds_fielded}", i.responses, i.mean, i.coverage, i.change)
        for i in log.series(node)
    ]


def names(log: Log, node: str) -> list[tuple[str, str]]:
    """Name and parent of a node in each sealed round."""
    return [(found.name, found.path[-2]) for event in log.replay().rounds for found in places(event, node)]


def places(event: RoundSealed, node: str) -> list[Any]:
    """The node's line in a sealed round, if it is there."""
    return [found for found in event.nodes if found.node == node]


def test_a_renamed_units_series_continues_and_its_newest_name_is_the_latest_rounds() -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(WARD_B), {**WARD_B, "name": "Stroke unit"})
    log.rounds()
    assert points(log, "ward-b") == [Point("r1", "1/1", 20, 3.5, 0.8), Point("r2", "2/2", 40, 3.5, 0.8)]
    assert names(log, "ward-b") == [("Ward-B", "medicine"), ("Stroke unit", "medicine")]


def moved(before: int, after: int) -> Log:
    """Ward b goes from medicine to surgery between rounds."""
    log = Log(*TREE)
    log.rounds(before)
    log.organise(*without(WARD_B), {**WARD_B, "parent": "surgery"})
    log.rounds(after)
    return log


def test_a_moved_units_own_series_continues() -> None:
    log = moved(2, 1)
    assert points(log, "ward-b")[1:] == [Point("r2", "2/2", 40, 3.5, 0.8), Point("r3", "3/3", 60, 3.5, 0.8)]
    assert log.series("ward-b")[-1].path == ("general", "surgery", "ward-b")
    assert points(log, "general")[-1] == Point("r3", "3/3", 180, 3.0, 0.8)


def test_the_parents_of_a_moved_unit_keep_what_was_sealed_under_them_so_their_windows_mix() -> None:
    log = moved(2, 1)
    # two rounds of both wards and one of ward a; two rounds of the theatre and one of theatre and ward b
    assert points(log, "medicine")[1:] == [
        Point("r2", "2/2", 80, 3.0, 0.8),
        Point("r3", "3/3", 100, (2 * 3.0 * 40 + 2.5 * 20) / 100, 0.8),
    ]
    assert points(log, "surgery")[1:] == [
        Point("r2", "2/2", 40, 3.0, 0.8),
        Point("r3", "3/3", 80, (2 * 3.0 * 20 + 3.25 * 40) / 80, 0.8),
    ]


def test_after_a_move_four_rounds_clear_a_parents_window_and_eight_its_change() -> None:
    log = moved(4, 8)
    means = [item.mean for item in log.series("medicine")]
    assert means[3:] == [3.0, 2.9286, 2.8333, 2.7, *[2.5] * 5]
    differences = [item.change for item in log.series("medicine")]
    # nobody in medicine feels otherwise than before: all of this is the ward that left
    assert differences[7:] == [-0.5, -0.4286, -0.3333, -0.2, 0.0]
    for unmixed in ("ward-a", "ward-b", "theatre", "general"):
        assert {item.change for item in log.series(unmixed)[7:]} == {0.0}


def test_a_department_made_for_units_that_exist_starts_without_their_past() -> None:
    log = Log(*TREE)
    log.rounds(2)
    neurology = line("neurology", "general", "department")
    log.organise(*without(WARD_B), neurology, {**WARD_B, "parent": "neurology"})
    log.rounds()
    assert points(log, "neurology") == [Point("r3", "1/1", 20, 3.5, 0.8)]
    assert points(log, "ward-b")[-1] == Point("r3", "3/3", 60, 3.5, 0.8)


def test_a_department_that_moves_takes_its_units_and_all_their_series_along() -> None:
    levels = ("facility", "division", "department", "unit")
    east, west = line("east", "general", "division"), line("west", "general", "division")
    medicine, surgery = ({**given, "parent": "east"} for given in (MEDICINE, SURGERY))
    units = (GENERAL, east, west, surgery, WARD_A, WARD_B, THEATRE)
    log = Log(*units, medicine, levels=levels)
    log.rounds()
    log.organise(*units, {**medicine, "parent": "west"}, levels=levels)
    log.rounds()
    assert points(log, "medicine")[-1] == Point("r2", "2/2", 80, 3.0, 0.8)
    assert points(log, "ward-a")[-1] == Point("r2", "2/2", 40, 2.5, 0.8)
    assert points(log, "west")[-1] == Point("r2", "1/1", 40, 3.0, 0.8)
    assert points(log, "east")[-1] == Point("r2", "2/2", 80, 3.0, 0.8)


def test_a_department_whose_units_have_all_left_is_there_and_not_fielded() -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(THEATRE), {**THEATRE, "parent": "medicine"})
    log.rounds()
    assert points(log, "surgery")[-1] == Point("r2", "0/0", None, None, None)
    assert log.series("surgery")[-1].state == "not_fielded"


AB = line("ward-ab", "medicine", headcount=50)


def test_a_merged_unit_has_a_new_id_and_starts_while_the_old_ones_end() -> None:
    log = Log(*TREE)
    log.rounds(2)
    log.organise(*without(WARD_A, WARD_B), AB)
    for _ in range(8):
        name = log.open("ward-ab", "theatre")
        log.answer(name, "ward-ab", high=20, of=40)
        log.answer(name, "theatre", high=10)
        log.close(name)
    assert [item.round for item in log.series("ward-a")] == ["r1", "r2"]
    assert [item.round for item in log.series("ward-b")] == ["r1", "r2"]
    merged = points(log, "ward-ab")
    assert merged[0] == Point("r3", "1/1", 40, 3.0, 0.8)
    assert [found.change for found in merged] == [*[None] * 7, 0.0]
    # the parent never notices: the same people answer under it
    assert points(log, "medicine")[-1] == Point("r10", "4/4", 160, 3.0, 0.8, 0.0)


def test_a_merged_unit_that_keeps_an_old_id_compares_unlike_groups() -> None:
    log = Log(*TREE)
    log.rounds(4)
    log.organise(*without(WARD_A, WARD_B), {**WARD_A, "headcount": 50})
    for _ in range(4):
        name = log.open("ward-a")
        log.answer(name, "ward-a", high=20, of=40)
        log.close(name)
    # half a point worse, though nobody answers otherwise than before
    assert points(log, "ward-a")[-1] == Point("r8", "4/4", 160, 3.0, 0.8, 0.5)


def test_a_unit_that_took_in_another_before_the_record_says_so_is_withheld_there_and_above() -> None:
    log = Log(*TREE)
    name = log.open("ward-a", "ward-b")
    log.answer(name, "ward-a", high=20, of=40)
    log.answer(name, "ward-b", high=9, of=12)
    log.close(name)
    assert log.series("ward-a")[-1].state == "withheld"
    assert points(log, "medicine") == [Point("r1", "1/1", 12, 3.5, 0.24)]


def test_a_unit_split_under_new_ids_ends_and_its_parts_start() -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(WARD_B), line("ward-b1", "medicine"), line("ward-b2", "medicine"))
    log.rounds(ward_a=5, ward_b1=15, ward_b2=10)
    assert points(log, "ward-b") == [Point("r1", "1/1", 20, 3.5, 0.8)]
    assert points(log, "ward-b1") == [Point("r2", "1/1", 20, 3.5, 0.8)]
    assert points(log, "ward-b2") == [Point("r2", "1/1", 20, 3.0, 0.8)]
    assert points(log, "medicine")[-1] == Point("r2", "2/2", 100, 3.0, 0.8)


FOUR = ("facility", "department", "unit", "team")


def split_in_place(first: tuple[int, int], second: tuple[int, int]) -> Log:
    """A team hangs below its department; then it becomes a unit of two teams, in which so many of so many are high."""
    team_b = line("ward-b", "medicine", "team")
    teams = (GENERAL, MEDICINE, line("ward-a", "medicine", "team"))
    log = Log(*teams, team_b, levels=FOUR)
    log.rounds(4, ward_a=5, ward_b=15)
    parts = (line("b-1", "ward-b", "team", 13), line("b-2", "ward-b", "team", 12))
    log.organise(*teams, {**team_b, "kind": "unit", "headcount": None}, *parts, levels=FOUR)
    for _ in range(4):
        name = log.open("ward-a", "b-1", "b-2")
        log.answer(name, "ward-a", 5)
        log.answer(name, "b-1", *first)
        log.answer(name, "b-2", *second)
        log.close(name)
    return log


def test_a_unit_that_stays_one_level_up_continues_as_the_sum_of_its_parts() -> None:
    log = split_in_place((9, 12), (9, 12))
    assert points(log, "ward-b")[3:5] == [
        Point("r4", "4/4", 80, 3.5, 0.8),
        Point("r5", "4/4", 84, 3.5, 0.84),
    ]
    assert points(log, "ward-b")[-1] == Point("r8", "4/4", 96, 3.5, 0.96, 0.0)
    assert points(log, "b-1")[0] == Point("r5", "1/1", 12, 3.5, 0.9231)


def test_parts_too_small_for_figures_of_their_own_still_make_up_those_of_the_unit_above() -> None:
    log = split_in_place((8, 10), (7, 10))
    assert points(log, "ward-b")[-1] == Point("r8", "4/4", 80, 3.5, 0.8, 0.0)
    assert [item.state for item in log.series("b-1") + log.series("b-2")] == ["withheld"] * 8


def test_a_removed_units_series_ends_and_those_above_go_on() -> None:
    log = Log(*TREE)
    log.rounds(2)
    log.organise(*without(WARD_B))
    log.rounds(ward_a=5, theatre=10)
    assert [found.round for found in points(log, "ward-b")] == ["r1", "r2"]
    assert points(log, "medicine")[-1] == Point("r3", "3/3", 100, 2.9, 0.8)


def test_a_unit_that_is_merely_not_asked_has_rounds_without_figures() -> None:
    log = Log(*TREE)
    log.rounds()
    log.rounds(ward_a=5, theatre=10)
    log.rounds()
    assert points(log, "ward-b") == [
        Point("r1", "1/1", 20, 3.5, 0.8),
        Point("r2", "0/0", None, None, None),
        Point("r3", "2/2", 40, 3.5, 0.8),
    ]


def test_a_round_that_names_a_removed_unit_is_refused_as_a_whole() -> None:
    log = Log(*TREE)
    log.organise(*without(WARD_B))
    log.rounds(ward_a=5, ward_b=15)
    assert log.refusals()[0] == Reason.UNKNOWN_UNIT
    assert set(log.refusals()[1:]) == {Reason.UNKNOWN_ROUND}


def test_an_id_that_comes_back_continues_its_series_and_the_gap_shows_as_missing_rounds() -> None:
    log = Log(*TREE)
    log.rounds(2)
    log.organise(*without(WARD_B))
    log.rounds(ward_a=5, theatre=10)
    log.organise(*TREE)
    log.rounds()
    assert points(log, "ward-b")[1:] == [Point("r2", "2/2", 40, 3.5, 0.8), Point("r4", "3/3", 60, 3.5, 0.8)]


def test_a_unit_that_goes_to_another_facility_ends_here_and_starts_there() -> None:
    here, there = Log(*TREE), Log(line("north", None, "facility"), line("ward-x", "north"), facility="north")
    here.rounds()
    there.rounds(ward_x=5)
    here.organise(*without(WARD_B))
    there.organise(*(line("north", None, "facility"), line("ward-x", "north"), line("ward-b", "north")))
    here.rounds(ward_a=5, theatre=10)
    there.rounds(ward_x=5, ward_b=15)
    both = replayed([*here.events, *there.events])
    found = [(i.facility, i.round, i.rounds_fielded) for i in both.indicators if i.node == "ward-b"]
    assert (both.dead_letters, found) == ([], [("general", "r1", 1), ("north", "r2", 1)])


def test_a_record_during_an_open_round_acts_on_the_next_one() -> None:
    log = Log(*TREE)
    name = log.open(*ANSWERS)
    log.organise(*without(WARD_B, THEATRE), {**WARD_B, "parent": "surgery", "headcount": 40, "name": "Stroke unit"})
    for leaf, high in ANSWERS.items():
        log.answer(name, leaf, high)
    log.close(name)
    log.rounds(ward_a=5, ward_b=15)
    assert names(log, "ward-b") == [("Ward-B", "medicine"), ("Stroke unit", "surgery")]
    assert points(log, "ward-b") == [Point("r1", "1/1", 20, 3.5, 0.8), Point("r2", "2/2", 40, 3.5, 0.6154)]
    assert points(log, "medicine") == [Point("r1", "1/1", 40, 3.0, 0.8), Point("r2", "2/2", 60, 2.8333, 0.8)]
    assert [item.round for item in log.series("theatre")] == ["r1"]


def test_a_sealed_round_is_not_touched_by_later_records() -> None:
    log, longer = Log(*TREE), Log(*TREE)
    for each in (log, longer):
        each.rounds()
    longer.organise(*without(WARD_B, THEATRE), {**WARD_B, "parent": "surgery"})
    sealed, later = log.replay(), longer.replay()
    assert (sealed.cohorts, sealed.rounds, sealed.indicators) == (later.cohorts, later.rounds, later.indicators)


@pytest.mark.parametrize(("after", "leaf"), [([line("ward-b1", "medicine")], "ward-b1"), ([], "ward-a")])
def test_split_or_merged_units_wait_until_rounds_older_than_that_are_over(after: list[Any], leaf: str) -> None:
    log = Log(*TREE)
    log.open("ward-b", days=28)
    log.organise(*without(WARD_B), *after)
    log.open(leaf)
    assert log.refusals() == [Reason.ROUND_OVERLAPS]


def test_a_unit_that_moved_is_the_same_unit_to_a_round_still_running() -> None:
    moved_only = Log(*TREE)
    moved_only.open("ward-b", days=28)
    moved_only.organise(*without(WARD_B), {**WARD_B, "parent": "surgery"})
    moved_only.open("ward-b")
    assert moved_only.refusals() == [Reason.ROUND_OVERLAPS]
