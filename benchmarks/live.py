"""The deployed pipeline beside Faust itself: events a second from the worker's first poll until rows can be read.

    python -m benchmarks.live [--kafka apache] [--events 40000] [--units 80] [--rounds 2] [--repetitions 3]

Three consumers read the same topic, one after the other, each in a process and group of its own. The broker is the
embedded one, or Apache Kafka with passwords and TLS for all of them:

  ours    worker and writer as deployed, until every row is in ClickHouse
  bare    a Faust agent that takes batches of raw records as ours does, and drops them
  plain   a Faust agent in the usual way: a Record per event, one update of a table. It takes a fifth of the events

The clock starts when Faust takes the first record of the first poll; starting processes is not part of it. For ours
it ends when the writer has committed the last offset of cohorts and indicators: rows are on disk before that. The
writer is stopped then, and ClickHouse must hold exactly the rows that the pure steps give. The median of the
repetitions counts, and `ratio` is events a second of ours over those of the other. Last, one event in five is
malformed, beside none.

Bare and plain are Faust as it comes; ours takes records from Faust's consumer in its own way
(stream_processors/delivery.py), which is how it can do more work and still be faster than bare.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import BaseModel

from benchmarks.load import Line, Load
from deploy.apache_trial import KAFKAS
from deploy.demo import producer_for
from deploy.kafka_admin import KafkaAdmin
from deploy.local import OPERATOR, Child, Kafka, Local
from deploy.topic_plan import KafkaTopic
from deploy.trial import trial_deployment
from deploy.wiring import file_rules
from producers.client import partition_of
from producers.keystore import Keystore
from producers.simulate import trial_random
from schemas.clickhouse.rows import rows
from schemas.clickhouse.tables import TABLES
from schemas.topics import PARTITIONS, WRITER_GROUP, Topic
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.story import Record

KINDS = ("ours", "bare", "plain")
PLAIN_SHARE = 5
MALFORMED = 0.2
CHANGELOG = "plain-answered-changelog"
WAIT_SECONDS = 300.0
SEED = 7


@dataclass(frozen=True)
class Log:
    """The events to send, and what the pure steps make of them."""

    load: Load
    lines: Sequence[Line]
    expected: Replay

    @classmethod
    def of(cls, load: Load) -> "Log":
        """Make the events, and run them through the steps."""
        lines, offsets = list(load.lines()), Counter[int]()
        records = []
        for line in lines:
            partition = partition_of(line.facility, PARTITIONS)
            records.append(Record(partition, offsets[partition], line.facility.encode(), line.value, None))
            offsets[partition] += 1
        return cls(load, lines, replay(records, file_rules()))

    def published(self) -> list[BaseModel]:
        """The events that the writer reads."""
        return [
            *self.expected.cohorts,
            *self.expected.retired,
            *self.expected.interventions,
            *self.expected.rounds,
            *self.expected.indicators,
        ]

    def row_hashes(self) -> dict[str, list[str]]:
        """Table to the hashes of the rows it must hold."""
        found: dict[str, list[str]] = {table.name: [] for table in TABLES}
        for event in self.published():
            for table, row in rows(event):
                found[table.name].append(row["row_hash"])
        return {name: sorted(hashes) for name, hashes in found.items()}


def main() -> None:
    """Run everything and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", choices=sorted(KAFKAS), default="embedded")
    parser.add_argument("--events", type=int, default=40_000, help="the embedded broker keeps at most 150000")
    parser.add_argument("--units", type=int, default=80, help="of each of the hospitals")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    log = Log.of(Load(given.events, given.units, given.rounds))
    print(
        f"{len(log.lines):,} events of {len(log.load.facilities)} hospitals with {given.units} units, {given.rounds} "
        f"rounds: {len(log.expected.cohorts):,} cohort rows, {len(log.expected.indicators):,} indicators"
    )
    kafka = KAFKAS[given.kafka]
    rates = _repeated(log, given.repetitions, kafka)
    flood = Log.of(replace(log.load, malformed=MALFORMED))
    with sent(flood.load, flood.lines, kafka) as local:
        malformed = _ours(local, flood)
    print(f"with {len(flood.expected.dead_letters):,} events malformed: ours {malformed:,.0f} events/s")
    for kind, found in rates.items():
        print(f"{kind:6}{median(found):9,.0f} events/s, the median of {', '.join(f'{rate:,.0f}' for rate in found)}")
    ours, bare, plain = (median(rates[kind]) for kind in KINDS)
    _result("live_beside_bare", ours / bare, target=0.6)
    _result("live_beside_plain", ours / plain, target=2.5)
    _result("live_malformed_beside_clean", malformed / ours, target=0.6)


def _result(name: str, ratio: float, target: float) -> None:
    print(f"RESULT name={name} ratio={ratio:.2f} target={target}")


def _repeated(log: Log, repetitions: int, kafka: Kafka) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(repetitions):
        with sent(log.load, log.lines, kafka) as local:
            # each is first once, so that none always has the quietest machine
            for kind in (*KINDS[number % 3 :], *KINDS[: number % 3]):
                rate = _ours(local, log) if kind == "ours" else _other(local, kind, len(log.lines))
                print(f"  {kind} {rate:,.0f} events/s", flush=True)
                rates[kind].append(rate)
    return rates


@contextmanager
def sent(load: Load, lines: Sequence[Line], kafka: Kafka) -> Iterator[Local]:
    """A new deployment without processes, with a load's events on its submissions topic."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keystores = {
            facility: Keystore.create(folder / "keys" / f"{facility}.json", facility, trial_random(SEED, facility))
            for facility in load.facilities
        }
        with trial_deployment(folder, keystores, trial_random(SEED, "audit"), processes=False, kafka=kafka) as local:
            _send(local, keystores, lines)
            yield local


def _send(local: Local, keystores: Mapping[str, Keystore], lines: Sequence[Line]) -> None:
    if local.settings.embedded:
        # it makes a topic when a producer asks for it
        Producer(local.connection.librdkafka()).list_topics(CHANGELOG, timeout=10)
    else:
        KafkaAdmin(local.connection).create_topics([KafkaTopic(CHANGELOG, PARTITIONS, 1)])
    with producer_for(local, keystores) as producer:
        for line in lines:
            if line.event is None:
                producer.send_raw(line.facility, line.value)
            else:
                producer.send(line.event)
    held = [local.log.bounds(local.topic(Topic.SUBMISSIONS), number) for number in range(PARTITIONS)]
    if any(bounds.start for bounds in held) or sum(bounds.end for bounds in held) != len(lines):
        raise SystemExit("the broker dropped events: use fewer, or --kafka apache")


def _other(local: Local, kind: str, events: int) -> float:
    """Events a second of an agent that is not ours."""
    limit = events // PLAIN_SHARE if kind == "plain" else events
    child = local.start(kind, "-m", "benchmarks.workers", kind, str(limit), user=OPERATOR)
    said = wait_for(child, "last")
    local.stop()
    return float(said["events"] / (said["last"] - said["first"]))


def _ours(local: Local, log: Log) -> float:
    """Events a second of worker and writer; says where the time went, and checks that every row is there."""
    writer = local.start("writer", "-m", "wardpulse", "writer")
    worker = local.start("ours", "-m", "benchmarks.workers", "ours", str(len(log.lines)), user="worker")
    said = wait_for(worker, "first")
    end = _written(local, len(log.published()))
    said = wait_for(worker, "taken")
    _explain(said, end, _processor_seconds(writer))
    local.stop()
    found = wait_for(local.start("rows", "-m", "benchmarks.workers", "rows", "0", user=OPERATOR), "rows")
    if found["rows"] != log.row_hashes():
        raise SystemExit("ClickHouse does not hold the rows that the pure steps give")
    local.stop()
    return len(log.lines) / (end - float(said["first"]))


def _explain(said: Mapping[str, Any], end: float, writer: float) -> None:
    spent = said["spent"]
    delivery = said["taken"] - said["first"] - sum(spent.values())
    print(
        f"  ours {end - said['first']:.1f} s: Faust's delivery {delivery:.1f}, decode and admit {spent['admit']:.1f}, "
        f"seal {spent.get('seal', 0.0):.1f}, roll up {spent.get('roll up', 0.0):.1f}, "
        f"write and wait for Kafka {spent['write']:.1f}, "
        f"from the last record to its rows {end - said['taken']:.1f}; writer and ClickHouse {writer:.1f} beside it"
    )


def wait_for(child: Child, what: str) -> dict[str, Any]:
    """Everything a process has said, as soon as it has said this."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        over = child.process.poll() is not None
        said: dict[str, Any] = {}
        for line in child.log.read_text("utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                said |= json.loads(line)
        if what in said:
            return said
        if over:
            break
        time.sleep(0.1)
    raise SystemExit(f"{child.name} did not say {what}:\n{child.log.read_text('utf-8')[-2000:]}")


def _written(local: Local, records: int) -> float:
    """When the writer had committed so many records; the log's end could move while the worker still writes."""
    consumer = Consumer({**local.connection.librdkafka(), "group.id": WRITER_GROUP})
    asked = [TopicPartition(topic, n) for topic in (Topic.COHORTS, Topic.INDICATORS) for n in range(PARTITIONS)]
    until = time.monotonic() + WAIT_SECONDS
    while sum(max(0, at.offset) for at in consumer.committed(asked, timeout=10)) < records:
        for child in local.children.values():
            child.check()
        if time.monotonic() > until:
            raise SystemExit(f"not every row was written within {WAIT_SECONDS:.0f} s")
        time.sleep(0.05)
    end = time.monotonic()
    consumer.close()
    return end


def _processor_seconds(child: Child) -> float:
    fields = Path(f"/proc/{child.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
