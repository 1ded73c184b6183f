"""A worker that takes records in batches and is killed within one loses nothing: dead letters least of all.

What a batch led to is written after it, so a kill may find many records taken and little of theirs acknowledged.
"""

import asyncio
import random

import pytest

from schemas.codec import encode
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.runner import Anonymiser
from stream_processors.steps.story import Record, Stage
from tests.property.test_restart import (
    FOR_EVER,
    Cluster,
    Fate,
    Killed,
    assert_same,
    several_facilities,
    uninterrupted,
)
from tests.records import RULES

LOGS, BATCHES = 100, 5


def flooded(log: list[Record], rng: random.Random) -> list[Record]:
    """A log with runs of malformed records in it."""
    found = []
    for record in log:
        found.append(record)
        if rng.random() < 0.2:
            found += [record._replace(value=b"{", signature=None)] * rng.randint(1, 6)
    return [record._replace(offset=offset) for offset, record in enumerate(found)]


async def live(cluster: Cluster, rng: random.Random, fate: Fate) -> None:
    """One life of a worker: to the end of the log, or until it is killed."""

    async def write(partition: int, stage: Stage) -> None:
        for output in stage:
            fate.step()
            await asyncio.sleep(0)
            cluster.durable.append(output)
            commit()

    def commit() -> None:
        cluster.committed = runner.low_waters().get(0, cluster.committed)

    runner = Anonymiser(RULES, write)
    kept = [event for topic, event in cluster.durable if topic in (Topic.ROUNDS, Topic.DEADLETTERS)]
    past = [LogRecord(0, offset, None, encode(event), None) for offset, event in enumerate(kept)]
    for record in cluster.log[runner.take_over(0, past, cluster.committed) :]:
        assert runner.take(record)
        if rng.random() < 0.3:
            commit()
        if rng.random() < 0.05:
            await runner.settle()
    await runner.settle()


def with_kills(log: list[Record], rng: random.Random) -> Cluster:
    """What there is after a log was worked off by workers that were killed, some having lost their offset."""
    cluster = Cluster(log)
    for _ in range(rng.randint(2, 8)):
        try:
            asyncio.run(live(cluster, rng, Fate(rng.choice([rng.randint(0, 5), rng.randint(0, 80)]))))
        except Killed:
            cluster.committed = None if rng.random() < 0.15 else cluster.committed
    asyncio.run(live(cluster, rng, Fate(FOR_EVER)))
    return cluster


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_worker_killed_within_a_batch_writes_what_an_uninterrupted_one_writes(batch: int) -> None:
    for seed in range(batch, LOGS, BATCHES):
        rng = random.Random(seed)
        log = flooded(several_facilities(rng), rng)
        assert_same(with_kills(log, rng), uninterrupted(log), f"seed {seed}")
