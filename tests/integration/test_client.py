"""The producer over real sockets, against both brokers, and against one that goes away."""

import gc
import logging
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.connection import Connection
from deploy.local import OPERATOR, Broker, Kafka
from deploy.settings import Settings
from deploy.signing import verify
from producers.client import WellbeingProducer, partition_of
from producers.keystore import Keystore
from producers.simulate import Simulation, lines
from schemas.canonical import derived_id
from schemas.codec import decode
from schemas.errors import BrokerUnavailable, RetryableError
from schemas.events import RoundClosed, Submission
from schemas.topics import PARTITIONS, Topic

FACILITIES = ("north-general", "lakeside", "harbour-view", "saint-brigid", "riverbend", "highland")
CLEAN = Simulation(facilities=3, staff=400, rounds=1, clean=True)
DAY = 86_400_000

# kafka-python leaves the sockets of refused connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collect_sockets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    # what kafka-python logged holds the exceptions, and through them the sockets
    caplog.get_records("call").clear()
    gc.collect()


class GoingAway:
    """A broker that stops when the client that hosts it is gone."""

    def __init__(self) -> None:
        self._host: Any = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
        broker = next(iter(self._host.list_topics(timeout=10).brokers.values()))
        self.connection = Connection(f"{broker.host}:{broker.port}", embedded=True)

    def stop(self) -> None:
        self._host = None


class Place:
    """A broker with the topics of one test."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self.connection = Connection.of(broker.settings(settings, "producer"))
        self.operator = Connection.of(broker.settings(settings, OPERATOR))
        self.prefix, self.topic = settings.topic_prefix, settings.topic_prefix + Topic.SUBMISSIONS

    def producer(self, **options: Any) -> WellbeingProducer:
        """A producer of ours; what it signs is signed with `s`, if nothing else is said."""
        signing = {"sign": lambda _facility, _value: b"s"}
        return WellbeingProducer(self.connection, **{"topic_prefix": self.prefix, **signing, **options})

    def read(self, count: int) -> list[Any]:
        """So many records."""
        consumer = Consumer({**self.operator.librdkafka(), "group.id": "test", "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition(self.topic, partition, 0) for partition in range(PARTITIONS)])
        found: list[Any] = []
        deadline = time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            found += consumer.consume(1000, timeout=0.2)
        consumer.close()
        return found


@pytest.fixture
def place(kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[Place]:
    settings = Settings(topic_prefix=prefix)
    with kafka(settings, tmp_path) as broker:
        yield Place(broker, settings)


def clean_submissions() -> list[Submission]:
    events = [decode(line.value) for line in lines(CLEAN) if not line.control]
    return [event for event in events if isinstance(event, Submission)]


def closed(facility: str) -> RoundClosed:
    return RoundClosed(facility=facility, event_id=derived_id(facility), round="2026-W02")


def test_events_land_keyed_with_their_headers_in_order(place: Place) -> None:
    sent = clean_submissions()
    with place.producer() as producer:
        for event in sent:
            producer.send(event)
    found = place.read(len(sent))
    for facility in {event.facility for event in sent}:
        arrived = [record for record in found if record.key() == facility.encode()]
        assert [decode(record.value()) for record in arrived] == [event for event in sent if event.facility == facility]
        assert len({record.partition() for record in arrived}) == 1
        headers = dict(arrived[0].headers())
        assert headers["ce_type"] == b"submission"
        assert headers["ce_source"] == f"wardpulse/{facility}".encode()


def test_a_record_is_stamped_with_the_day_and_not_the_instant(place: Place) -> None:
    with place.producer(now=lambda: 1_767_791_234.567) as producer:
        producer.send(clean_submissions()[0])
    assert place.read(1)[0].timestamp()[1] == 1_767_791_234_567 // DAY * DAY


def test_a_facility_is_on_the_partition_every_client_chooses(place: Place) -> None:
    with place.producer() as producer:
        for facility in FACILITIES:
            producer.send(closed(facility))
    placed = {record.key().decode(): record.partition() for record in place.read(len(FACILITIES))}
    assert placed == {facility: partition_of(facility, PARTITIONS) for facility in FACILITIES}
    assert len(set(placed.values())) > 1


def test_a_signed_marker_can_be_verified_after_the_journey(place: Place, tmp_path: Path) -> None:
    store = Keystore.create(tmp_path / "north.json", "north", secrets.token_bytes)
    with place.producer(sign=lambda _facility, value: store.sign(value)) as producer:
        producer.send(closed("north"))
    record = place.read(1)[0]
    assert verify(store.verify_key, record.value(), dict(record.headers())["signature"])


def test_malformed_bytes_travel_unchanged(place: Place) -> None:
    with place.producer() as producer:
        producer.send_raw("north", b"{", None)
        producer.send_raw(None, b"record_id;unit", b"signature")
    found = {record.value(): record for record in place.read(2)}
    assert found[b"{"].key() == b"north"
    assert found[b"record_id;unit"].key() is None
    assert dict(found[b"record_id;unit"].headers())["signature"] == b"signature"


def test_a_stopped_broker_is_reported_with_the_number_not_confirmed() -> None:
    cluster = GoingAway()
    producer = WellbeingProducer(cluster.connection, timeout=2)
    sent = clean_submissions()[:5]
    producer.send(sent[0])
    producer.flush()
    cluster.stop()
    for event in sent[1:]:
        producer.send(event)
    with pytest.raises(RetryableError, match="did not confirm 4 events") as failed:
        producer.flush()
    assert not any(event.respondent in str(failed.value) for event in sent)
    producer.close()


def test_an_error_inside_the_context_is_not_hidden_by_one_at_its_end() -> None:
    cluster = GoingAway()

    def work() -> None:
        with WellbeingProducer(cluster.connection, timeout=2) as producer:
            cluster.stop()
            producer.send(clean_submissions()[0])
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own") as raised:
        work()
    assert "did not confirm 1 events" in raised.value.__notes__[0]


@pytest.mark.parametrize("embedded", [True, False])
def test_an_unreachable_broker_is_named_at_once(embedded: bool) -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 .*check the address"):
        WellbeingProducer(Connection("127.0.0.1:1", embedded=embedded), timeout=1)
    assert time.monotonic() - started < 10


def test_no_log_at_any_level_holds_a_token(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    event = clean_submissions()[0]
    with caplog.at_level(logging.DEBUG), place.producer() as producer:
        producer.send(event)
    assert event.respondent not in caplog.text


def test_unconfirmed_sends_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.client.MAX_PENDING", 50)
    largest = 0
    with place.producer() as producer:
        for event in clean_submissions():
            producer.send(event)
            largest = max(largest, len(producer._pending))
    assert 1 < largest <= 50


def test_a_closing_marker_waits_until_the_answers_are_confirmed(place: Place) -> None:
    with place.producer() as producer:
        for event in clean_submissions()[:20]:
            producer.send(event)
        assert len(producer._pending) > 1
        producer.send(closed("north-general"))
        assert len(producer._pending) == 1


def test_a_closing_marker_is_not_sent_after_answers_that_were_lost() -> None:
    cluster = GoingAway()
    with WellbeingProducer(cluster.connection, sign=lambda _facility, _value: b"s", timeout=2) as producer:
        cluster.stop()
        producer.send(clean_submissions()[0])
        with pytest.raises(RetryableError, match="1 events"):
            producer.send(closed("north-general"))
        assert not producer._pending
