"""Sums up the tree, and what may be known of a node, on an organisation made by hand."""

from datetime import date

from schemas.canonical import derived_id
from schemas.events import Node, OrganisationUpdated
from schemas.organisation import Organisation, organisation
from stream_processors.steps.rollup import node_states


def general() -> Organisation:
    """A facility of two departments; surgery has wards of 40 and 6 people, imaging one of 20."""
    kinds = {"surgery": "department", "imaging": "department", "ward-1": "unit", "ward-2": "unit", "ct": "unit"}
    parents = {"surgery": "general", "imaging": "general", "ward-1": "surgery", "ward-2": "surgery", "ct": "imaging"}
    headcounts = {"ward-1": 40, "ward-2": 6, "ct": 20}
    nodes = [Node(id="general", parent=None, kind="facility", name="General")]
    nodes += [Node(id=n, parent=parents[n], kind=kinds[n], name=n, headcount=headcounts.get(n)) for n in kinds]
    return organisation(
        OrganisationUpdated(
            facility="general",
            event_id=derived_id("general"),
            levels=("facility", "department", "unit"),
            nodes=tuple(nodes),
            effective_from=date(2026, 1, 1),
        )
    )


def test_a_node_is_published_withheld_or_not_fielded() -> None:
    paths: dict[str, list[tuple[str, ...]]] = {
        "sib5": [("general", "surgery", "ward-1")],
        "cbi.work": [("general", "surgery")],
    }
    found = {node.node: node for node in node_states(general(), ("ward-1", "ward-2"), paths, 11)}
    assert {name: node.states["sib5"] for name, node in found.items()} == {
        "general": "published",
        "surgery": "published",
        "ward-1": "published",
        "ward-2": "withheld",
        "imaging": "not_fielded",
        "ct": "not_fielded",
    }
    assert found["ward-1"].states["cbi.work"] == "withheld"
    assert found["surgery"].states["cbi.work"] == "published"


def test_a_headcount_below_the_cohort_size_is_not_told() -> None:
    found = {node.node: node.headcount for node in node_states(general(), ("ct",), {"sib5": []}, 11)}
    assert found == {"general": 66, "surgery": 46, "imaging": 20, "ward-1": 40, "ward-2": "<K", "ct": 20}


def test_a_node_with_exactly_a_cohorts_size_of_people_has_its_headcount_told() -> None:
    found = {node.node: node.headcount for node in node_states(general(), ("ct",), {"sib5": []}, 20)}
    assert found["ct"] == 20
