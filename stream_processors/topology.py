"""The Faust worker: every agent on one screen. The only import of faust.

Faust delivers raw bytes and commits nothing by itself (`acks=False`): offsets to read from and offsets to commit are
decided by the runner. An error that is not a data error ends the process at once; since the log is the only state,
nothing is lost by that.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import faust
from faust.types import TP

from deploy.settings import Settings
from schemas.codec import encode
from schemas.topics import PARTITIONS, Topic
from stream_processors.exits import stop_process
from stream_processors.kafka_log import KafkaLog
from stream_processors.runner import Analyst, Anonymiser, check_start, read_echoes
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Stage

GROUP = "wardpulse-worker"
BATCH, WITHIN_SECONDS, COMMIT_SECONDS, ACK_SECONDS = 2000, 0.2, 0.5, 60.0

Observe = Callable[[Output], None]
"""Called after an output is acknowledged."""


def build(settings: Settings, rules: Rules, observe: Observe = lambda output: None) -> faust.App:
    """Wire the worker. `settings` name the broker, `rules` decide."""
    app = _app(settings)
    log = KafkaLog(settings.bootstrap)
    name = {topic: settings.topic_prefix + topic for topic in Topic}
    raw: dict[str, Any] = {"value_type": bytes, "value_serializer": "raw", "key_serializer": "raw", "acks": False}

    async def write(partition: int, stage: Stage) -> None:
        sent = [
            await app.producer.send(name[output.topic], _key(output), encode(output.event), partition, None, None)
            for output in stage
        ]
        for output, confirmation in zip(stage, sent, strict=True):
            await asyncio.wait_for(confirmation, ACK_SECONDS)
            observe(output)

    anonymiser, analyst = Anonymiser(rules, write), Analyst(rules.catalogue, write)
    runners = {name[Topic.SUBMISSIONS]: anonymiser, name[Topic.COHORTS]: analyst}

    @app.agent(app.topic(name[Topic.SUBMISSIONS], **raw), name="anonymise", concurrency=1)
    async def anonymise(stream: faust.StreamT[bytes]) -> None:
        await _consume(stream, anonymiser, log)

    @app.agent(app.topic(name[Topic.COHORTS], **raw), name="analyse", concurrency=1)
    async def analyse(stream: faust.StreamT[bytes]) -> None:
        await _consume(stream, analyst, log)

    @app.on_partitions_revoked.connect
    async def release(_: Any, revoked: Iterable[TP], **__: Any) -> None:
        for tp in revoked:
            runners[tp.topic].release(tp.partition)

    @app.on_partitions_assigned.connect
    async def take_over(_: Any, assigned: Iterable[TP], **__: Any) -> None:
        async with stop_process():
            for tp in assigned:
                needed = await asyncio.to_thread(_take_over, tp, anonymiser, analyst, log, name)
                await app.consumer.seek(tp, needed)

    @app.task
    async def commit() -> None:
        done: dict[TP, int] = {}
        async with stop_process():
            while not app.should_stop:
                await asyncio.sleep(COMMIT_SECONDS)
                at = {TP(topic, number): o for topic, r in runners.items() for number, o in r.low_waters().items()}
                moved = {tp: offset for tp, offset in at.items() if done.get(tp) != offset}
                # a private name of Faust's consumer: with acks off it has no public way to commit an offset we chose
                if moved and await app.consumer._commit_offsets(moved):
                    done = at

    return app


async def _consume(stream: faust.StreamT[bytes], runner: Anonymiser | Analyst, log: KafkaLog) -> None:
    async with stop_process():
        async for events in stream.noack_take(BATCH, within=WITHIN_SECONDS):
            for event in events:
                message = event.message
                following = runner.following(message.partition)
                if following is not None and message.offset > following:
                    await asyncio.to_thread(_check_gap, log, message.topic, message.partition, following)
                signature = dict(message.headers or ()).get("signature")
                await runner.handle(Record(message.partition, message.offset, message.key, message.value, signature))


def _take_over(tp: TP, anonymiser: Anonymiser, analyst: Analyst, log: KafkaLog, name: dict[Topic, str]) -> int:
    committed = log.committed(GROUP, tp.topic, tp.partition)
    if tp.topic == name[Topic.SUBMISSIONS]:
        echoes = read_echoes(log.read(name[Topic.ROUNDS], tp.partition))
        needed = anonymiser.take_over(tp.partition, echoes, committed)
    else:
        needed = analyst.take_over(tp.partition, committed)
    _check_gap(log, tp.topic, tp.partition, needed)
    return needed


def _check_gap(log: KafkaLog, topic: str, partition: int, needed: int) -> None:
    bounds = log.bounds(topic, partition)
    check_start(topic, partition, needed, bounds.start, bounds.end)


def _key(output: Output) -> bytes | None:
    facility = output.event.facility
    return facility.encode() if facility is not None else None


def _app(settings: Settings) -> faust.App:
    return faust.App(
        settings.topic_prefix + GROUP,
        broker=f"kafka://{settings.bootstrap}",
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,  # Faust would serve tables and statistics to whoever asks
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="none",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        producer_acks=-1,
        producer_compression_type="gzip",
        producer_request_timeout=ACK_SECONDS / 2,
    )


def run(app: faust.App) -> None:
    """Run the worker in the foreground until it is told to stop."""
    faust.Worker(app, loglevel="warning").execute_from_commandline()
