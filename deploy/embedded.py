"""The embedded broker: the Kafka cluster inside librdkafka, on a real socket, in memory, in a process of its own.

It speaks an older protocol than Apache Kafka, which `deploy/connection.py` tells clients, and keeps about 5 MB per
partition.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from deploy.settings import Settings
from schemas.errors import BrokerUnavailable
from schemas.topics import TOPICS

EVENTS_PER_PARTITION: Final = 50_000
"""Above about this many events the embedded broker drops the oldest; use Apache Kafka then."""


class EmbeddedBroker(NamedTuple):
    """A running embedded broker: its address and process."""

    bootstrap: str
    pid: int

    def settings(self, settings: Settings, _: str = "") -> Settings:
        """These settings with this broker, which lets everybody do everything."""
        return replace(settings, bootstrap_servers=self.bootstrap, embedded=True)


@contextmanager
def embedded_kafka(settings: Settings, _: Path) -> Iterator[EmbeddedBroker]:
    """Run the broker with the topics of these settings."""
    with embedded_broker([settings.topic_prefix + spec.topic for spec in TOPICS]) as broker:
        yield broker


@contextmanager
def embedded_broker(topics: Sequence[str]) -> Iterator[EmbeddedBroker]:
    """Run the broker, with these topics, for as long as the context lasts."""
    command = [sys.executable, "-m", "deploy.embedded", *topics]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise BrokerUnavailable("the embedded broker did not start")
        try:
            yield EmbeddedBroker(json.loads(line)["bootstrap"], process.pid)
        finally:
            process.kill()


def main() -> None:
    """Hold a broker with the topics given as arguments until standard input closes: when the parent goes away."""
    from confluent_kafka import Producer

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    holder = Producer({"bootstrap.servers": "embedded", "test.mock.num.brokers": 1, "log_level": 3})
    broker = next(iter(holder.list_topics(timeout=10).brokers.values()))
    for topic in sys.argv[1:]:
        holder.list_topics(topic, timeout=10)
    sys.stdout.write(json.dumps({"bootstrap": f"{broker.host}:{broker.port}"}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
