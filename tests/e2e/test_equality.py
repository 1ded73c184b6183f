"""The deployed pipeline gives exactly the rows of the pure steps."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

from deploy.apache import Cluster
from deploy.demo import producer_for, send_line
from deploy.local import Kafka, Local
from producers.keystore import Keystore
from producers.simulate import LogLine, Simulation, lines
from schemas.closed import ClosedCounts
from schemas.codec import decode
from schemas.events import DeadLetter, FormManifest, Submission
from schemas.topics import Topic
from stream_processors.steps.conservation import Bucket, tally, violations
from tests.clusters import on
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
from tests.records import numbers

SIMULATION = Simulation(rounds=3)


def test_one_log_with_bad_events_gives_the_same_rows_deployed_and_pure(tmp_path: Path, kafka: Kafka) -> None:
    _check_rows(tmp_path, kafka)


def test_three_brokers_give_the_same_rows(tmp_path: Path, apache3: Cluster) -> None:
    _check_rows(tmp_path, on(apache3))


def _check_rows(folder: Path, kafka: Kafka) -> None:
    log = list(lines(SIMULATION))
    expected = replayed(log)
    with deployed(SIMULATION, folder, kafka=kafka) as (local, keystores):
        publish(local, keystores, log)
        local.wait_until_drained(DRAIN_SECONDS)
        _check_closed_side(local, expected.outcomes())
        local.stop()
        stored = stored_tables(local.settings.clickhouse)
        _check_disclosure(local)
    tables = expected_tables(expected)
    assert len(tables["cohorts"]) > 300
    for name, rows in tables.items():
        assert stored[name] == rows, name


def _check_disclosure(local: Local) -> None:
    """The auditor, as a user of its own, finds what was published and ever emitted safe."""
    done = subprocess.run(
        [sys.executable, "-m", "wardpulse", "audit", "disclosure", "--clickhouse", "--json"],
        env={**os.environ, **local.settings_of("auditor").environment()},
        capture_output=True,
        text=True,
        timeout=DRAIN_SECONDS,
        check=True,
    )
    report = json.loads(done.stdout)
    assert (report["verdict"], report["findings"], report["notes"]) == ("safe", [], [])
    assert report["examined"]["at least K people"] > 300


def _check_closed_side(local: Local, expected: Mapping[Bucket, ClosedCounts]) -> None:
    manifests = [decode(value) for _, value in events(local, Topic.MANIFESTS)]
    letters = [decode(value) for _, value in events(local, Topic.DEADLETTERS)]
    buckets = tally(
        [event for event in manifests if isinstance(event, FormManifest)],
        [event for event in letters if isinstance(event, DeadLetter)],
    )
    assert not violations(buckets)
    found, wanted = numbers(buckets), numbers(expected)
    known = {bucket: +counts for bucket, counts in found.items() if bucket[0] is not None}
    # a record without a facility has no key in a file, so what it was keyed by is unknown there
    assert known == {bucket: +counts for bucket, counts in wanted.items() if bucket[0] is not None}
    assert found[None, None, None].total() == wanted[None, None, None].total()


def test_shuffled_and_doubled_submissions_of_three_producers_give_the_same_rows(tmp_path: Path, kafka: Kafka) -> None:
    simulation = Simulation(facilities=2, staff=700, rounds=3, seed=11, clean=True)
    log = list(lines(simulation))
    with deployed(simulation, tmp_path, kafka=kafka) as (local, keystores):
        for between, marker in _between_markers(log):
            shuffled = between * 2
            Random(3).shuffle(shuffled)
            _send_at_once([shuffled[number::3] for number in range(3)], local, keystores)
            publish(local, keystores, [marker])
        local.wait_until_drained(DRAIN_SECONDS)
        assert all(len(forms) == 1 for forms in versions(events(local, Topic.COHORTS)).values())
        local.stop()
        assert stored_tables(local.settings.clickhouse) == expected_tables(replayed(log))


def _between_markers(log: list[LogLine]) -> Iterator[tuple[list[LogLine], LogLine]]:
    waiting: list[LogLine] = []
    for line in log:
        if isinstance(decode(line.value), Submission):
            waiting.append(line)
        else:
            yield waiting, line
            waiting = []


def _send_at_once(parts: list[list[LogLine]], local: Local, keystores: Mapping[str, Keystore]) -> None:
    def send(part: list[LogLine]) -> None:
        with producer_for(local, keystores) as producer:
            for line in part:
                send_line(producer, line, keystores)

    threads = [threading.Thread(target=send, args=(part,)) for part in parts if part]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
