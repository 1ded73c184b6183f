"""What we rely on in a broker holds on both. What the embedded one lacks must fail there, and nothing else may."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Failed
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from deploy.connection import Connection
from deploy.kafka_admin import KafkaAdmin
from deploy.local import OPERATOR, Kafka
from deploy.settings import Settings
from schemas.codec import MAX_BYTES
from schemas.errors import BrokerUnavailable, LogTruncated
from schemas.topics import PARTITIONS, TOPICS, Topic
from stream_processors.kafka_log import Bounds, KafkaLog

DAY = 1_767_744_000_000
HEADERS = [("ce_type", b"submission"), ("signature", b"first"), ("signature", b"\x00\xff")]

UNTOLD = """
import os
from kafka import KafkaProducer
from deploy.connection import Connection
from deploy.settings import Settings
from schemas.topics import Topic
settings = Settings.read(os.environ)
given = {name: value for name, value in Connection.of(settings).kafka_python().items() if name != "api_version"}
with KafkaProducer(**given, bootstrap_timeout_ms=4_000) as producer:
    producer.send(settings.topic_prefix + Topic.SUBMISSIONS, b"1", partition=1).get(timeout=10)
"""


def embedded_lacks(what: str, *raises: type[BaseException]) -> pytest.MarkDecorator:
    """Run on both brokers; on the embedded one the test must fail in this way."""
    lacks = pytest.mark.xfail(reason=f"the embedded broker lacks {what}", raises=raises, strict=True)
    return pytest.mark.parametrize("kafka", [pytest.param("embedded", marks=lacks), "apache"], indirect=True)


class Place:
    """A broker with our topics, spoken to as its operator."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.prefix, self.connection = settings, settings.topic_prefix, Connection.of(settings)
        self.log, self.topic = KafkaLog(self.connection), self.prefix + Topic.SUBMISSIONS

    def send(self, *values: bytes | None, key: bytes | None = b"north", compression: str = "none") -> None:
        """Send values to partition 1, and see that the broker has confirmed each."""
        options = {"message.max.bytes": 2_000_000, "compression.type": compression}
        producer = Producer(self.connection.librdkafka() | options)
        failed: list[Any] = []
        for value in values:
            producer.produce(
                self.topic,
                partition=1,
                key=key,
                value=value,
                headers=[*HEADERS],
                timestamp=DAY,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(20) == 0, "the broker did not answer"
        assert not failed, failed

    def group(self, name: str) -> Consumer:
        """A consumer of a group of ours."""
        given = {"group.id": self.prefix + name, "enable.auto.commit": False, "auto.offset.reset": "error"}
        return Consumer(self.connection.librdkafka() | given)


@pytest.fixture
def place(kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[Place]:
    """A broker with topics of the test's own."""
    settings = Settings(topic_prefix=prefix)
    with kafka(settings, tmp_path) as broker:
        yield Place(broker.settings(settings, OPERATOR))


def test_every_topic_has_its_partitions(place: Place) -> None:
    there = place.log.topics()
    assert {spec.topic: there.get(place.prefix + spec.topic) for spec in TOPICS} == {
        spec.topic: PARTITIONS for spec in TOPICS
    }


def test_a_partition_gives_back_what_was_written_in_order(place: Place) -> None:
    values = [f"{number}".encode() for number in range(2_000)]
    place.send(*values[:1_000])
    place.send(*values[1_000:], compression="gzip")
    found = list(place.log.read(place.topic, 1))
    assert [(record.offset, record.value) for record in found] == list(enumerate(values))
    assert {(record.key, record.signature) for record in found} == {(b"north", b"\x00\xff")}
    assert [record.value for record in place.log.read(place.topic, 1, 990, 1_010)] == values[990:1_010]
    assert place.log.bounds(place.topic, 1) == Bounds(0, 2_000)
    assert place.log.bounds(place.topic, 2) == Bounds(0, 0)
    assert list(place.log.read(place.topic, 2)) == []


def test_records_without_key_or_value_are_kept_as_they_are(place: Place) -> None:
    place.send(None, b"", key=None)
    assert [(record.key, record.value) for record in place.log.read(place.topic, 1)] == [(None, None), (None, b"")]


def test_the_sender_dates_a_record(place: Place) -> None:
    place.send(b"answer")
    with closing(place.group("dates")) as consumer:
        consumer.assign([TopicPartition(place.topic, 1, 0)])
        (record,) = consumer.consume(1, timeout=20)
    assert record.timestamp()[1] == DAY
    assert record.headers() == HEADERS


def test_the_largest_event_goes_through_with_its_headers(place: Place) -> None:
    place.send(b"x" * MAX_BYTES)
    (record,) = place.log.read(place.topic, 1)
    assert len(record.value or b"") == MAX_BYTES


def test_a_groups_offsets_are_kept_and_are_its_own(place: Place) -> None:
    place.send(b"1", b"2", b"3")
    with closing(place.group("one")) as consumer:
        consumer.commit(offsets=[TopicPartition(place.topic, 1, 2)], asynchronous=False)
    assert place.log.committed(place.prefix + "one", place.topic, 1) == 2
    assert place.log.committed(place.prefix + "one", place.topic, 0) is None
    assert place.log.committed(place.prefix + "another", place.topic, 1) is None


@embedded_lacks("the protocol that kafka-python begins with, so we say which to use", AssertionError)
def test_a_client_need_not_say_which_protocol_it_speaks(place: Place) -> None:
    # in a process of its own: where it fails, kafka-python leaves its sockets open
    environment = os.environ | place.settings.environment()
    done = subprocess.run([sys.executable, "-c", UNTOLD], env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert place.log.bounds(place.topic, 1) == Bounds(0, 1)


@embedded_lacks("a refusal of topics that are not there: it makes them", AssertionError)
def test_a_topic_that_is_asked_for_is_not_made(place: Place) -> None:
    missing = place.prefix + "wellbeing.typo.v1"
    Producer(place.connection.librdkafka()).list_topics(missing, timeout=10)
    assert missing not in place.log.topics()


@embedded_lacks("settings of topics", BrokerUnavailable)
def test_a_topic_says_how_it_is_kept(place: Place) -> None:
    told = place.log.topic_settings([place.topic], 3.0)[place.topic]
    assert (told["cleanup.policy"], told["message.timestamp.type"]) == ("delete", "CreateTime")


@embedded_lacks("a beginning that can be moved", BrokerUnavailable)
def test_what_is_gone_from_the_beginning_is_noticed(place: Place) -> None:
    place.send(b"1", b"2", b"3")
    KafkaAdmin(place.connection).delete_records(place.topic, 1, 2)
    assert place.log.bounds(place.topic, 1) == Bounds(2, 3)
    with pytest.raises(LogTruncated, match="starts at 2, but 0 is needed"):
        list(place.log.read(place.topic, 1))
    assert [record.value for record in place.log.read(place.topic, 1, 2)] == [b"3"]


@embedded_lacks("a limit on the size of a record", Failed)
def test_a_record_over_the_limit_is_refused_and_not_cut(place: Place) -> None:
    with pytest.raises((AssertionError, KafkaException), match="MSG_SIZE_TOO_LARGE"):
        place.send(b"x" * 1_500_000)
    assert place.log.bounds(place.topic, 1) == Bounds(0, 0)
