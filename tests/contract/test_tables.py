"""The published tables on the real embedded engine: what they hold, what they keep apart, and what they never name."""

import hashlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any, Final

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from deploy.resources import migrations
from schemas.clickhouse.rows import Row, rows
from schemas.clickhouse.tables import COHORTS, NODES, TABLES, Table
from schemas.codec import decode
from schemas.errors import DataError, SettingsError, SinkUnavailable
from schemas.events import Outcomes
from stream_processors.database import Database

EXAMPLES: Final = Path(__file__).parents[2] / "schemas" / "examples"
OPEN_EXAMPLES: Final = (
    "cohorts/valid/cohort.sealed_of_a_unit",
    "cohorts/valid/cohort.retired",
    "cohorts/valid/intervention.recorded",
    "cohorts/valid/round.sealed",
    "cohorts/valid/round.sealed_of_a_long_round",
    "indicators/valid/indicator_published",
)
FROZEN: Final = {
    "0001_published_tables.sql": "553f4bcade6ca2710b395325a2ce1dfd1565fb45ca397c7460a69489f5e47b32",
    "0002_retired_cohorts.sql": "0a2a9f146d55b4fcd5d5f076eb27ba49d75489650f2e99be86a997e34f777e92",
    "0003_seasons_and_groups.sql": "b3cc8233914fe78589374cdaab10de8849799e804cbc3867463c7c7f7f63d9c0",
    "0004_series.sql": "f6d52c747fd326c6fac743a2c082d9bbd7253234a5f84960afc9a6f0da9119d9",
    "0005_interventions.sql": "543e5bbfafa633a0b29fb38f3181dc057abe1156c5a1378c54fb9b6c5357bc61",
}
NOT_TO_BE_NAMED: Final = frozenset(
    {"event", "token", "respondent", "tag", "key", "offset", "instant", "time", "timestamp", "source", "revision"}
)

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def example(name: str) -> list[tuple[Table, Row]]:
    """The rows of a golden message."""
    return rows(decode((EXAMPLES / f"{name}.json").read_bytes().rstrip()))


def sample_rows() -> dict[str, list[Row]]:
    """Rows for every table, by its name."""
    found: dict[str, list[Row]] = {}
    for name in OPEN_EXAMPLES:
        for table, row in example(name):
            found.setdefault(table.name, []).append(row)
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    # the embedded engine opens one folder per process, so each test closes what it opened
    with Database.connect(f"chdb:{tmp_path / 'clickhouse'}") as opened:
        opened.migrate(migrations())
        yield opened


def stored(database: Database, table: Table) -> list[Row]:
    """A table's rows as a reader sees them."""
    return database.query(f"SELECT * FROM {table.name} FINAL ORDER BY ALL")


def optimised(database: Database, table: Table) -> list[Row]:
    """A table's rows after every merge that could ever happen."""
    database.query(f"OPTIMIZE TABLE {table.name} FINAL")
    return stored(database, table)


def test_migrations_apply_once(tmp_path: Path) -> None:
    address = f"chdb:{tmp_path}"
    with Database.connect(address) as database:
        assert database.migrate(migrations()) == [name for name, _ in migrations()]
        assert database.migrate(migrations()) == []
    with Database.connect(address) as database:
        assert database.migrate(migrations()) == []


def test_the_tables_are_those_of_the_contract_and_the_record_of_migrations(database: Database) -> None:
    found = database.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert {row["name"] for row in found} == {table.name for table in TABLES} | {"schema_migrations"}


@each_table
def test_a_table_has_the_columns_and_the_sorting_key_of_the_contract(database: Database, table: Table) -> None:
    columns = {row["name"]: row["type"] for row in database.query(f"DESCRIBE {table.name}")}
    assert list(columns.items()) == list(table.columns.items())
    (found,) = database.query(
        "SELECT engine, sorting_key FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        {"name": table.name},
    )
    assert found == {"engine": "ReplacingMergeTree", "sorting_key": ", ".join(table.sorting_key)}
    assert table.sorting_key[-1] == "row_hash"


@each_table
def test_an_events_rows_have_a_tables_columns_and_no_others(table: Table) -> None:
    for row in sample_rows()[table.name]:
        assert set(row) == set(table.columns)


@each_table
def test_no_column_can_hold_a_token_an_event_id_an_instant_or_a_count_of_outcomes(table: Table) -> None:
    words = {word for column in table.columns for word in column.split("_")}
    assert words.isdisjoint(NOT_TO_BE_NAMED)
    assert set(table.columns).isdisjoint(Outcomes.model_fields)
    assert not any(column.endswith("_at") for column in table.columns)
    assert not any("DateTime" in kind or "UUID" in kind for kind in table.columns.values())


def test_closed_events_have_no_rows() -> None:
    closed = [
        path
        for topic in ("submissions", "rounds", "manifests", "deadletters")
        for path in EXAMPLES.glob(f"{topic}/valid/*")
    ]
    assert closed
    for path in closed:
        with pytest.raises(DataError):
            rows(decode(path.read_bytes().rstrip()))


@each_table
def test_a_row_comes_back_as_it_was_put_in(database: Database, table: Table) -> None:
    for row in sample_rows()[table.name]:
        database.insert(table, [row])
        (found,) = database.query(
            f"SELECT * FROM {table.name} WHERE row_hash = {{hash:String}}", {"hash": row["row_hash"]}
        )
        assert {name: str(value) for name, value in found.items()} == {name: str(value) for name, value in row.items()}


@pytest.mark.parametrize("name", ["of_a_long_round", "of_a_sensitive_form", "with_a_staff_group"])
def test_the_rows_of_every_kind_of_round_come_back_as_they_were_put_in(database: Database, name: str) -> None:
    for table, row in example(f"cohorts/valid/round.sealed_{name}"):
        database.insert(table, [row])
        (found,) = database.query(
            f"SELECT * FROM {table.name} WHERE row_hash = {{hash:String}}", {"hash": row["row_hash"]}
        )
        assert {name: str(value) for name, value in found.items()} == {name: str(value) for name, value in row.items()}


@each_table
def test_repeats_of_a_row_collapse(database: Database, table: Table) -> None:
    sample = sample_rows()[table.name]
    for _ in range(3):
        database.insert(table, [*sample, *sample])
    assert len(stored(database, table)) == len(sample)
    assert len(optimised(database, table)) == len(sample)
    (count,) = database.query(f"SELECT count() AS rows FROM {table.name}")
    assert count["rows"] == len(sample)


@each_table
def test_versions_of_a_row_all_survive_every_merge(database: Database, table: Table) -> None:
    first = sample_rows()[table.name][0]
    changed = next(name for name in ("policy_hash", "state", "node") if name in first)
    other = {**first, changed: "changed", "row_hash": "f" * 64}
    database.insert(table, [first])
    database.insert(table, [other])
    assert {row["row_hash"] for row in optimised(database, table)} == {first["row_hash"], other["row_hash"]}


def test_a_changed_figure_changes_the_hash_of_its_row() -> None:
    event = decode((EXAMPLES / f"{OPEN_EXAMPLES[0]}.json").read_bytes().rstrip())
    ((_, before),), ((_, after),) = rows(event), rows(event.model_copy(update={"n": 99}))
    assert before["row_hash"] != after["row_hash"]


def test_a_small_headcount_is_stored_as_none(database: Database) -> None:
    database.insert(NODES, sample_rows()["nodes"])
    headcounts = {row["node"]: row["headcount"] for row in stored(database, NODES)}
    assert headcounts["ward-3"] is None
    assert headcounts["icu"] == 24


def test_an_applied_migration_is_never_edited() -> None:
    assert {name: hashlib.sha256(sql.encode()).hexdigest() for name, sql in migrations()} == FROZEN


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name.split("_")[0]) for name, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_an_edited_migration_is_refused_and_named(database: Database) -> None:
    edited = [(name, f"{sql}\n-- edited") for name, sql in migrations()]
    with pytest.raises(SettingsError, match=edited[0][0]):
        database.migrate(edited)


def test_a_new_migration_is_applied_after_the_old_ones(database: Database) -> None:
    added = ("9999_comment.sql", "ALTER TABLE cohorts MODIFY COMMENT 'sealed';\n")
    assert database.migrate([*migrations(), added]) == [added[0]]


def test_an_unreachable_server_is_reported_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SinkUnavailable) as unreachable:
        Database.connect("http://writer:a-secret@127.0.0.1:1/wellbeing")
    assert "a-secret" not in f"{unreachable.value}{unreachable.value.args}{caplog.text}"


@pytest.mark.parametrize("address", ["postgres://writer:a-secret@db/wellbeing", "", "clickhouse"])
def test_an_address_of_another_kind_is_refused_without_quoting_it(address: str) -> None:
    with pytest.raises(SettingsError, match="must be chdb:FOLDER") as refused:
        Database.connect(address)
    assert "a-secret" not in str(refused.value)


class Broken:
    """A client whose server went away, with a driver's talkative errors."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def insert(self, *_: Any, **__: Any) -> None:
        raise self._error

    query = command = insert


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("Code: 241. memory limit, in row ('st-anna', 'icu', 17)"),
        ClickHouseError("cannot parse st-anna"),
        ConnectionRefusedError("st-anna"),
    ],
)
def test_a_failing_sink_is_reported_without_quoting_rows(error: Exception) -> None:
    client: Any = Broken(error)
    database = Database(lambda: client, is_embedded=False)
    for act in (
        lambda: database.insert(COHORTS, sample_rows()["cohorts"]),
        lambda: database.query("SELECT 1"),
        lambda: database.migrate(migrations()),
    ):
        with pytest.raises(SinkUnavailable, match=type(error).__name__) as failed:
            act()
        assert "st-anna" not in str(failed.value)
        assert failed.value.__suppress_context__


def test_a_bad_statement_is_reported_by_its_number_alone(database: Database) -> None:
    with pytest.raises(SinkUnavailable, match=r"Code: \d+") as failed:
        database.query("SELECT secret_column FROM cohorts")
    assert "secret_column" not in str(failed.value)


WEDGES: Final = "the writer stops at such a record, and again each time it is started"


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("cohorts/valid/round.sealed", {"first_answer_date": "0202-10-05"}),
        ("cohorts/valid/round.sealed", {"last_answer_date": "2926-10-11"}),
        ("indicators/valid/indicator_published", {"window": 256}),
        ("indicators/valid/indicator_published", {"rounds_fielded": 256}),
    ],
)
def test_what_is_no_data_error_fits_its_columns(database: Database, name: str, changed: dict[str, Any]) -> None:
    event = {**json.loads((EXAMPLES / f"{name}.json").read_bytes()), **changed}
    try:
        found = rows(decode(json.dumps(event).encode()))
    except DataError:
        return
    for table, row in found:
        database.insert(table, [row])


def test_a_https_address_is_spoken_to_in_tls_and_never_in_clear_text() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = Queue[bytes]()

        def listen() -> None:
            connection, _ = server.accept()
            first.put(connection.recv(5))
            connection.close()

        threading.Thread(target=listen, daemon=True).start()
        with pytest.raises(SinkUnavailable):
            Database.connect(f"https://writer:a-secret@127.0.0.1:{server.getsockname()[1]}/wellbeing")
    # a TLS record of type handshake
    assert first.get(timeout=10)[:2] == b"\x16\x03"
