"""The worker's state between Faust and the pure steps: which partitions it has, and how far each has come.

Nothing here knows Faust. Order of a close: manifests, cohorts, `round.sealed`, echo; each stage is acknowledged before
the next is written, and all of them before the offset moves.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from schemas.canonical import derived_id
from schemas.codec import decode
from schemas.errors import DataError, LogTruncated
from schemas.events import AnyEvent, DeadLetter, Echo
from schemas.instruments.scoring import Catalogue
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.indicators import History, fold
from stream_processors.steps.restart import resume
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Stage, Story, advance

Write = Callable[[int, Stage], Awaitable[None]]
"""Write a stage to a partition; returns when all of it is acknowledged."""


def check_start(topic: str, partition: int, needed: int, start: int, end: int) -> None:
    """LogTruncated unless the log still holds the needed offset."""
    if not start <= needed <= end:
        raise LogTruncated(
            f"{topic} [{partition}] holds offsets {start} to {end}, but {needed} is needed; "
            "restore the log, or start a new cluster and group"
        )


def read_echoes(records: Iterable[LogRecord]) -> list[Echo]:
    """The echoes of a partition of the rounds topic. A record of another kind is a fault of access control: it stops."""
    events = [decode(record.value) for record in records]
    return [event for event in events if isinstance(event, Echo)]


class Anonymiser:
    """Runs the stories of the partitions it was given."""

    def __init__(self, rules: Rules, write: Write) -> None:
        self._rules, self._write = rules, write
        self._stories: dict[int, Story] = {}
        self._following: dict[int, int] = {}

    def take_over(self, partition: int, echoes: Sequence[Echo], committed: int | None) -> int:
        """Rebuild a partition's story; returns the offset to read from."""
        self._stories[partition], start = resume(echoes, committed)
        self._following[partition] = start
        return start

    def release(self, partition: int) -> None:
        """Forget a partition: whoever has it now rebuilds it from the log."""
        self._stories.pop(partition, None)
        self._following.pop(partition, None)

    def following(self, partition: int) -> int | None:
        """The next offset to handle; None for a partition that is not ours."""
        return self._following.get(partition)

    async def handle(self, record: Record) -> None:
        """Take one record; returns when everything it led to is acknowledged."""
        following = self._following.get(record.partition)
        if following is None or record.offset < following:
            return
        for stage in advance(self._stories[record.partition], record, self._rules):
            await self._write(record.partition, stage)
        if record.partition in self._following:
            self._following[record.partition] = record.offset + 1

    def low_waters(self) -> dict[int, int]:
        """Partition to the offset a restart must read from."""
        return {partition: self._stories[partition].low_water(at) for partition, at in self._following.items()}


class Analyst:
    """Folds the cohorts topic into rolling indicators, from its first record on; emits what was not emitted yet."""

    def __init__(self, catalogue: Catalogue, write: Write) -> None:
        self._catalogue, self._write = catalogue, write
        self._histories: dict[int, History] = {}
        self._following: dict[int, int] = {}
        self._emit_from: dict[int, int] = {}

    def take_over(self, partition: int, committed: int | None) -> int:
        """Start a partition's history anew; returns the offset to read from, which is always the first."""
        self._histories[partition] = History()
        self._following[partition] = 0
        self._emit_from[partition] = committed or 0
        return 0

    def release(self, partition: int) -> None:
        """Forget a partition."""
        self._histories.pop(partition, None)
        self._following.pop(partition, None)

    def following(self, partition: int) -> int | None:
        """The next offset to handle; None for a partition that is not ours."""
        return self._following.get(partition)

    async def handle(self, record: Record) -> None:
        """Take one record of the cohorts topic; returns when its indicators are acknowledged."""
        following = self._following.get(record.partition)
        if following is None or record.offset < following:
            return
        outputs = self._outputs(record)
        if outputs and record.offset >= self._emit_from[record.partition]:
            await self._write(record.partition, outputs)
        if record.partition in self._following:
            self._following[record.partition] = record.offset + 1

    def _outputs(self, record: Record) -> Stage:
        try:
            events: Sequence[AnyEvent] = fold(self._histories[record.partition], decode(record.value), self._catalogue)
        except DataError as error:
            return (Output(Topic.DEADLETTERS, unreadable(Topic.COHORTS, record.partition, record.offset, error)),)
        return tuple(Output(Topic.INDICATORS, event) for event in events)

    def low_waters(self) -> dict[int, int]:
        """Partition to the offset up to which indicators have been emitted."""
        return {partition: max(at, self._emit_from[partition]) for partition, at in self._following.items()}


def unreadable(topic: str, partition: int, offset: int, error: DataError) -> DeadLetter:
    """The dead letter of a record on an open topic that no worker of ours wrote."""
    return DeadLetter(
        event_id=derived_id("deadletter", topic, partition, offset),
        outcome="invalid",
        reason=error.reason,
        topic=topic,
        partition=partition,
        offset=offset,
        facility=None,
        round=None,
        form=None,
        source=None,
    )
