"""ClickHouse: the only import of clickhouse_connect. A server by URL, or the embedded engine on a folder."""

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.clickhouse.rows import Row
from schemas.clickhouse.tables import Table
from schemas.errors import SettingsError, SinkUnavailable

_EMBEDDED: Final = "chdb:"
# pinned: an insert must be on disk when it returns, since the Kafka offset is committed next
_SETTINGS: Final = {"async_insert": 0}
_NO_SUCH_TABLE: Final = "Code: 60"
_NO_SUCH_COLUMN: Final = ("Code: 16", "Code: 47")
_HELD_SECONDS: Final = 0.2
_CONNECT_SECONDS: Final = 10

MigrationState = Literal["applied", "pending", "edited"]


class Database:
    """A connection that creates, fills and reads the published tables."""

    def __init__(self, connect: Callable[[], Client], is_embedded: bool) -> None:
        self._connect, self._is_embedded = connect, is_embedded
        self._connected: Client | None = connect()

    @classmethod
    def connect(cls, url: str, wait: float = 20.0) -> Self:
        """Connect to `chdb:FOLDER` or `http(s)://user:password@host:port/database`.

        One process at a time can have a folder open; another one's is waited for, `wait` seconds.
        """
        # the driver would log what fails, values it cannot store included, beside the one line we say
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
        with _sink_errors():
            if url.startswith(_EMBEDDED):
                folder = Path(url.removeprefix(_EMBEDDED))
                folder.mkdir(parents=True, exist_ok=True)
                return cls(lambda: _open_folder(folder, wait), is_embedded=True)
            scheme = _scheme(url)
            # the driver takes no scheme from the address: without being told it would send passwords in clear text
            seconds = max(1, min(_CONNECT_SECONDS, int(wait)))
            return cls(
                lambda: clickhouse_connect.get_client(dsn=url, interface=scheme, connect_timeout=seconds),
                is_embedded=False,
            )

    @property
    def _client(self) -> Client:
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def release(self) -> None:
        """Let other processes open the folder of the embedded engine; the next use opens it again."""
        if self._is_embedded:
            self.close()

    def migrate(self, migrations: Sequence[tuple[str, str]]) -> list[str]:
        """Apply the migrations not applied yet; SettingsError if an applied one has since been edited."""
        with _sink_errors():
            self._client.command(
                "CREATE TABLE IF NOT EXISTS schema_migrations (name String, sha256 String)"
                " ENGINE = ReplacingMergeTree ORDER BY name"
            )
        applied = {row["name"]: row["sha256"] for row in self.query("SELECT name, sha256 FROM schema_migrations FINAL")}
        done = []
        for name, sql in migrations:
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if applied.get(name, digest) != digest:
                raise SettingsError(f"migration {name} was edited after it was applied; add a new migration instead")
            if name not in applied:
                self._apply(name, sql, digest)
                done.append(name)
        return done

    def migration_states(self, migrations: Sequence[tuple[str, str]]) -> dict[str, MigrationState]:
        """How each migration stands, changing nothing."""
        known = self.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
        applied = {}
        if any(row["name"] == "schema_migrations" for row in known):
            rows = self.query("SELECT name, sha256 FROM schema_migrations FINAL")
            applied = {row["name"]: row["sha256"] for row in rows}
        return {name: _migration_state(sql, applied.get(name)) for name, sql in migrations}

    def _apply(self, name: str, sql: str, digest: str) -> None:
        with _sink_errors():
            for statement in sql.split(";\n"):
                if statement.strip():
                    self._client.command(statement)
            self._client.insert("schema_migrations", [[name, digest]], column_names=["name", "sha256"])

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows; when this returns they are stored. Repeats collapse by `row_hash`."""
        columns = list(table.columns)
        dates = {name for name, kind in table.columns.items() if kind in ("Date", "Nullable(Date)")}
        data = [[_value(row[name], name in dates) for name in columns] for row in rows]
        with _sink_errors():
            self._client.insert(table.name, data, column_names=columns, settings=_SETTINGS)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT; rows as dictionaries."""
        with _sink_errors():
            result = self._client.query(sql, parameters=dict(parameters or {}))
            return [dict(row) for row in result.named_results()]

    def close(self) -> None:
        """End the connection; the embedded engine lets another process open the folder."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_folder(folder: Path, wait: float) -> Client:
    until = time.monotonic() + wait
    while True:
        holder = holder_of(folder)
        if holder is None:
            with suppress(ClickHouseError):
                return clickhouse_connect.get_client(interface="chdb", path=str(folder))
        if time.monotonic() > until:
            raise SinkUnavailable(_closed(folder, holder))
        time.sleep(_HELD_SECONDS)


def holder_of(folder: Path) -> str | None:
    """The number of another process that has a folder open. The engine, if asked, complains on the terminal."""
    try:
        with (folder / "status").open() as file:
            number = next(iter(re.findall(r"^PID: (\d+)", file.read(1000))), "")
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return number if number != str(os.getpid()) else None
    except OSError:
        return None  # nobody has used the folder yet
    return None


def _closed(folder: Path, holder: str | None) -> str:
    if holder is None:
        return (
            f"the ClickHouse folder {folder} cannot be opened: see that it is whole and writable, and the disk not full"
        )
    return (
        f"the ClickHouse folder {folder} is open in process {holder}, and one at a time can have it open: stop that "
        "process, such as the writer, or wait until it is done"
    )


def _migration_state(sql: str, applied: str | None) -> MigrationState:
    if applied is None:
        return "pending"
    return "applied" if applied == hashlib.sha256(sql.encode()).hexdigest() else "edited"


def _scheme(url: str) -> str:
    """SettingsError, without quoting the address, unless it is one the driver can use."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "the ClickHouse address must be chdb:FOLDER or http(s)://user:password@host:port/database, "
            "with special characters of the password percent-encoded"
        )
    return parts.scheme


def _value(value: Any, is_date: bool) -> Any:
    return date.fromisoformat(value) if is_date and value is not None else value


@contextmanager
def _sink_errors() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, OSError) as error:
        # the driver quotes statements and rows in its messages, so only kind and number are passed on
        number = re.match(r"Code: \d+", str(error))
        if number and number[0] == _NO_SUCH_TABLE:
            raise SinkUnavailable(
                "ClickHouse has no published tables there: wardpulse db migrate makes them; "
                "or is another address meant (WARDPULSE_CLICKHOUSE, WARDPULSE_SETTINGS)?"
            ) from None
        if number and number[0] in _NO_SUCH_COLUMN:
            raise SinkUnavailable(
                f"ClickHouse's tables are those of another version ({number[0]}): wardpulse db migrate brings them up"
            ) from None
        what = f"{type(error).__name__}{f' ({number[0]})' if number else ''}"
        raise SinkUnavailable(f"ClickHouse: {what}; check its address and that it is running") from None
