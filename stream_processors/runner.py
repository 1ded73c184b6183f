"""The worker's state between Faust and the pure steps: which partitions it has, and how far each has come.

Nothing here knows Faust. Order of a close: manifests, cohorts, `round.sealed`, echo; each stage is acknowledged before
the next is written, and all of them before the offset moves.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from schemas.canonical import derived_id
from schemas.codec import decode
from schemas.errors import DataError, LogTruncated
from schemas.events import DeadLetter, Echo, RoundOpened
from schemas.instruments.scoring import Catalogue
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.indicators import History, fold, remember
from stream_processors.steps.restart import resume
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Stage, Story, advance

Write = Callable[[int, Stage], Awaitable[None]]
"""Write a stage to a partition; returns when all of it is acknowledged."""


Refused = Callable[[bytes | None, DeadLetter], None]
"""Called with the bytes of a record that was refused, and with its dead letter."""


Read = Callable[[int, int], Awaitable[Sequence[LogRecord]]]
"""Read a partition's records from one offset to before another."""


class Runner(ABC):
    """Takes the records of the partitions it was given, each once and in order, whatever delivery does.

    `past` is the topic a partition's state is rebuilt from.
    """

    past: ClassVar[Topic]

    def __init__(self, write: Write) -> None:
        self._write = write
        self._following: dict[int, int] = {}
        self._tenures: dict[int, object] = {}
        self._unacknowledged: set[int] = set()

    def following(self, partition: int) -> int | None:
        """The next offset to handle; None for a partition that is not ours."""
        return self._following.get(partition)

    def release(self, partition: int) -> None:
        """Forget a partition: whoever has it next rebuilds it from the log."""
        self._following.pop(partition, None)
        self._tenures.pop(partition, None)

    async def handle(self, record: Record) -> None:
        """Take one record; returns when everything it led to is acknowledged."""
        if record.offset != self._following.get(record.partition):
            return
        tenure = self._tenures[record.partition]
        stages = self._stages(record)
        if stages:
            self._unacknowledged.add(record.partition)
        for stage in stages:
            await self._write(record.partition, stage)
        # the partition may have been taken away and given back while this waited for Kafka
        if self._tenures.get(record.partition) is tenure:
            self._following[record.partition] = record.offset + 1
            self._unacknowledged.discard(record.partition)

    async def catch_up(self, partition: int, until: int, read: Read) -> None:
        """Take the records before `until` that delivery left out. Offsets without a record, such as transaction
        markers, are passed over."""
        tenure = self._tenures.get(partition)
        missing = await read(self._following[partition], until)
        for record in missing:
            if self._tenures.get(partition) is not tenure:
                return
            self._following[partition] = record.offset
            await self.handle(Record(*record))
        if self._tenures.get(partition) is tenure:
            self._following[partition] = until

    def _begin(self, partition: int, start: int) -> int:
        self._following[partition], self._tenures[partition] = start, object()
        self._unacknowledged.discard(partition)
        return start

    @abstractmethod
    def take_over(self, partition: int, past: Iterable[LogRecord], committed: int | None) -> int:
        """Rebuild a partition's state from all records of its past; returns the offset to read from."""

    def low_waters(self) -> dict[int, int]:
        """Partition to the offset a restart must read from; not of partitions that wait for an acknowledgement."""
        waiting = self._unacknowledged
        return {number: self._low_water(number) for number in self._following if number not in waiting}

    @abstractmethod
    def _stages(self, record: Record) -> Sequence[Stage]: ...

    @abstractmethod
    def _low_water(self, partition: int) -> int: ...


class Anonymiser(Runner):
    """Runs the stories of the submissions log; their past is in the echoes."""

    past = Topic.ROUNDS

    def __init__(self, rules: Rules, write: Write, refused: Refused | None = None) -> None:
        super().__init__(write)
        self._rules, self._refused = rules, refused
        self._stories: dict[int, Story] = {}

    def take_over(self, partition: int, past: Iterable[LogRecord], committed: int | None) -> int:
        """Rebuild a partition's story; reading starts at the oldest round opened and not sealed."""
        self._stories[partition], start = resume(_echoes(past), committed)
        return self._begin(partition, start)

    def release(self, partition: int) -> None:
        """Forget a partition and what it held."""
        super().release(partition)
        self._stories.pop(partition, None)

    def _low_water(self, partition: int) -> int:
        return self._stories[partition].low_water(self._following[partition])

    def held(self) -> dict[int, dict[str, list[RoundOpened]]]:
        """Partition to facility to the terms of its rounds open."""
        return {
            number: {
                name: [known.terms for known in facility.rounds.values() if isinstance(known, OpenRound)]
                for name, facility in story.facilities.items()
            }
            for number, story in self._stories.items()
        }

    def _stages(self, record: Record) -> Sequence[Stage]:
        stages = advance(self._stories[record.partition], record, self._rules)
        if self._refused is not None and stages:
            for output in stages[0]:
                if isinstance(output.event, DeadLetter):
                    self._refused(record.value, output.event)
        return stages


class Analyst(Runner):
    """Folds the cohorts topic into rolling indicators; its past is that topic itself."""

    past = Topic.COHORTS

    def __init__(self, catalogue: Catalogue, write: Write) -> None:
        super().__init__(write)
        self._catalogue = catalogue
        self._histories: dict[int, History] = {}

    def take_over(self, partition: int, past: Iterable[LogRecord], committed: int | None) -> int:
        """Rebuild a partition's history; indicators of the records before `committed` were emitted."""
        self._histories[partition] = History()
        for record in past:
            if record.offset < (committed or 0):
                with suppress(DataError):
                    remember(self._histories[partition], decode(record.value), self._catalogue)
        return self._begin(partition, committed or 0)

    def release(self, partition: int) -> None:
        """Forget a partition and its history."""
        super().release(partition)
        self._histories.pop(partition, None)

    def _low_water(self, partition: int) -> int:
        return self._following[partition]

    def _stages(self, record: Record) -> Sequence[Stage]:
        outputs = self._outputs(record)
        return (outputs,) if outputs else ()

    def _outputs(self, record: Record) -> Stage:
        try:
            events = fold(self._histories[record.partition], decode(record.value), self._catalogue)
        except DataError as error:
            return (Output(Topic.DEADLETTERS, unreadable(Topic.COHORTS, record.partition, record.offset, error)),)
        return tuple(Output(Topic.INDICATORS, event) for event in events)


def check_start(topic: str, partition: int, needed: int, start: int, end: int) -> None:
    """LogTruncated unless the log still holds the needed offset."""
    if not start <= needed <= end:
        raise LogTruncated(
            f"{topic} [{partition}] holds offsets {start} to {end}, but {needed} is needed; "
            "restore the log, or start a new cluster and group"
        )


def _echoes(records: Iterable[LogRecord]) -> list[Echo]:
    """The echoes of a partition. DataError stops the worker: nobody else may write the rounds topic."""
    events = [decode(record.value) for record in records]
    return [event for event in events if isinstance(event, Echo)]


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
