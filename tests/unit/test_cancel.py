"""A cancelled round: nothing is published, everything is counted, and its dates are free again from then on."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.canonical import derived_id
from schemas.errors import Reason
from schemas.events import CohortSealed, Echo, FormManifest, RoundCancelled, RoundSealed
from stream_processors.steps.conservation import violations
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.restart import refused_offsets, resume
from stream_processors.steps.story import Output, Story, advance
from tests.records import RULES, outcomes_of, records, replayed
from tests.unit.test_rounds import CLOSING, ORGANISATION, opening

CANCELLING = {"type": "round.cancelled", "facility": "general", "event_id": derived_id("cancelled"), "round": "r1"}
AGAIN = opening(round="r2")


def answers(round: str, count: int = 15) -> list[dict[str, Any]]:
    """So many people of ward 1, enough for a cohort."""
    return [
        {
            "type": "submission",
            "facility": "general",
            "event_id": derived_id(round, number),
            "round": round,
            "form": "sib5",
            "form_version": 1,
            "node": "ward-1",
            "respondent": f"{number:064x}",
            "revision": 0,
            "answers": {"1": 1 + number % 5},
            "submitted_on": "2026-01-06",
            "source": "csv",
            "key_id": "k",
        }
        for number in range(count)
    ]


def reasons(result: Replay) -> list[str]:
    """Why records were refused, in order."""
    return [letter.reason for letter in result.dead_letters]


def test_a_cancelled_round_publishes_nothing_and_counts_every_delivery() -> None:
    result = replayed([ORGANISATION, opening(), *answers("r1"), CANCELLING])
    assert not result.cohorts
    assert not result.rounds
    assert not result.indicators
    (manifest,) = [event for event in result.manifests if isinstance(event, FormManifest)]
    assert manifest.cohorts == ()
    assert [outcomes_of(manifest)[name] for name in ("received", "admitted", "withheld")] == [15, 15, 15]
    assert violations(result.outcomes()) == []
    assert isinstance(result.echoes[-1].event, RoundCancelled)


def test_its_dates_may_be_fielded_again_and_only_the_second_round_is_published() -> None:
    log = [ORGANISATION, opening(), *answers("r1"), CANCELLING, AGAIN, *answers("r2"), {**CLOSING, "round": "r2"}]
    result = replayed(log)
    assert reasons(result) == []
    assert {(row.round, row.n) for row in result.cohorts} == {("r2", 15)}
    assert [figures.rounds_fielded for figures in result.indicators] == [1, 1, 0]


def test_what_comes_after_it_is_late_and_it_ends_once() -> None:
    late = replayed([ORGANISATION, opening(), CANCELLING, *answers("r1", 2), CANCELLING, CLOSING, opening()])
    twice, opened = Reason.ROUND_CLOSED_TWICE, Reason.ROUND_OPENED_TWICE
    assert reasons(late) == [Reason.AFTER_CLOSE, Reason.AFTER_CLOSE, twice, twice, opened]
    assert late.rounds == []
    assert reasons(replayed([ORGANISATION, CANCELLING])) == [Reason.UNKNOWN_ROUND]


def test_a_sealed_round_cannot_be_cancelled() -> None:
    result = replayed([ORGANISATION, opening(), *answers("r1"), CLOSING, CANCELLING, AGAIN])
    assert reasons(result) == [Reason.ROUND_CLOSED_TWICE, Reason.ROUND_OVERLAPS]
    assert len(result.rounds) == 1


def test_a_log_read_again_refuses_what_overlapped_before_the_cancelling() -> None:
    earlier = opening(round="r0", forms=["cbi.work"])  # stays open, so a restart reads everything again
    log = records(
        [ORGANISATION, earlier, opening(), opening(round="r2"), CANCELLING, opening(round="r3"), *answers("r3")]
    )
    first = replay(log, RULES)
    assert reasons(first) == [Reason.ROUND_OVERLAPS]
    story, start = resume(first.echoes, committed=None)
    assert start == 1
    outputs = [output for record in log[start:] for stage in advance(story, record, RULES) for output in stage]
    assert [output.event for output in outputs] == [*first.dead_letters]
    assert set(story.facilities["general"].rounds) == {"r0", "r1", "r3"}
    assert not any(isinstance(event, Echo | RoundSealed) for _, event in outputs)


@pytest.mark.parametrize("marker", [CANCELLING, CLOSING])
def test_a_marker_refused_for_its_signature_stays_refused_whatever_keys_a_restart_knows(marker: dict[str, Any]) -> None:
    log = records([ORGANISATION, opening(), *answers("r1", 12), marker, *answers("r1", 15)[12:], CLOSING])
    unsigned = 2 + 12
    untrusting = replace(RULES, verify=lambda _, value, __: b"round.c" not in value)
    story, first = Story(), list[Output]()
    for record in log:
        rules = untrusting if record.offset == unsigned else RULES
        first += [output for stage in advance(story, record, rules) for output in stage]
    # killed between the rows of the close and its echo
    events = [output.event for output in first][:-1]
    echoes = [event for event in events if isinstance(event, Echo)]
    again, start = resume(echoes, None, refused_offsets(events))
    second = [output for record in log[start:] for stage in advance(again, record, RULES) for output in stage]
    assert {event.n for event in events if isinstance(event, CohortSealed)} == {15}
    assert [output for output in first if output.event.type != "echo"] == [
        output for output in second if output.event.type != "echo"
    ]
