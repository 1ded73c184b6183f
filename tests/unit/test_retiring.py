"""Retiring a cohort: what it leads to, what it changes in the figures, and when it is refused."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.resources import catalogue
from deploy.rounds import published_answers
from schemas.codec import encode
from schemas.errors import DataError, Reason
from schemas.events import CohortRetired, Echo, FormManifest, RetirementManifest
from schemas.indicator import Indicator
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.closing import longest_seal
from stream_processors.steps.conservation import violations
from stream_processors.steps.history import History
from stream_processors.steps.indicators import fold
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.restart import resume
from stream_processors.steps.story import Story, advance
from tests.records import RULES, numbers, outcomes_of, records
from tests.unit.test_indicators import cohort, sealed
from tests.unit.test_units_change import ANSWERS, GENERAL, TREE, WARD_B, Log, line, without


class RetiringLog(Log):
    """A log in the making in which rounds are given up and cohorts retired."""

    def cancel(self, round_: str) -> None:
        """Give a round up."""
        self._put("round.cancelled", round=round_)

    def retire(self, round_: str, node: str, form: str = "sib5") -> None:
        """Ask that a place's cohort be retired."""
        self._put("cohort.retirement", round=round_, form=form, node=node, reason="feed_error")


SINGLE_ITEM, TWO_LEVELS = catalogue()["sib5"], ("facility", "unit")
ROUNDS = [f"r{number}" for number in range(1, 11)]


def ten_rounds(*retired: tuple[str, str, str], silent: tuple[tuple[str, str], ...] = ()) -> Replay:
    """Ten rounds. `retired`: (after which round, whose round, place); `silent`: rounds and units nobody answers in."""
    log = RetiringLog(*TREE)
    for name in ROUNDS:
        log.open(*ANSWERS)
        for leaf, high in ANSWERS.items():
            if (name, leaf) not in silent:
                log.answer(name, leaf, high)
        log.close(name)
        for after, of, node in retired:
            if after == name:
                log.retire(of, node)
    return log.replay()


def holding(result: Replay) -> dict[tuple[str, str], dict[str, Any]]:
    """(node, round) to the version of its figures that holds, without what tells versions apart."""
    versions: dict[tuple[str, str], Indicator] = {}
    for found in sorted(result.indicators, key=lambda one: one.cohorts_retired):
        versions[found.node, found.round] = found
    return {name: one.model_dump(exclude={"event_id", "cohorts_retired"}) for name, one in versions.items()}


@pytest.mark.parametrize("after", ["r3", "r5", "r10"])
def test_from_a_retirement_on_every_figure_is_as_if_nobody_had_answered_there(after: str) -> None:
    assert holding(ten_rounds((after, "r3", "ward-a"))) == holding(ten_rounds(silent=(("r3", "ward-a"),)))


def test_several_retirements_add_up() -> None:
    retired = [("r4", "r3", "ward-a"), ("r9", "r7", "ward-a"), ("r10", "r7", "ward-b")]
    silent = (("r3", "ward-a"), ("r7", "ward-a"), ("r7", "ward-b"))
    result = ten_rounds(*retired)
    assert holding(result) == holding(ten_rounds(silent=silent))
    counts = {(one.node, one.round, one.cohorts_retired) for one in result.indicators}
    assert len(counts) == len(result.indicators) == len({one.event_id for one in result.indicators})
    assert ("general", "r10", 3) in counts
    assert ("theatre", "r10", 0) in counts


def test_only_figures_that_rest_on_the_cohort_are_given_again_and_all_of_them() -> None:
    again = ten_rounds(("r10", "r3", "ward-a")).indicators[len(ten_rounds().indicators) :]
    # the smoothed mean and the limits of every later round rest on it
    rounds = [f"r{number}" for number in range(3, 11)]
    assert [(one.node, one.round) for one in again] == [
        (node, name) for node in ("general", "medicine", "ward-a") for name in rounds
    ]
    assert {one.cohorts_retired for one in again} == {1}


def test_a_place_with_nothing_else_in_its_window_is_withheld() -> None:
    log = RetiringLog(*TREE)
    log.rounds()
    log.retire("r1", "ward-a")
    before, after = (one for one in log.replay().indicators if one.node == "ward-a")
    assert (before.state, before.responses, before.cohorts_retired) == ("published", 20, 0)
    assert (after.state, after.responses, after.cohorts_retired) == ("withheld", None, 1)
    assert (after.rounds_published, after.rounds_fielded) == (0, 1)


def retired_log() -> RetiringLog:
    """A sealed round of which a cohort is retired."""
    log = RetiringLog(*TREE)
    log.rounds()
    log.retire("r1", "ward-a")
    return log


def test_a_retirement_leads_to_evidence_then_to_the_open_row_and_last_to_its_echo() -> None:
    *before, request = records(retired_log().events)
    story = Story()
    for record in before:
        advance(story, record, RULES)
    stages = [[output.event for output in stage] for stage in advance(story, request, RULES)]
    ((manifest,), (retired,), (echo,)) = stages
    assert isinstance(manifest, RetirementManifest)
    assert isinstance(retired, CohortRetired)
    assert isinstance(echo, Echo)
    # senders of other facilities read echoes
    assert echo.event == retired
    assert (manifest.reason, manifest.n, manifest.retired_offset) == ("feed_error", 20, request.offset)
    assert manifest.request == retired_log().events[-1]["event_id"]
    assert manifest.cohort_id == retired.cohort_id
    assert b"feed_error" not in encode(retired)


def test_the_rows_and_the_states_of_the_seal_stay_and_the_counts_move() -> None:
    result, untouched = retired_log().replay(), RetiringLog(*TREE)
    untouched.rounds()
    assert (result.cohorts, result.rounds) == (untouched.replay().cohorts, untouched.replay().rounds)
    counts = numbers(result.outcomes())["general", "r1", "sib5"]
    assert (counts["admitted"], counts["published"], counts["retired"], counts["withheld"]) == (60, 40, 20, 0)
    assert violations(result.outcomes()) == []
    (form,) = [event for event in result.manifests if isinstance(event, FormManifest)]
    assert (outcomes_of(form)["published"], outcomes_of(form)["retired"]) == (60, 0)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (("r1", "ward-a"), Reason.RETIRED_TWICE),
        (("r1", "medicine"), Reason.NO_COHORT),
        (("r1", "ward-z"), Reason.UNKNOWN_UNIT),
        (("r1", "ward-b", "cbi.work"), Reason.UNKNOWN_FORM),
        (("r9", "ward-b"), Reason.UNKNOWN_ROUND),
        (("r2", "ward-b"), Reason.ROUND_OPEN),
        (("r3", "ward-b"), Reason.ROUND_CANCELLED),
    ],
)
def test_what_cannot_be_retired_is_refused_for_its_own_reason(request_: tuple[str, ...], reason: Reason) -> None:
    log = retired_log()
    log.open(*ANSWERS)
    log.cancel(log.open(*ANSWERS))
    before = log.replay()
    log.retire(*request_)
    result = log.replay()
    (letter,) = result.dead_letters
    assert (letter.reason, letter.outcome, letter.form) == (reason, "invalid", None)
    assert [event for event in result.events if event != letter] == before.events


def test_nothing_replaces_a_retired_cohort_not_even_another_round_on_its_days() -> None:
    log = retired_log()
    log.open("ward-a", days=14)
    log.events[-1] |= {name: log.events[1][name] for name in ("first_answer_date", "last_answer_date")}
    assert log.refusals() == [Reason.ROUND_OVERLAPS]


def test_a_pooled_cohort_is_retired_at_the_place_it_was_sealed_at() -> None:
    log = RetiringLog(*TREE)
    name = log.open(*ANSWERS)
    for leaf in ("ward-a", "ward-b"):
        log.answer(name, leaf, 2, of=8)
    log.close(name)
    log.retire(name, "ward-a")
    log.retire(name, "medicine")
    result = log.replay()
    assert [letter.reason for letter in result.dead_letters] == [Reason.NO_COHORT]
    assert [retired.path for retired in result.retired] == [("general", "medicine")]
    assert {one["state"] for one in holding(result).values()} == {"withheld"}


def test_a_retirement_read_again_is_not_acted_on_again_and_is_known_to_a_restart() -> None:
    log = retired_log()
    log.retire("r1", "ward-a")
    long = records([log.events[0], {**log.events[1], "round": "r0", "forms": ["cbi.work"]}, *log.events[1:]])
    story, events = Story(), []
    for record in long:
        events += [output.event for stage in advance(story, record, RULES) for output in stage]
    # r0 is open, so everything is read again; of r1 all is known from echoes
    again, start = resume([event for event in events if isinstance(event, Echo)], committed=None)
    assert start == 1
    led_to = [output.event for record in long[start:] for stage in advance(again, record, RULES) for output in stage]
    assert led_to == events[-1:]
    assert again.facilities["general"].rounds["r1"] == story.facilities["general"].rounds["r1"]
    # without r0 nothing needs to be read again
    known, start = resume([event for event in events if isinstance(event, Echo) and event.offset != 1], committed=None)
    assert start == len(long) - 1
    assert known.facilities["general"].rounds["r1"] == story.facilities["general"].rounds["r1"]


def test_a_round_opens_only_if_the_echo_of_its_close_will_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [f"form-{number}" for number in range(10)]
    rules = replace(RULES, catalogue={name: replace(SINGLE_ITEM, id=name, instrument=name) for name in asked})
    log = Log(GENERAL, *(line(f"{number}-{'x' * 60}", "general", name="X") for number in range(40)), levels=TWO_LEVELS)
    log.open(f"0-{'x' * 60}", forms=tuple(asked))
    events = records(log.events)
    story = Story()
    for record in events:
        advance(story, record, rules)
    opened = story.facilities["general"].rounds["r1"]
    assert isinstance(opened, OpenRound)
    monkeypatch.setattr("schemas.codec.MAX_BYTES", len(encode(longest_seal(opened))))
    assert [letter.reason for letter in replay(events, rules).dead_letters] == [Reason.TOO_LARGE]
    monkeypatch.setattr("schemas.codec.MAX_BYTES", 2 * len(encode(longest_seal(opened))))
    assert replay(events, rules).dead_letters == []


def test_a_retirement_of_what_was_never_sealed_is_no_workers_of_ours() -> None:
    history = History()
    (row,) = retired_log().replay().retired
    with pytest.raises(DataError) as refused:
        fold(history, row, catalogue())
    assert refused.value.reason == Reason.NO_COHORT


def test_a_retirement_written_twice_gives_its_figures_once() -> None:
    history, row = History(), cohort("r1", 20, (50, 50), (8, 8))
    named = {"facility", "event_id", "cohort_id", "node", "path", "round", "form"}
    retired = CohortRetired(**row.model_dump(include=named))
    events = (row, sealed("r1", "published"), retired, row, sealed("r1", "published"), retired)
    found = [indicator for event in events for indicator in fold(history, event, catalogue())]
    assert [(one.state, one.cohorts_retired) for one in found] == [("published", 0), ("withheld", 1)]


def test_answers_of_a_round_are_told_without_retired_ones() -> None:
    events = enumerate(retired_log().replay().events)
    log = [LogRecord(0, offset, b"", encode(event), None) for offset, event in events]
    rows = published_answers(log, "general", "r1")
    assert {row["place"]: row["answers"] for row in rows} == {
        "general": 40,
        "medicine": 20,
        "ward-b": 20,
        "surgery": 20,
        "theatre": 20,
    }


def test_a_cohort_of_a_unit_that_is_gone_can_be_retired() -> None:
    log = RetiringLog(*TREE)
    log.rounds()
    log.organise(*without(WARD_B))
    log.rounds(ward_a=5, theatre=10)
    log.retire("r1", "ward-b")
    result = log.replay()
    assert result.dead_letters == []
    changed = [(one.node, one.round) for one in result.indicators if one.cohorts_retired]
    assert changed == [("general", "r1"), ("general", "r2"), ("medicine", "r1"), ("medicine", "r2"), ("ward-b", "r1")]
