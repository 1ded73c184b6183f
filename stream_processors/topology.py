"""The Faust worker: every agent on one screen. The only import of faust, but for the delivery.

Faust delivers raw bytes and commits nothing by itself (`acks=False`): offsets to read from and offsets to commit are
decided by the runner. An error that is not a data error ends the process at once; since the log is the only state,
nothing is lost by that.
"""

import asyncio
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import FaustError
from faust.types import TP

from deploy.connection import Connection
from deploy.settings import Settings
from deploy.troubles import AIOKAFKA, Ear, explained, keep_discreet, trouble_in
from schemas import cloudevents
from schemas.codec import MAX_BYTES, encode
from schemas.errors import BrokerUnavailable, Reason, SettingsError
from schemas.framing import unframed
from schemas.instruments.enabled import known_forms
from schemas.topics import PARTITIONS, WORKER_GROUP, Topic
from stream_processors.delivery import Transport
from stream_processors.exits import stop, stop_process
from stream_processors.kafka_log import Bounds, KafkaLog, LogRecord, signature
from stream_processors.runner import Analyst, Anonymiser, Runner, check_start
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Stage
from stream_processors.watch import Watch

BATCH, WITHIN_SECONDS, COMMIT_SECONDS, ACK_SECONDS = 2000, 0.1, 0.5, 60.0
LOOK_SECONDS = 5.0

Observe = Callable[[Output], None]
"""Called after an output is acknowledged."""


def build(settings: Settings, rules: Rules, observe: Observe | None = None, watch: Watch | None = None) -> faust.App:
    """Wire the worker. `settings` name the broker, `rules` decide, `watch` looks at it now and then."""
    connection = Connection.of(settings)
    app, log = _app(settings, connection), KafkaLog(connection)
    name = {topic: settings.topic_prefix + topic for topic in Topic}
    raw: dict[str, Any] = {"value_type": bytes, "value_serializer": "raw", "key_serializer": "raw", "acks": False}

    async def write(partition: int, stage: Stage) -> None:
        with _broker_errors(log):
            sent = [
                await app.producer.send(
                    name[output.topic],
                    _key(output),
                    connection.on_wire(output.event.type, encode(output.event)),
                    partition,
                    None,
                    cloudevents.headers(output.event),
                )
                for output in stage
            ]
            async with asyncio.timeout(ACK_SECONDS):
                for output, confirmation in zip(stage, sent, strict=True):
                    await confirmation
                    if observe is not None:
                        observe(output)

    anonymiser, analyst = (
        Anonymiser(rules, write, watch and watch.refused),
        Analyst(known_forms(rules.catalogue), write),
    )
    runners: dict[str, Runner] = {name[Topic.SUBMISSIONS]: anonymiser, name[Topic.COHORTS]: analyst}

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
        async with stop_process():
            await _check_name(app, settings, log)

    @app.on_rebalance_complete.connect
    async def take_over(*_: Any, **__: Any) -> None:
        # Faust waits for this, then seeks to the committed offsets and lets records flow
        async with stop_process():
            for tp in app.consumer.assignment():
                if runners[tp.topic].following(tp.partition) is None:
                    await _take_over(app, tp, runners[tp.topic], log, settings.topic_prefix)

    _commit(app, runners, log)
    if watch is not None:
        _look(app, anonymiser, name[Topic.SUBMISSIONS], watch)
    return app


async def _check_name(app: faust.App, settings: Settings, log: KafkaLog) -> None:
    """SettingsError if another worker has taken this one's name. aiokafka would join again under it, and two workers
    would take the name, and every partition with it, from one another for ever."""
    name, had_joined = settings.group_instance_id, app.consumer_generation_id > 0
    if name and had_joined and app.consumer.is_forgotten:
        names = await asyncio.to_thread(log.names, settings.topic_prefix + WORKER_GROUP)
        if name in names:
            raise SettingsError(f"another worker has the name {name}: give each a group_instance_id of its own")


def _commit(app: faust.App, runners: Mapping[str, Runner], log: KafkaLog) -> None:
    @app.task
    async def commit() -> None:
        done: dict[TP, int] = {}
        ear = Ear()
        async with stop_process():
            with ear.at(AIOKAFKA):
                while not app.should_stop:
                    await asyncio.sleep(COMMIT_SECONDS)
                    # a connection that is refused aiokafka would try again for ever
                    if ear.heard is not None and ear.heard.is_lasting:
                        raise explained(ear.heard, log.address)
                    at = {TP(topic, number): o for topic, r in runners.items() for number, o in r.low_waters().items()}
                    moved = {tp: offset for tp, offset in at.items() if done.get(tp) != offset}
                    # a private name of Faust's consumer: with acks off it has no public way to commit our own offsets
                    with _broker_errors(log):
                        if moved and await app.consumer._commit_offsets(moved):
                            done = at


def _look(app: faust.App, anonymiser: Anonymiser, topic: str, watch: Watch) -> None:
    @app.task
    async def look() -> None:
        async with stop_process():
            while not app.should_stop:
                unread: dict[int, int] | None = None
                with suppress(KafkaError, FaustError, TimeoutError):
                    ours = [tp for tp in app.consumer.assignment() if tp.topic == topic]
                    ends = await asyncio.wait_for(app.consumer.highwaters(*ours), LOOK_SECONDS)
                    next_ = {tp: anonymiser.following(tp.partition) for tp in ours}
                    unread = {tp.partition: at for tp, at in next_.items() if at is not None and at < ends[tp]}
                watch.tick(anonymiser.held(), unread)
                await asyncio.sleep(LOOK_SECONDS)


async def _consume(stream: faust.StreamT[bytes], runner: Runner, log: KafkaLog) -> None:
    async with stop_process():
        async for events in stream.noack_take(BATCH, within=WITHIN_SECONDS):
            for event in events:
                message = event.message
                record = Record(
                    message.partition, message.offset, message.key, unframed(message.value), signature(message.headers)
                )
                if not runner.take(record):
                    read = partial(_read, log, message.topic, message.partition)
                    await runner.catch_up(message.partition, message.offset, read)
                    runner.take(record)
            await runner.settle()


async def _read(log: KafkaLog, topic: str, partition: int, start: int, until: int) -> list[LogRecord]:
    return await asyncio.to_thread(lambda: list(log.read(topic, partition, start, until)))


async def _take_over(app: faust.App, tp: TP, runner: Runner, log: KafkaLog, prefix: str) -> None:
    generation = app.consumer_generation_id
    past, committed, bounds = await asyncio.to_thread(_read_past, log, tp, runner.past, prefix)
    if app.consumer_generation_id != generation:
        return  # assigned anew meanwhile: what was read may be out of date, and this is called again
    needed = runner.take_over(tp.partition, past, committed)
    check_start(tp.topic, tp.partition, needed, bounds.start, bounds.end)
    with _broker_errors(log):
        await app.consumer._commit_offsets({tp: needed})


def _read_past(log: KafkaLog, tp: TP, past: Iterable[Topic], prefix: str) -> tuple[list[LogRecord], int | None, Bounds]:
    committed = log.committed(prefix + WORKER_GROUP, tp.topic, tp.partition)
    records = [record for topic in past for record in _read_topic(log, topic, prefix, tp.partition)]
    return records, committed, log.bounds(tp.topic, tp.partition)


def _read_topic(log: KafkaLog, topic: Topic, prefix: str, partition: int) -> Iterator[LogRecord]:
    if topic is not Topic.DEADLETTERS:
        return log.read(prefix + topic, partition)
    # old ones are gone in time, and there may be very many: only refused signatures decide anything
    letters = log.read(prefix + topic, partition, log.bounds(prefix + topic, partition).start)
    return (record for record in letters if Reason.BAD_SIGNATURE.encode() in (record.value or b""))


@contextmanager
def _broker_errors(log: KafkaLog) -> Iterator[None]:
    try:
        yield
    except (KafkaError, FaustError, TimeoutError) as error:
        if (trouble := trouble_in(error)) is not None:
            raise explained(trouble, log.address) from None
        raise BrokerUnavailable(f"Kafka: {type(error).__name__}; check the broker") from None


def _key(output: Output) -> bytes | None:
    facility = output.event.facility
    return facility.encode() if facility is not None else None


def credentials(connection: Connection) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """How Faust logs in."""
    context = connection.ssl_context()
    if connection.has_password:
        return faust.SASLCredentials(
            username=connection.username,
            password=connection.password,
            mechanism=connection.mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def _app(settings: Settings, connection: Connection) -> faust.App:
    keep_discreet()
    app = faust.App(
        settings.topic_prefix + WORKER_GROUP,
        broker=[f"kafka://{server}" for server in connection.servers],
        broker_credentials=credentials(connection),
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,  # Faust would serve tables and statistics to whoever asks
        worker_redirect_stdouts=False,
        # without a committed offset Faust may start anywhere: the runner drops what it had and reads what is missing
        consumer_auto_offset_reset="earliest",
        broker_client_id=settings.client_id,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 3000,
        broker_request_timeout=max(90.0, settings.session_timeout_ms / 1000),  # Faust refuses a shorter one
        consumer_group_instance_id=settings.group_instance_id or None,
        producer_acks=-1,
        producer_max_request_size=MAX_BYTES + 65_536,
        producer_compression_type="gzip",
        producer_request_timeout=ACK_SECONDS / 2,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


class _Process(faust.Worker):
    """Faust's worker without what it says and shows by itself: our logging is kept, and there is no banner."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.spinner = None

    def _install_signal_handlers_unix(self) -> None:
        # on SIGUSR1 it would print every local variable, answers among them, and on SIGUSR2 start a debugger
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        self.loop.add_signal_handler(signal.SIGINT, self._on_sigint)
        self.loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)


def run(settings: Settings, app: faust.App) -> None:
    """Run the worker in the foreground until it is told to stop; BrokerUnavailable if its topics are not there, and
    AccessRefused if it may not use them or its group."""
    log, ear = KafkaLog(Connection.of(settings)), Ear()
    log.require(settings.topic_prefix + topic for topic in Topic)
    # where aiokafka may not, it waits in silence
    log.committed(settings.topic_prefix + WORKER_GROUP, settings.topic_prefix + Topic.SUBMISSIONS, 0)
    try:
        with _broker_errors(log), ear.at(AIOKAFKA):
            _Process(app, quiet=True, override_logging=False).execute_from_commandline()
    except SystemExit as ended:
        if ended.code and ear.heard is not None:
            stop(explained(ear.heard, log.address))
        raise
    except Exception as error:
        # what Faust gave up on by itself, such as a commit that failed
        told = ear.heard if isinstance(error, BrokerUnavailable) else None
        stop(error if told is None else explained(told, log.address))
