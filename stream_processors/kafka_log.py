"""Reading a partition from start to end, without a group: for restarts, counts and replays.

The only import of confluent_kafka beside the embedded broker; it is the fastest of the Kafka clients for bulk reads.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

# these it offers, without listing them in its types
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from schemas.errors import BrokerUnavailable, LogTruncated, SettingsError

_TIMEOUT: Final = 15.0
_WAIT: Final = 0.5
_BATCH: Final = 10_000


class LogRecord(NamedTuple):
    """A record as it lies in the log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    signature: bytes | None


def signature(headers: Iterable[tuple[str, bytes]] | None) -> bytes | None:
    """The signature among a record's headers, the last if there are several."""
    found = None
    for name, value in headers or ():
        if name == "signature":
            found = value
    return found


@dataclass(frozen=True, slots=True)
class Bounds:
    """First offset still held and first offset not yet written."""

    start: int
    end: int


class KafkaLog:
    """A reader of whole partitions and of committed offsets."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets a partition holds."""
        with _Session(self._bootstrap, "wardpulse-reader") as consumer:
            return _bounds(consumer, topic, partition)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """A group's committed offset; None if it has none."""
        with _Session(self._bootstrap, group) as consumer:
            found = consumer.committed([TopicPartition(topic, partition)], timeout=_TIMEOUT)[0]
            return found.offset if found.offset >= 0 else None

    def partitions(self, topic: str) -> list[int]:
        """The partition numbers of a topic; BrokerUnavailable if there is no such topic."""
        with _Session(self._bootstrap, "wardpulse-reader") as consumer:
            found = sorted(consumer.list_topics(topic, timeout=_TIMEOUT).topics[topic].partitions)
        if not found:
            raise BrokerUnavailable(f"topic {topic} does not exist; create the topics first")
        return found

    def require(self, topics: Iterable[str]) -> None:
        """BrokerUnavailable unless these topics are there, SettingsError unless they have as many partitions each."""
        counts = {topic: len(self.partitions(topic)) for topic in topics}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{topic} {count}" for topic, count in counts.items())
            raise SettingsError(f"all topics must have the same number of partitions, but they have: {listed}")

    def topics(self, timeout: float = _TIMEOUT) -> dict[str, int]:
        """Every topic there is, and its number of partitions."""
        with _asking(self._bootstrap) as admin:
            found = admin.list_topics(timeout=timeout).topics
        return {name: len(topic.partitions) for name, topic in found.items() if topic.partitions}

    def topic_settings(self, topics: Iterable[str], timeout: float = _TIMEOUT) -> dict[str, dict[str, str]]:
        """How the broker is told to keep each topic; BrokerUnavailable if it does not say, as the embedded one."""
        with _asking(self._bootstrap) as admin:
            asked = [ConfigResource(ResourceType.TOPIC, str(name)) for name in topics]
            answers = admin.describe_configs(asked, request_timeout=timeout)
            found = {asked.name: answer.result(timeout + 1) for asked, answer in answers.items()}
        return {name: {key: entry.value for key, entry in entries.items()} for name, entries in found.items()}

    def read(self, topic: str, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        """Records from `start` to before `until`, or to the end when called; LogTruncated if `start` is gone."""
        with _Session(self._bootstrap, "wardpulse-reader") as consumer:
            bounds = _bounds(consumer, topic, partition)
            if start < bounds.start:
                raise LogTruncated(f"{topic} [{partition}] starts at {bounds.start}, but {start} is needed")
            end = bounds.end if until is None else min(until, bounds.end)
            if start < end:
                consumer.assign([TopicPartition(topic, partition, start)])
                yield from _until(consumer, start, end)


class _Session:
    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "log_level": 2,
            }
        )

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._consumer.close()
        if isinstance(error, KafkaException):
            raise _unavailable(self._bootstrap, error) from None


@contextmanager
def _asking(bootstrap: str) -> Iterator[AdminClient]:
    try:
        yield AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    except KafkaException as error:
        raise _unavailable(bootstrap, error) from None


def _unavailable(bootstrap: str, error: KafkaException) -> BrokerUnavailable:
    name = error.args[0].name()
    return BrokerUnavailable(f"Kafka at {bootstrap}: {name}; check WARDPULSE_BOOTSTRAP_SERVERS and the broker")


def _record(message: Any) -> LogRecord:
    return LogRecord(
        message.partition(), message.offset(), message.key(), message.value(), signature(message.headers())
    )


def _bounds(consumer: Consumer, topic: str, partition: int) -> Bounds:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT)
    return Bounds(low, high)


def _until(consumer: Consumer, start: int, end: int) -> Iterator[LogRecord]:
    """Records until the last offset before `end`, or the end of the partition if that comes first."""
    silent = 0.0
    while silent < _TIMEOUT:
        # asking for more than is there would wait the whole time
        messages = consumer.consume(min(_BATCH, end - start), timeout=_WAIT)
        silent = 0.0 if messages else silent + _WAIT
        for message in messages:
            error, record = message.error(), _record(message)
            start = record.offset + 1
            if error is None and start <= end:
                yield record
            elif error is not None and error.name() != "_PARTITION_EOF":
                raise KafkaException(error)
            if error is not None or start >= end:
                return
    raise BrokerUnavailable("Kafka stopped answering while a log was read")
