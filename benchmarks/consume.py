"""How fast each Kafka client reads a log from start to end: records a second, values untouched.

    python -m benchmarks.consume [--kafka apache] [--events 100000] [--repetitions 5]

The clients read the same four partitions one after the other, each in a process of its own, with the same login. A
client's clock starts at its first poll, connected and assigned, and stops at the last record; each must have read
every record and the same bytes. The median of the repetitions counts. What reads whole logs here, restarts and
replays, uses confluent-kafka; the writer uses kafka-python, and Faust aiokafka.
"""

import argparse
import asyncio
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AioPartition
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as ConfluentPartition
from kafka import KafkaConsumer
from kafka import TopicPartition as PythonPartition

from benchmarks.live import sent
from benchmarks.load import Load
from deploy.apache_trial import KAFKAS
from deploy.connection import Connection
from deploy.local import Local
from deploy.settings import Settings
from schemas.topics import PARTITIONS, Topic

BATCH: Final = 10_000
WAIT_SECONDS: Final = 1.0
NUMBERS: Final = range(PARTITIONS)


def main() -> None:
    """Run every client, or, as one of the processes it starts, one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", choices=sorted(KAFKAS), default="embedded")
    parser.add_argument("--events", type=int, default=100_000, help="the embedded broker keeps at most 150000")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--client", choices=sorted(CLIENTS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.client is not None:
        _read(given.client, given.events)
        return
    load = Load(given.events, units=80, rounds=2)
    with sent(load, list(load.lines()), KAFKAS[given.kafka]) as local:
        rates = _repeated(local, sum(1 for _ in load.lines()), given.repetitions)
    for client, found in rates.items():
        print(
            f"{client:13}{median(found):10,.0f} records/s, the median of {', '.join(f'{rate:,.0f}' for rate in found)}"
        )
    slowest = median(rates["kafka-python"])
    for client, target in (("aiokafka", 1.0), ("confluent", 2.0)):
        ratio = median(rates[client]) / slowest
        print(f"RESULT name=consume_{client}_beside_kafka_python ratio={ratio:.2f} target={target}")


def _repeated(local: Local, events: int, repetitions: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {client: [] for client in CLIENTS}
    sizes = set()
    for number in range(repetitions):
        order = sorted(CLIENTS)
        # each is first now and then, so that none always has the quietest machine
        for client in (*order[number % len(order) :], *order[: number % len(order)]):
            said = _process(local, client, events)
            rates[client].append(said["records"] / said["seconds"])
            sizes.add((said["records"], said["bytes"]))
    if len(sizes) != 1:
        raise SystemExit("the clients did not read the same")
    return rates


def _process(local: Local, client: str, events: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.consume", "--client", client, "--events", str(events)]
    environment = os.environ | local.settings.environment()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _read(client: str, events: int) -> None:
    settings = Settings.read(os.environ)
    topic = settings.topic_prefix + Topic.SUBMISSIONS
    records, size, started = 0, 0, 0.0
    for values in CLIENTS[client](Connection.of(settings), topic):
        if values is None:
            started = time.perf_counter()
            continue
        records += len(values)
        size += sum(map(len, values))
        if records >= events:
            break
    seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"records": records, "bytes": size, "seconds": seconds}) + "\n")


# --- each yields None when it is ready, and then the values of every poll ---


def _kafka_python(connection: Connection, topic: str) -> Iterator[Sequence[bytes] | None]:
    consumer = KafkaConsumer(**connection.kafka_python(), enable_auto_commit=False, max_poll_records=BATCH)
    consumer.assign([PythonPartition(topic, number) for number in NUMBERS])
    consumer.seek_to_beginning()
    consumer.position(PythonPartition(topic, 0))
    yield None
    while True:
        polled = consumer.poll(timeout_ms=int(WAIT_SECONDS * 1000))
        yield [record.value for records in polled.values() for record in records]


def _confluent(connection: Connection, topic: str) -> Iterator[Sequence[bytes] | None]:
    consumer = Consumer(connection.librdkafka() | {"group.id": "wardpulse-reader", "enable.auto.commit": False})
    for number in NUMBERS:
        consumer.get_watermark_offsets(ConfluentPartition(topic, number), timeout=10)
    consumer.assign([ConfluentPartition(topic, number, 0) for number in NUMBERS])
    yield None
    while True:
        yield [message.value() or b"" for message in consumer.consume(BATCH, timeout=WAIT_SECONDS / 10)]


def _aiokafka(connection: Connection, topic: str) -> Iterator[Sequence[bytes] | None]:
    loop = asyncio.new_event_loop()
    known = inspect.signature(AIOKafkaConsumer.__init__).parameters.keys() - {"api_version"}
    given = {name: value for name, value in connection.kafka_python().items() if name in known}

    async def connected() -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(**given, enable_auto_commit=False)
        await consumer.start()
        consumer.assign([AioPartition(topic, number) for number in NUMBERS])
        await consumer.seek_to_beginning()
        return consumer

    consumer = loop.run_until_complete(connected())
    yield None
    while True:
        polled = loop.run_until_complete(consumer.getmany(timeout_ms=int(WAIT_SECONDS * 1000), max_records=BATCH))
        yield [record.value for records in polled.values() for record in records]


CLIENTS: Final[dict[str, Callable[[Connection, str], Iterator[Sequence[bytes] | None]]]] = {
    "kafka-python": _kafka_python,
    "aiokafka": _aiokafka,
    "confluent": _confluent,
}


if __name__ == "__main__":
    main()
