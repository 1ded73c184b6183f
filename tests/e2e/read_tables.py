"""Prints every published table as JSON: `python -m tests.e2e.read_tables chdb:FOLDER`."""

import json
import sys

from schemas.clickhouse.tables import TABLES
from stream_processors.database import Database


def main() -> None:
    """Read the tables at the address given."""
    with Database.connect(sys.argv[1]) as database:
        tables = {table.name: database.query(f"SELECT * FROM {table.name} FINAL") for table in TABLES}
    sys.stdout.write(json.dumps(tables, default=str))


if __name__ == "__main__":
    main()
