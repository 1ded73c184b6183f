"""Running the deployed pipeline in tests: publish a log, read topics and tables back."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from deploy.demo import producer_for, send_line
from deploy.embedded import embedded_kafka
from deploy.local import Kafka, Local
from deploy.trial import trial_deployment
from deploy.wiring import file_rules
from producers.keystore import Keystore
from producers.simulate import LogLine, Simulation, trial_keystores, trial_random
from schemas.clickhouse.rows import rows
from schemas.clickhouse.tables import TABLES
from schemas.codec import decode
from schemas.topics import Topic
from stream_processors.dry_run import file_records
from stream_processors.steps.replay import Replay, replay
from tests.clusters import new_prefix

Tables = dict[str, list[dict[str, Any]]]
DRAIN_SECONDS = 180.0


@contextmanager
def deployed(
    simulation: Simulation, folder: Path, processes: bool = True, kafka: Kafka = embedded_kafka
) -> Iterator[tuple[Local, Mapping[str, Keystore]]]:
    """A deployment for a simulation's facilities, with topics and groups of its own."""
    keystores = trial_keystores(simulation, folder / "keys")
    random, prefix = trial_random(simulation.seed, "audit"), new_prefix()
    with trial_deployment(folder, keystores, random, processes, kafka, prefix) as local:
        yield local, keystores


def publish(local: Local, keystores: Mapping[str, Keystore], lines: Iterable[LogLine]) -> None:
    """Send a log through the SDK."""
    with producer_for(local, keystores) as producer:
        for line in lines:
            send_line(producer, line, keystores)


def replayed(lines: Iterable[LogLine]) -> Replay:
    """The same log through the pure steps."""
    return replay(file_records(line.value + b"\n" for line in lines), file_rules())


def expected_tables(result: Replay) -> Tables:
    """The rows ClickHouse must hold."""
    found: Tables = {table.name: [] for table in TABLES}
    open_events: list[BaseModel] = [
        *result.cohorts,
        *result.retired,
        *result.interventions,
        *result.indicators,
        *result.rounds,
    ]
    for event in open_events:
        for table, row in rows(event):
            found[table.name].append(row)
    return {name: _ordered(table) for name, table in found.items()}


def stored_tables(url: str) -> Tables:
    """The rows ClickHouse holds. In a process of its own: the embedded engine opens one folder per process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.read_tables", url], capture_output=True, text=True, check=True, timeout=120
    )
    return {name: _ordered(table) for name, table in json.loads(done.stdout).items()}


def _ordered(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(table, key=lambda row: str(row["row_hash"]))


def events(local: Local, topic: Topic) -> list[tuple[str, bytes]]:
    """Every record of a topic as (event id, bytes), repeats included."""
    name = local.topic(topic)
    values = [record.value or b"" for number in local.log.partitions(name) for record in local.log.read(name, number)]
    return [(decode(value).event_id, value) for value in values]


def versions(found: Iterable[tuple[str, bytes]]) -> dict[str, set[bytes]]:
    """Event id to the distinct byte forms it was emitted in."""
    forms: dict[str, set[bytes]] = {}
    for event_id, value in found:
        forms.setdefault(event_id, set()).add(value)
    return forms
