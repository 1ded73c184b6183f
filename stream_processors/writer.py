"""The writer: poll, insert, commit. Rows are on disk before the offset moves, and repeats collapse by their hash.

It assigns itself every partition: a second writer would do the same work twice, harmlessly, so there is no group to
rejoin after a crash.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, Protocol

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from deploy.connection import Connection
from deploy.settings import Settings
from deploy.troubles import KAFKA_PYTHON, Ear, explained, keep_discreet
from schemas import cloudevents
from schemas.clickhouse.rows import Row, rows
from schemas.clickhouse.tables import TABLES
from schemas.codec import decode, encode
from schemas.errors import BrokerUnavailable, DataError, LogTruncated
from schemas.events import DeadLetter
from schemas.framing import unframed
from schemas.topics import WRITER_GROUP, Topic
from stream_processors.database import Database
from stream_processors.kafka_log import KafkaLog
from stream_processors.runner import check_start, unreadable

POLL_MILLISECONDS: Final = 500
POLL_RECORDS = 10_000
CHECK_EVERY_POLLS: Final = 60
WAIT_SECONDS: Final = 0.05

MayStore = Callable[[Mapping[tuple[str, int], int]], bool]
"""Whether records of (topic, partition) before an offset may be stored yet."""


class Consumed(Protocol):
    """What the writer needs of a Kafka record."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


def batch(records: Sequence[Consumed]) -> tuple[dict[str, list[Row]], list[DeadLetter]]:
    """The rows of a poll by table name, and a dead letter for each record that no worker of ours wrote."""
    found: dict[str, list[Row]] = {table.name: [] for table in TABLES}
    letters = []
    for record in records:
        try:
            for table, row in rows(decode(unframed(record.value))):
                found[table.name].append(row)
        except DataError as error:
            letters.append(unreadable(record.topic, record.partition, record.offset, error))
    return found, letters


class Writer:
    """Moves the open topics into ClickHouse. `inserted` is called between an insert and its commit, `refused` with
    the topic and the dead letter of a record that no worker of ours wrote."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        inserted: Callable[[], None] = lambda: None,
        refused: Callable[[Topic, DeadLetter], None] = lambda *_: None,
        may_store: MayStore = lambda _: True,
    ) -> None:
        self._database, self._inserted, self._refused, self._may_store = database, inserted, refused, may_store
        self._prefix = settings.topic_prefix
        self._dead_letters = settings.topic_prefix + Topic.DEADLETTERS
        topics = [settings.topic_prefix + topic for topic in (Topic.COHORTS, Topic.INDICATORS)]
        self._connection = connection = Connection.of(settings)
        keep_discreet()
        # kafka-python would try for ever, and make topics that are missing
        KafkaLog(connection).require(topics)
        self._broker, self._listening = _Broker(connection.bootstrap), ExitStack()
        self._listening.enter_context(self._broker.ear.at(KAFKA_PYTHON))
        with self._broker:
            self._consumer = KafkaConsumer(
                **connection.kafka_python(),
                group_id=settings.topic_prefix + WRITER_GROUP,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_poll_records=POLL_RECORDS,
            )
            self._producer = KafkaProducer(**connection.kafka_python_producer(), acks="all")
            self._assign(topics)

    def _assign(self, topics: Sequence[str]) -> None:
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(partitions)
        starts, ends = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        self._ends = ends
        for partition in partitions:
            needed = self._consumer.committed(partition) or 0
            check_start(partition.topic, partition.partition, needed, starts[partition], ends[partition])
            self._consumer.seek(partition, needed)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Write until told to stop. Raises BrokerUnavailable or SinkUnavailable with nothing committed."""
        quiet = 0
        while not stopping():
            with self._broker:
                polled = self._consumer.poll(timeout_ms=POLL_MILLISECONDS)
                quiet = 0 if polled else quiet + 1
                if quiet >= CHECK_EVERY_POLLS:
                    # a consumer without a broker polls nothing for ever; asking for offsets tells
                    self._consumer.end_offsets(self._consumer.assignment())
                    quiet = 0
            if polled and self._wait(polled, stopping):
                self._write(polled)
            elif quiet == 1:
                self._database.release()  # so that others can read what was written

    def _wait(self, polled: Mapping[TopicPartition, Sequence[Consumed]], stopping: Callable[[], bool]) -> bool:
        """Wait until the records may be stored; False if told to stop meanwhile."""
        ends = {(at.topic, at.partition): records[-1].offset + 1 for at, records in polled.items()}
        while not self._may_store(ends):
            if stopping():
                return False
            time.sleep(WAIT_SECONDS)
        return True

    def lag(self) -> dict[Topic, int]:
        """Records of each topic not yet polled, as far as the broker has told."""
        found = dict.fromkeys((Topic.COHORTS, Topic.INDICATORS), 0)
        with self._broker:
            for at, end in self._ends.items():
                known = self._consumer.highwater(at) or end
                found[Topic(at.topic.removeprefix(self._prefix))] += max(0, known - self._consumer.position(at))
        return found

    def _write(self, polled: Mapping[TopicPartition, Sequence[Consumed]]) -> None:
        found, letters = batch([record for records in polled.values() for record in records])
        for table in TABLES:
            if found[table.name]:
                self._database.insert(table, found[table.name])
        self._inserted()
        with self._broker:
            for letter in letters:
                value = self._connection.on_wire(letter.type, encode(letter))
                headers = cloudevents.headers(letter)
                sent = self._producer.send(self._dead_letters, value, headers=headers, partition=letter.partition)
                sent.get(timeout=30)
                self._refused(Topic(letter.topic.removeprefix(self._prefix)), letter)
            self._consumer.commit(
                {at: OffsetAndMetadata(records[-1].offset + 1, "", -1) for at, records in polled.items()}
            )

    def close(self) -> None:
        """Leave the broker."""
        # closing its sockets under its own reader, kafka-python logs errors that mean nothing
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        self._consumer.close()
        self._producer.close()
        self._listening.close()


class _Broker:
    """Turns kafka-python's errors into ours, without their text. What its logs told meanwhile says more than they."""

    def __init__(self, at: str) -> None:
        self._at, self.ear = at, Ear()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OffsetOutOfRangeError | NoOffsetForPartitionError):
            raise LogTruncated("an offset that is needed is no longer in the log; restore it") from None
        if isinstance(error, KafkaError):
            self.ear.hear(error)
            if self.ear.heard is not None:
                raise explained(self.ear.heard, self._at) from None
            raise BrokerUnavailable(f"Kafka: {type(error).__name__}; check the bootstrap address") from None
        self.ear.heard = None
