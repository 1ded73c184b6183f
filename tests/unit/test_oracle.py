"""The second implementation gives what was worked out by hand, so that agreeing with it means something."""

from typing import Any

import pytest

from tests.oracle import Event, ended_rounds, expected_rows, seal
from tests.oracle import Round as OracleRound
from tests.oracle_states import expected_nodes

ITEMS = {"sib5": 1, "phq_2": 2}
PLACES = [("st-anna", None), ("med", "st-anna"), ("m1", "med"), ("m2", "med"), ("sur", "st-anna"), ("s1", "sur")]
POLICY = {"k": 5, "coalition": 1, "outside": 2, "k_sensitive": 20, "headcount_slack": 0}
SEASON = {"id": "2026-S4", "first": "2026-10-05", "last": "2026-10-25", "long_below": 20}


def _organisation(heads: dict[str, int], groups: dict[str, str] | None = None, department: str = "department") -> Event:
    levels = ["facility", department, "unit"]
    depth = {"st-anna": 0, "med": 1, "sur": 1}
    nodes = [
        {"id": node, "parent": parent, "kind": levels[depth.get(node, 2)], "name": node, "headcount": heads.get(node)}
        | ({"staff_group": groups[node]} if groups and node in groups else {})
        for node, parent in PLACES
        if node in heads or depth.get(node, 2) < 2
    ]
    return {"type": "organisation.updated", "facility": "st-anna", "levels": levels, "nodes": nodes}


def _opened(form: str, leaves: list[str], name: str = "r1", **more: Any) -> Event:
    dates = {"first_answer_date": "2026-10-05", "last_answer_date": "2026-10-11"}
    opened = {"type": "round.opened", "facility": "st-anna", "round": name, "forms": [form], "leaves": leaves}
    return {**opened, **dates, "policy": POLICY, "key_id": "key", **more}


def _closed(name: str = "r1") -> Event:
    return {"type": "round.closed", "facility": "st-anna", "round": name}


def _answers(form: str, leaf: str, people: int) -> list[Event]:
    common = {"type": "submission", "facility": "st-anna", "round": "r1", "form": form, "form_version": 1}
    given = {str(item): 1 for item in range(1, ITEMS[form] + 1)}
    return [
        {**common, "node": leaf, "respondent": f"{leaf}-{one}", "event_id": f"{leaf}-{one}", "revision": 0}
        | {"answers": given, "submitted_on": "2026-10-06", "key_id": "key"}
        for one in range(people)
    ]


def _log(organisation: Event, opened: Event, answering: dict[str, int]) -> list[Event]:
    form = opened["forms"][0]
    bodies = [event for leaf, people in answering.items() for event in _answers(form, leaf, people)]
    return [organisation, opened, *bodies, _closed()]


def _sizes(log: list[Event]) -> dict[str, int]:
    return {row["node"]: row["n"] for row in expected_rows(log)}


def _nodes(log: list[Event]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["node"], row.get("staff_group", "")): row for row in expected_nodes(log)["st-anna", "r1"]}


def _season(calendar: str, **more: Any) -> dict[str, Any]:
    return {"season": {**SEASON, "calendar": calendar, **more}}


def _accepted(*events: Event) -> list[str]:
    closes = [_closed(event["round"]) for event in events if event["type"] == "round.opened"]
    return [current.opened["round"] for current in ended_rounds([*events, *closes])]


HEADS = {"m1": 15, "m2": 20, "s1": 30}
LONG = _opened("sib5", ["m1"], "long", last_answer_date="2026-10-25", **_season("long"))
SHORT = _opened("sib5", ["m2", "s1"], "short", **_season("short"))


def test_a_long_round_runs_beside_a_short_one() -> None:
    assert _accepted(_organisation(HEADS), LONG, SHORT) == ["long", "short"]


@pytest.mark.parametrize(
    "change",
    [
        {"leaves": ["m1", "m2", "s1"]},  # m1 has 15, under 20
        {"leaves": []},
        {"first_answer_date": "2026-10-04"},
        {"last_answer_date": "2026-10-26"},
        {"forms": ["phq_2"]},
        {"policy": {**POLICY, "sensitive_forms": ["sib5"]}},
        _season("short", long_below=19),
        _season("short", last="2026-10-26"),
        _season("long"),
    ],
)
def test_a_second_round_that_breaks_a_rule_of_the_season_is_refused(change: dict[str, Any]) -> None:
    again = {**SHORT, "round": "again", "first_answer_date": "2026-10-12", "last_answer_date": "2026-10-18"}
    organisation = _organisation(HEADS)
    assert _accepted(organisation, SHORT, again) == ["short", "again"]
    assert _accepted(organisation, SHORT, {**again, **change}) == ["short"]


def test_a_season_keeps_the_headcounts_it_began_with_and_loses_the_leaves_that_are_gone() -> None:
    later = _organisation({"m1": 40, "s1": 3})
    again = {**SHORT, "round": "again", "first_answer_date": "2026-10-12", "last_answer_date": "2026-10-18"}
    started = (_organisation(HEADS), LONG, SHORT, _closed("short"), later)
    assert _accepted(*started, {**again, "leaves": ["s1"]}) == ["long", "short", "again"]
    assert _accepted(*started, {**again, "leaves": ["m1", "s1"]}) == ["long", "short"]


def test_a_sensitive_department_is_sealed_while_somebody_may_have_stayed_away() -> None:
    opened = _opened("phq_2", ["m1", "m2", "s1"])
    log = _log(_organisation({"m1": 12, "m2": 12, "s1": 10}), opened, {"m1": 12, "m2": 10})
    # 24 asked, 22 answered: 2 may have stayed away, which is coalition + 1
    assert _sizes(log) == {"med": 22}
    nodes = _nodes(log)
    states = {node: row["states"]["phq_2"] for (node, _), row in nodes.items()}
    assert states == {"med": "published", "st-anna": "published", "sur": "not_published"}
    assert not any("headcount" in row or "headcount_asked" in row for row in nodes.values())


def test_a_sensitive_department_without_room_is_withheld_and_looks_like_any_other() -> None:
    opened, organisation = _opened("phq_2", ["m1", "m2", "s1"]), _organisation({"m1": 12, "m2": 12, "s1": 30})
    # 24 asked and 23 answered leave 1; were they pooled with the two others, 25 would tell that they were not too few
    assert _sizes(_log(organisation, opened, {"m1": 12, "m2": 11, "s1": 2})) == {}
    # with nothing sealed at med, 19 at most are from there: 47 of 49 leave 2, and 48 leave 1
    log = _log(organisation, opened, {"m1": 12, "m2": 6, "s1": 29})
    assert _sizes(log) == {"st-anna": 47}
    assert _nodes(log)["med", ""]["states"] == {"phq_2": "not_published"}
    assert _sizes(_log(organisation, opened, {"m1": 12, "m2": 7, "s1": 29})) == {}


def test_leaves_that_the_round_does_not_ask_give_no_room() -> None:
    log = _log(_organisation({"m1": 12, "m2": 12, "s1": 90}), _opened("phq_2", ["m1", "m2"]), {"m1": 12, "m2": 11})
    assert _sizes(log) == {}


@pytest.mark.parametrize(("people", "sealed"), [(20, {"med": 20}), (19, {})])
def test_a_sensitive_cohort_has_k_sensitive_people(people: int, sealed: dict[str, int]) -> None:
    log = _log(_organisation({"m1": 20, "m2": 20}), _opened("phq_2", ["m1", "m2"]), {"m1": 10, "m2": people - 10})
    assert _sizes(log) == sealed


def test_without_departments_the_second_level_may_hold_a_sensitive_cohort() -> None:
    organisation = _organisation({"m1": 20, "m2": 20}, department="division")
    assert _sizes(_log(organisation, _opened("phq_2", ["m1", "m2"]), {"m1": 10, "m2": 10})) == {"med": 20}


def test_a_form_is_sensitive_because_the_policy_says_so() -> None:
    opened = _opened("sib5", ["m1"], policy={**POLICY, "sensitive_forms": ["sib5"]})
    organisation = _organisation({"m1": 30})
    assert _sizes(_log(organisation, opened, {"m1": 15})) == {}
    assert _sizes(_log(organisation, _opened("sib5", ["m1"]), {"m1": 15})) == {"m1": 15}


def test_headcounts_asked_are_of_the_leaves_fielded() -> None:
    nodes = _nodes(_log(_organisation({"m1": 8, "m2": 9, "s1": 3}), _opened("sib5", ["m1", "s1"]), {}))
    asked = {node: row["headcount_asked"] for (node, _), row in nodes.items()}
    assert asked == {"st-anna": 11, "med": 8, "m1": 8, "m2": 0, "sur": "<K", "s1": "<K"}
    assert nodes["med", ""]["headcount"] == 17


@pytest.mark.parametrize(("people", "sealed"), [(10, {"med"}), (11, set())])
def test_a_node_is_overfull_by_those_it_asked(people: int, sealed: set[str]) -> None:
    # m1 asks 4 and m2 asks 4, so that med may have 10; that m3 has 90 does not help
    organisation = _organisation({"m1": 4, "m2": 4})
    organisation["nodes"].append({"id": "m3", "parent": "med", "kind": "unit", "name": "m3", "headcount": 90})
    current = OracleRound(_opened("sib5", ["m1", "m2"]), organisation)
    admitted = _answers("sib5", "m1", 5) + _answers("sib5", "m2", people - 5)
    assert {path[-1] for path, _ in seal(current, "sib5", admitted)} == sealed


def test_a_staff_group_counts_the_leaves_with_cohorts_of_their_own() -> None:
    organisation = _organisation({"m1": 10, "m2": 10, "s1": 7}, dict.fromkeys(["m1", "m2", "s1"], "nurse"))
    nodes = _nodes(_log(organisation, _opened("sib5", ["m1", "m2"]), {"m1": 7, "m2": 2}))
    assert [place for place in nodes if place[1]] == [("med", "nurse"), ("st-anna", "nurse")]
    whole = nodes["st-anna", "nurse"]
    assert (whole["name"], whole["kind"], whole["path"]) == ("nurse", "staff_group", ["st-anna"])
    assert (whole["headcount"], whole["headcount_asked"], whole["states"]) == (27, 20, {"sib5": "published"})
    assert nodes["m1", ""]["of_group"] == "nurse"


def test_a_staff_group_pooled_with_others_is_withheld() -> None:
    organisation = _organisation({"m1": 10, "m2": 10}, dict.fromkeys(["m1", "m2"], "nurse"))
    nodes = _nodes(_log(organisation, _opened("sib5", ["m1", "m2"]), {"m1": 4, "m2": 4}))
    assert nodes["med", ""]["states"] == {"sib5": "published"}
    assert nodes["med", "nurse"]["states"] == {"sib5": "withheld"}


def test_levels_keep_their_order_while_a_round_is_open() -> None:
    before = _organisation({"m1": 12, "m2": 12})
    turned = {"facility": "facility", "department": "unit", "unit": "department"}
    after = {**before, "levels": ["facility", "unit", "department"]}
    after["nodes"] = [{**node, "kind": turned[node["kind"]]} for node in before["nodes"]]
    opened = _opened("sib5", ["m1"])
    later = _opened("sib5", ["m1"], "r2", first_answer_date="2026-10-12", last_answer_date="2026-10-18")
    for events, levels in (([opened, after, _closed()], before), ([opened, _closed(), after], after)):
        (_, second) = ended_rounds([before, *events, later, _closed("r2")])
        assert second.organisation["levels"] == levels["levels"]
