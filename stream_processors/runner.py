"""The worker's state between Faust and the pure steps: which partitions it has, and how far each has come.

Nothing here knows Faust. Order of a close: manifests, cohorts, `round.sealed`, echo; each stage is acknowledged before
the next is written, and all of them before the offset to commit moves. What a partition's records led to is written in
the order of the records: an echo says that everything before it needs no second reading.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from schemas.canonical import derived_id
from schemas.codec import decode
from schemas.errors import DataError, LogTruncated
from schemas.events import DeadLetter, Echo, RoundOpened
from schemas.instruments.scoring import Catalogue
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.history import History, remember
from stream_processors.steps.indicators import fold
from stream_processors.steps.restart import refused_offsets, resume
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Stage, Story, advance

Write = Callable[[int, Stage], Awaitable[None]]
"""Write a stage to a partition; returns when all of it is acknowledged."""


Refused = Callable[[bytes | None, DeadLetter], None]
"""Called with the bytes of a record that was refused, and with its dead letter."""


Read = Callable[[int, int], Awaitable[Sequence[LogRecord]]]
"""Read a partition's records from one offset to before another."""


CATCH_UP_RECORDS: Final = 2000
"""So many records are taken before what they led to is written."""


class Runner(ABC):
    """Takes the records of the partitions it was given, each once and in order, whatever delivery does.

    `past` are the topics a partition's state is rebuilt from.
    """

    past: ClassVar[tuple[Topic, ...]]

    def __init__(self, write: Write) -> None:
        self._write = write
        self._following: dict[int, int] = {}
        self._tenures: dict[int, object] = {}
        self._waiting: dict[int, list[Stage]] = {}

    def following(self, partition: int) -> int | None:
        """The next offset to take; None for a partition that is not ours."""
        return self._following.get(partition)

    def release(self, partition: int) -> None:
        """Forget a partition: whoever has it next rebuilds it from the log."""
        self._following.pop(partition, None)
        self._tenures.pop(partition, None)
        self._waiting.pop(partition, None)

    def take(self, record: Record) -> bool:
        """Take a record if it is the next one; what it leads to waits for `settle`.

        False if records before it are missing: `catch_up` takes them. Not a coroutine, as most records lead to nothing.
        """
        following = self._following.get(record.partition)
        if following is None or record.offset != following:
            return following is None or record.offset < following
        stages = self._stages(record)
        if stages:
            _append(self._waiting.setdefault(record.partition, []), stages)
        self._following[record.partition] = following + 1
        return True

    async def settle(self) -> None:
        """Write what waits, partitions side by side, each stage by stage; returns when all of it is acknowledged."""
        await asyncio.gather(*(self._settle(partition, stages) for partition, stages in self._waiting.items()))

    async def _settle(self, partition: int, stages: Sequence[Stage]) -> None:
        for stage in stages:
            # a partition taken away while this waits for Kafka is no longer ours to write, even if it came back
            if self._waiting.get(partition) is stages:
                await self._write(partition, stage)
        if self._waiting.get(partition) is stages:
            del self._waiting[partition]

    async def catch_up(self, partition: int, until: int, read: Read) -> None:
        """Take the records before `until` that delivery left out. Offsets without a record, such as transaction
        markers, are passed over."""
        tenure = self._tenures.get(partition)
        missing = await read(self._following[partition], until)
        for start in range(0, len(missing), CATCH_UP_RECORDS):
            if self._tenures.get(partition) is not tenure:
                return
            for record in missing[start : start + CATCH_UP_RECORDS]:
                self._following[partition] = record.offset
                self.take(Record(*record))
            await self.settle()
        if self._tenures.get(partition) is tenure:
            self._following[partition] = until

    def _begin(self, partition: int, start: int) -> int:
        self._following[partition], self._tenures[partition] = start, object()
        self._waiting.pop(partition, None)
        return start

    @abstractmethod
    def take_over(self, partition: int, past: Iterable[LogRecord], committed: int | None) -> int:
        """Rebuild a partition's state from all records of its past; returns the offset to read from."""

    def low_waters(self) -> dict[int, int]:
        """Partition to the offset a restart must read from; not of partitions that wait for an acknowledgement."""
        return {number: self._low_water(number) for number in self._following if number not in self._waiting}

    @abstractmethod
    def _stages(self, record: Record) -> Sequence[Stage]: ...

    @abstractmethod
    def _low_water(self, partition: int) -> int: ...


class Anonymiser(Runner):
    """Runs the stories of the submissions log; their past is in the echoes, and in what was refused."""

    past = (Topic.ROUNDS, Topic.DEADLETTERS)

    def __init__(self, rules: Rules, write: Write, refused: Refused | None = None) -> None:
        super().__init__(write)
        self._rules, self._refused = rules, refused
        self._stories: dict[int, Story] = {}

    def take_over(self, partition: int, past: Iterable[LogRecord], committed: int | None) -> int:
        """Rebuild a partition's story; reading starts at the oldest round opened and not sealed."""
        events = [decode(record.value) for record in past]
        echoes = [event for event in events if isinstance(event, Echo)]
        self._stories[partition], start = resume(echoes, committed, refused_offsets(events))
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

    past = (Topic.COHORTS,)

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


def _append(waiting: list[Stage], stages: Sequence[Stage]) -> None:
    """Put stages after those that wait. Dead letters on end are one stage: a flood of them must not wait one by one."""
    if waiting and len(stages) == 1 and _is_dead_letters(stages[0]) and _is_dead_letters(waiting[-1]):
        waiting[-1] += stages[0]
    else:
        waiting += stages


def _is_dead_letters(stage: Stage) -> bool:
    # no stage has dead letters beside anything else
    return bool(stage) and stage[0].topic is Topic.DEADLETTERS


def check_start(topic: str, partition: int, needed: int, start: int, end: int) -> None:
    """LogTruncated unless the log still holds the needed offset."""
    if not start <= needed <= end:
        raise LogTruncated(
            f"{topic} [{partition}] holds offsets {start} to {end}, but {needed} is needed; "
            "restore the log, or start a new cluster and group"
        )


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
