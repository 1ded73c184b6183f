"""The processes stop, with an exit code and nothing skipped, when they cannot write or the log lacks what they need."""

from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.apache import Cluster
from deploy.embedded import EmbeddedBroker
from deploy.local import Child, Kafka, Local
from deploy.settings import Settings
from producers.simulate import Simulation, lines
from schemas.codec import MAX_BYTES
from schemas.errors import AccessRefused, BrokerUnavailable, LogTruncated, SettingsError, SinkUnavailable
from schemas.topics import WRITER_GROUP, Topic
from tests.clusters import on
from tests.e2e.pipeline import deployed, events, publish

SMALL = Simulation(facilities=1, staff=200, rounds=2, seed=2)
EXIT_SECONDS = 90.0


def test_the_worker_stops_when_kafka_cannot_be_written(tmp_path: Path) -> None:
    with deployed(SMALL, tmp_path, processes=False) as (local, keystores):
        publish(local, keystores, lines(SMALL))
        assert isinstance(local.broker, EmbeddedBroker)
        command = ("tests.e2e.killed", "worker", "form.manifest", "1", "--broker", str(local.broker.pid))
        child = local.start("worker", "-m", *command)
        assert child.process.wait(EXIT_SECONDS) == BrokerUnavailable.exit_code
        assert "stopping: BrokerUnavailable" in child.log.read_text()


def test_the_worker_stops_when_the_log_no_longer_holds_what_it_needs(tmp_path: Path) -> None:
    with deployed(SMALL, tmp_path, processes=False) as (local, _):
        _overflow(local)
        child = local.start("worker", "-m", "wardpulse", "worker")
        assert child.process.wait(EXIT_SECONDS) == LogTruncated.exit_code
        assert "0 is needed" in child.log.read_text()


def _overflow(local: Local) -> None:
    """Send more than the embedded broker keeps of a partition, so that it drops the oldest."""
    producer = KafkaProducer(
        **local.connection.kafka_python_producer(),
        max_request_size=2_000_000,
    )
    for _ in range(20):
        producer.send(local.topic(Topic.SUBMISSIONS), value=b"x" * 900_000, partition=0).get(timeout=30)
    producer.close()
    assert local.log.bounds(local.topic(Topic.SUBMISSIONS), 0).start > 0


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "chdb:/dev/null/clickhouse"])
def test_the_writer_stops_when_clickhouse_cannot_be_written(tmp_path: Path, address: str, kafka: Kafka) -> None:
    with deployed(SMALL, tmp_path, processes=False, kafka=kafka) as (local, _):
        local.settings = Settings.read({**local.settings.environment(), "WARDPULSE_CLICKHOUSE": address})
        child = local.start("writer", "-m", "wardpulse", "writer")
        assert child.process.wait(EXIT_SECONDS) == SinkUnavailable.exit_code
        assert "ClickHouse" in child.log.read_text()
        group = local.settings.topic_prefix + WRITER_GROUP
        assert local.log.committed(group, local.topic(Topic.COHORTS), 0) is None


@pytest.mark.parametrize("process", ["worker", "writer"])
def test_an_unreachable_broker_stops_a_process_with_its_code(tmp_path: Path, process: str) -> None:
    with deployed(SMALL, tmp_path, processes=False) as (local, _):
        settings = replace(local.settings, bootstrap_servers="127.0.0.1:9")
        child = Child.start(process, ("-m", "wardpulse", process), settings, local.folder)
        assert child.process.wait(EXIT_SECONDS) == BrokerUnavailable.exit_code, child.log.read_text()[-2000:]
        child.stop()


@pytest.mark.parametrize("process", ["worker", "writer"])
def test_a_wrong_password_stops_a_process_with_its_code(tmp_path: Path, apache: Cluster, process: str) -> None:
    (tmp_path / "password").write_text("guessed\n", "utf-8")
    with deployed(SMALL, tmp_path, processes=False, kafka=on(apache)) as (local, _):
        settings = replace(local.settings_of(process), sasl_password_file=tmp_path / "password")
        child = Child.start(process, ("-m", "wardpulse", process), settings, local.folder)
        assert child.process.wait(EXIT_SECONDS) == AccessRefused.exit_code, child.log.read_text()[-2000:]
        assert "refused the user or password" in child.log.read_text()
        assert "guessed" not in child.log.read_text()
        child.stop()


@pytest.mark.parametrize("process", ["worker", "writer"])
def test_the_wrong_role_stops_a_process_with_its_code(tmp_path: Path, apache: Cluster, process: str) -> None:
    with deployed(SMALL, tmp_path, processes=False, kafka=on(apache)) as (local, _):
        child = local.start(process, "-m", "wardpulse", process, user="viewer")
        assert child.process.wait(EXIT_SECONDS) == AccessRefused.exit_code, child.log.read_text()[-2000:]
        assert "this user may not" in child.log.read_text()


def test_an_unknown_setting_stops_a_process_and_names_the_known_ones(tmp_path: Path) -> None:
    with deployed(SMALL, tmp_path, processes=False) as (local, _):
        command = "import os, runpy, sys; os.environ['WARDPULSE_K'] = '2'; sys.argv = ['wardpulse', 'worker']"
        child = local.start("worker", "-c", command + "; runpy.run_module('wardpulse', run_name='__main__')")
        assert child.process.wait(EXIT_SECONDS) == SettingsError.exit_code
        assert "WARDPULSE_MINIMUM_K" in child.log.read_text()


def test_a_message_too_large_becomes_a_dead_letter_and_the_worker_goes_on(tmp_path: Path, kafka: Kafka) -> None:
    with deployed(SMALL, tmp_path, kafka=kafka) as (local, keystores):
        with KafkaProducer(**local.connection.kafka_python_producer(), max_request_size=2_000_000) as producer:
            producer.send(local.topic(Topic.SUBMISSIONS), b"x" * (MAX_BYTES + 1), partition=0).get(timeout=30)
        publish(local, keystores, lines(SMALL))
        local.wait_until_drained(EXIT_SECONDS)
        letters = b" ".join(value for _, value in events(local, Topic.DEADLETTERS))
        assert b'"too_large"' in letters
        assert len(events(local, Topic.COHORTS)) > 0
