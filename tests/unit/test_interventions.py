"""Interventions: what is recorded of them, what stands, when they are refused, and that figures do not change."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.resources import interventions
from schemas.canonical import derived_id
from schemas.codec import encode
from schemas.errors import Reason
from schemas.events import Echo, Intervention, InterventionRecorded
from schemas.interventions import InterventionKind, Interventions
from schemas.topics import Topic
from stream_processors.steps.intervening import standing
from stream_processors.steps.ledger import ledger
from stream_processors.steps.replay import Replay
from stream_processors.steps.restart import resume
from stream_processors.steps.story import Story, advance
from tests.published import published
from tests.records import RULES, records
from tests.unit.test_units_change import ANSWERS, TREE, WARD_B, Log, without

ADDED = {"node": "ward-b", "on": "2026-02-02", "kind": "staffing", "label": "float-pool"}


class ActingLog(Log):
    """A log in the making in which leadership does something."""

    def act(self, **changes: Any) -> None:
        """Say that something was done, or take it back."""
        self._put("intervention", **{**ADDED, **changes})

    def again(self, index: int) -> None:
        """Send a record of the log once more, byte for byte."""
        self.events.append(self.events[index])


def log_of(*acts: dict[str, Any]) -> ActingLog:
    """A log with a sealed round, and interventions after it."""
    log = ActingLog(*TREE)
    log.rounds()
    for changes in acts:
        log.act(**changes)
    return log


def told(result: Replay) -> list[tuple[str, bool, bool, int]]:
    """Of what was recorded: place, rebase, taken back, version."""
    return [(one.node, one.rebase, one.taken_back, one.version) for one in result.interventions]


def stands(result: Replay) -> list[tuple[str, bool]]:
    """Where something stands by the echoes, and whether it rebases."""
    return [(one.node, one.rebase) for one in standing(ledger(result.echoes).facility("general"))]


def test_it_is_published_with_the_path_of_its_place_and_then_echoed() -> None:
    *before, last = records(log_of({}).events)
    story = Story()
    for record in before:
        advance(story, record, RULES)
    (written,), (kept,) = advance(story, last, RULES)
    assert (written.topic, kept.topic) == (Topic.COHORTS, Topic.ROUNDS)
    assert isinstance(written.event, InterventionRecorded)
    assert isinstance(kept.event, Echo)
    assert kept.event.event == written.event
    assert (written.event.path, written.event.on) == (("general", "medicine", "ward-b"), date(2026, 2, 2))
    assert (written.event.rebase, written.event.taken_back, written.event.version) == (False, False, 1)
    # nothing that is published tells which record it came from
    assert log_of({}).events[-1]["event_id"].encode() not in encode(written.event)


def test_no_figure_and_no_count_changes() -> None:
    result, without_it = log_of({}, {"withdrawn": True}).replay(), log_of().replay()
    assert result.indicators == without_it.indicators
    assert result.cohorts == without_it.cohorts
    assert result.outcomes() == without_it.outcomes()
    assert result.manifests == without_it.manifests


def test_the_last_that_is_said_of_it_holds() -> None:
    log = log_of({}, {"rebase": True}, {"withdrawn": True}, {}, {"node": "medicine"})
    result = log.replay()
    assert told(result) == [
        ("ward-b", False, False, 1),
        ("ward-b", True, False, 2),
        ("ward-b", False, True, 3),
        ("ward-b", False, False, 4),
        ("medicine", False, False, 1),
    ]
    assert stands(result) == [("medicine", False), ("ward-b", False)]
    assert len({one.event_id for one in result.interventions}) == 5


def test_an_old_record_sent_again_does_not_bring_back_what_was_taken_back() -> None:
    log = log_of({}, {"withdrawn": True})
    log.again(-2)
    result = log.replay()
    assert [letter.reason for letter in result.dead_letters] == [Reason.REPEATED_EVENT]
    assert stands(result) == []
    # nor after a restart, which knows it from echoes alone
    story, _ = resume(result.echoes, committed=None)
    (stage,) = advance(story, records(log.events)[-1], RULES)
    assert [output.topic for output in stage] == [Topic.DEADLETTERS]


@pytest.mark.parametrize(
    ("acts", "reason"),
    [
        ([{}, {}], Reason.RECORDED_TWICE),
        ([{"rebase": True}, {"rebase": True}], Reason.RECORDED_TWICE),
        ([{"withdrawn": True}], Reason.NO_INTERVENTION),
        ([{}, {"withdrawn": True}, {"withdrawn": True}], Reason.NO_INTERVENTION),
        ([{}, {"withdrawn": True, "on": "2026-02-03"}], Reason.NO_INTERVENTION),
        ([{"node": "ward-z"}], Reason.UNKNOWN_UNIT),
        ([{"kind": "magic"}], Reason.UNKNOWN_INTERVENTION),
        ([{"label": "dr-huber-left"}], Reason.UNKNOWN_INTERVENTION),
        ([{"kind": "workload"}], Reason.UNKNOWN_INTERVENTION),
        ([{"on": "2016-02-02"}], Reason.DAY_TOO_FAR),
        ([{"on": "2062-02-02"}], Reason.DAY_TOO_FAR),
        ([{"on": "2026-02-30"}], Reason.BAD_DATE),
    ],
)
def test_what_cannot_be_is_refused_for_its_own_reason(acts: list[dict[str, Any]], reason: Reason) -> None:
    before = log_of(*acts[:-1]).replay()
    result = log_of(*acts).replay()
    (letter,) = result.dead_letters
    assert (letter.reason, letter.outcome, letter.round, letter.form) == (reason, "invalid", None, None)
    assert [event for event in result.events if event != letter] == before.events


@pytest.mark.parametrize(
    ("on", "fine"), [("2024-12-30", False), ("2024-12-31", True), ("2027-01-19", True), ("2027-01-20", False)]
)
def test_a_year_before_all_and_a_year_after_all_that_is_known_are_the_bounds(on: str, fine: bool) -> None:
    # the organisation is in force from 1 January 2026, and the round ends on 18 January
    assert bool(log_of({"on": on}).refusals()) != fine


def test_of_a_place_that_is_gone_it_can_be_taken_back_and_nothing_new_be_said() -> None:
    log = log_of({})
    log.organise(*without(WARD_B))
    log.act(withdrawn=True)
    log.act(label="vacancies-filled")
    result = log.replay()
    assert [letter.reason for letter in result.dead_letters] == [Reason.UNKNOWN_UNIT]
    assert result.interventions[-1].path == ("general", "medicine", "ward-b")
    assert stands(result) == []


def test_without_an_organisation_nothing_is_recorded() -> None:
    log = log_of({})
    del log.events[:-1]
    assert log.refusals() == [Reason.NO_ORGANISATION]


def test_read_again_after_a_restart_it_is_not_written_again() -> None:
    log = ActingLog(*TREE)
    opened = log.open(*ANSWERS)
    log.act()
    log.act(withdrawn=True)
    log.act(rebase=True)
    everything = records(log.events)
    story, written = Story(), []
    for record in everything:
        written += [output.event for stage in advance(story, record, RULES) for output in stage]
    # the round is open, so all after its opening is read again
    again, start = resume([event for event in written if isinstance(event, Echo)], committed=None)
    assert log.events[start]["round"] == opened
    assert [advance(again, record, RULES) for record in everything[start:]] == [()] * len(everything[start:])
    assert again.facilities == story.facilities


def test_killed_before_the_echo_it_is_written_once_more_with_the_same_id() -> None:
    *before, last = records(log_of({}).events)
    stories = [Story(), Story()]
    written = []
    for story in stories:
        for record in before:
            advance(story, record, RULES)
        (stage, _) = advance(story, last, RULES)
        written += [output.event for output in stage]
    assert written[0] == written[1]


def test_the_catalogue_that_ships_has_labels_of_every_kind_and_none_is_of_two() -> None:
    found = interventions()
    labels = [label for kind in found.kinds.values() for label in kind.labels]
    assert {"staffing", "schedule", "workload", "support_programme", "leadership", "environment"} <= set(found.kinds)
    assert {"training", "other"} <= set(found.kinds)
    assert len(set(labels)) == len(labels) >= 40
    assert len(found.acts()) == len(labels)
    assert all(found.has(kind, label) for kind, label in found.acts())
    assert not found.has("staffing", "scribes")
    assert not found.has("magic", "scribes")


@pytest.mark.parametrize("label", ["Float pool", "float pool", "", "x" * 65])
def test_a_catalogue_takes_no_label_that_events_could_not_hold(label: str) -> None:
    with pytest.raises(ValidationError):
        Interventions(version=1, kinds={"staffing": InterventionKind(name="People", labels={label: "More people"})})


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Interventions().acts() == frozenset()


def test_what_it_is_by_default_is_not_written() -> None:
    event = Intervention(
        facility="general",
        event_id=derived_id("x"),
        node="general",
        on=date(2026, 1, 1),
        kind="staffing",
        label="float-pool",
    )
    assert b"rebase" not in encode(event)
    assert b"withdrawn" not in encode(event)


def test_the_auditor_takes_what_the_worker_records() -> None:
    report = published(log_of({}, {"withdrawn": True}, {"node": "general"}).replay()).audited()
    assert report.verdict == "safe"


@pytest.mark.parametrize(
    ("changes", "verdict", "what"),
    [
        ({"label": "dr-huber-left"}, "unsafe", "catalogue"),
        ({"kind": "workload"}, "unsafe", "catalogue"),
        ({"label": "Dr Huber left"}, "unsafe", "free text"),
        ({"path": ["general", "medicine"]}, "unsafe", "does not lead to its place"),
        ({"path": []}, "unsafe", "does not lead to its place"),
        ({"path": ["elsewhere", "medicine", "ward-b"]}, "unsafe", "does not lead to its place"),
        ({"people": 3}, "unsafe", "numbers below"),
        ({"note": "somebody said so"}, "undecided", "not part of what is published"),
    ],
)
def test_the_auditor_sees_what_no_worker_records(changes: dict[str, Any], verdict: str, what: str) -> None:
    rows = published(log_of({}).replay())
    rows.interventions[0] |= changes
    report = rows.audited()
    assert report.verdict == verdict
    assert any(what in finding.what for finding in report.findings)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ["general", "surgery", "ward-b"]},
        {"node": "ward-z", "path": ["general", "medicine", "ward-z"]},
    ],
)
def test_the_auditor_notes_a_place_that_no_sealed_round_has(changes: dict[str, Any]) -> None:
    rows = published(log_of({}).replay())
    assert not rows.audited().notes
    rows.interventions[0] |= changes
    report = rows.audited()
    assert report.verdict == "safe"
    assert report.notes == ["places of interventions that no sealed round has there, such as new units: 1"]


def test_the_auditor_objects_to_two_rows_of_one_version() -> None:
    rows = published(log_of({}).replay())
    rows.interventions.append({**rows.interventions[0], "rebase": True})
    assert any("told in two ways" in finding.what for finding in rows.audited().findings)
