"""Everything that a deployment leaves behind, as bytes: topics, tables, pages, files, what commands print."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from deploy.local import Local
from deploy.settings import PREFIX, Settings
from schemas.topics import Topic

Sinks = dict[str, bytes]
"""What there is to scan, by name."""

POLL_MILLISECONDS: Final = 500
WIDE: Final = "1000"
"""Columns of a terminal in which no table breaks a word."""


class Stored(NamedTuple):
    """A record as Kafka has it, headers included."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def content(self) -> bytes:
        """All of it."""
        around = [part or b"" for header in self.headers for part in (header[0].encode(), header[1])]
        return b"\n".join([self.key or b"", self.value or b"", *around])


def stored(local: Local, topic: Topic) -> Iterator[Stored]:
    """Every record of a topic, each partition's in order."""
    consumer = KafkaConsumer(**local.connection.kafka_python(), enable_auto_commit=False)
    partitions = [TopicPartition(local.topic(topic), number) for number in local.log.partitions(local.topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(POLL_MILLISECONDS).values():
            yield from (Stored(record.key, record.value, tuple(record.headers)) for record in records)
    consumer.close()


def topic_content(local: Local, topic: Topic) -> bytes:
    """All that a topic holds."""
    return b"\n".join(record.content() for record in stored(local, topic))


def every_table(url: str) -> bytes:
    """Names and content of every table that the database has, as JSON."""
    return _run({}, "-m", "tests.e2e.read_tables", url, "--everything")[1]


def printed(settings: Settings, *words: str | Path, codes: tuple[int, ...] = (0,), module: str = "wardpulse") -> bytes:
    """What a command prints and complains with these settings; it must end with one of the exit codes."""
    code, text = _run(settings.environment(), "-m", module, *map(str, words))
    assert code in codes, text.decode()[-2000:]
    return text


def _run(settings: Mapping[str, str], *words: str) -> tuple[int, bytes]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    done = subprocess.run(
        [sys.executable, *words],
        env=kept | {"COLUMNS": WIDE} | dict(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def files(folder: Path, *left_out: str) -> Sinks:
    """Every file of a folder by its path in it; what is in the folders or files left out is not read."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: name.encode() + b"\n" + path.read_bytes()
        for name, path in named.items()
        if name.split("/")[0] not in left_out
    }
