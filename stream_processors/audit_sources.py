"""Where the auditor's evidence comes from: folders, ClickHouse and Kafka. No decision is made here."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from deploy.connection import Connection
from deploy.settings import Settings
from schemas.errors import InputRefused
from schemas.topics import TOPICS, Topic
from stream_processors.audit.evidence import Evidence
from stream_processors.audit.exact import Raw, exact_json
from stream_processors.audit.reading import Reader
from stream_processors.database import Database
from stream_processors.kafka_log import KafkaLog

COHORTS: Final = "cohorts.jsonl"
CLOSED: Final = "closed"
MANIFESTS: Final = "manifests.jsonl"
CLICKHOUSE: Final = "clickhouse"
JOURNAL: Final = "journal"
EMITTED: Final = (Topic.COHORTS, Topic.INDICATORS, Topic.MANIFESTS)
"""Everything that was ever published, and the evidence behind it."""
EXPIRING: Final = frozenset(spec.topic for spec in TOPICS if spec.retention_days is not None)
_OWN_TABLES: Final = frozenset(
    {"cohorts", "retired_cohorts", "interventions", "indicators", "rounds", "nodes", "schema_migrations"}
)
_COLUMNS: Final = "SELECT table, name, default_kind FROM system.columns WHERE database = currentDatabase()"
_SAMPLE: Final = 1000
_SAMPLED: Final = "SELECT DISTINCT {column:Identifier} AS value FROM {name:Identifier} LIMIT 1000"


def text_of(path: Path) -> str:
    """A text file, with or without a byte order mark; InputRefused if it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputRefused(f"{path}: {error.strerror}") from None
    except ValueError:
        raise InputRefused(f"{path} is not UTF-8: save it as CSV UTF-8") from None


def from_folder(folder: Path) -> Evidence:
    """The results of a dry run, or what a deployment on this machine left in its folder."""
    reader = Reader()
    if (folder / COHORTS).is_file():
        _read_results(reader, folder)
    elif (folder / CLICKHOUSE).is_dir():
        _read_tables(reader, f"chdb:{folder / CLICKHOUSE}")
    else:
        raise InputRefused(f"{folder} holds neither {COHORTS} of a dry run nor the folder {CLICKHOUSE} of a deployment")
    manifests = folder / CLOSED / MANIFESTS
    if manifests.is_file():
        _read_manifests(reader, manifests)
    if (folder / JOURNAL).is_dir():
        reader.closed_evidence()
        for at, value in _journal(folder / JOURNAL):
            reader.event(value, at)
    return reader.evidence


def from_deployment(settings: Settings, manifests: Path | None) -> Evidence:
    """A deployment's ClickHouse, and from Kafka what was ever emitted; with a file of manifests, ClickHouse alone."""
    reader = Reader()
    _read_tables(reader, settings.clickhouse)
    if manifests is not None:
        _read_manifests(reader, manifests)
        return reader.evidence
    reader.closed_evidence()
    log = KafkaLog(Connection.of(settings))
    for topic in EMITTED:
        for at, value in _records(log, settings.topic_prefix + topic, expires=topic in EXPIRING):
            reader.event(value, at)
    return reader.evidence


def _journal(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What the journal of `wardpulse up` holds; the last line of a file may be still being written."""
    for path in sorted(path for topic in EMITTED for path in folder.glob(f"{topic}-*.jsonl")):
        for at, line in _lines(path):
            if line.endswith(b"\n"):
                yield at, base64.b64decode(exact_json(line, at).get("value") or "")


def _read_results(reader: Reader, folder: Path) -> None:
    takers = {
        "cohorts.jsonl": reader.cohort,
        "retired_cohorts.jsonl": reader.retired,
        "interventions.jsonl": reader.intervention,
        "indicators.jsonl": reader.figure,
        "rounds.jsonl": reader.sealed_round,
    }
    for name, take in takers.items():
        for at, raw in _objects(folder / name):
            take(raw, at)
    for path in sorted(folder.glob("*")):
        if path.name not in takers and path.name != CLOSED:
            reader.unknown_column(str(path.name), "a file", _some_lines(path))


def _some_lines(path: Path) -> list[str]:
    if not path.is_file():
        return [path.name]
    with path.open("r", encoding="utf-8", errors="replace") as file:
        return [line for _, line in zip(range(_SAMPLE), file, strict=False)] or [path.name]


def _objects(path: Path) -> Iterator[tuple[str, Raw]]:
    for at, line in _lines(path):
        yield at, exact_json(line, at)


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield f"{path.name} line {number}", line
    except OSError as error:
        raise InputRefused(f"{path}: {error.strerror}") from None


def _read_manifests(reader: Reader, path: Path) -> None:
    reader.closed_evidence()
    for at, line in _lines(path):
        reader.event(line, at)


def _read_tables(reader: Reader, address: str) -> None:
    takers = {
        "cohorts": reader.cohort,
        "retired_cohorts": reader.retired,
        "interventions": reader.intervention,
        "indicators": reader.figure,
        "rounds": reader.round_row,
        "nodes": reader.node_row,
    }
    with Database.connect(address) as database:
        for name, take in takers.items():
            # without FINAL: versions that a merge would drop are evidence too
            for row in database.query("SELECT * FROM {name:Identifier}", {"name": name}):
                take(row, f"ClickHouse table {name}")
        for name, columns in _other_tables(database):
            for column in columns:
                sample = database.query(_SAMPLED, {"column": column, "name": name})
                reader.unknown_column(f"ClickHouse table {name}", column, (row["value"] for row in sample))


def _other_tables(database: Database) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for row in database.query(_COLUMNS):
        # SELECT * leaves computed columns out
        if row["table"] not in _OWN_TABLES or row["default_kind"] in ("MATERIALIZED", "ALIAS"):
            found.setdefault(row["table"], []).append(row["name"])
    return found.items()


def _records(log: KafkaLog, topic: str, expires: bool) -> Iterator[tuple[str, bytes | None]]:
    """The records of a topic; LogTruncated if one that is kept for ever has lost its beginning."""
    for partition in log.partitions(topic):
        start = log.bounds(topic, partition).start if expires else 0
        for record in log.read(topic, partition, start):
            yield f"{topic} [{partition}] offset {record.offset}", record.value
