"""The software kit that sends events to Kafka, keyed by facility. The only import of kafka-python on this side.

One thread per producer. What was sent is certain only after `flush` or a normal exit of the context; after a
RetryableError everything may be sent again, because event ids are deterministic.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.partitioner.default import murmur2

from deploy.connection import Connection
from deploy.troubles import KAFKA_PYTHON, Ear, explained, keep_discreet
from schemas import cloudevents
from schemas.codec import MAX_BYTES, encode
from schemas.errors import BrokerUnavailable, DataError, Reason, RetryableError, SettingsError, WardpulseError
from schemas.events import (
    CohortRetirement,
    Intervention,
    OrganisationUpdated,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
    Submission,
    SubmissionWithdrawn,
)
from schemas.topics import Topic

ControlEvent = (
    SubmissionWithdrawn
    | RoundOpened
    | RoundClosed
    | RoundCancelled
    | CohortRetirement
    | OrganisationUpdated
    | Intervention
)
Sendable = Submission | ControlEvent
Sign = Callable[[str, bytes], bytes]

MAX_PENDING: Final = 10_000
MAX_PENDING_BYTES: Final = 32 * 1024 * 1024
_LINGER_MILLISECONDS: Final = 20
_BATCH_BYTES: Final = 256 * 1024
_DAY_MILLISECONDS: Final = 86_400_000
_CLOSE_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Message:
    """One record as it goes to Kafka."""

    key: bytes | None
    value: bytes = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = field(repr=False)


class Place(NamedTuple):
    """Where a record lies in the submissions log."""

    partition: int
    offset: int


def message(event: Sendable, sign: Sign | None) -> Message:
    """The record of an event, with CloudEvents headers in binary mode; control events are signed.

    There is no time header: the instant of an answer would identify the person.
    """
    value = encode(event)
    signature = None if isinstance(event, Submission) else _signature(event, value, sign)
    return _message(event, value, signature)


def _message(event: Sendable, value: bytes, signature: bytes | None) -> Message:
    signed = [] if signature is None else [("signature", signature)]
    return Message(event.facility.encode(), value, (*cloudevents.headers(event), *signed))


def raw_message(facility: str | None, value: bytes, signature: bytes | None) -> Message:
    """A record of bytes that need not be an event."""
    signed = [] if signature is None else [("signature", signature)]
    return Message(None if facility is None else facility.encode(), value, (cloudevents.CONTENT_TYPE, *signed))


def partition_of(facility: str, partitions: int) -> int:
    """The partition of a facility's records, from 0: murmur2 of the key, as Kafka's own clients choose it."""
    return int((murmur2(facility.encode()) & 0x7FFFFFFF) % partitions)


def _signature(event: ControlEvent, value: bytes, sign: Sign | None) -> bytes:
    if sign is None:
        raise SettingsError(f"a {event.type} must be signed: give the producer the facility's keystore to sign with")
    return sign(event.facility, value)


class WellbeingProducer:
    """Sends events of any facility. Use it as a context: leaving it waits until Kafka has confirmed everything."""

    def __init__(
        self,
        connection: Connection,
        *,
        topic_prefix: str = "",
        sign: Sign | None = None,
        timeout: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._topic = topic_prefix + Topic.SUBMISSIONS
        self._sign = sign
        self._timeout = timeout
        self._now = now
        self._pending: deque[tuple[Any, int]] = deque()
        self._pending_bytes = 0
        self._failed = 0
        self._at = connection.bootstrap
        self._connection = connection
        self._ear = Ear()
        with ExitStack() as opened:
            opened.enter_context(self._ear.at(KAFKA_PYTHON))
            self._producer = _connect(connection, self._topic, timeout, self._ear)
            opened.callback(_disconnect, self._producer)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except (RetryableError, BrokerUnavailable) as unconfirmed:
            if error is None:
                raise
            error.add_note(str(unconfirmed))

    def send(self, event: Sendable) -> None:
        """Send an event; RetryableError as soon as it is known that an earlier one was not confirmed, AccessRefused if
        that is for want of a right."""
        record = self._framed(event, message(event, self._sign))
        if not isinstance(event, Submission | SubmissionWithdrawn):
            # a marker that overtook answers would make them late for ever; a round that overtook an organisation would
            # be under the one before
            self.flush()
        self._deliver(record)

    def place(self, event: Sendable) -> Place:
        """Send an event and wait until Kafka has it; says where, so that the worker's answer to it can be found."""
        self.flush()
        future = self._deliver(self._framed(event, message(event, self._sign)))
        self.flush()
        confirmed = future.get(timeout=0)
        return Place(confirmed.partition, confirmed.offset)

    def send_again(self, event: Submission | SubmissionWithdrawn, value: bytes, signature: bytes | None) -> None:
        """Send a record that was sent before, byte for byte; `event` is what it says."""
        self._deliver(self._framed(event, _message(event, value, signature)))

    def send_raw(self, facility: str | None, value: bytes, signature: bytes | None = None) -> None:
        """Send bytes that need not be an event: trials and tests use it for malformed records."""
        self._deliver(raw_message(facility, value, signature))

    def flush(self) -> None:
        """Wait until Kafka has answered for everything sent; RetryableError says how many were not confirmed."""
        # what times out here is counted below, where it is still not done
        with suppress(KafkaError):
            self._producer.flush(timeout=self._timeout)
        while self._pending:
            self._settle_oldest(wait=0)
        self._raise_failures()

    def close(self) -> None:
        """Flush and disconnect."""
        try:
            self.flush()
        finally:
            self._opened.close()

    def _framed(self, event: Sendable, record: Message) -> Message:
        return replace(record, value=self._connection.on_wire(event.type, record.value))

    def _deliver(self, record: Message) -> Any:
        self._settle_done()
        try:
            future = self._producer.send(
                self._topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                timestamp_ms=self._start_of_day(),
            )
        except MessageSizeTooLargeError:
            raise DataError(Reason.TOO_LARGE, f"{len(record.value)} bytes; Kafka does not take it") from None
        except KafkaError as error:
            self._ear.hear(error)
            raise self._unsent(f"an event was not sent ({type(error).__name__}); sending it again is safe") from None
        self._pending.append((future, len(record.value)))
        self._pending_bytes += len(record.value)
        return future

    def _start_of_day(self) -> int:
        # Kafka stamps every record; to the millisecond it would say when somebody answered
        return int(self._now() * 1000) // _DAY_MILLISECONDS * _DAY_MILLISECONDS

    def _settle_done(self) -> None:
        while self._pending and (self._pending[0][0].is_done or self._is_full()):
            self._settle_oldest(wait=self._timeout)
        self._raise_failures()

    def _is_full(self) -> bool:
        return len(self._pending) >= MAX_PENDING or self._pending_bytes >= MAX_PENDING_BYTES

    def _settle_oldest(self, wait: float) -> None:
        future, size = self._pending.popleft()
        self._pending_bytes -= size
        try:
            future.get(timeout=wait)
            self._ear.heard = None
        except KafkaError as error:
            self._ear.hear(error)
            self._failed += 1

    def _raise_failures(self) -> None:
        failed, self._failed = self._failed, 0
        if failed:
            raise self._unsent(f"Kafka did not confirm {failed} events; sending them again is safe")

    def _unsent(self, what: str) -> WardpulseError:
        trouble = self._ear.heard
        if trouble is None or not trouble.is_lasting:
            return RetryableError(what)
        refused = explained(trouble, self._at, f"topic {self._topic}")
        return type(refused)(f"{refused}. {what}")


def _connect(connection: Connection, topic: str, timeout: float, ear: Ear) -> Any:
    # at debug level the library logs keys and values
    logging.getLogger("kafka").setLevel(logging.WARNING)
    keep_discreet()
    producer = None
    try:
        producer = KafkaProducer(**_configuration(connection, timeout))
        # with a stated protocol version the constructor does not connect
        producer.partitions_for(topic)
    except (KafkaError, ValueError, OSError) as error:
        if producer is not None:
            _disconnect(producer)
        ear.hear(error)
        if ear.heard is not None:
            raise explained(ear.heard, connection.bootstrap, f"topic {topic}") from None
        raise BrokerUnavailable(
            f"Kafka at {connection.bootstrap} cannot be reached or has no topic {topic} ({type(error).__name__}): "
            "check the address, and that the broker runs"
        ) from None
    return producer


def _configuration(connection: Connection, timeout: float) -> dict[str, Any]:
    milliseconds = int(timeout * 1000)
    shared: dict[str, Any] = {
        "acks": "all",
        "compression_type": "gzip",
        "linger_ms": _LINGER_MILLISECONDS,
        "batch_size": _BATCH_BYTES,
        "max_request_size": MAX_BYTES + 65_536,
        "max_block_ms": milliseconds,
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds // 2,
        "delivery_timeout_ms": milliseconds - milliseconds // 10,
        # a topic made by accident would have another partition count and split a facility's story
        "allow_auto_create_topics": connection.embedded,
    }
    return shared | connection.kafka_python_producer()


def _disconnect(producer: Any) -> None:
    try:
        producer.close(timeout=_CLOSE_SECONDS)
    except KafkaError:
        logging.getLogger(__name__).warning("the connection to Kafka was dropped before it was closed")
