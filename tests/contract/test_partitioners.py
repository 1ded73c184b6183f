"""Every client we use, and Kafka's own, send a facility's records to the same partition: its story has one order."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer

from deploy.apache import ADMIN, Cluster, java_tool
from deploy.apache_trial import operator
from deploy.connection import Connection
from deploy.topic_plan import KafkaTopic
from producers.client import partition_of
from stream_processors.kafka_log import KafkaLog
from tests.clusters import connection_of

FACILITIES = 200
PARTITIONS = 12
"""More than a deployment has: two partitioners agree by chance less often."""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
Placed = dict[str, int]


def facilities() -> list[str]:
    """Names of every length, with every letter and mark that an id may have."""
    random = Random(8)
    whole = LETTERS + "._-"
    names = {"0", "a", "z" * 64, "9._-", "st.-anna_2", "xn--krankenhaus-mnchen-c9b", "a" + "-" * 63}
    while len(names) < FACILITIES:
        names.add(random.choice(LETTERS) + "".join(random.choices(whole, k=random.randrange(64))))
    return sorted(names)


@pytest.fixture
def topic(apache: Cluster, prefix: str) -> Iterator[str]:
    name, admin = prefix + "partitioners", operator(apache)
    admin.create_topics([KafkaTopic(name, PARTITIONS, 1)])
    yield name
    admin.delete_topics([name])


def placed(connection: Connection, topic: str) -> dict[bytes, Placed]:
    """For each client, named in the value, the partition of each key; a key on two partitions is an error."""
    found: dict[bytes, Placed] = {}
    for number in range(PARTITIONS):
        for record in KafkaLog(connection).read(topic, number):
            assert record.key is not None
            assert record.value is not None
            assert found.setdefault(record.value, {}).setdefault(record.key.decode(), number) == number
    return found


def by_kafka_python(connection: Connection, topic: str, names: Sequence[str]) -> None:
    with KafkaProducer(**connection.kafka_python_producer()) as producer:
        for name in names:
            producer.send(topic, b"kafka-python", name.encode())
        producer.flush()


def by_aiokafka(connection: Connection, topic: str, names: Sequence[str]) -> None:
    async def send() -> None:
        login = {"sasl_plain_username": connection.username, "sasl_plain_password": connection.password}
        async with AIOKafkaProducer(
            bootstrap_servers=connection.servers,
            security_protocol=connection.protocol,
            sasl_mechanism=connection.mechanism,
            ssl_context=connection.ssl_context(),
            **login,
        ) as producer:
            await asyncio.gather(*[await producer.send(topic, b"aiokafka", name.encode()) for name in names])

    asyncio.run(send())


def by_librdkafka(connection: Connection, topic: str, names: Sequence[str], partitioner: str) -> None:
    producer = Producer(connection.librdkafka() | {"partitioner": partitioner})
    for name in names:
        producer.produce(topic, partitioner.encode(), name.encode())
    assert producer.flush(30) == 0


def by_java(connection: Connection, topic: str, names: Sequence[str], folder: Path) -> None:
    """Kafka's own console producer."""
    login = f'ScramLoginModule required username="{connection.username}" password="{connection.password}";'
    settings = {
        "security.protocol": connection.protocol,
        "sasl.mechanism": connection.mechanism,
        "sasl.jaas.config": f"org.apache.kafka.common.security.scram.{login}",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(connection.authorities),
    }
    file = folder / "client.properties"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
    command = java_tool(
        "org.apache.kafka.tools.ConsoleProducer",
        *("--bootstrap-server", connection.bootstrap, "--topic", topic, "--command-config", str(file)),
        *("--reader-property", "parse.key=true", "--reader-property", "key.separator=:"),
    )
    lines = "".join(f"{name}:java\n" for name in names)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_client_puts_a_facility_on_the_same_partition(apache: Cluster, topic: str, tmp_path: Path) -> None:
    connection, names = connection_of(apache, ADMIN), facilities()
    by_kafka_python(connection, topic, names)
    by_aiokafka(connection, topic, names)
    by_librdkafka(connection, topic, names, "murmur2_random")
    by_librdkafka(connection, topic, names, "consistent_random")
    by_java(connection, topic, names, tmp_path)
    found = placed(connection, topic)
    librdkafka_by_itself = found.pop(b"consistent_random")
    expected = {name: partition_of(name, PARTITIONS) for name in names}
    assert set(expected.values()) == set(range(PARTITIONS))
    assert found == dict.fromkeys((b"kafka-python", b"aiokafka", b"murmur2_random", b"java"), expected)
    # what librdkafka does without being told: were it used so anywhere, a facility's story would be split
    assert librdkafka_by_itself.keys() == expected.keys()
    assert sum(librdkafka_by_itself[name] != expected[name] for name in names) > FACILITIES // 2
