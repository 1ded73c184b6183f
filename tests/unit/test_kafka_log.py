"""How often Kafka is asked again, and what is made of its silence, without one."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from deploy.connection import Connection
from schemas.errors import AccessRefused, BrokerUnavailable
from stream_processors import kafka_log
from stream_processors.kafka_log import KafkaLog

SECURED = Connection("kafka:9093", protocol="SASL_SSL", username="anna", password="canary-pass")
PLAIN = Connection("kafka:9092")
EMBEDDED = Connection("kafka:9092", embedded=True)


class Client:
    """A client of librdkafka that answers with an offset once these codes are used up, each told beside the call."""

    def __init__(self, answers: list[int], told: list[int]) -> None:
        self.answers, self.told, self.timeouts = answers, told, list[float]()

    def given(self, options: dict[str, Any]) -> "Client":
        self.tell: Callable[[KafkaError], None] = options["error_cb"]
        return self

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.timeouts.append(timeout)
        if self.answers:
            raise KafkaException(KafkaError(self.answers.pop(0)))
        return [TopicPartition(one.topic, one.partition, 7) for one in asked]

    def poll(self, timeout: float) -> None:
        while self.told:
            self.tell(KafkaError(self.told.pop(0)))

    def close(self) -> None:
        """Nothing is open."""


def ask(connection: Connection, answers: list[int], told: list[int]) -> tuple[Client, int | None]:
    client = Client(answers, told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_log, "Consumer", client.given)
        return client, KafkaLog(connection).committed("group", "topic", 0)


@pytest.mark.parametrize("connection", [PLAIN, SECURED])
def test_a_kafka_that_still_settles_is_asked_again(connection: Connection) -> None:
    client, offset = ask(connection, [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS], [])
    assert (offset, len(client.timeouts)) == (7, 3)


def test_with_tls_calls_are_short_and_without_it_one_has_all_the_time() -> None:
    client, offset = ask(SECURED, [KafkaError._TIMED_OUT, KafkaError._TRANSPORT], [])
    assert (offset, len(client.timeouts)) == (7, 3)
    assert max(client.timeouts) <= 1
    with pytest.raises(BrokerUnavailable, match=r"Kafka at kafka:9092: _TRANSPORT; check bootstrap_servers"):
        ask(PLAIN, [KafkaError._TRANSPORT], [])
    with pytest.raises(BrokerUnavailable, match="_TRANSPORT; check WARDPULSE_BOOTSTRAP_SERVERS and the broker"):
        ask(EMBEDDED, [KafkaError._TRANSPORT], [])


def test_a_refusal_told_beside_the_call_ends_the_asking() -> None:
    with pytest.raises(AccessRefused, match="refused the user or password") as refused:
        ask(SECURED, [KafkaError._TRANSPORT] * 99, [KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION])
    assert "canary" not in str(refused.value)


def test_a_connection_that_broke_is_tried_again() -> None:
    client, offset = ask(SECURED, [KafkaError._TRANSPORT] * 2, [KafkaError._SSL])
    assert (offset, len(client.timeouts)) == (7, 3)


def test_asking_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    with pytest.raises(BrokerUnavailable, match="NOT_COORDINATOR"):
        ask(PLAIN, [KafkaError.NOT_COORDINATOR] * 99, [])


def test_a_group_that_may_not_be_used_is_told() -> None:
    with pytest.raises(AccessRefused, match="this user may not use the consumer group: see docs/operations"):
        ask(SECURED, [KafkaError.GROUP_AUTHORIZATION_FAILED], [])
