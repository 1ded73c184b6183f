"""What worker and writer tell Prometheus. The only import of prometheus_client.

Nothing here moves with a single answer: see docs/operations.md, "What is missing on purpose". The library's own
collectors are left out, as processor time and memory grow with each record.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EADDRINUSE
from importlib.metadata import version
from typing import Any, Final, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from schemas.clickhouse.tables import TABLES
from schemas.errors import Reason, SettingsError
from schemas.topics import TOPICS, Topic
from stream_processors.steps.conservation import OUTCOMES
from stream_processors.steps.release import Released

Name = Literal[
    "wardpulse_build_info",
    "wardpulse_heartbeat_timestamp_seconds",
    "wardpulse_partitions_held",
    "wardpulse_partitions_stalled",
    "wardpulse_rounds_open",
    "wardpulse_rounds_overdue",
    "wardpulse_rounds_opened_total",
    "wardpulse_rounds_sealed_total",
    "wardpulse_rounds_cancelled_total",
    "wardpulse_seal_seconds",
    "wardpulse_deliveries_received_total",
    "wardpulse_deliveries_total",
    "wardpulse_refused_records_total",
    "wardpulse_unreadable_records_total",
    "wardpulse_rows_written_total",
    "wardpulse_batches_written_total",
    "wardpulse_insert_seconds",
    "wardpulse_lag_records",
]
Process = Literal["worker", "writer"]


class Spec(NamedTuple):
    """A metric as the documentation lists it."""

    processes: tuple[Process, ...]
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


BOTH: Final[tuple[Process, ...]] = ("worker", "writer")
WORKER: Final[tuple[Process, ...]] = ("worker",)
WRITER: Final[tuple[Process, ...]] = ("writer",)

METRICS: Final[Mapping[Name, Spec]] = {
    "wardpulse_build_info": Spec(BOTH, "gauge", ("version", "code_hash"), "1; what is running"),
    "wardpulse_heartbeat_timestamp_seconds": Spec(
        BOTH, "gauge", (), "Unix time at which the process last went on and Kafka answered, cut to 15 seconds"
    ),
    "wardpulse_partitions_held": Spec(WORKER, "gauge", (), "Partitions of the submissions topic this worker has"),
    "wardpulse_partitions_stalled": Spec(
        WORKER, "gauge", (), "Partitions with unread records that did not move from one quarter of an hour to the next"
    ),
    "wardpulse_rounds_open": Spec(WORKER, "gauge", ("facility",), "Rounds open"),
    "wardpulse_rounds_overdue": Spec(WORKER, "gauge", ("facility",), "Rounds open after their last answer date"),
    "wardpulse_rounds_opened_total": Spec(WORKER, "counter", ("facility",), "Rounds opened"),
    "wardpulse_rounds_sealed_total": Spec(WORKER, "counter", ("facility",), "Rounds sealed"),
    "wardpulse_rounds_cancelled_total": Spec(WORKER, "counter", ("facility",), "Rounds cancelled"),
    "wardpulse_seal_seconds": Spec(
        WORKER, "histogram", (), "Time from a round's first manifest to its echo, rounded up to the next bucket"
    ),
    "wardpulse_deliveries_received_total": Spec(
        WORKER, "counter", (), "Deliveries received for sealed rounds, with what was refused; advances at a seal"
    ),
    "wardpulse_deliveries_total": Spec(
        WORKER, "counter", ("outcome",), "The same by what they came to; advances at a seal"
    ),
    "wardpulse_refused_records_total": Spec(
        WORKER, "counter", ("reason",), "Records that became a dead letter; advances at a seal"
    ),
    "wardpulse_unreadable_records_total": Spec(
        BOTH, "counter", ("topic",), "Records of an open topic that no worker of ours wrote"
    ),
    "wardpulse_rows_written_total": Spec(WRITER, "counter", ("table",), "Rows inserted into ClickHouse"),
    "wardpulse_batches_written_total": Spec(WRITER, "counter", (), "Batches of records whose rows are all inserted"),
    "wardpulse_insert_seconds": Spec(WRITER, "histogram", (), "Time of one insert"),
    "wardpulse_lag_records": Spec(WRITER, "gauge", ("topic",), "Records of an open topic not yet written"),
}

OPEN_TOPICS: Final = tuple(spec.topic for spec in TOPICS if not spec.closed)
SEAL_BUCKETS: Final = (10.0, 60.0, 300.0, 1800.0)
INSERT_BUCKETS: Final = (0.1, 1.0, 10.0, 60.0)
HEARTBEAT_SECONDS: Final = 15
_DECIDED: Final = tuple(outcome for outcome in OUTCOMES if outcome != "pending")


class Metrics:
    """What both processes tell. Each object has a registry of its own, in which nothing else is."""

    def __init__(self, code_hash: str) -> None:
        # the library gives this function no types
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._gauge("wardpulse_build_info").labels(version("wardpulse"), code_hash).set(1)
        self._heartbeat = self._gauge("wardpulse_heartbeat_timestamp_seconds")
        self._unreadable = self._counter("wardpulse_unreadable_records_total", OPEN_TOPICS)

    def beat(self, now: float) -> None:
        """The process goes on. The time is cut, as its delay would tell when records are handled."""
        self._heartbeat.set(now - now % HEARTBEAT_SECONDS)

    def unreadable(self, topic: Topic) -> None:
        """Count a record of an open topic that could not be read."""
        self._unreadable.labels(topic).inc()

    def _counter(self, name: Name, values: tuple[str, ...] = ()) -> Counter:
        counter = Counter(
            name.removesuffix("_total"), METRICS[name].meaning, METRICS[name].labels, registry=self.registry
        )
        for value in values:
            counter.labels(value)  # a series that begins at 0 shows its first step
        return counter

    def _gauge(self, name: Name) -> Gauge:
        return Gauge(name, METRICS[name].meaning, METRICS[name].labels, registry=self.registry)

    def _histogram(self, name: Name, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, METRICS[name].meaning, METRICS[name].labels, registry=self.registry, buckets=buckets)


class WorkerMetrics(Metrics):
    """The worker's: rounds as they are in the log, and counts when a seal releases them."""

    def __init__(self, code_hash: str) -> None:
        super().__init__(code_hash)
        self._partitions = self._gauge("wardpulse_partitions_held")
        self._stalled = self._gauge("wardpulse_partitions_stalled")
        self._open = self._gauge("wardpulse_rounds_open")
        self._overdue = self._gauge("wardpulse_rounds_overdue")
        self._opened = self._counter("wardpulse_rounds_opened_total")
        self._sealed = self._counter("wardpulse_rounds_sealed_total")
        self._cancelled = self._counter("wardpulse_rounds_cancelled_total")
        self._seconds = self._histogram("wardpulse_seal_seconds", SEAL_BUCKETS)
        self._received = self._counter("wardpulse_deliveries_received_total")
        self._outcomes = self._counter("wardpulse_deliveries_total", _DECIDED)
        self._reasons = self._counter("wardpulse_refused_records_total", tuple(Reason))
        self._facilities: set[str] = set()

    def opened(self, facility: str) -> None:
        """Count a round opened."""
        self._opened.labels(facility).inc()

    def cancelled(self, facility: str) -> None:
        """Count a round cancelled."""
        self._cancelled.labels(facility).inc()

    def sealed(self, facility: str, seconds: float, released: Released) -> None:
        """Count a round sealed, and what that releases."""
        self._sealed.labels(facility).inc()
        # the library serves the sum of what it is given: exact, its steps would tell about how many people answered
        self._seconds.observe((*SEAL_BUCKETS, 2 * SEAL_BUCKETS[-1])[bisect_left(SEAL_BUCKETS, seconds)])
        self._received.inc(released.outcomes.get("received", 0))
        for outcome in _DECIDED:
            self._outcomes.labels(outcome).inc(released.outcomes.get(outcome, 0))
        for reason, count in released.reasons.items():
            self._reasons.labels(reason).inc(count)

    def stalled(self, partitions: int) -> None:
        """Show how many partitions do not move although they should."""
        self._stalled.set(partitions)

    def holds(self, partitions: int, opened: Mapping[str, int], overdue: Mapping[str, int]) -> None:
        """Show the rounds open and overdue, by facility; facilities that another worker has now are dropped."""
        self._partitions.set(partitions)
        for facility in self._facilities - set(opened):
            self._open.remove(facility)
            self._overdue.remove(facility)
        for facility, count in opened.items():
            self._open.labels(facility).set(count)
            self._overdue.labels(facility).set(overdue.get(facility, 0))
            for counter in (self._opened, self._sealed, self._cancelled):
                counter.labels(facility)
        self._facilities = set(opened)


class WriterMetrics(Metrics):
    """The writer's: everything it reads is published, so nothing has to wait."""

    def __init__(self, code_hash: str) -> None:
        super().__init__(code_hash)
        self._rows = self._counter("wardpulse_rows_written_total", tuple(table.name for table in TABLES))
        self._batches = self._counter("wardpulse_batches_written_total")
        self._seconds = self._histogram("wardpulse_insert_seconds", INSERT_BUCKETS)
        self._lag = self._gauge("wardpulse_lag_records")

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        """Count rows of a table that are on disk."""
        self._rows.labels(table).inc(rows)
        self._seconds.observe(seconds)

    def batch(self) -> None:
        """Count a batch whose rows are all on disk."""
        self._batches.inc()

    def behind(self, lag: Mapping[Topic, int]) -> None:
        """Show how many records of each open topic wait."""
        for topic, records in lag.items():
            self._lag.labels(topic).set(records)


@contextmanager
def serving(address: str, metrics: Metrics) -> Iterator[None]:
    """Serve metrics at HOST:PORT for as long as the context lasts; not at all if the address is empty."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), metrics.registry)
    except OSError as error:
        raise SettingsError(_refusal(address, error)) from None
    # it would print the traceback of a scrape that was broken off; the library makes the server itself
    served: Any = server
    served.handle_error = lambda *_: None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refusal(address: str, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return f"WARDPULSE_METRICS: {address} is in use; give every process on this machine a port of its own"
    return f"WARDPULSE_METRICS: cannot listen at {address} ({error.strerror}); name an address of this machine"
