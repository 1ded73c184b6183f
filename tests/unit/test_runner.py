"""The runner takes each record once and in order, whatever delivery and rebalances do."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import encode
from schemas.errors import FatalError, LogTruncated
from schemas.events import DeadLetter, Echo
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.runner import Analyst, Anonymiser, Runner, check_start
from stream_processors.steps.story import Record, Stage
from tests.random_logs import random_log
from tests.records import RULES, records

LOG = records(random_log(random.Random(8)))


class Written:
    """Collects what a runner writes."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    async def __call__(self, partition: int, stage: Stage) -> None:
        await asyncio.sleep(0)
        self.events += [output.event for output in stage]


def anonymiser(written: Written) -> Anonymiser:
    """A runner with partition 0 from its start."""
    runner = Anonymiser(RULES, written)
    runner.take_over(0, [], None)
    return runner


def deliver(order: Sequence[Record], settling: float = 1.0) -> list[Any]:
    """What is written when records are delivered like this; gaps are read from the log.

    `settling` is how often what waits is written before the next record is taken.
    """
    rng = random.Random(3)

    async def run() -> None:
        for record in order:
            if not runner.take(record):
                await runner.catch_up(0, record.offset, read)
                assert runner.take(record)
            if rng.random() < settling:
                await runner.settle()
        await runner.settle()

    written = Written()
    runner = anonymiser(written)
    asyncio.run(run())
    return written.events


async def handle(runner: Runner, record: Record) -> None:
    """Take one record and write what it led to."""
    runner.take(record)
    await runner.settle()


async def read(start: int, until: int) -> list[LogRecord]:
    """The log's own records."""
    return [LogRecord(*record) for record in LOG[start:until]]


def test_records_delivered_twice_or_left_out_make_no_difference() -> None:
    expected = deliver(LOG)
    assert deliver([*LOG[:40], *LOG[20:60], *LOG[60:]]) == expected
    assert deliver([*LOG[:5], *LOG[30:]]) == expected
    assert deliver([LOG[-1]]) == expected


def test_it_makes_no_difference_how_many_records_are_taken_before_what_they_led_to_is_written() -> None:
    expected = deliver(LOG)
    assert deliver(LOG, settling=0.0) == expected
    assert deliver([*LOG[:30], *LOG[10:50], *LOG[80:]], settling=0.1) == expected


def test_dead_letters_on_end_are_one_stage_and_come_before_what_follows_them() -> None:
    stages: list[list[str]] = []

    class Staged(Written):
        async def __call__(self, partition: int, stage: Stage) -> None:
            assert runner.low_waters() == {}
            stages.append([output.event.type for output in stage])

    async def run() -> None:
        for record in log:
            assert runner.take(record)
        assert runner.low_waters() == {}
        await runner.settle()

    broken = [LOG[0]._replace(value=b"{") for _ in range(3)]
    log = [record._replace(offset=offset) for offset, record in enumerate([*broken, LOG[0], *broken])]
    runner = anonymiser(Staged())
    asyncio.run(run())
    assert stages == [["deadletter"] * 3, ["echo"], ["deadletter"] * 3]
    assert runner.low_waters() == {0: 7}


def test_what_a_lost_partition_led_to_is_not_written_any_more() -> None:
    class Slow(Written):
        async def __call__(self, partition: int, stage: Stage) -> None:
            await super().__call__(partition, stage)
            runner.release(0)
            runner.take_over(0, [], None)

    async def run() -> None:
        runner.take(LOG[0]._replace(value=b"{"))
        runner.take(LOG[0]._replace(offset=1))
        await runner.settle()
        assert runner.following(0) == 0
        assert runner.low_waters() == {0: 0}

    written = Slow()
    runner = anonymiser(written)
    asyncio.run(run())
    assert [event.type for event in written.events] == ["deadletter"]


def test_a_partition_that_is_not_ours_is_left_alone() -> None:
    written = Written()
    asyncio.run(handle(Anonymiser(RULES, written), LOG[0]))
    assert written.events == []


def test_a_gap_read_across_a_rebalance_moves_nothing_of_the_new_tenure() -> None:
    written = Written()
    runner = anonymiser(written)

    async def read_slowly(start: int, until: int) -> list[LogRecord]:
        runner.release(0)
        runner.take_over(0, [], None)
        return await read(start, until)

    asyncio.run(runner.catch_up(0, len(LOG), read_slowly))
    assert runner.following(0) == 0
    assert written.events == []


def test_offsets_without_records_are_passed_over() -> None:
    async def nothing(start: int, until: int) -> list[LogRecord]:
        return []

    runner = anonymiser(Written())
    asyncio.run(runner.catch_up(0, 7, nothing))
    assert runner.following(0) == 7


def test_a_write_that_outlives_its_tenure_does_not_move_the_next_one() -> None:
    class Slow(Written):
        async def __call__(self, partition: int, stage: Stage) -> None:
            runner.release(0)
            runner.take_over(0, [], None)

    runner = anonymiser(Slow())
    asyncio.run(handle(runner, LOG[0]))
    assert runner.following(0) == 0


def test_a_round_that_settings_would_now_refuse_stops_the_worker_instead_of_losing_it() -> None:
    echoes = [
        LogRecord(0, number, None, encode(event), None)
        for number, event in enumerate(deliver(LOG[: opening() + 1]))
        if isinstance(event, Echo)
    ]
    changed = Anonymiser(replace(RULES, catalogue={}), Written())
    start = changed.take_over(0, echoes, None)
    with pytest.raises(FatalError, match="was accepted once and is refused now"):
        asyncio.run(handle(changed, LOG[start]))
    # signature keys and the smallest k may change: what was accepted stays so
    tightened = Anonymiser(replace(RULES, minimum_k=9999, verify=lambda *_: False), Written())
    asyncio.run(handle(tightened, LOG[tightened.take_over(0, echoes, None)]))


def opening() -> int:
    """Offset of the first round's opening."""
    return next(record.offset for record in LOG if json.loads(record.value or b"")["type"] == "round.opened")


def test_a_record_that_no_worker_wrote_becomes_a_dead_letter_of_the_cohorts_topic() -> None:
    written = Written()
    runner = Analyst(RULES.catalogue, written)
    runner.take_over(0, [], None)
    asyncio.run(handle(runner, Record(0, 0, None, b"{}", None)))
    assert [(type(event), event.topic) for event in written.events] == [(DeadLetter, Topic.COHORTS)]
    assert runner.low_waters() == {0: 1}


@pytest.mark.parametrize("needed", [4, 11])
def test_an_offset_the_log_does_not_hold_is_fatal(needed: int) -> None:
    with pytest.raises(LogTruncated, match=f"{needed} is needed"):
        check_start("topic", 0, needed, start=5, end=10)


def test_no_offset_is_committed_past_a_close_that_waits_for_its_acknowledgement() -> None:
    seen: list[dict[int, int]] = []

    class Watching(Written):
        async def __call__(self, partition: int, stage: Stage) -> None:
            seen.append(runner.low_waters())

    runner = anonymiser(Watching())
    for record in LOG:
        asyncio.run(handle(runner, record))
    assert seen
    assert all(low_waters == {} for low_waters in seen)
    assert 0 in runner.low_waters()
