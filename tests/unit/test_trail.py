"""The trail of what may not change a sealed round: how each attempt is counted, refused and evidenced.

Round r1 fields ward 1 in the first half of January, 15 people answer, and it is sealed as one cohort.
"""

from typing import Any

import pytest

from schemas.canonical import derived_id
from schemas.errors import Reason
from schemas.events import CohortManifest, CohortRetired, CohortSealed, FormManifest, RoundSealed
from schemas.indicator import Indicator
from stream_processors.steps.conservation import OUTCOMES
from stream_processors.steps.replay import Replay
from tests.records import numbers, outcomes_of, replayed
from tests.unit.test_cancel import answers
from tests.unit.test_rounds import CLOSING, LATER, ORGANISATION, opening

Event = dict[str, Any]
R1, R1_ANSWERS = opening(), answers("r1")
FIRST = R1_ANSWERS[0]
R2, R2_CLOSING = opening(round="r2", key_id="k2", **LATER), {**CLOSING, "round": "r2"}
R2_ANSWERS = [{**event, "submitted_on": "2026-02-03", "key_id": "k2"} for event in answers("r2")]
BOTH = [ORGANISATION, R1, *R1_ANSWERS, CLOSING, R2, *R2_ANSWERS]
WITHDRAWAL = {
    "type": "submission.withdrawn",
    "facility": "general",
    "event_id": derived_id("withdrawal"),
    "round": "r1",
    "form": "sib5",
    "respondent": FIRST["respondent"],
}
FATES = ("published", "retired", "withheld")


def counts(result: Replay, round: str = "r1", form: str | None = "sib5") -> dict[str, int]:
    """The outcomes and fates of a form of a round that are not zero."""
    found = numbers(result.outcomes())["general", round, form]
    return {name: found[name] for name in ("received", *OUTCOMES, *FATES) if found[name]}


def refused(result: Replay) -> list[tuple[Reason | str, str, int]]:
    """Reason, outcome and offset of every dead letter."""
    return [(letter.reason, letter.outcome, letter.offset) for letter in result.dead_letters]


def opened_up(result: Replay) -> list[Any]:
    """Everything a reader gets, in order."""
    kinds = CohortSealed | CohortRetired | RoundSealed | Indicator
    return [event for event in result.events if isinstance(event, kinds)]


def tags(result: Replay, round: str = "r1") -> list[str]:
    """The tags of a round's members."""
    parts = (event for event in result.manifests if isinstance(event, CohortManifest) and event.round == round)
    return [tag for part in parts for tag in part.tags]


def sizes(result: Replay) -> dict[tuple[str, str], int]:
    """(round, node) to the size of its cohort."""
    return {(row.round, row.node): row.n for row in result.cohorts}


def forms(result: Replay) -> dict[str, FormManifest]:
    """Round to the evidence of its form."""
    return {event.round: event for event in result.manifests if isinstance(event, FormManifest)}


def attempt(*events: Event, log: list[Event] = BOTH) -> Replay:
    """What a log leads to after which these events come, having checked that readers get nothing else by them."""
    result = replayed([*log, *events])
    assert opened_up(result) == opened_up(replayed(log))
    assert result.manifests == replayed(log).manifests
    return result


REVISED = {**FIRST, "event_id": derived_id("revised"), "revision": 1}


@pytest.mark.parametrize(
    "deliveries",
    [[WITHDRAWAL, FIRST, REVISED], [FIRST, WITHDRAWAL, REVISED], [REVISED, FIRST, WITHDRAWAL]],
    ids=["before the answers", "between them", "after them"],
)
def test_a_withdrawal_before_the_close_takes_every_revision_and_none_returns(deliveries: list[Event]) -> None:
    result = replayed([ORGANISATION, R1, *R1_ANSWERS[1:], *deliveries, CLOSING])
    assert refused(result) == []
    assert counts(result) == {"received": 16, "admitted": 14, "withdrawn": 2, "published": 14}
    assert sizes(result) == {("r1", "ward-1"): 14}
    others = replayed([ORGANISATION, R1, *R1_ANSWERS[1:], CLOSING])
    assert opened_up(result) == opened_up(others)
    assert tags(result) == tags(others)


def test_a_withdrawal_after_the_close_is_refused_and_changes_no_figure() -> None:
    result = attempt(WITHDRAWAL)
    assert refused(result) == [(Reason.AFTER_CLOSE, "invalid", len(BOTH))]
    assert counts(result) == {"received": 15, "admitted": 15, "published": 15}
    # attributed to the round, and to none of its forms' counts
    assert counts(result, form=None) == {"received": 1, "invalid": 1}


@pytest.mark.parametrize(
    ("revisions", "ids", "counted"),
    [
        ((0, 1), ("a", "b"), "ward-2"),
        ((1, 0), ("a", "b"), "ward-1"),
        ((0, 0), ("a", "b"), max(("ward-1", derived_id("a")), ("ward-2", derived_id("b")), key=lambda one: one[1])[0]),
    ],
)
def test_a_token_in_two_units_counts_once_in_that_of_the_greatest_revision_and_event_id(
    revisions: tuple[int, int], ids: tuple[str, str], counted: str
) -> None:
    elsewhere = [
        {**event, "node": "ward-2", "event_id": derived_id("w2", number), "respondent": f"{number + 100:064x}"}
        for number, event in enumerate(R1_ANSWERS)
    ]
    twice = [
        {**FIRST, "node": node, "event_id": derived_id(name), "revision": revision, "respondent": f"{99:064x}"}
        for node, name, revision in zip(("ward-1", "ward-2"), ids, revisions, strict=True)
    ]
    opened = opening(leaves=["ward-1", "ward-2"])
    for order in (twice, twice[::-1]):
        result = replayed([ORGANISATION, opened, *R1_ANSWERS, *elsewhere, *order, CLOSING])
        assert refused(result) == []
        assert counts(result) == {"received": 32, "admitted": 31, "superseded": 1, "published": 31}
        assert sizes(result) == {("r1", node): 15 + (node == counted) for node in ("ward-1", "ward-2")}
        assert len(set(tags(result))) == 31


AGAIN = Reason.ROUND_CLOSED_TWICE


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (CLOSING, AGAIN),
        ({**CLOSING, "event_id": derived_id("another close")}, AGAIN),
        ({**CLOSING, "type": "round.cancelled"}, AGAIN),
        (R1, Reason.ROUND_OPENED_TWICE),
        (opening(policy={"k": 5, "coalition": 0}), Reason.ROUND_OPENED_TWICE),
        (opening(policy={"k": 12}), Reason.ROUND_OPENED_TWICE),
        (opening(first_answer_date="2026-03-02", last_answer_date="2026-03-15"), Reason.ROUND_OPENED_TWICE),
    ],
    ids=["same", "another", "cancel", "opened again", "smaller k", "larger k", "other dates"],
)
def test_a_second_sealing_opening_or_policy_of_a_sealed_round_is_refused(event: Event, reason: Reason) -> None:
    # people who answer after it are late; a second close seals nothing
    late = {**FIRST, "event_id": derived_id("late"), "respondent": f"{99:064x}"}
    result = attempt(event, late, CLOSING)
    end = len(BOTH)
    assert refused(result) == [
        (reason, "invalid", end),
        (Reason.AFTER_CLOSE, "late", end + 1),
        (AGAIN, "invalid", end + 2),
    ]
    assert counts(result) == {"received": 16, "admitted": 15, "late": 1, "published": 15}
    assert len({row.policy_hash for row in result.cohorts if row.round == "r1"}) == 1
    assert outcomes_of(forms(result)["r1"])["late"] == 0


def test_an_overlapping_round_never_opens_and_what_is_sent_to_it_is_of_no_round() -> None:
    overlapping = opening(round="r3", first_answer_date="2026-01-18", last_answer_date="2026-01-31")
    sent = [{**event, "submitted_on": "2026-01-18"} for event in answers("r3")]
    result = attempt(overlapping, *sent, {**CLOSING, "round": "r3"})
    end = len(BOTH)
    assert refused(result) == [
        (Reason.ROUND_OVERLAPS, "invalid", end),
        *((Reason.UNKNOWN_ROUND, "invalid", end + 1 + number) for number in range(15)),
        (Reason.UNKNOWN_ROUND, "invalid", end + 16),
    ]
    assert "r3" not in {round for _, round, _ in result.outcomes()}


LATE = {**FIRST, "event_id": derived_id("late"), "respondent": f"{99:064x}"}


@pytest.mark.parametrize(
    ("changes", "reason", "outcome"),
    [
        ({}, Reason.AFTER_CLOSE, "late"),
        ({"round": "r2"}, Reason.WRONG_KEY, "invalid"),
        ({"round": "r2", "key_id": "k2"}, Reason.OUTSIDE_DATES, "invalid"),
        (
            {"round": "r2", "key_id": "k2", "event_id": derived_id("new"), "respondent": f"{98:064x}"},
            Reason.OUTSIDE_DATES,
            "invalid",
        ),
    ],
    ids=["late", "relabelled", "relabelled with the other key", "sent again under the other key"],
)
def test_a_late_answer_enters_no_other_round_whatever_it_is_relabelled_to(
    changes: Event, reason: Reason, outcome: str
) -> None:
    log = [*BOTH, {**LATE, **changes}, R2_CLOSING]
    result = replayed(log)
    assert refused(result) == [(reason, outcome, len(BOTH))]
    assert opened_up(result) == opened_up(replayed([*BOTH, R2_CLOSING]))
    assert tags(result, "r2") == tags(replayed([*BOTH, R2_CLOSING]), "r2")
    assert sizes(result) == {("r1", "ward-1"): 15, ("r2", "ward-1"): 15}
    expected = {"received": 16, "admitted": 15, "published": 15}
    assert counts(result, str(changes.get("round", "r1"))) == {**expected, outcome: 1}
    # what the form's evidence counts is what came before its close
    assert outcomes_of(forms(result)["r2"])["invalid"] == (outcome == "invalid")
    assert outcomes_of(forms(result)["r1"])["late"] == 0


def test_a_retirement_moves_the_counts_once_and_leaves_what_was_sealed() -> None:
    retirement = {
        "type": "cohort.retirement",
        "facility": "general",
        "event_id": derived_id("retirement"),
        "round": "r1",
        "form": "sib5",
        "node": "ward-1",
        "reason": "consent",
    }
    before, result = replayed(BOTH), replayed([*BOTH, retirement, {**retirement, "reason": "other"}])
    assert refused(result) == [(Reason.RETIRED_TWICE, "invalid", len(BOTH) + 1)]
    assert counts(result) == {"received": 15, "admitted": 15, "retired": 15}
    assert counts(result, form=None) == {"received": 1, "invalid": 1}
    assert opened_up(result)[: len(opened_up(before))] == opened_up(before)
    evidence = result.manifests[len(before.manifests) :]
    assert [(event.type, event.facility, event.round) for event in evidence] == [
        ("retirement.manifest", "general", "r1")
    ]
    added = opened_up(result)[len(opened_up(before)) :]
    assert [event.type for event in added] == ["cohort.retired", "indicator", "indicator"]
    assert all("consent" not in event.model_dump_json() for event in added)
