"""Prints tables as JSON: `python -m tests.e2e.read_tables chdb:FOLDER [--everything]`.

By default every published table, with its versions merged; else every table there is, with every version.
"""

import json
import sys
from typing import Any

from schemas.clickhouse.tables import TABLES
from stream_processors.database import Database

_EVERY = "SELECT database, name FROM system.tables WHERE lower(database) NOT IN ('system', 'information_schema')"


def main() -> None:
    """Read the tables at the address given."""
    with Database.connect(sys.argv[1]) as database:
        tables = _everything(database) if "--everything" in sys.argv else _published(database)
    sys.stdout.write(json.dumps(tables, default=str))


def _published(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {table.name: database.query(f"SELECT * FROM {table.name} FINAL") for table in TABLES}


def _everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    tables = [f"`{row['database']}`.`{row['name']}`" for row in database.query(_EVERY)]
    return {table: database.query(f"SELECT * FROM {table}") for table in tables}


if __name__ == "__main__":
    main()
