"""Faults of brokers and processes, each shown to have happened, change nothing in what is finally published."""

import os
import re
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from deploy.apache import Cluster, Node, prepare, running
from deploy.apache_trial import is_ready, operator
from deploy.local import Local
from producers.client import partition_of
from producers.simulate import LogLine, Simulation, lines
from schemas.errors import LogTruncated, SettingsError
from schemas.topics import PARTITIONS, WORKER_GROUP, WRITER_GROUP, Topic
from tests.clusters import USERS, on, quickly, require_apache
from tests.e2e.faults import (
    Eye,
    Publisher,
    Supervisor,
    generations,
    mended,
    middle,
    restart,
    start_signalled,
    state_of,
    wait_until,
    wait_until_drained,
    wait_until_ended,
    worker_group,
)
from tests.e2e.pipeline import deployed, events, expected_tables, publish, replayed, stored_tables
from tests.small_disk import require_namespaces, small_disk

# clean: an answer that was refused at its time, sent again, may be admitted
LOG = Simulation(facilities=2, staff=300, rounds=4, seed=6, clean=True)
NEVER = 1_000_000
EXIT_SECONDS = 60.0
DISK_MEGABYTES = 48


def break_off(local: Local, node: Node, how: str, publisher: Publisher, *options: str) -> None:
    """Publish to a worker that, in the middle of a close, ends a broker; return when the broker has ended."""
    publisher.start()
    wait_until(lambda: publisher.is_busy, "the log is being sent")
    local.start("worker", "-m", "tests.e2e.signalled", "cohort.sealed", "1", how, str(node.pid), *options)
    wait_until_ended(node)
    assert publisher.is_busy
    publisher.hurry()


@pytest.mark.xdist_group("faults")
def test_a_broker_is_stopped_and_then_killed_during_a_close(tmp_path: Path, apache: Cluster) -> None:
    log, node = list(lines(LOG)), apache.nodes[0]
    half = middle(log)
    with deployed(LOG, tmp_path, processes=False, kafka=on(apache)) as (local, keystores), mended(apache):
        supervisor = Supervisor(local)
        supervisor.start("writer")
        stop, kill = Publisher(local, keystores, log[:half]), Publisher(local, keystores, log[half:], from_marker=True)
        for how, publisher in (("SIGTERM", stop), ("SIGKILL", kill)):
            break_off(local, node, how, publisher)
            restart(apache, node)
            supervisor.wait_for(publisher)
        assert kill.errors
        stored = supervisor.finish()
    assert stored == expected_tables(replayed(log))


@pytest.mark.xdist_group("apache3")
def test_the_leader_and_then_the_coordinator_are_killed_during_a_close(tmp_path: Path, apache3: Cluster) -> None:
    log = list(lines(LOG))
    half, partition = middle(log), partition_of(str(log[0].facility), PARTITIONS)
    with deployed(LOG, tmp_path, processes=False, kafka=on(apache3)) as (local, keystores), mended(apache3):
        supervisor, topic, group = Supervisor(local), local.topic(Topic.SUBMISSIONS), worker_group(local)
        supervisor.start("writer")

        def leader() -> int:
            return Eye(apache3).leader(topic, partition)

        def coordinator() -> int:
            return Eye(apache3).coordinator(group)

        publishers = Publisher(local, keystores, log[:half]), Publisher(local, keystores, log[half:])
        for publisher, who in zip(publishers, (leader, coordinator), strict=True):
            wait_until(lambda: Eye(apache3).in_sync() == len(apache3.nodes), "every copy is in step")
            victim = who()
            break_off(local, apache3.nodes[victim - 1], "SIGKILL", publisher, "--patient")
            # a group that is asked about while its coordinator moves once ended the process that asked
            assert local.log.committed(group, topic, partition) is not None
            wait_until(partial(_has_moved, who, victim), "another broker has taken over")
            supervisor.wait_for(publisher)
            restart(apache3, apache3.nodes[victim - 1])
        assert supervisor.restarts == [], "worker and writer live through both"
        stored = supervisor.finish()
    assert stored == expected_tables(replayed(log))


def _has_moved(who: Callable[[], int], victim: int) -> bool:
    return who() not in (-1, victim)


@pytest.mark.xdist_group("faults")
def test_a_worker_paused_in_a_close_wakes_up_when_another_has_its_partitions(tmp_path: Path, apache: Cluster) -> None:
    log = list(lines(LOG))
    half = middle(log)
    with deployed(LOG, tmp_path, processes=False, kafka=on(apache)) as (local, keystores):
        supervisor, group = Supervisor(local), worker_group(local)
        supervisor.start("writer")
        paused = start_signalled(local, "cohort.sealed", 1, "SIGSTOP").process.pid
        publish(local, keystores, log[:half])
        wait_until(lambda: state_of(paused) == "T", "the worker is paused")
        (before,) = Eye(apache).members(group)
        assert len(events(local, Topic.ROUNDS)) < len(replayed(log[:half]).echoes)
        supervisor.start("second")
        wait_until(lambda: before not in Eye(apache).members(group), "Kafka has given the partitions away")
        wait_until_drained(local)
        written = len(events(local, Topic.ROUNDS))
        os.kill(paused, signal.SIGCONT)
        wait_until(lambda: len(events(local, Topic.ROUNDS)) > written, "the worker that was away writes on")
        wait_until(lambda: len(Eye(apache).members(group)) == 2, "it has joined again", supervisor.look)
        publish(local, keystores, log[half:])
        stored = supervisor.finish()
    assert stored == expected_tables(replayed(log))


@pytest.mark.xdist_group("faults")
@pytest.mark.parametrize("name", ["", "worker-1"])
def test_a_killed_worker_joins_again_nameless_or_under_its_name(tmp_path: Path, apache: Cluster, name: str) -> None:
    log = list(lines(LOG))
    half = middle(log)
    with deployed(LOG, tmp_path, processes=False, kafka=on(apache)) as (local, keystores):
        # a killed worker with a name is to be back before its session ends, however slow the machine
        local.settings = replace(local.settings, group_instance_id=name, session_timeout_ms=60_000 if name else 6_000)
        supervisor = Supervisor(local)
        supervisor.start("writer")
        killed = start_signalled(local, "cohort.sealed", 1, "SIGKILL")
        publish(local, keystores, log[:half])
        assert killed.process.wait(EXIT_SECONDS) == -signal.SIGKILL
        start_signalled(local, "echo", NEVER, "SIGKILL")
        first, second = generations(killed.log)
        assert (second == first) == bool(name)
        if name:
            _start_a_twin(local, name)
        publish(local, keystores, log[half:])
        stored = supervisor.finish()
    assert stored == expected_tables(replayed(log))


def _start_a_twin(local: Local, name: str) -> None:
    """A second worker under the same name takes over, and the first one ends."""
    older = local.children["worker"]
    start_signalled(local, "echo", NEVER, "SIGKILL", name="second")
    assert older.process.wait(EXIT_SECONDS) == SettingsError.exit_code, older.log.read_text()[-3000:]
    assert f"another worker has the name {name}" in older.log.read_text()
    local.children.pop("worker").stop()


@pytest.mark.xdist_group("faults")
def test_worker_and_writer_stop_when_what_they_need_was_deleted(tmp_path: Path, apache: Cluster) -> None:
    log = list(lines(LOG))
    half, cut = middle(log), _last_opened(log)
    with deployed(LOG, tmp_path, kafka=on(apache)) as (local, keystores):
        publish(local, keystores, log[:half])
        wait_until_drained(local)
        local.children.pop("writer").stop()
        publish(local, keystores, log[half:cut])
        wait_until(lambda: len(events(local, Topic.ROUNDS)) == len(replayed(log[:cut]).echoes), "rounds are open")
        local.stop()
        before = _standing(local)
        partition = partition_of(str(log[cut - 1].facility), PARTITIONS)
        # the worker needs the cohorts too: they go when it has been seen to miss the submissions
        _delete_and_start(apache, local, "worker", WORKER_GROUP, Topic.SUBMISSIONS, partition)
        _delete_and_start(apache, local, "writer", WRITER_GROUP, Topic.COHORTS, partition)
        assert _standing(local) == before


def _delete_and_start(cluster: Cluster, local: Local, process: str, group: str, needed: Topic, partition: int) -> None:
    """Delete what a process has yet to read, and see it end for that."""
    topic = local.topic(needed)
    end = local.log.bounds(topic, partition).end
    operator(cluster).delete_records(topic, partition, end)
    child = local.start(process, "-m", "wardpulse", process)
    assert child.process.wait(EXIT_SECONDS) == LogTruncated.exit_code, child.log.read_text()[-3000:]
    said = rf"{re.escape(topic)} \[{partition}\] holds offsets {end} to {end}, but (\d+) is needed"
    found = re.search(said, child.log.read_text())
    assert found is not None, child.log.read_text()[-3000:]
    committed = local.log.committed(local.settings.topic_prefix + group, topic, partition)
    assert (committed or 0) <= int(found[1]) < end
    local.children.pop(process).stop()


def _last_opened(log: list[LogLine]) -> int:
    """Where some answers of the last round have been sent."""
    return max(at for at, line in enumerate(log) if b'"round.opened"' in line.value) + 30


def _standing(local: Local) -> object:
    """What has been written to every topic, committed by every group, and stored."""
    partitions = range(PARTITIONS)
    written = {topic: [local.log.bounds(local.topic(topic), one).end for one in partitions] for topic in Topic}
    committed = {
        (group, topic): [local.log.committed(local.settings.topic_prefix + group, local.topic(topic), one)]
        for group in (WORKER_GROUP, WRITER_GROUP)
        for topic in (Topic.SUBMISSIONS, Topic.COHORTS, Topic.INDICATORS)
        for one in partitions
    }
    return written, committed, stored_tables(local.settings.clickhouse)


@pytest.mark.xdist_group("faults")
def test_the_brokers_disk_is_full_while_a_log_is_published(tmp_path: Path) -> None:
    require_apache()
    require_namespaces()
    log = list(lines(LOG))
    cluster = quickly(prepare(tmp_path / "cluster", 1, USERS, datetime.now(UTC), secrets.token_bytes))
    (node,) = cluster.nodes
    with small_disk(node.folder / "data", DISK_MEGABYTES) as disk:
        node.prefix = disk.prefix
        with (
            running(cluster, is_ready),
            deployed(LOG, tmp_path / "deployment", processes=False, kafka=on(cluster)) as (local, keystores),
        ):
            supervisor, publisher = Supervisor(local), Publisher(local, keystores, log)
            supervisor.start("writer")
            supervisor.start("worker")
            publisher.start()
            wait_until(lambda: publisher.is_busy and events(local, Topic.COHORTS), "a round is sealed")
            disk.fill()
            wait_until_ended(node)
            wait_until(lambda: publisher.errors, "the publisher has been told")
            confirmed = log[: publisher.confirmed]
            local.children.pop(publisher.child.name).stop()
            disk.clear()
            restart(cluster, node)
            there = {value for _, value in events(local, Topic.SUBMISSIONS)}
            assert confirmed
            assert all(line.value in there for line in confirmed)
            again = Publisher(local, keystores, log)
            again.start()
            again.hurry()
            supervisor.wait_for(again)
            stored = supervisor.finish()
    assert stored == expected_tables(replayed(log))
