"""Partitions that move between workers, with rounds open, lose and double nothing."""

import time
from pathlib import Path

from deploy.local import Kafka, Local
from producers.simulate import Simulation, lines
from schemas.topics import Topic
from tests.e2e.pipeline import (
    DRAIN_SECONDS,
    deployed,
    events,
    expected_tables,
    publish,
    replayed,
    stored_tables,
    versions,
)


def test_a_second_worker_joins_with_rounds_open_and_the_first_is_killed(tmp_path: Path, kafka: Kafka) -> None:
    simulation = Simulation(facilities=3, staff=900, rounds=3, seed=4)
    log = list(lines(simulation))
    with deployed(simulation, tmp_path, kafka=kafka) as (local, keystores):
        publish(local, keystores, log[: len(log) // 2])
        _wait_for_echoes(local, at_least=3)
        local.start("second", "-m", "wardpulse", "worker", user="worker")
        publish(local, keystores, log[len(log) // 2 : -200])
        _wait_for_echoes(local, at_least=15)
        first = local.children.pop("worker")
        first.process.kill()
        first.stop()
        publish(local, keystores, log[-200:])
        local.wait_until_drained(DRAIN_SECONDS)
        assert all(len(forms) == 1 for forms in versions(events(local, Topic.COHORTS)).values())
        local.stop()
        assert stored_tables(local.settings.clickhouse) == expected_tables(replayed(log))


def _wait_for_echoes(local: Local, at_least: int) -> None:
    until = time.monotonic() + DRAIN_SECONDS
    while len(versions(events(local, Topic.ROUNDS))) < at_least:
        assert time.monotonic() < until
        time.sleep(0.5)
