"""The topics as data: names, who may read them, and how long they are kept (docs/architecture.md)."""

import re

import pytest

from schemas.topics import AUDIT_WINDOW_DAYS, PARTITIONS, TOPICS, Topic, TopicSpec

SPEC = {spec.topic: spec for spec in TOPICS}


def test_every_topic_has_one_specification() -> None:
    assert [spec.topic for spec in TOPICS] == list(Topic)


@pytest.mark.parametrize("topic", Topic)
def test_a_topic_is_named_by_field_content_and_version(topic: Topic) -> None:
    assert re.fullmatch(r"wellbeing\.[a-z]+\.v1", topic)


@pytest.mark.parametrize("prefix", ["", "trial-", "eu.prod."])
def test_a_prefix_gives_a_legal_kafka_name(prefix: str) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,249}", prefix + topic) for topic in Topic)


def test_only_cohorts_and_indicators_are_open() -> None:
    assert {spec.topic for spec in TOPICS if not spec.closed} == {Topic.COHORTS, Topic.INDICATORS}


def test_open_topics_carry_nothing_about_a_person_or_a_delivery() -> None:
    carried = {event for spec in TOPICS if not spec.closed for event in spec.events}
    assert carried == {"cohort.sealed", "cohort.retired", "intervention.recorded", "round.sealed", "indicator"}


def test_an_event_type_travels_on_one_topic() -> None:
    events = [event for spec in TOPICS for event in spec.events]
    assert len(set(events)) == len(events)


def test_a_facilitys_whole_story_is_on_one_topic() -> None:
    story = {
        "submission",
        "submission.withdrawn",
        "round.opened",
        "round.closed",
        "round.cancelled",
        "cohort.retirement",
        "organisation.updated",
        "intervention",
    }
    assert set(SPEC[Topic.SUBMISSIONS].events) == story


@pytest.mark.parametrize("topic", [Topic.COHORTS, Topic.ROUNDS, Topic.INDICATORS])
def test_what_is_rebuilt_from_is_kept_for_ever(topic: Topic) -> None:
    assert SPEC[topic].retention_days is None


@pytest.mark.parametrize("topic", [Topic.SUBMISSIONS, Topic.MANIFESTS])
def test_what_an_audit_needs_is_kept_for_its_window(topic: Topic) -> None:
    retention = SPEC[topic].retention_days
    assert retention is not None
    assert retention >= AUDIT_WINDOW_DAYS


def test_dead_letters_are_closed_and_do_not_outlive_what_they_point_at() -> None:
    letters, submissions = SPEC[Topic.DEADLETTERS], SPEC[Topic.SUBMISSIONS]
    assert letters.closed
    assert letters.retention_days is not None
    assert submissions.retention_days is not None
    assert letters.retention_days <= submissions.retention_days


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.topic)
def test_no_topic_is_compacted(spec: TopicSpec) -> None:
    assert spec.cleanup == "delete"


def test_every_topic_has_the_same_fixed_number_of_partitions() -> None:
    assert PARTITIONS == 4
    assert "partitions" not in TopicSpec.__annotations__
