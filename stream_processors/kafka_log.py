"""Reading a partition from start to end, without a group: for restarts, counts and replays.

The only import of confluent_kafka beside the embedded broker; it is the fastest of the Kafka clients for bulk reads.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from deploy.connection import Connection
from deploy.troubles import Ear, Trouble, explained, trouble_of
from schemas.errors import BrokerUnavailable, LogTruncated, SettingsError
from schemas.framing import unframed

_READER: Final = "wardpulse-reader"
_TIMEOUT: Final = 15.0
_CALL: Final = 1.0
_LISTEN: Final = 0.1
_UNANSWERED: Final = frozenset({"_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN", "_WAIT_COORD"})
_SETTLING: Final = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
    }
)
"""What Kafka answers while it starts, or a broker hands over."""
_UNUSED: Final = "GROUP_AUTHORIZATION_FAILED"
"""Told to readers as well, who use no group: librdkafka looks for the coordinator of any that it has a name of."""
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def address(self) -> str:
        """Where Kafka is, as it was given."""
        return self._connection.bootstrap

    def bounds(self, topic: str, partition: int) -> Bounds:
        """The offsets a partition holds."""
        with _Session(self._connection, _READER) as session:
            return _bounds(session, topic, partition)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """A group's committed offset; None if it has none."""
        asked = [TopicPartition(topic, partition)]
        with _GroupSession(self._connection, group) as session:
            found = session.ask(lambda timeout: session.client.committed(asked, timeout=timeout))[0]
        if found.error is not None:
            raise _unavailable(self._connection, KafkaException(found.error), None)
        return found.offset if found.offset >= 0 else None

    def names(self, group: str) -> set[str]:
        """The names of a group's members, of those that have one."""
        with _Asking(self._connection) as session:
            found = session.client.describe_consumer_groups([group], request_timeout=_TIMEOUT)[group].result(
                _TIMEOUT + 1
            )
        return {member.group_instance_id for member in found.members if member.group_instance_id}

    def partitions(self, topic: str) -> list[int]:
        """The partition numbers of a topic; BrokerUnavailable if there is no such topic."""
        with _Session(self._connection, _READER) as session:
            return session.partitions(topic)

    def require(self, topics: Iterable[str]) -> None:
        """BrokerUnavailable unless these topics are there, SettingsError unless they have as many partitions each."""
        counts = {topic: len(self.partitions(topic)) for topic in topics}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{topic} {count}" for topic, count in counts.items())
            raise SettingsError(f"all topics must have the same number of partitions, but they have: {listed}")

    def topics(self, timeout: float = _TIMEOUT) -> dict[str, int]:
        """Every topic there is and this user may see, and its number of partitions."""
        with _Asking(self._connection) as session:
            found = session.ask(lambda wait: session.client.list_topics(timeout=wait), timeout).topics
        return {name: len(topic.partitions) for name, topic in found.items() if topic.partitions}

    def topic_settings(self, topics: Iterable[str], timeout: float = _TIMEOUT) -> dict[str, dict[str, str]]:
        """How the broker is told to keep each topic; BrokerUnavailable if it does not say, as the embedded one."""
        with _Asking(self._connection) as session:
            asked = [ConfigResource(ResourceType.TOPIC, str(name)) for name in topics]
            answers = session.client.describe_configs(asked, request_timeout=timeout)
            found = {asked.name: answer.result(timeout + 1) for asked, answer in answers.items()}
        return {name: {key: entry.value for key, entry in entries.items()} for name, entries in found.items()}

    def read(self, topic: str, partition: int, start: int = 0, until: int | None = None) -> Iterator[LogRecord]:
        """Records from `start` to before `until`, or to the end when called; LogTruncated if `start` is gone."""
        with _Session(self._connection, _READER) as session:
            bounds = _bounds(session, topic, partition)
            if start < bounds.start:
                raise LogTruncated(f"{topic} [{partition}] starts at {bounds.start}, but {start} is needed")
            end = bounds.end if until is None else min(until, bounds.end)
            if start < end:
                session.client.assign([TopicPartition(topic, partition, start)])
                yield from _until(session.client, start, end)


class _Asking:
    """A client of librdkafka for as long as the context lasts, whose errors become ours."""

    def __init__(self, connection: Connection, **options: Any) -> None:
        self._connection, self._ear = connection, Ear()
        given = {**connection.librdkafka(), "log_level": 2, "error_cb": self._ear.told, **options}
        try:
            self.client: Any = self._new(given)
        except KafkaException as error:
            raise SettingsError(f"Kafka's client does not take these settings ({error.args[0].name()})") from None

    def _new(self, options: dict[str, Any]) -> Any:
        return AdminClient(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KafkaException):
            self._listen()
        self._close()
        if isinstance(error, KafkaException):
            raise _unavailable(self._connection, error, self._ear.heard) from None

    def ask(self, call: Callable[[float], Any], timeout: float = _TIMEOUT) -> Any:
        """The answer to a call that takes a timeout. What stands in its way is told between calls alone, so with TLS
        it is made in short ones: a password that is refused need not be tried until the time is up."""
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            try:
                answer = call(min(left, _CALL) if self._connection.has_tls else left)
                if answer is None:  # some calls say by this that their time was up
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                return answer
            except KafkaException as error:
                self._listen()
                if time.monotonic() >= until or not self._may_yet_answer(error):
                    raise

    def _may_yet_answer(self, error: KafkaException) -> bool:
        if (name := error.args[0].name()) in _SETTLING:
            return True
        is_hopeless = self._ear.heard is not None and self._ear.heard.is_lasting
        return self._connection.has_tls and name in _UNANSWERED and not is_hopeless

    def _listen(self) -> None:
        """Let the client tell what it has met with."""
        with suppress(KafkaException):
            self.client.poll(_LISTEN)

    def _close(self) -> None:
        """An administrator needs no closing."""


class _Session(_Asking):
    """A consumer that commits nothing by itself."""

    def __init__(self, connection: Connection, group: str) -> None:
        reading = {"enable.auto.commit": False, "auto.offset.reset": "error", "enable.partition.eof": True}
        super().__init__(connection, **{"group.id": group, **reading})

    def _new(self, options: dict[str, Any]) -> Any:
        return Consumer(options)

    def partitions(self, topic: str) -> list[int]:
        """The partition numbers of a topic; AccessRefused if it may not be seen, or else BrokerUnavailable."""
        found = self.ask(lambda timeout: self.client.list_topics(topic, timeout=timeout)).topics[topic]
        if found.error is not None and (trouble := trouble_of(found.error.name())) is not None:
            raise explained(trouble, self._connection.bootstrap, f"topic {topic}")
        if not found.partitions:
            raise BrokerUnavailable(f"topic {topic} does not exist; make the topics first: wardpulse topics create")
        return sorted(found.partitions)

    def _close(self) -> None:
        self.client.close()


class _GroupSession(_Session):
    """A look at what a group has committed. An administrator's client has a call for it, and ends the whole process
    with a segmentation fault when the group's coordinator has just moved (librdkafka 2.16)."""

    def _listen(self) -> None:
        """Who may not use the group is told so where others get records, while the call waits in vain."""
        with suppress(KafkaException):
            message = self.client.poll(_LISTEN)
            if message is not None and message.error() is not None:
                self._ear.told(message.error())


def _unavailable(connection: Connection, error: KafkaException, heard: Trouble | None) -> BrokerUnavailable:
    code = error.args[0]
    trouble = trouble_of(code.name(), code.str()) or heard
    if trouble is not None:
        return explained(trouble, connection.bootstrap)
    check = "WARDPULSE_BOOTSTRAP_SERVERS" if connection.embedded else "bootstrap_servers, security_protocol"
    return BrokerUnavailable(f"Kafka at {connection.bootstrap}: {code.name()}; check {check} and the broker")


def _record(message: Any) -> LogRecord:
    value = unframed(message.value())
    return LogRecord(message.partition(), message.offset(), message.key(), value, signature(message.headers()))


def _bounds(session: _Session, topic: str, partition: int) -> Bounds:
    asked = TopicPartition(topic, partition)
    try:
        low, high = session.ask(lambda timeout: session.client.get_watermark_offsets(asked, timeout=timeout))
    except KafkaException as error:
        if error.args[0].name() == "_UNKNOWN_PARTITION":
            session.partitions(topic)  # says why, if it is the topic
        raise
    return Bounds(low, high)


def _until(consumer: Consumer, start: int, end: int) -> Iterator[LogRecord]:
    """Records until the last offset before `end`, or the end of the partition if that comes first."""
    give_up = time.monotonic() + _TIMEOUT
    while time.monotonic() < give_up:
        # asking for more than is there would wait the whole time
        for message in consumer.consume(min(_BATCH, end - start), timeout=_WAIT):
            if (error := message.error()) is not None:
                if error.name() == "_PARTITION_EOF":
                    return
                if error.name() != _UNUSED:
                    raise KafkaException(error)
                continue
            record = _record(message)
            if record.offset < end:
                yield record
            start, give_up = record.offset + 1, time.monotonic() + _TIMEOUT
            if start >= end:
                return
    raise BrokerUnavailable("Kafka stopped answering while a log was read")
