"""ClickHouse: the only import of clickhouse_connect. A server by URL, or the embedded engine on a folder."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
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


class Database:
    """A connection that creates, fills and reads the published tables."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    def connect(cls, url: str) -> Self:
        """Connect to `chdb:FOLDER` (one process at a time) or `http(s)://user:password@host:port/database`."""
        with _sink_errors():
            if url.startswith(_EMBEDDED):
                folder = Path(url.removeprefix(_EMBEDDED))
                folder.mkdir(parents=True, exist_ok=True)
                return cls(clickhouse_connect.get_client(interface="chdb", path=str(folder)))
            scheme = _scheme(url)
            # the driver takes no scheme from the address: without being told it would send passwords in clear text
            return cls(clickhouse_connect.get_client(dsn=url, interface=scheme))

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

    def _apply(self, name: str, sql: str, digest: str) -> None:
        with _sink_errors():
            for statement in sql.split(";\n"):
                if statement.strip():
                    self._client.command(statement)
            self._client.insert("schema_migrations", [[name, digest]], column_names=["name", "sha256"])

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows; when this returns they are stored. Repeats collapse by `row_hash`."""
        columns = list(table.columns)
        dates = {name for name, kind in table.columns.items() if kind == "Date"}
        data = [[_value(row[name], name in dates) for name in columns] for row in rows]
        with _sink_errors():
            self._client.insert(table.name, data, column_names=columns, settings=_SETTINGS)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT; rows as dictionaries."""
        with _sink_errors():
            result = self._client.query(sql, parameters=dict(parameters or {}))
            return [dict(row) for row in result.named_results()]

    def close(self) -> None:
        """Release the connection; the embedded engine lets another process open the folder."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
    return date.fromisoformat(value) if is_date else value


@contextmanager
def _sink_errors() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, OSError) as error:
        # the driver quotes statements and rows in its messages, so only kind and number are passed on
        number = re.match(r"Code: \d+", str(error))
        what = f"{type(error).__name__}{f' ({number[0]})' if number else ''}"
        raise SinkUnavailable(f"ClickHouse: {what}; check its address and that it is running") from None
