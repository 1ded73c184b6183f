"""The names of Faust and aiokafka that the worker reaches for without being offered them."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer

from deploy.settings import Settings
from stream_processors.delivery import FETCH_MILLISECONDS
from stream_processors.topology import build
from tests.records import RULES


async def _worker_wait() -> int:
    app: Any = build(Settings(), RULES)
    consumer = app.consumer._new_consumer_thread()._create_worker_consumer(app.transport)
    await consumer.stop()
    return int(consumer._fetch_max_wait_ms)


async def _given_wait(milliseconds: int) -> int:
    consumer = AIOKafkaConsumer(fetch_max_wait_ms=milliseconds)
    await consumer.stop()
    return int(consumer._fetch_max_wait_ms)


def test_the_worker_lets_a_broker_wait_for_records_only_briefly() -> None:
    assert asyncio.run(_worker_wait()) == FETCH_MILLISECONDS


def test_the_name_it_sets_is_still_the_one_that_counts() -> None:
    assert asyncio.run(_given_wait(7)) == 7
