"""An organisation record is a tree or it is refused, and the refusal names the node that is wrong."""

from datetime import date
from typing import Any

import pytest

from schemas.errors import DataError, Reason
from schemas.events import Node, OrganisationUpdated
from schemas.organisation import organisation

LEVELS = ("facility", "department", "unit")
EVENT_ID = "00000000-0000-8000-8000-000000000000"


def node(id: str, parent: str | None, kind: str, headcount: int | None = None, name: str = "a name") -> Node:
    return Node(id=id, parent=parent, kind=kind, name=name, headcount=headcount)


ROOT = node("north", None, "facility")
MEDICINE, SURGERY = node("medicine", "north", "department"), node("surgery", "north", "department")
ICU, WARD, THEATRE = (
    node("icu", "medicine", "unit", 24),
    node("ward", "medicine", "unit", 9),
    node("or", "surgery", "unit", 18),
)
HOSPITAL = (ROOT, MEDICINE, SURGERY, ICU, WARD, THEATRE)


def record(*nodes: Node, **changed: Any) -> OrganisationUpdated:
    usual = {"facility": "north", "event_id": EVENT_ID, "levels": LEVELS, "effective_from": date(2026, 1, 1)}
    return OrganisationUpdated(**{**usual, "nodes": nodes, **changed})


def test_a_hospital_is_built_with_paths_children_and_headcounts() -> None:
    built = organisation(record(*HOSPITAL))
    assert built.children["north"] == ("medicine", "surgery")
    assert built.children["medicine"] == ("icu", "ward")
    assert built.paths["ward"] == ("north", "medicine", "ward")
    assert built.headcounts == {"north": 51, "medicine": 33, "surgery": 18, "icu": 24, "ward": 9, "or": 18}
    assert built.leaves() == ("icu", "or", "ward")
    assert not built.is_leaf("medicine")


def test_the_order_of_the_nodes_changes_nothing_but_the_hash_of_the_record() -> None:
    forwards, backwards = organisation(record(*HOSPITAL)), organisation(record(*reversed(HOSPITAL)))
    assert (forwards.children, forwards.paths) == (backwards.children, backwards.paths)
    assert forwards.headcounts == backwards.headcounts


def test_a_headcount_given_above_the_leaves_stands() -> None:
    built = organisation(record(node("north", None, "facility", 60), *HOSPITAL[1:]))
    assert built.headcounts["north"] == 60


def test_a_unit_may_hang_directly_below_the_facility() -> None:
    built = organisation(record(*HOSPITAL, node("pharmacy", "north", "unit", 6)))
    assert built.paths["pharmacy"] == ("north", "pharmacy")
    assert built.headcounts["north"] == 57


def test_a_facility_may_be_its_own_leaf() -> None:
    built = organisation(record(node("north", None, "facility", 12), levels=("facility",)))
    assert built.leaves() == ("north",)


def test_the_hash_depends_on_the_tree_alone() -> None:
    first = organisation(record(*HOSPITAL))
    later = organisation(record(*HOSPITAL, event_id=EVENT_ID.replace("0", "1"), effective_from=date(2027, 1, 1)))
    grown = organisation(record(*HOSPITAL[:-1], node("or", "surgery", "unit", 19)))
    assert first.hash == later.hash
    assert first.hash != grown.hash


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        pytest.param([*HOSPITAL, node("icu", "surgery", "unit", 3)], "icu", id="an id given twice"),
        pytest.param([*HOSPITAL, node("gate", None, "unit", 3)], "gate", id="an orphan"),
        pytest.param([*HOSPITAL, node("south", None, "facility")], "south", id="a second root"),
        pytest.param([*HOSPITAL, node("lab", "science", "unit", 3)], "lab", id="a parent that is missing"),
        pytest.param([*HOSPITAL, node("lab", "icu", "unit", 3)], "lab", id="a unit below a unit"),
        pytest.param([*HOSPITAL, node("lab", "icu", "department")], "lab", id="a department below a unit"),
        pytest.param([*HOSPITAL, node("lab", "lab", "unit", 3)], "lab", id="its own parent"),
        pytest.param([*HOSPITAL, node("lab", "medicine", "team", 3)], "lab", id="a kind that is no level"),
        pytest.param([*HOSPITAL, node("lab", "medicine", "unit")], "lab", id="a leaf without a headcount"),
        pytest.param([node("north", "medicine", "facility"), *HOSPITAL[1:]], "north", id="a root with a parent"),
        pytest.param([node("north", None, "department"), *HOSPITAL[1:]], "north", id="a root of another kind"),
        pytest.param([*HOSPITAL[1:]], "north", id="no root"),
        pytest.param(
            [*HOSPITAL, node("a", "b", "department"), node("b", "a", "unit", 3)], "a", id="a cycle of two levels"
        ),
        pytest.param(
            [*HOSPITAL, node("a", "b", "department"), node("b", "a", "department")], "a", id="a cycle of one level"
        ),
    ],
)
def test_what_is_no_tree_is_refused_and_the_node_is_named(nodes: list[Node], named: str) -> None:
    with pytest.raises(DataError) as refused:
        organisation(record(*nodes))
    assert refused.value.reason == Reason.BAD_ORGANISATION
    assert refused.value.detail.startswith(f"node {named} ")


def test_a_level_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match="a level is named twice"):
        organisation(record(*HOSPITAL, levels=("facility", "department", "unit", "department")))


def test_a_refusal_does_not_tell_the_name_of_a_place() -> None:
    with pytest.raises(DataError) as refused:
        organisation(record(*HOSPITAL, node("lab", None, "unit", 3, name="Dr Muster's lab")))
    assert "Muster" not in str(refused.value)
