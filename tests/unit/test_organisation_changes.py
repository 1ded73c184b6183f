"""What differs between two records is named completely, in a stable order, and in the words of docs/units.md."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError, Reason
from schemas.events import Node
from schemas.organisation import Organisation, organisation
from schemas.organisation_changes import Change, changes, reordered
from tests.unit.test_organisation import HOSPITAL, ICU, LEVELS, MEDICINE, ROOT, SURGERY, THEATRE, WARD, node, record
from tests.unit.test_units_change import TREE, WARD_B, Log, names, without

PAGE = Path(__file__).parents[2] / "docs" / "units.md"


def built(*nodes: Node, **changed: Any) -> Organisation:
    return organisation(record(*nodes, **changed))


BEFORE = built(*HOSPITAL)


def instead(old: Node, **changed: Any) -> tuple[Node, ...]:
    """The hospital with one line written otherwise."""
    return tuple(old.model_copy(update=changed) if given == old else given for given in HOSPITAL)


def without_node(*gone: Node) -> tuple[Node, ...]:
    return tuple(given for given in HOSPITAL if given not in gone)


def sentences(before: Organisation | None, after: Organisation) -> list[str]:
    return [change.sentence for change in changes(before, after)]


def test_equal_records_differ_in_nothing_whatever_the_order_of_their_lines() -> None:
    assert changes(BEFORE, built(*reversed(HOSPITAL))) == ()


def test_a_first_record_adds_every_node_parents_before_children() -> None:
    found = changes(None, BEFORE)
    assert {change.kind for change in found} == {"added"}
    assert [change.node for change in found] == ["north", "medicine", "icu", "ward", "surgery", "or"]
    assert sentences(None, BEFORE)[0] == "north is new: its series starts, or goes on if the id was in use before"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (instead(ICU, name="Intensive care"), Change("renamed", "icu", "a name", "Intensive care")),
        (instead(WARD, parent="north"), Change("moved", "ward", "medicine", "north")),
        (without_node(WARD), Change("removed", "ward", "medicine", None)),
        ((*HOSPITAL, node("lab", "north", "unit", 3)), Change("added", "lab", None, "north")),
        ((*HOSPITAL, node("it", "north", "department")), Change("added", "it", None, "north", leaf=False)),
        (instead(ROOT, name="North"), Change("renamed", "north", "a name", "North", leaf=False)),
    ],
)
def test_one_difference_is_one_change(nodes: tuple[Node, ...], expected: Change) -> None:
    assert changes(BEFORE, built(*nodes)) == (expected,)


def test_several_differences_at_a_node_come_in_the_order_of_their_kinds() -> None:
    after = built(
        ROOT,
        MEDICINE,
        SURGERY,
        node("icu", "north", "department", name="ICUs"),
        node("icu-1", "icu", "unit", 60),
        WARD,
        THEATRE,
    )
    found = [(change.node, change.kind) for change in changes(BEFORE, after)]
    icu = [("icu", kind) for kind in ("renamed", "moved", "level_changed", "headcount")]
    assert found == [("north", "headcount"), *icu, ("icu-1", "added"), ("medicine", "headcount")]


def test_what_was_removed_is_named_where_it_was() -> None:
    after = built(*without_node(ICU, SURGERY, THEATRE), node("lab", "medicine", "unit", 24))
    found = [(change.node, change.kind) for change in changes(BEFORE, after)]
    gone = [("surgery", "removed"), ("or", "removed")]
    assert found == [("north", "headcount"), ("icu", "removed"), ("lab", "added"), *gone]


def test_a_level_added_at_the_bottom_or_taken_away_is_told_at_each_leaf() -> None:
    deeper = built(*HOSPITAL, node("icu-1", "icu", "team", 24), levels=(*LEVELS, "team"))
    assert sentences(BEFORE, deeper)[:3] == [
        "answers are now given by team, no longer by unit",
        "icu is no longer the last level: its series continues, as the sum of what lies under it",
        "icu-1 is new under icu: its series starts, or goes on if the id was in use before",
    ]
    assert "icu becomes the last level: its series continues, with the answers given at it" in sentences(deeper, BEFORE)


NURSES = node("icu-nurse", "icu", "group", 24).model_copy(update={"staff_group": "nurse"})


def test_staff_groups_added_as_the_last_level_are_told_once_and_what_their_sums_cover() -> None:
    deeper = built(*HOSPITAL, NURSES, levels=(*LEVELS, "group"))
    by_group = "answers are now given by group, no longer by unit"
    told = (
        "staff groups are new (nurse): sums of one, such as all nurses, cover only the units whose nurses are enough "
        "by themselves"
    )
    assert sentences(BEFORE, deeper)[:2] == [by_group, told]
    assert sentences(BEFORE, without_groups(deeper))[0] == by_group
    assert told not in sentences(BEFORE, without_groups(deeper))
    # groups may come later than the level, and more of them are nothing new
    assert sentences(without_groups(deeper), deeper) == [
        told,
        "icu-nurse is now of staff group nurse: its own series continues, and sums of a staff group mix for a while",
    ]
    more = NURSES.model_copy(update={"id": "icu-physician", "staff_group": "physician"})
    assert told[:20] not in str(sentences(deeper, built(*deeper.nodes.values(), more, levels=deeper.levels)))


def without_groups(given: Organisation) -> Organisation:
    """The same tree with no staff group at its leaves."""
    nodes = [found.model_copy(update={"staff_group": None}) for found in given.nodes.values()]
    return built(*nodes, levels=given.levels)


def test_a_leaf_whose_staff_group_changes_is_told() -> None:
    levels = (*LEVELS, "group")
    before, after = (
        built(*HOSPITAL, NURSES.model_copy(update={"staff_group": group}), levels=levels) for group in "ab"
    )
    assert changes(before, after) == (Change("staff_group", "icu-nurse", "a", "b"),)
    assert sentences(before, after)[0].startswith("icu-nurse changes from staff group a to b")
    assert sentences(after, without_groups(after))[0].startswith("icu-nurse is no longer of staff group b")


def test_levels_in_another_order_are_told_first_and_somebody_should_look_twice() -> None:
    turned = ("facility", "unit", "department")
    nodes = (ROOT, node("icu", "north", "unit"), node("medicine", "icu", "department", 54))
    (first, *_) = changes(BEFORE, built(*nodes, levels=turned))
    assert (first.kind, first.node, first.suspicious) == ("levels_reordered", "north", True)
    assert first.sentence == (
        "the order of levels changes from facility, department, unit to facility, unit, department: every figure above "
        "the units compares unlike groups from then on. Change it at most once a year"
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (("facility", "department", "unit", "group"), False),
        (("facility", "unit"), False),
        (("facility", "area", "department", "unit"), False),
        (("facility", "unit", "area", "department"), True),
    ],
)
def test_only_levels_that_both_records_have_can_be_in_another_order(after: tuple[str, ...], expected: bool) -> None:
    new = built(ROOT, node("x", "north", after[-1], 4), levels=after)
    assert reordered(BEFORE, new) is expected


def test_a_level_with_another_name_is_told_with_both_names() -> None:
    wards = [given.model_copy(update={"kind": "ward"}) if given.kind == "unit" else given for given in HOSPITAL]
    found = sentences(BEFORE, built(*wards, levels=("facility", "department", "ward")))
    assert found[0] == "icu changes from unit to ward: its series continues, with the answers given at it"
    assert len(found) == 3


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (40, 60, False),
        (40, 61, True),
        (40, 20, True),
        (61, 40, True),
        (60, 40, False),
        (5, 9, False),
        (5, 10, True),
        (10, 5, True),
        (0, 4, False),
        (0, 5, True),
    ],
)
def test_a_headcount_is_told_from_five_people_and_more_than_half_of_the_smaller_number(
    before: int, after: int, told: bool
) -> None:
    # a fixed number above, so that the leaf alone changes
    above = (node("north", None, "facility", 500), node("medicine", "north", "department", 400))
    old, new = (built(*above, node("icu", "medicine", "unit", count)) for count in (before, after))
    found = changes(old, new)
    assert found == ((Change("headcount", "icu", before, after),) if told else ())
    assert all(change.suspicious for change in found)


def test_only_a_headcount_is_suspicious() -> None:
    after = built(*without_node(THEATRE, WARD), node("or", "medicine", "unit", 18, name="Theatres"))
    found = {change.kind: change.suspicious for change in changes(BEFORE, after)}
    assert {kind for kind, suspicious in found.items() if suspicious} == {"headcount"}


def test_two_facilities_are_not_compared() -> None:
    south = built(node("south", None, "facility"), facility="south")
    with pytest.raises(DataError, match="north and south are two facilities") as refused:
        changes(BEFORE, south)
    assert refused.value.reason is Reason.BAD_ORGANISATION


@st.composite
def trees(draw: st.DrawFn) -> Organisation:
    """A hospital of up to three departments and six units."""
    departments = draw(st.sets(st.sampled_from(["d-1", "d-2", "d-3"]), min_size=1))
    parents = st.sampled_from(sorted(departments))
    units = draw(st.dictionaries(st.sampled_from("abcdef"), st.tuples(parents, st.integers(0, 30))))
    below = [node(name, parent, "unit", count) for name, (parent, count) in units.items()]
    return built(ROOT, *(node(name, "north", "department") for name in departments), *below)


@given(trees(), trees())
def test_changes_say_which_nodes_there_are_now_and_where(before: Organisation, after: Organisation) -> None:
    parents = {name: found.parent for name, found in before.nodes.items()}
    for change in changes(before, after):
        if change.kind == "removed":
            assert parents.pop(change.node) == change.before
        elif change.kind in ("added", "moved"):
            assert parents.get(change.node) == change.before
            parents[change.node] = str(change.after)
    assert parents == {name: found.parent for name, found in after.nodes.items()}


@given(trees(), trees())
def test_the_way_back_is_as_noticeable(before: Organisation, after: Organisation) -> None:
    there = {(c.node, c.before, c.after) for c in changes(before, after) if c.kind in ("moved", "headcount")}
    back = {(c.node, c.after, c.before) for c in changes(after, before) if c.kind in ("moved", "headcount")}
    assert there == back


def test_the_place_in_the_log_decides_and_not_the_date_of_the_record() -> None:
    log = Log(*TREE)
    log.organise(*without(WARD_B), {**WARD_B, "parent": "surgery"})
    log.events[-1]["effective_from"] = "2099-12-31"
    log.rounds()
    assert names(log, "ward-b") == [("Ward-B", "surgery")]


BLOCK = re.compile(r"```yaml\n(?P<lines>.*?)```\n(?:```\n(?P<sentences>.*?)```\n)?", re.DOTALL)


def examples() -> list[tuple[dict[str, Any], str]]:
    """The page's blocks of node lines, each with the sentences that follow it."""
    found = BLOCK.finditer(PAGE.read_text("utf-8"))
    return [(yaml.safe_load(block["lines"]), block["sentences"] or "") for block in found]


def test_the_pages_examples_say_what_the_page_says() -> None:
    (base, _), *pairs = examples()
    for lines, said in pairs:
        assert all(given in base["nodes"] for given in lines["before"])
        kept = [given for given in base["nodes"] if given not in lines["before"]]
        old, new = (
            built(*(Node(**given) for given in nodes), facility="general", levels=tuple(base["levels"]))
            for nodes in (base["nodes"], kept + lines["after"])
        )
        assert sentences(old, new) == said.splitlines()
    assert len(pairs) == 6
