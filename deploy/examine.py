"""Looks at a deployment for `wardpulse doctor`. Each look fails by itself, and none takes long."""

import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from deploy.check_instruments import check_instruments
from deploy.connection import Connection
from deploy.doctor import (
    FLOWS,
    Echoes,
    Finding,
    Places,
    Tables,
    Topics,
    Unseen,
    check_flow,
    check_kept,
    check_keystores,
    check_round_keys,
    check_rounds,
    check_tables,
    check_topics,
    check_trusted,
    check_versions,
    pinned_partitions,
    skipped,
)
from deploy.resources import migrations
from deploy.rounds import today
from deploy.secret_files import read_password, read_token
from deploy.settings import FILE, Settings, origins, without_password
from deploy.trusted import trusted_keys
from deploy.wiring import read_audit_key
from producers.key_commands import keystore_rows
from schemas.codec import decode
from schemas.errors import AccessRefused, BrokerUnavailable, DataError, SettingsError, WardpulseError
from schemas.events import Echo
from schemas.topics import Topic
from stream_processors.database import Database, holder_of
from stream_processors.kafka_log import KafkaLog
from stream_processors.steps.ledger import Ledger, ledger

KAFKA_SECONDS: Final = 5.0
TABLES_SECONDS: Final = 12.0
_HELD_SECONDS: Final = 5.0
_LOOKS: Final = 3
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_EMBEDDED: Final = "chdb:"
_OF_THE_LOG: Final = ("topics", "partitions", "retention")
_OF_ROUNDS: Final = ("open rounds", "rounds past their dates", "log of open rounds")
_OF_TABLES: Final = ("migrations", "clock")
_REACH: Final = "Make it reachable, then check again."

_ALLOW: Final = "Correct the user, the password or the rights, then check again."

T = TypeVar("T")


class _Later(Generic[T]):
    """A look in a thread of its own, given up after a while: a name that cannot be resolved takes its time."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._found: T | Unseen = Unseen("no answer in time", _REACH)
        self._until = time.monotonic() + TABLES_SECONDS
        self._thread = threading.Thread(target=self._run, args=(look,), daemon=True)
        self._thread.start()

    def _run(self, look: Callable[[], T]) -> None:
        self._found = _seen(look)

    def get(self) -> T | Unseen:
        self._thread.join(max(0.0, self._until - time.monotonic()))
        return self._found


def examine(mapping: Mapping[str, str], now: Callable[[], datetime]) -> list[Finding]:
    """Every finding on the deployment of these settings, in order."""
    try:
        settings = Settings.read(mapping)
    except SettingsError as error:
        do = "Correct it: docs/settings.md has every setting."
        refused = Finding("settings", "problem", str(error), do)
        rest = ("instruments", "keystores", "verify keys", "audit key", "kafka", "clickhouse")
        return [refused, *skipped(rest, "the settings cannot be read", do), *_versions()]
    tables = _Later(lambda: _tables(settings))
    log = _Log(settings)
    return [
        _settings(settings, mapping),
        check_instruments(settings, log.known),
        *_keys(settings, log.known),
        *log.findings(now),
        *_table_findings(tables.get()),
        *_versions(),
    ]


def _settings(settings: Settings, mapping: Mapping[str, str]) -> Finding:
    given = [name for name, origin in origins(mapping).items() if origin != "default"]
    file = mapping.get(FILE)
    found = f"{len(given)} given, {f'file {file}' if file else 'no file'}"
    is_secret = without_password(settings.clickhouse) != settings.clickhouse
    if file and is_secret and origins(mapping)["clickhouse"] == "file" and _mode(Path(file)) & _OTHERS_MAY:
        return Finding("settings", "warning", f"others may read {file}, which has a password", f"Run chmod 600 {file}.")
    return Finding("settings", "ok", found)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _keys(settings: Settings, known: Ledger | Unseen) -> list[Finding]:
    rows = _seen(lambda: _keystore_rows(settings))
    found = [_round_keys(rows, known), _trusted(settings, rows), _audit_key(settings.audit_key_file)]
    found += [_secret_file(check, path, read) for check, path, read in _secrets(settings) if path is not None]
    if isinstance(rows, Unseen):
        return [Finding("keystores", rows.state, rows.why, rows.do), *found]
    return [*check_keystores(rows), *found]


def _keystore_rows(settings: Settings) -> Sequence[Mapping[str, Any]] | Unseen:
    if settings.keystores is None:
        return Unseen("WARDPULSE_KEYSTORES is not set", "Set it where a facility's answers are sent.", "skipped")
    return keystore_rows(settings.keystores, (settings.verify_keys, settings.audit_key_file))


def _round_keys(rows: Sequence[Mapping[str, Any]] | Unseen, known: Ledger | Unseen) -> Finding:
    check = "keys of open rounds"
    if isinstance(rows, Unseen):
        return Finding(check, "skipped", rows.why, rows.do)
    if isinstance(known, Unseen):
        return Finding(check, "skipped", known.why, known.do)
    return check_round_keys(rows, known)


def _trusted(settings: Settings, rows: Sequence[Mapping[str, Any]] | Unseen) -> Finding:
    path = settings.verify_keys
    if path is None:
        return Finding("verify keys", "skipped", "WARDPULSE_VERIFY_KEYS is not set", "Set it where the worker runs.")
    try:
        trusted = trusted_keys(path)
        if _mode(path) & _OTHERS_MAY_WRITE:
            found = f"others may write {path}: they could open and close rounds"
            return Finding("verify keys", "problem", found, f"Run chmod go-w {path}.")
    except SettingsError as error:
        do = "Make the file with wardpulse keystore trust FACILITY, or correct WARDPULSE_VERIFY_KEYS."
        return Finding("verify keys", "problem", str(error), do)
    return check_trusted(trusted, [] if isinstance(rows, Unseen) else rows)


def _audit_key(path: Path | None) -> Finding:
    if path is None:
        do = "Set it where the worker runs."
        return Finding("audit key", "skipped", "WARDPULSE_AUDIT_KEY_FILE is not set", do)
    try:
        read_audit_key(path)
    except SettingsError as error:
        do = f"Correct the path, or make one: head -c 32 /dev/urandom > {path}."
        return Finding("audit key", "problem", str(error), do)
    if _mode(path) & _OTHERS_MAY:
        return Finding("audit key", "warning", f"others may read {path}", f"Run chmod 600 {path}.")
    return Finding("audit key", "ok", "readable")


def _secrets(settings: Settings) -> list[tuple[str, Path | None, Callable[[Path], object]]]:
    return [
        ("kafka password", settings.sasl_password_file, read_password),
        ("kafka client key", settings.ssl_key_location, _read_key),
        ("redcap token", settings.redcap_token_file, read_token),
    ]


def _read_key(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read ssl_key_location {path}: {error.strerror}") from None


def _secret_file(check: str, path: Path, read: Callable[[Path], object]) -> Finding:
    try:
        read(path)
    except SettingsError as error:
        return Finding(check, "problem", str(error), "Correct the path or the file, and who may read it.")
    if _mode(path) & _OTHERS_MAY:
        return Finding(check, "warning", f"others may read {path}", f"Run chmod 600 {path}.")
    return Finding(check, "ok", "readable")


class _Log:
    """What can be seen of Kafka, looked at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics: Topics | Unseen = _seen(self._see_topics)
        self._echoes: Echoes | Unseen = _seen(self._see_echoes)
        self.known = _seen(self._ledger)

    @cached_property
    def _log(self) -> KafkaLog:
        return KafkaLog(Connection.of(self._settings))

    def findings(self, now: Callable[[], datetime]) -> list[Finding]:
        """The findings on Kafka, its topics, the rounds and the processes."""
        flows = tuple(f"{who} has caught up" for who in FLOWS)
        if isinstance(self._topics, Unseen):
            unseen = self._topics
            found = [Finding("kafka", unseen.state, unseen.why, unseen.do)]
            return found + skipped((*_OF_THE_LOG, *_OF_ROUNDS, *flows), "Kafka cannot be reached", _REACH)
        found = [Finding("kafka", "ok", "reachable"), *self._kept(self._topics)]
        if isinstance(self._echoes, Unseen):
            return found + self._unseen_rounds(self._echoes)
        if isinstance(self.known, Unseen):
            return found + self._unseen_rounds(self.known)
        pinned = pinned_partitions(self.known, self._echoes)
        found += check_rounds(self.known, self._echoes, today(self._settings, now))
        return found + [self._flow(who, pinned) for who in FLOWS]

    def _unseen_rounds(self, unseen: Unseen) -> list[Finding]:
        rounds = Finding(_OF_ROUNDS[0], unseen.state, unseen.why, unseen.do)
        flows = [self._flow(who, None) for who in FLOWS]
        return [rounds, *skipped(_OF_ROUNDS[1:], "the rounds are not known", unseen.do), *flows]

    def _kept(self, topics: Topics) -> list[Finding]:
        prefix = self._settings.topic_prefix
        found = check_topics(topics.partitions, prefix)
        if isinstance(topics.kept, Unseen):
            return [*found, Finding("retention", topics.kept.state, topics.kept.why, topics.kept.do)]
        return found + check_kept(topics.kept, prefix)

    def _flow(self, who: str, pinned: frozenset[int] | None) -> Finding:
        behind = _seen(lambda: self._behind(who))
        if isinstance(behind, Unseen):
            return Finding(f"{who} has caught up", behind.state, behind.why, behind.do)
        return check_flow(who, behind, self._settings.topic_prefix, pinned)

    def _see_topics(self) -> Topics:
        partitions = self._log.topics(KAFKA_SECONDS)
        ours = [name for topic in Topic if (name := self._settings.topic_prefix + topic) in partitions]
        return Topics(partitions, self._see_kept(ours))

    def _see_kept(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]] | Unseen:
        if self._settings.embedded or not names:
            why = "the embedded broker keeps all it has memory for" if names else "there is no topic"
            return Unseen(
                why, "Use Apache Kafka for what must last." if names else "Run wardpulse topics create.", "skipped"
            )
        try:
            return self._log.topic_settings(names, KAFKA_SECONDS)
        except BrokerUnavailable:
            do = "Allow this client to describe topics, or compare with schemas/topics.py by hand."
            return Unseen("the broker does not say how it keeps topics", do, "skipped")

    def _see_echoes(self) -> Echoes | Unseen:
        if isinstance(self._topics, Unseen):
            return self._topics
        rounds, submissions = (self._settings.topic_prefix + topic for topic in (Topic.ROUNDS, Topic.SUBMISSIONS))
        counts = self._topics.partitions
        if rounds not in counts or submissions not in counts:
            return Unseen("topics are missing", "Run wardpulse topics create.", "skipped")
        events: dict[int, list[Any]] = {number: self._events(rounds, number) for number in range(counts[rounds])}
        starts = {number: self._log.bounds(submissions, number).start for number in range(counts[submissions])}
        echoes = {number: [event for event in found if isinstance(event, Echo)] for number, found in events.items()}
        return Echoes(echoes, starts, foreign=echoes != events)

    def _events(self, topic: str, partition: int) -> list[Any]:
        found: list[Any] = []
        for record in self._log.read(topic, partition):
            try:
                found.append(decode(record.value))
            except DataError:
                found.append(None)
        return found

    def _ledger(self) -> Ledger | Unseen:
        if isinstance(self._echoes, Unseen):
            return self._echoes
        return ledger([echo for echoes in self._echoes.by_partition.values() for echo in echoes])

    def _behind(self, who: str) -> Places | Unseen:
        """Where a process has not handled what lay there when this was called; it is given a moment."""
        assert isinstance(self._topics, Topics)
        group, topics = FLOWS[who]
        names = [self._settings.topic_prefix + topic for topic in topics]
        places = [(name, number) for name in names for number in range(self._topics.partitions.get(name, 0))]
        if any(name not in self._topics.partitions for name in names):
            return Unseen("topics are missing", "Run wardpulse topics create.", "skipped")
        ends = {place: self._log.bounds(*place).end for place in places}
        for look in range(_LOOKS):
            time.sleep(1.0 if look else 0.0)
            ends = {place: end for place, end in ends.items() if self._handled(group, *place) < end}
            if not ends:
                break
        return frozenset(ends)

    def _handled(self, group: str, topic: str, partition: int) -> int:
        return self._log.committed(self._settings.topic_prefix + group, topic, partition) or 0


def _tables(settings: Settings) -> Tables | Unseen:
    embedded = settings.clickhouse.startswith(_EMBEDDED)
    if embedded:
        folder = Path(settings.clickhouse.removeprefix(_EMBEDDED))
        if not folder.is_dir():
            return Unseen(f"no tables yet in {folder}", "Run wardpulse db migrate, or start the writer.", "warning")
        if (holder := _held(folder)) is not None:
            do = "Check again when that process, such as the writer, has ended."
            return Unseen(f"process {holder} has the folder open, and one at a time can", do, "skipped")
    with Database.connect(settings.clickhouse, _HELD_SECONDS) as database:
        states = database.migration_states(migrations())
        asked = time.time()
        row = database.query("SELECT version() AS version, toUnixTimestamp(now()) AS seconds")[0]
        ahead = None if embedded else float(row["seconds"]) - (asked + time.time()) / 2
        return Tables(row["version"], states, ahead)


def _held(folder: Path) -> str | None:
    """The process that keeps a folder open; the writer lets go of it between its inserts."""
    until = time.monotonic() + _HELD_SECONDS
    while (holder := holder_of(folder)) is not None and time.monotonic() < until:
        time.sleep(0.1)
    return holder


def _table_findings(seen: Tables | Unseen) -> list[Finding]:
    if isinstance(seen, Unseen):
        found = Finding("clickhouse", seen.state, seen.why, seen.do)
        return [found, *skipped(_OF_TABLES, "ClickHouse cannot be looked at", seen.do)]
    return check_tables(seen)


def _versions() -> list[Finding]:
    needed: list[str] = []
    with suppress(PackageNotFoundError):
        needed = requires("wardpulse") or []
    return check_versions((sys.version_info.major, sys.version_info.minor), needed, _installed)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _seen(look: Callable[[], T | Unseen]) -> T | Unseen:
    """What was seen, or why it was not. A fault of our own is a finding too: no check stops the others."""
    try:
        return look()
    except WardpulseError as error:
        return Unseen(str(error), _advice(error))
    except Exception as error:
        return Unseen(f"unexpected {type(error).__name__}", "Report it, with the version of wardpulse.")


def _advice(error: WardpulseError) -> str:
    if isinstance(error, SettingsError):
        return "Correct the setting."
    return _ALLOW if isinstance(error, AccessRefused) else _REACH
