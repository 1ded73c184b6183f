"""The processes that the live benchmark compares. Each says on standard output when its first record came.

`python -m benchmarks.workers ours|timed|bare|plain EVENTS`, with the settings in the environment.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import faust
from faust.transport.drivers.aiokafka import Consumer

from deploy.settings import Settings
from deploy.wiring import live_rules
from schemas.topics import PARTITIONS, Topic
from stream_processors import runner, topology
from stream_processors.steps.story import Stage


def main() -> None:
    """Run what the arguments name until it is stopped."""
    kind, events = sys.argv[1], int(sys.argv[2])
    settings = Settings.read(os.environ)
    _report_first_record()
    if kind in ("ours", "timed"):
        with _timers() if kind == "timed" else _no_timers():
            topology.run(settings, topology.build(settings, live_rules(settings)))
    else:
        app = (_bare if kind == "bare" else _plain)(settings, events)
        faust.Worker(app, loglevel="warning").execute_from_commandline()


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _report_first_record() -> None:
    """Say when Faust turns the first record of its first poll into a message; costs nothing after that poll."""
    original = Consumer._to_message

    def first(self: Consumer, tp: Any, record: Any) -> Any:
        if Consumer._to_message is first:
            Consumer._to_message = original  # type: ignore[method-assign]
            _say(first=time.monotonic())
        return original(self, tp, record)

    Consumer._to_message = first  # type: ignore[method-assign]


def _app(settings: Settings, name: str) -> faust.App:
    return faust.App(
        os.environ.get("BENCH_NAME", name),
        broker=f"kafka://{settings.bootstrap_servers}",
        store="memory://",
        datadir=tempfile.mkdtemp(),
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
    )


def _counter(events: int) -> Callable[[int], None]:
    """Counts what was handled, and says when it was all of it."""
    left = events

    def handled(count: int) -> None:
        nonlocal left
        left -= count
        if left <= 0 < left + count:
            _say(last=time.monotonic())

    return handled


def _bare(settings: Settings, events: int) -> faust.App:
    """Takes batches of raw records as ours does, and drops them."""
    app, handled = _app(settings, "bare"), _counter(events)
    raw: dict[str, Any] = {"value_type": bytes, "value_serializer": "raw", "key_serializer": "raw", "acks": False}

    @app.agent(app.topic(Topic.SUBMISSIONS, **raw), concurrency=1)
    async def drop(stream: faust.StreamT[bytes]) -> None:
        async for batch in stream.noack_take(topology.BATCH, within=topology.WITHIN_SECONDS):
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


# --- where our time goes ---


@contextmanager
def _no_timers() -> Iterator[None]:
    yield


@contextmanager
def _timers() -> Iterator[None]:
    """Measure the parts of the worker by standing before their functions, and say the seconds at the end."""
    spent: Counter[str] = Counter()
    advance, fold, start = runner.advance, runner.fold, runner.Runner.__init__

    def timed_advance(*given: Any) -> Sequence[Stage]:
        begin = time.perf_counter()
        stages = advance(*given)
        spent["close: seal" if len(stages) > 1 else "decode and admit"] += time.perf_counter() - begin
        return stages

    def timed_fold(*given: Any) -> Any:
        begin = time.perf_counter()
        events = fold(*given)
        spent["roll up"] += time.perf_counter() - begin
        return events

    def timed_start(self: runner.Runner, write: Callable[[int, Stage], Awaitable[None]]) -> None:
        async def timed_write(partition: int, stage: Stage) -> None:
            begin = time.perf_counter()
            await write(partition, stage)
            spent[f"{type(self).__name__.lower()}: write and wait for Kafka"] += time.perf_counter() - begin
            spent["outputs"] += len(stage)

        start(self, timed_write)

    runner.advance, runner.fold, runner.Runner.__init__ = timed_advance, timed_fold, timed_start  # type: ignore
    try:
        yield
    finally:
        _say(spent=spent)


if __name__ == "__main__":
    main()
