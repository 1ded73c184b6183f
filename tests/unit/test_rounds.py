"""Which rounds may open, on a log made by hand."""

from typing import Any

import pytest

from schemas.canonical import derived_id
from schemas.errors import Reason
from tests.records import replayed

WARD: dict[str, Any] = {"id": "ward-1", "parent": "general", "kind": "unit", "name": "Ward 1", "headcount": 40}
ORGANISATION: dict[str, Any] = {
    "type": "organisation.updated",
    "facility": "general",
    "event_id": derived_id("general"),
    "levels": ["facility", "unit"],
    "nodes": [
        {"id": "general", "parent": None, "kind": "facility", "name": "General"},
        WARD,
        {**WARD, "id": "ward-2", "name": "Ward 2"},
    ],
    "effective_from": "2026-01-01",
}


def opening(**changes: Any) -> dict[str, Any]:
    """A marker that opens a round of ward 1 in the first half of January."""
    return {
        "type": "round.opened",
        "facility": "general",
        "event_id": derived_id("opened", sorted(changes.items())),
        "round": "r1",
        "forms": ["sib5"],
        "first_answer_date": "2026-01-05",
        "last_answer_date": "2026-01-18",
        "leaves": ["ward-1"],
        "policy": {},
        "key_id": "k",
    } | changes


CLOSING = {"type": "round.closed", "facility": "general", "event_id": derived_id("closed"), "round": "r1"}
LATER = {"first_answer_date": "2026-02-02", "last_answer_date": "2026-02-15"}


def refusals(*events: dict[str, Any]) -> list[str]:
    """Why markers of a log are refused, in order."""
    return [letter.reason for letter in replayed([ORGANISATION, *events]).dead_letters]


@pytest.mark.parametrize("closed", [[], [CLOSING]])
def test_a_round_is_opened_once_whatever_dates_a_second_opening_names(closed: list[dict[str, Any]]) -> None:
    assert refusals(opening(), *closed, opening(**LATER)) == [Reason.ROUND_OPENED_TWICE]


def test_a_round_is_closed_once() -> None:
    assert refusals(opening(), CLOSING, CLOSING) == [Reason.ROUND_CLOSED_TWICE]
    assert refusals(CLOSING) == [Reason.UNKNOWN_ROUND]


@pytest.mark.parametrize("closed", [[], [CLOSING]])
@pytest.mark.parametrize(
    ("first", "last"), [("2026-01-18", "2026-01-31"), ("2025-12-22", "2026-01-05"), ("2026-01-10", "2026-01-11")]
)
def test_rounds_that_share_a_day_a_form_and_a_leaf_are_refused(
    closed: list[dict[str, Any]], first: str, last: str
) -> None:
    second = opening(round="r2", first_answer_date=first, last_answer_date=last, leaves=["ward-1", "ward-2"])
    assert refusals(opening(), *closed, second) == [Reason.ROUND_OVERLAPS]


@pytest.mark.parametrize("apart", [LATER, {"leaves": ["ward-2"]}, {"forms": ["cbi.work"]}])
def test_rounds_apart_in_days_leaves_or_forms_may_be_open_together(apart: dict[str, Any]) -> None:
    assert refusals(opening(), opening(round="r2", **apart)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"forms": ["cbi.work", "cbi.personal"]}, Reason.REPEATED_INSTRUMENT),
        ({"forms": ["mbi"]}, Reason.UNKNOWN_FORM),
        ({"leaves": ["general"]}, Reason.UNKNOWN_UNIT),
        ({"leaves": ["ward-1", "ward-1"]}, Reason.UNKNOWN_UNIT),
        ({"last_answer_date": "2026-01-04"}, Reason.BAD_DATE),
        ({"policy": {"k": 4}}, Reason.POLICY_UNDER_FLOOR),
    ],
)
def test_a_round_that_breaks_a_rule_is_refused_and_may_be_opened_rightly(
    changes: dict[str, Any], reason: Reason
) -> None:
    assert refusals(opening(**changes), opening()) == [reason]


def test_a_marker_before_its_organisation_and_a_record_sent_again_are_refused() -> None:
    unknown = opening(facility="elsewhere")
    assert refusals(unknown, ORGANISATION) == [Reason.NO_ORGANISATION, Reason.REPEATED_EVENT]


def test_a_refused_organisation_leaves_the_one_in_force() -> None:
    orphan = ORGANISATION | {"nodes": [*ORGANISATION["nodes"], {**WARD, "id": "lost", "parent": "nowhere"}]}
    assert refusals(orphan, opening()) == [Reason.BAD_ORGANISATION]
