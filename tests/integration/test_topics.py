"""`wardpulse topics` on real brokers: it makes what is missing and alters nothing."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from deploy.apache import Cluster
from deploy.embedded import embedded_broker
from deploy.kafka_admin import KafkaAdmin
from deploy.settings import Settings
from deploy.topic_plan import KafkaTopic, wanted_topic
from producers.client import WellbeingProducer, partition_of
from schemas.errors import AccessRefused, BrokerUnavailable, LogTruncated
from schemas.topics import PARTITIONS, TOPICS, Topic
from stream_processors.kafka_log import Bounds, KafkaLog
from tests.clusters import connection_of, granted, run, settings_of

SPECS: Final = {spec.topic: spec for spec in TOPICS}
DAY: Final = 86_400_000


def checked(settings: Settings) -> tuple[int, dict[str, dict[str, Any]]]:
    """What `topics check` finds, by topic without its prefix."""
    code, out, error = run(settings, "topics", "check", "--json")
    assert error == ""
    return code, {row["topic"].removeprefix(settings.topic_prefix): row for row in json.loads(out)}


def seen(cluster: Cluster, prefix: str) -> dict[str, KafkaTopic]:
    """The topics under a prefix with their settings."""
    there = {name: topic for name, topic in KafkaAdmin(connection_of(cluster)).topics().items() if prefix in name}
    kept = KafkaLog(connection_of(cluster)).topic_settings(there) if there else {}
    return {name: KafkaTopic(name, topic.partitions, topic.copies, kept[name]) for name, topic in there.items()}


def made(
    cluster: Cluster, prefix: str, topic: Topic, settings: Mapping[str, str], partitions: int = PARTITIONS
) -> None:
    """Make one topic, with these settings beside those it should have."""
    wanted = wanted_topic(SPECS[topic], prefix, 1)
    KafkaAdmin(connection_of(cluster)).create_topics(
        [KafkaTopic(wanted.name, partitions, 1, {**wanted.settings, **settings})]
    )


def test_topics_are_made_once_as_they_should_be(apache: Cluster, prefix: str) -> None:
    settings = settings_of(apache, prefix=prefix)
    code, out, _ = run(settings, "topics", "create", "--dry-run")
    assert (code, out.count("to be made")) == (0, len(TOPICS))
    assert seen(apache, prefix) == {}
    code, found = checked(settings)
    assert (code, {row["state"] for row in found.values()}) == (1, {"missing"})

    code, out, _ = run(settings, "topics", "create")
    assert (code, out.count(" made")) == (0, len(TOPICS))
    there = seen(apache, prefix)
    for spec in TOPICS:
        wanted, topic = wanted_topic(spec, prefix, 1), there[prefix + spec.topic]
        assert (topic.partitions, topic.copies) == (PARTITIONS, 1)
        assert wanted.settings.items() <= topic.settings.items()

    code, out, _ = run(settings, "topics", "create")
    assert (code, out.splitlines()[-1]) == (0, "all topics are there")
    assert seen(apache, prefix) == there
    code, found = checked(settings)
    # one copy is not as it should be, and nothing to be done about with one broker
    assert (code, {row["state"] for row in found.values()}) == (1, {"warning"})
    assert {row["found"] for row in found.values()} == {"one copy, which is lost with its broker"}


def test_what_is_missing_is_added_to_what_is_there(apache: Cluster, prefix: str) -> None:
    made(apache, prefix, Topic.ROUNDS, {})
    before = seen(apache, prefix)
    code, out, _ = run(settings_of(apache, prefix=prefix), "topics", "create")
    assert (code, out.count(" made"), out.count(" there")) == (0, len(TOPICS) - 1, 1)
    assert before.items() <= seen(apache, prefix).items()


@pytest.mark.parametrize(
    ("topic", "partitions", "settings", "said"),
    [
        (Topic.ROUNDS, 3, {}, "3 partitions, not 4"),
        (Topic.ROUNDS, PARTITIONS, {"retention.ms": str(7 * DAY)}, "records go after 7 days"),
        (Topic.SUBMISSIONS, PARTITIONS, {"retention.ms": "-1"}, "records stay for ever, promised are 400 days"),
        (Topic.COHORTS, PARTITIONS, {"cleanup.policy": "compact"}, "cleanup.policy is compact"),
        (Topic.SUBMISSIONS, PARTITIONS, {"message.timestamp.type": "LogAppendTime"}, "message.timestamp.type is"),
        (Topic.COHORTS, PARTITIONS, {"retention.bytes": "1000000"}, "retention.bytes is 1000000"),
    ],
)
def test_a_topic_that_differs_is_never_altered_and_nothing_is_made(
    topic: Topic, partitions: int, settings: dict[str, str], said: str, apache: Cluster, prefix: str
) -> None:
    made(apache, prefix, topic, settings, partitions)
    before = seen(apache, prefix)
    code, _, error = run(settings_of(apache, prefix=prefix), "topics", "create")
    assert (code, "nothing was made or altered" in error, said in error) == (78, True, True), error
    assert seen(apache, prefix) == before
    code, found = checked(settings_of(apache, prefix=prefix))
    assert (code, found[topic]["state"] in ("problem", "warning"), said in found[topic]["found"]) == (1, True, True)


def test_three_brokers_hold_three_copies_of_which_writing_needs_two(apache3: Cluster, prefix: str) -> None:
    settings = settings_of(apache3, prefix=prefix)
    assert run(settings, "topics", "create")[0] == 0
    there = seen(apache3, prefix)
    assert {topic.copies for topic in there.values()} == {3}
    assert {topic.settings["min.insync.replicas"] for topic in there.values()} == {"2"}
    code, found = checked(settings)
    assert (code, {row["state"] for row in found.values()}) == (0, {"ok"})


def test_the_number_of_copies_can_be_chosen(apache3: Cluster, prefix: str) -> None:
    settings = settings_of(apache3, prefix=prefix)
    code, _, error = run(settings, "topics", "create", "--replication", "4")
    assert (code, "3 are up" in error) == (78, True)
    assert run(settings, "topics", "create", "--replication", "1")[0] == 0
    # the brokers' own default asks for two, and a topic with one copy could not be written
    assert {topic.settings["min.insync.replicas"] for topic in seen(apache3, prefix).values()} == {"1"}


def test_topics_that_can_lose_records_are_found(apache3: Cluster, prefix: str) -> None:
    admin = KafkaAdmin(connection_of(apache3))
    odd = {
        Topic.SUBMISSIONS: (3, {"min.insync.replicas": "1"}),
        Topic.ROUNDS: (3, {"unclean.leader.election.enable": "true"}),
        Topic.COHORTS: (2, {"min.insync.replicas": "3"}),
        Topic.INDICATORS: (3, {"min.insync.replicas": "3"}),
    }
    for topic, (copies, settings) in odd.items():
        wanted = wanted_topic(SPECS[topic], prefix, copies)
        admin.create_topics([KafkaTopic(wanted.name, PARTITIONS, copies, {**wanted.settings, **settings})])
    _, found = checked(settings_of(apache3, prefix=prefix))
    assert {topic: found[topic]["state"] for topic in odd} == {
        Topic.SUBMISSIONS: "warning",
        Topic.ROUNDS: "problem",
        Topic.COHORTS: "problem",
        Topic.INDICATORS: "warning",
    }


def test_an_auditor_may_check_topics_and_make_none(apache: Cluster, prefix: str) -> None:
    admin = granted(apache, prefix)
    code, found = checked(settings_of(apache, "auditor", prefix))
    assert {row["state"] for row in found.values()} == {"warning"}
    admin.delete_topics([prefix + Topic.ROUNDS])
    code, _, error = run(settings_of(apache, "auditor", prefix), "topics", "create")
    assert (code, f"may not use topic {prefix}{Topic.ROUNDS}" in error) == (77, True), error


def test_records_are_deleted_from_the_start_of_a_log(apache: Cluster, prefix: str) -> None:
    admin, log = granted(apache, prefix), KafkaLog(connection_of(apache))
    with WellbeingProducer(connection_of(apache, "producer"), topic_prefix=prefix) as producer:
        for _ in range(5):
            producer.send_raw("north", b"{}")
    name, partition = prefix + Topic.SUBMISSIONS, partition_of("north", PARTITIONS)
    admin.delete_records(name, partition, 3)
    assert log.bounds(name, partition) == Bounds(3, 5)
    with pytest.raises(LogTruncated):
        list(log.read(name, partition))
    with pytest.raises(BrokerUnavailable, match="OFFSET_OUT_OF_RANGE"):
        admin.delete_records(name, partition, 9)


def test_the_embedded_broker_makes_its_topics_by_itself() -> None:
    with embedded_broker([spec.topic for spec in TOPICS[:2]]) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap, embedded=True)
        assert run(settings, "topics", "create") == (0, "the embedded broker makes its topics by itself\n", "")
        code, found = checked(settings)
    assert (code, [row["state"] for row in found.values()]) == (1, ["ok"] * 2 + ["missing"] * 4)


def test_a_wrong_password_is_one_line_and_soon_said(apache: Cluster, tmp_path: Any) -> None:
    (tmp_path / "password").write_text("wrong\n")
    settings = Settings(**{**vars(settings_of(apache)), "sasl_password_file": tmp_path / "password"})
    code, out, error = run(settings, "topics", "check")
    assert (code, out, error.count("\n")) == (AccessRefused.exit_code, "", 1)
