"""The embedded broker's log survives a restart: same records, same offsets, and never a seal without its answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.connection import Connection
from deploy.embedded import embedded_broker
from deploy.journal import KEPT, Journal, is_kept, read
from schemas.errors import FatalError
from schemas.topics import TOPICS, WORKER_GROUP, Topic
from stream_processors.kafka_log import KafkaLog

PREFIX = "trial-"
SUBMISSIONS, COHORTS, ROUNDS = (PREFIX + topic for topic in (Topic.SUBMISSIONS, Topic.COHORTS, Topic.ROUNDS))
DAY = 1_760_000_000_000
HEADERS = [("ce_type", b"round.closed"), ("signature", bytes(range(64)))]


@contextmanager
def journal(folder: Path) -> Iterator[tuple[Journal, str]]:
    """A journal on a broker that has just started."""
    groups = [PREFIX + WORKER_GROUP]
    with (
        embedded_broker([PREFIX + spec.topic for spec in TOPICS]) as broker,
        Journal(folder, broker.bootstrap, PREFIX, groups) as kept,
    ):
        yield kept, broker.bootstrap


def produce(bootstrap: str, topic: str, *values: bytes | None, **fields: Any) -> None:
    """Records on partition 1 of a topic."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, partition=1, key=b"st-anna", value=value, timestamp=DAY, **fields)
    assert producer.flush(10) == 0


def commit(bootstrap: str, topic: str, offset: int) -> None:
    """The worker's committed offset on partition 1."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": PREFIX + WORKER_GROUP})
    consumer.commit(offsets=[TopicPartition(topic, 1, offset)], asynchronous=False)
    consumer.close()


def test_a_log_comes_back_record_by_record_with_its_committed_offsets(tmp_path: Path) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, b"{}", None, b"\xff\n\0", headers=HEADERS)
        produce(bootstrap, COHORTS, b"row")
        commit(bootstrap, SUBMISSIONS, 2)
        kept.finish()
        before = list(KafkaLog(Connection(bootstrap, embedded=True)).read(SUBMISSIONS, 1))
    with journal(tmp_path) as (kept, bootstrap):
        log = KafkaLog(Connection(bootstrap, embedded=True))
        assert list(log.read(SUBMISSIONS, 1)) == before
        assert [record.value for record in log.read(COHORTS, 1)] == [b"row"]
        assert log.committed(PREFIX + WORKER_GROUP, SUBMISSIONS, 1) == 2
        assert _message(bootstrap).headers() == HEADERS
        assert _message(bootstrap).timestamp()[1] == DAY
        produce(bootstrap, SUBMISSIONS, b"later")
        kept.finish()
    with journal(tmp_path) as (_, bootstrap):
        assert [record.value for record in KafkaLog(Connection(bootstrap, embedded=True)).read(SUBMISSIONS, 1)][
            -1
        ] == b"later"


def _message(bootstrap: str) -> Any:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    consumer.assign([TopicPartition(SUBMISSIONS, 1, 0)])
    found = consumer.poll(10)
    consumer.close()
    return found


def test_half_a_line_of_a_process_that_was_killed_is_cut_off(tmp_path: Path) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, b"1", b"2")
        kept.finish()
    file = tmp_path / f"{SUBMISSIONS}-1.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, b"3")
        kept.finish()
    assert [(one.offset, one.value) for one in read(file)] == [(0, "MQ=="), (1, "Mw==")]


def test_a_journal_with_a_hole_is_refused(tmp_path: Path) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, b"1", b"2", b"3")
        kept.finish()
    file = tmp_path / f"{SUBMISSIONS}-1.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[2])
    with pytest.raises(FatalError, match="lacks offset 1"), journal(tmp_path):
        raise AssertionError("it must not start")


@pytest.mark.parametrize(("killed_at", "echoes"), [(COHORTS, False), (ROUNDS, False)])
def test_no_consequence_is_kept_without_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str, echoes: bool
) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, *[b"answer"] * 5000)
        produce(bootstrap, COHORTS, b"sealed")
        produce(bootstrap, ROUNDS, b"echo")
        write = kept._write

        def killed(messages: list[Any]) -> int:
            if killed_at in {message.topic() for message in messages}:
                raise KeyboardInterrupt
            return write(messages)

        monkeypatch.setattr(kept, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            kept.finish()
        assert not is_kept(tmp_path / KEPT, {(COHORTS, 1): 1})
    assert len(list(read(tmp_path / f"{SUBMISSIONS}-1.jsonl"))) == 5000
    assert len(list(read(tmp_path / f"{COHORTS}-1.jsonl"))) == (killed_at == ROUNDS)
    assert bool(list(read(tmp_path / f"{ROUNDS}-1.jsonl"))) is echoes


def test_an_offset_is_kept_only_with_everything_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        produce(bootstrap, SUBMISSIONS, b"answer")
        later = kept._up_to_now

        def while_the_worker_goes_on(reader: Any, topics: Any) -> Any:
            commit(bootstrap, SUBMISSIONS, 1)
            return later(reader, topics)

        monkeypatch.setattr(kept, "_up_to_now", while_the_worker_goes_on)
        kept.keep(wait=0.2)
        assert json.loads((tmp_path / "committed.json").read_bytes() or b"{}").get(PREFIX + WORKER_GROUP, []) == []
        kept.keep(wait=0.2)
    assert json.loads((tmp_path / "committed.json").read_bytes())[PREFIX + WORKER_GROUP] == [[SUBMISSIONS, 1, 1]]


def test_the_writer_is_told_how_far_the_journal_is(tmp_path: Path) -> None:
    with journal(tmp_path) as (kept, bootstrap):
        assert is_kept(tmp_path / KEPT, {(COHORTS, 1): 0})
        produce(bootstrap, COHORTS, b"a", b"b")
        assert not is_kept(tmp_path / KEPT, {(COHORTS, 1): 1})
        kept.finish()
        assert is_kept(tmp_path / KEPT, {(COHORTS, 1): 2, (COHORTS, 0): 0})
        assert not is_kept(tmp_path / KEPT, {(COHORTS, 1): 3})
    assert not is_kept(tmp_path / "missing.json", {(COHORTS, 1): 1})
