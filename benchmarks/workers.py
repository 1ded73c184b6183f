"""The processes that the live benchmark starts. Each says in JSON lines on standard output when it began and ended.

`python -m benchmarks.workers ours|bare|plain|rows EVENTS`, with the settings in the environment. Each of the first
three takes so many events; `rows` says what ClickHouse holds.
"""

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer

from deploy.connection import Connection
from deploy.settings import Settings
from deploy.wiring import live_rules
from schemas.clickhouse.tables import TABLES
from schemas.topics import PARTITIONS, Topic
from stream_processors import runner, topology
from stream_processors.database import Database
from stream_processors.metrics import WorkerMetrics
from stream_processors.steps.story import Stage
from stream_processors.watch import Watch


def main() -> None:
    """Run what the arguments name until it is stopped."""
    kind, events = sys.argv[1], int(sys.argv[2])
    settings = Settings.read(os.environ)
    if kind == "rows":
        _rows(settings)
        return
    _report_first_record()
    if kind == "ours":
        _ours(settings, events)
    else:
        app = (_bare if kind == "bare" else _plain)(settings, events)
        faust.Worker(app, loglevel="warning").execute_from_commandline()


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _report_first_record() -> None:
    """Say when Faust turns the first record of its first poll into a message; costs nothing after that poll."""
    consumer: Any = Consumer
    original = consumer._to_message

    def first(self: Consumer, tp: Any, record: Any) -> Any:
        if consumer._to_message is first:
            consumer._to_message = original
            _say(first=time.monotonic())
        return original(self, tp, record)

    consumer._to_message = first


def _rows(settings: Settings) -> None:
    with Database.connect(settings.clickhouse) as database:
        found = {table.name: database.query(f"SELECT row_hash FROM {table.name} FINAL") for table in TABLES}
    _say(rows={name: sorted(row["row_hash"] for row in rows) for name, rows in found.items()})


# --- what ours is compared with ---


def _app(settings: Settings, name: str) -> faust.App:
    connection = Connection.of(settings)
    return faust.App(
        name,
        broker=[f"kafka://{server}" for server in connection.servers],
        broker_credentials=topology.credentials(connection),
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,  # the embedded broker makes topics, but not when it is asked to
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
    )


def _counter(events: int) -> Callable[[int], None]:
    """Counts what was handled, and says when it was all of it, and how much exactly."""
    count = 0

    def handled(more: int) -> None:
        nonlocal count
        count += more
        if count - more < events <= count:
            _say(last=time.monotonic(), events=count)

    return handled


def _bare(settings: Settings, events: int) -> faust.App:
    """Takes batches of raw records as ours does, and drops them."""
    app, handled = _app(settings, "bare"), _counter(events)
    raw: dict[str, Any] = {"value_type": bytes, "value_serializer": "raw", "key_serializer": "raw", "acks": False}

    @app.agent(app.topic(Topic.SUBMISSIONS, **raw), concurrency=1)
    async def drop(stream: faust.StreamT[bytes]) -> None:
        taking: Any = stream  # its interface leaves this out
        async for batch in taking.noack_take(topology.BATCH, within=topology.WITHIN_SECONDS):
            handled(len(batch))

    return app


class Answer(faust.Record, serializer="json"):
    """A submission's fields. Markers and organisations are on the same topic, so most may be missing."""

    type: str
    facility: str
    event_id: str
    schema_version: int
    round: str | None = None
    form: str | None = None
    form_version: int | None = None
    node: str | None = None
    respondent: str | None = None
    revision: int | None = None
    answers: dict[str, int] | None = None
    submitted_on: str | None = None
    source: str | None = None
    key_id: str | None = None


def _plain(settings: Settings, events: int) -> faust.App:
    """Counts answers in a table, one event at a time, as Faust's own examples do."""
    app, handled = _app(settings, "plain"), _counter(events)
    answered = app.Table("answered", default=int, partitions=PARTITIONS)

    @app.agent(app.topic(Topic.SUBMISSIONS, key_type=bytes, value_type=Answer), concurrency=1)
    async def count(answers: faust.StreamT[Answer]) -> None:
        async for answer in answers:
            answered[f"{answer.facility}/{answer.node}"] += 1
            handled(1)

    return app


# --- ours, with a clock before its parts ---


def _ours(settings: Settings, events: int) -> None:
    """The worker as `wardpulse worker` runs it. The clocks cost it less than a microsecond a record."""
    _time_parts(events)
    rules = live_rules(settings)
    watch = Watch(WorkerMetrics(rules.code_hash), settings.timezone)
    topology.run(settings, topology.build(settings, rules, watch.observe, watch))


def _time_parts(events: int) -> None:
    """Stand before the worker's parts, and say what each took when the last of the events was taken."""
    spent: defaultdict[str, float] = defaultdict(float)
    anything: Any = runner
    advance, fold, settle = anything.advance, anything.fold, anything.Runner.settle
    left = events

    def timed_advance(*given: Any) -> Sequence[Stage]:
        nonlocal left
        begin = time.perf_counter()
        stages: Sequence[Stage] = advance(*given)
        spent["seal" if len(stages) > 1 else "admit"] += time.perf_counter() - begin
        left -= 1
        if not left:
            _say(taken=time.monotonic(), spent=spent)
        return stages

    def timed_fold(*given: Any) -> Any:
        begin = time.perf_counter()
        found = fold(*given)
        spent["roll up"] += time.perf_counter() - begin
        return found

    async def timed_settle(self: Any) -> None:
        begin = time.perf_counter()
        await settle(self)
        spent["write"] += time.perf_counter() - begin

    anything.advance, anything.fold, anything.Runner.settle = timed_advance, timed_fold, timed_settle


if __name__ == "__main__":
    main()
