"""The embedded broker: the Kafka cluster inside librdkafka, on a real socket, in memory, in a process of its own.

It speaks an older protocol than Apache Kafka and keeps about 5 MB per partition; what clients must know is here.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from schemas.errors import BrokerUnavailable

EVENTS_PER_PARTITION: Final = 50_000
"""Above about this many events the embedded broker drops the oldest; use Apache Kafka then."""


class Broker(NamedTuple):
    """A running embedded broker: its address and process."""

    bootstrap: str
    pid: int


def consumer_options(embedded: bool) -> dict[str, Any]:
    """What a kafka-python consumer needs to talk to the embedded broker; nothing for a real one."""
    return {"api_version": (2, 0)} if embedded else {}


def producer_options(embedded: bool) -> dict[str, Any]:
    """Idempotence, and where the embedded broker does not know it, one request in flight, which keeps the order."""
    if embedded:
        return {
            **consumer_options(embedded),
            "enable_idempotence": False,
            "max_in_flight_requests_per_connection": 1,
        }
    return {"enable_idempotence": True}


@contextmanager
def embedded_broker(topics: Sequence[str]) -> Iterator[Broker]:
    """Run the broker, with these topics, for as long as the context lasts."""
    command = [sys.executable, "-m", "deploy.embedded", *topics]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise BrokerUnavailable("the embedded broker did not start")
        try:
            yield Broker(json.loads(line)["bootstrap"], process.pid)
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
