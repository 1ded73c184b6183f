"""What a copy of the code makes of the logs, as plain values: what is emitted, written to files, and stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from producers.keystore import RoundKeys
from tests.mutants.logs import Interrupted, Log

PACKAGES: Final = (
    "schemas",
    "stream_processors.steps",
    "producers.pseudonym",
    "deploy.resources",
    "tests.records",
)
"""What is copied: the contract, the steps, the edge's tokens, and what brings them together."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Emitted:
    """An event as it lies in its topic, as a row of a dry run, and as rows of ClickHouse by table."""

    kind: str
    value: bytes
    row: Row
    stored: tuple[tuple[str, Row], ...]


@dataclass(frozen=True)
class Run:
    """A log, and every event it led to, in order."""

    name: str
    log: Log
    events: tuple[Emitted, ...]


@dataclass(frozen=True)
class World:
    """A copy of the code and what it does."""

    runs: tuple[Run, ...]
    restarted: Run
    other_audit_key: Run
    pseudonym: ModuleType

    def token(self, keys: RoundKeys, form: str, person: str) -> str:
        """The token the copy gives a person."""
        return str(self.pseudonym.respondent_token(keys, form, person))

    def event_id(self, keys: RoundKeys, response: str) -> str:
        """The id the copy gives a person's answer to one form."""
        return str(self.pseudonym.event_id(keys, "csv", "pulse", response, "sib5", 0))


def world(logs: Mapping[str, Log], interrupted: Interrupted) -> World:
    """What the modules do that can be imported now."""
    records, replay = import_module("tests.records"), import_module("stream_processors.steps.replay")
    runs = tuple(Run(name, log, _emitted(records.replayed(log).events)) for name, log in logs.items())
    after = _restarted(interrupted, records, replay)
    rules = replace(records.RULES, audit_key=b"another audit key")
    other = replay.replay(records.records(interrupted.log), rules).events
    return World(
        runs=runs,
        restarted=Run("restarted", interrupted.log, _emitted(after)),
        other_audit_key=Run("another audit key", interrupted.log, _emitted(other)),
        pseudonym=import_module("producers.pseudonym"),
    )


def _restarted(interrupted: Interrupted, records: ModuleType, replay: ModuleType) -> list[Any]:
    """Every event emitted before and after the worker is started again, a record having been erased meanwhile."""
    log = records.records(interrupted.log)
    before = replay.replay(log[: interrupted.records], records.RULES)
    story, start = import_module("stream_processors.steps.restart").resume(before.echoes, interrupted.records)
    after = replay.Replay(stories={0: story}, history=before.history)
    for record in log[start:]:
        if record.offset != interrupted.erased:
            after.take(record, records.RULES)
    return [*before.events, *after.events]


def _emitted(events: list[Any]) -> tuple[Emitted, ...]:
    codec, rows = import_module("schemas.codec"), import_module("schemas.clickhouse.rows")
    errors = import_module("schemas.errors")

    def stored(event: Any) -> tuple[tuple[str, Row], ...]:
        try:
            return tuple((table.name, row) for table, row in rows.rows(event))
        except errors.DataError:
            return ()

    return tuple(Emitted(event.type, codec.encode(event), rows.plain(event), stored(event)) for event in events)
