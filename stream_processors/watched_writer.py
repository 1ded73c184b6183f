"""The writer with its metrics and log events. What it reads is published, so nothing has to wait."""

import time
from collections.abc import Callable, Mapping, Sequence

from deploy.resources import migrations
from deploy.settings import Settings
from schemas.clickhouse.rows import Row
from schemas.clickhouse.tables import Table
from schemas.events import DeadLetter
from schemas.topics import Topic
from stream_processors.database import Database
from stream_processors.logs import say
from stream_processors.metrics import WriterMetrics
from stream_processors.writer import MayStore, Writer


class WriterWatch:
    """Turns what the writer does into metrics and log events."""

    def __init__(self, metrics: WriterMetrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics, self._clock = metrics, clock
        self._behind = True

    def inserted(self, table: str, rows: int, seconds: float) -> None:
        """Rows of a table are on disk."""
        self._metrics.inserted(table, rows, seconds)
        say("rows.written", table=table, rows=rows)

    def refused(self, topic: Topic, letter: DeadLetter) -> None:
        """A record of an open topic could not be read."""
        self._metrics.unreadable(topic)
        say("records.unreadable", topic=topic, reason=letter.reason)

    def tick(self, lag: Mapping[Topic, int]) -> None:
        """Look at the writer: call this before each poll."""
        self._metrics.behind(lag)
        self._metrics.beat(self._clock())
        behind = any(lag.values())
        if self._behind and not behind:
            say("writer.caught_up")
        self._behind = behind


class WatchedDatabase(Database):
    """A database whose inserts are counted and timed."""

    watch: WriterWatch

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows; when this returns they are stored."""
        began = time.monotonic()
        super().insert(table, rows)
        self.watch.inserted(table.name, len(rows), time.monotonic() - began)


def run(settings: Settings, metrics: WriterMetrics, stopping: Callable[[], bool], may_store: MayStore) -> None:
    """Write until told to stop."""
    watch = WriterWatch(metrics)
    with WatchedDatabase.connect(settings.clickhouse) as database:
        database.watch = watch
        database.migrate(migrations())
        writer = Writer(settings, database, metrics.batch, watch.refused, may_store)

        def looked_at() -> bool:
            watch.tick(writer.lag())
            return stopping()

        try:
            writer.run(looked_at)
        finally:
            writer.close()
