"""The worker's metrics and log events: each fact once, nothing before a seal."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from schemas.canonical import canonical_json
from schemas.events import DeadLetter, FormManifest, RoundOpened
from schemas.topics import Topic
from stream_processors.metrics import SEAL_BUCKETS, WorkerMetrics
from stream_processors.steps.story import Output
from stream_processors.watch import GRACE_SECONDS, STALL_SECONDS, Watch
from tests.records import replayed
from tests.unit.test_cancel import CANCELLING, answers
from tests.unit.test_rounds import CLOSING, ORGANISATION, opening

HEARTBEAT = "wardpulse_heartbeat_timestamp_seconds"
NIGHT = 1_768_777_200.0
"""2026-01-18 23:00 UTC: in Berlin the last answer date is over."""


class Watched:
    """A watch with a clock to be set."""

    def __init__(self, zone: str = "UTC") -> None:
        self.now = NIGHT
        self.metrics = WorkerMetrics("0" * 64)
        self.watch = Watch(self.metrics, zone, lambda: self.now)

    def observe(self, log: list[dict[str, Any]]) -> None:
        """Everything a log leads to is acknowledged."""
        for event in replayed(log).events:
            self.watch.observe(Output(Topic.ROUNDS, event))

    def value(self, name: str, **labels: str) -> float | None:
        """What is served."""
        return self.metrics.registry.get_sample_value(name, labels)

    def served(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Everything that is served."""
        samples = (sample for family in self.metrics.registry.collect() for sample in family.samples)
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def held(*opened: Mapping[str, Any]) -> dict[int, dict[str, list[RoundOpened]]]:
    """Partition 0 with rounds of one facility."""
    return {0: {"general": [RoundOpened.model_validate_json(canonical_json(dict(terms))) for terms in opened]}}


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, from info on."""
    caplog.set_level(logging.INFO, "wardpulse")
    return caplog


def events(said: pytest.LogCaptureFixture) -> list[str]:
    """The names of what was logged."""
    return [record.__dict__["event"] for record in said.records]


def test_nothing_moves_before_a_seal(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.observe([ORGANISATION, opening()])
    before, lines = watched.served(), len(said.records)
    refused = [{**answers("r1")[0], "round": "none"}, {**answers("r1")[0], "answers": {}}]
    watched.observe([ORGANISATION, opening(), *answers("r1", 40), *refused])
    assert watched.served() == before
    assert len(said.records) == lines


def test_a_seal_shows_its_counts_once_however_often_it_is_written(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    log = [ORGANISATION, opening(), *answers("r1"), {**answers("r1")[0], "round": "none"}, CLOSING]
    watched.observe(log)
    first = watched.served()
    assert watched.value("wardpulse_deliveries_received_total") == 16
    assert watched.value("wardpulse_deliveries_total", outcome="admitted") == 15
    assert watched.value("wardpulse_refused_records_total", reason="unknown_round") == 1
    assert watched.value("wardpulse_rounds_sealed_total", facility="general") == 1
    watched.observe(log)
    assert watched.served() == first
    assert events(said) == ["organisation.accepted", "round.opened", "round.sealed", "records.refused"]


def test_a_seal_without_its_echo_shows_nothing() -> None:
    watched = Watched()
    for event in replayed([ORGANISATION, opening(), *answers("r1"), CLOSING]).events[:-1]:
        watched.watch.observe(Output(Topic.ROUNDS, event))
    assert watched.value("wardpulse_deliveries_received_total") == 0


def test_a_cancelled_round_is_counted_and_its_answers_wait(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.observe([ORGANISATION, opening(), *answers("r1"), CANCELLING])
    assert watched.value("wardpulse_rounds_cancelled_total", facility="general") == 1
    assert watched.value("wardpulse_deliveries_received_total") == 0
    assert events(said)[-1] == "round.cancelled"


def test_a_retirement_is_said_once_and_one_that_is_refused_at_once(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    retirement = {**CANCELLING, "type": "cohort.retirement", "form": "sib5", "node": "ward-1", "reason": "consent"}
    log = [ORGANISATION, opening(), *answers("r1"), CLOSING, retirement, retirement]
    watched.observe(log)
    watched.observe(log)
    assert events(said)[-2:] == ["round.sealed", "cohort.retired"]
    letter = replayed(log).dead_letters[-1]
    watched.watch.refused(canonical_json(retirement), letter.model_copy(update={"offset": letter.offset + 1}))
    assert events(said)[-1] == "marker.refused"
    assert "consent" not in said.text


@pytest.mark.parametrize(("seconds", "served"), [(0.1, 10.0), (9.9, 10.0), (11.0, 60.0), (4000.0, 3600.0)])
def test_the_sum_of_seal_times_tells_no_more_than_their_buckets(seconds: float, served: float) -> None:
    watched = Watched()
    for event in replayed([ORGANISATION, opening(), *answers("r1"), CLOSING]).events:
        watched.watch.observe(Output(Topic.ROUNDS, event))
        watched.now = NIGHT + seconds if isinstance(event, FormManifest) else watched.now
    assert watched.value("wardpulse_seal_seconds_sum") == served
    assert len(SEAL_BUCKETS) <= 5


def test_a_round_is_overdue_by_the_calendar_of_the_deployment(said: pytest.LogCaptureFixture) -> None:
    for zone, overdue in (("UTC", 0), ("Europe/Berlin", 1)):
        watched = Watched(zone)
        watched.watch.tick(held(opening()), {})
        watched.now += GRACE_SECONDS
        watched.watch.tick(held(opening()), {})
        assert watched.value("wardpulse_rounds_overdue", facility="general") == overdue
    (warning,) = [record for record in said.records if record.levelno == logging.WARNING]
    assert "`wardpulse rounds close r1 --facility general`" in warning.getMessage()
    assert "`wardpulse rounds cancel r1 --facility general`" in warning.getMessage()


def test_an_overdue_round_is_warned_of_once_a_day_until_it_is_closed(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    for hour in range(2, 50):
        watched.now = NIGHT + 3600 * hour
        watched.watch.tick(held(opening()), {})
    assert [record.__dict__["days"] for record in said.records if record.levelno == logging.WARNING] == [1, 2, 3]
    watched.watch.tick(held(), {})
    assert watched.value("wardpulse_rounds_overdue", facility="general") == 0
    assert watched.value("wardpulse_rounds_open", facility="general") == 0


def test_a_close_that_is_read_soon_after_a_restart_raises_no_alarm(said: pytest.LogCaptureFixture) -> None:
    watched = Watched("Europe/Berlin")
    watched.watch.tick(held(opening()), {})
    watched.now += GRACE_SECONDS - 1
    watched.watch.tick(held(), {})
    assert events(said) == ["partitions.taken_over"]


def test_a_facility_that_another_worker_has_now_is_dropped() -> None:
    watched = Watched()
    watched.watch.tick(held(opening()), {})
    assert watched.value("wardpulse_rounds_open", facility="general") == 1
    watched.watch.tick({}, {})
    assert watched.value("wardpulse_rounds_open", facility="general") is None
    assert watched.value("wardpulse_partitions_held") == 0


def test_the_heart_beats_in_coarse_steps_and_only_if_kafka_answers() -> None:
    watched = Watched()
    watched.now = NIGHT + 14.9
    watched.watch.tick({}, {})
    assert watched.value(HEARTBEAT) == NIGHT
    watched.now = NIGHT + 40
    watched.watch.tick({}, None)
    assert watched.value(HEARTBEAT) == NIGHT


def test_a_partition_that_stands_still_for_a_quarter_of_an_hour_is_stalled() -> None:
    watched = Watched()
    for quarter, unread, stalled in ((0, {0: 5, 1: 7}, 0), (1, {0: 5, 1: 9}, 1), (2, {1: 9}, 1), (3, {}, 0)):
        watched.now = NIGHT + STALL_SECONDS * quarter + 1
        watched.watch.tick({}, unread)
        assert watched.value("wardpulse_partitions_stalled") == stalled
        watched.now += 5
        watched.watch.tick({}, {0: 1, 1: 1})
        assert watched.value("wardpulse_partitions_stalled") == stalled


def refuse(watched: Watched, event: dict[str, Any], before: list[dict[str, Any]]) -> None:
    """The worker refuses a record."""
    letter = replayed([*before, event]).dead_letters[-1]
    watched.watch.refused(canonical_json(event), letter)


def test_a_refused_marker_is_told_at_once(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    refuse(watched, opening(), [])
    refuse(watched, opening(forms=["none"]), [ORGANISATION])
    assert [(r.__dict__["kind"], r.__dict__["reason"], r.__dict__["facility"]) for r in said.records] == [
        ("round.opened", "no_organisation", "a facility not known"),
        ("round.opened", "unknown_form", "general"),
    ]


def test_a_refused_answer_or_withdrawal_is_not_told_even_if_it_names_a_marker(said: pytest.LogCaptureFixture) -> None:
    watched, answer = Watched(), answers("none")[0]
    withdrawal = {name: answer[name] for name in ("facility", "event_id", "round", "form", "respondent")}
    for event in (
        answer,
        {**answer, "source": "round.opened"},
        {**answer, "node": '"round.opened"'},
        {**answer, "extra": {"type": "round.opened"}},
        withdrawal | {"type": "submission.withdrawn"},
    ):
        refuse(watched, event, [ORGANISATION])
    assert not said.records


def test_a_record_of_an_open_topic_that_is_not_ours_is_told_at_once(said: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    letter = replayed([answers("none")[0]]).dead_letters[0]
    watched.watch.observe(Output(Topic.DEADLETTERS, letter.model_copy(update={"topic": Topic.COHORTS})))
    assert isinstance(letter, DeadLetter)
    assert watched.value("wardpulse_unreadable_records_total", topic=Topic.COHORTS) == 1
    assert events(said) == ["records.unreadable"]
